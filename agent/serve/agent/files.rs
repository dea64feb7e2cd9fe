//! `/v1/glm/sessions/{session}/files/{name}`: what an agent's calls made.

use std::io::Read;

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use glm_agent_sandbox::files;

use super::{
    super::{Backend, Service, error::Refusal, keys::Client},
    session::check_owner,
};
use crate::EventKind;

/// The largest file that is sent, in bytes.
const LARGEST: u64 = 64 << 20;

/// A document that does nothing: a drawing may hold scripts.
const INERT: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// `GET` of a file that a call in the session made or changed.
pub(in crate::serve) async fn file(
    State(service): State<Service>,
    Extension(client): Extension<Client>,
    Path((session, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let missing = || {
        let message = format!("the session `{session}` has no file `{name}`");
        Refusal::request(StatusCode::NOT_FOUND, message)
    };
    let Backend::Agent(agent) = service.backend()? else {
        return Err(missing());
    };
    check_owner(agent, client, &session)?;
    let events = agent.read_session(&session)?;
    // Only what calls declare: the folder also holds what tools keep for themselves.
    let media_type = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::ToolResult { output, .. } => {
            let made = output.artifacts.iter().find(|file| file.name == name)?;
            Some(made.media_type.clone())
        }
        _ => None,
    });
    let media_type = media_type.ok_or_else(missing)?;
    let folder = agent.files_of(&session)?;
    let file_name = name.clone();
    let bytes = tokio::task::spawn_blocking(move || {
        // Links are not followed: what is there was named by a model's code.
        let file = files::open(&folder, &file_name).ok()?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= LARGEST).then_some(bytes)
    });
    let bytes = bytes.await.ok().flatten().ok_or_else(missing)?;
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("application/octet-stream");
    let media_type = HeaderValue::from_str(&media_type).unwrap_or(plain);
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(INERT));
    Ok(response)
}
