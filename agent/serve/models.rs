//! `/v1/models` and `/health`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Backend, Service, error::Refusal};

/// `GET /v1/models`.
pub(super) async fn list(State(service): State<Service>) -> Result<Response, Refusal> {
    let model = described(&service)?;
    Ok(Json(json!({"object": "list", "data": [model]})).into_response())
}

/// `GET /v1/models/{id}`. A model's name may have slashes in it.
pub(super) async fn one(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    service.backend()?.check_model(&id)?;
    Ok(Json(described(&service)?).into_response())
}

/// What is served, in OpenAI's form; `max_model_len` as vLLM has it, and `glm` as its
/// own page reads it.
fn described(service: &Service) -> Result<Value, Refusal> {
    let backend = service.backend()?;
    let engine = backend.engine();
    let mut own = json!({"profile": engine.profile().name(), "agent": false});
    if let Backend::Agent(agent) = backend {
        let registry = agent.tools();
        let tools: Vec<&str> = registry.names().collect();
        own = json!({"profile": engine.profile().name(), "agent": true, "tools": tools});
    }
    Ok(json!({
        "id": engine.model(),
        "object": "model",
        "created": service.shared.begun,
        "owned_by": "glm-agent",
        "max_model_len": engine.context_length(),
        "glm": own,
    }))
}

/// `GET /health`: 200 once requests are answered.
pub(super) async fn health(State(service): State<Service>) -> Response {
    let (status, text) = if service.shared.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if service.backend().is_err() {
        (StatusCode::SERVICE_UNAVAILABLE, "loading")
    } else {
        (StatusCode::OK, "ok")
    };
    (status, Json(json!({ "status": text }))).into_response()
}
