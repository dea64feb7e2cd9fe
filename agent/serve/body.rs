//! The body of a request, as JSON.

use std::time::Duration;

use axum::{
    body::{HttpBody, to_bytes},
    extract::Request,
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{Service, error::Refusal};

/// How long the whole of a body may take to come.
const TIME: Duration = Duration::from_secs(60);

/// The object that a request's body holds.
pub(super) async fn object(
    service: &Service,
    request: Request,
) -> Result<Map<String, Value>, Refusal> {
    let most = service.shared.options.limits.body;
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // A page of another origin cannot ask so without asking whether it may.
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "the body must be JSON, with `Content-Type: application/json`";
        return Err(Refusal::request(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        ));
    }
    let too_large = || {
        let message = format!("the body is larger than {most} bytes, which is this server's limit");
        Refusal::request(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let body = request.into_body();
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let bytes = match timeout(TIME, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_limit(&error) => return Err(too_large()),
        Ok(Err(error)) => {
            let message = format!("the body cannot be read: {error}");
            return Err(Refusal::request(StatusCode::BAD_REQUEST, message));
        }
        Err(_) => {
            let message = "the body did not come in time";
            return Err(Refusal::request(StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("the body is no JSON object: {error}");
        Refusal::request(StatusCode::BAD_REQUEST, message)
    })
}

/// Whether a body was given up because it was too long.
fn is_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.to_string() == "length limit exceeded")
}
