//! A request by HTTP as a tool.

mod request;
mod template;

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use reqwest::{Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

pub(super) use request::Request;

use crate::{
    Artifact, Effects, Invoke, Tool, ToolContext, ToolError, ToolOutput,
    fetch::body::read,
    net_guard::NetGuard,
    reader::{self, Kind, Limits, MediaType},
    text,
};

/// Bytes that are read of an answer.
const MAX: usize = 5_000_000;

/// Longest excerpt of an answer that says no, in bytes.
const EXCERPT: usize = 1000;

/// What a call sends, and through what.
pub(super) struct Http {
    request: Request,
    guard: NetGuard,
}

impl Http {
    /// The tool.
    pub fn tool(spec: ToolSpec, request: Request, guard: NetGuard) -> Tool {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let effects = Effects {
            network: true,
            writes: !reads,
            ..Effects::default()
        };
        // RFC 9110, 9.2.2.
        let idempotent = reads || matches!(request.method, Method::PUT | Method::DELETE);
        let (host, secrets) = (request.host(), request.secrets());
        let tool = Tool::with_state(spec, Self { request, guard })
            .effects(effects)
            .idempotent(idempotent)
            .host(&host);
        secrets.iter().fold(tool, |tool, name| tool.secret(name))
    }
}

#[async_trait]
impl Invoke for Http {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let none = serde_json::Map::new();
        let arguments = arguments.as_object().unwrap_or(&none);
        let request = self.request.outgoing(arguments, &cx)?;
        let response = self.guard.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return answered(response, &cx).await;
        }
        let host = self.request.host();
        let said = excerpt(response).await?;
        let message = format!("`{host}` answered {status}{said}");
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let secrets: Vec<_> = self.request.secrets().into_iter().collect();
                ToolError::User(match secrets.as_slice() {
                    [] => message,
                    names => format!("{message}\nhint: check {}", names.join(", ")),
                })
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                ToolError::Transient(message)
            }
            status if status.is_server_error() => ToolError::Transient(message),
            _ => ToolError::Model(message),
        })
    }
}

/// What an answer holds: text for the model, JSON for programs, all else as a file.
async fn answered(response: Response, cx: &ToolContext) -> Result<ToolOutput, ToolError> {
    let (status, url) = (response.status(), response.url().clone());
    let media_type = response.headers().get(CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or("text/plain").to_owned();
    let kind = MediaType::of(&response);
    let body = read(response, MAX).await?;
    if body.is_empty() {
        return Ok(format!("done: {status}").into());
    }
    // Documents are worth more as files.
    if !matches!(kind.kind(&body), None | Some(Kind::Pdf)) {
        let text = reader::text_of(&url, kind, body, Limits::default()).await?;
        let json = serde_json::from_str(&text).ok();
        return Ok(ToolOutput {
            json: json.filter(|json: &Value| json.is_object() || json.is_array()),
            ..text.into()
        });
    }
    let size = text::size(body.len() as u64);
    let Some(folder) = &cx.directory else {
        return Ok(format!("[{media_type}, {size}: not kept, since the session is not]").into());
    };
    let artifact = Artifact::keep(folder, &cx.call, &media_type, &body).map_err(|error| {
        ToolError::User(format!(
            "cannot keep the answer, {media_type}, {size}: {error}"
        ))
    })?;
    Ok(ToolOutput {
        text: format!("[{media_type}, {size}: /mnt/data/{}]", artifact.name),
        artifacts: vec![artifact],
        ..ToolOutput::default()
    })
}

/// The beginning of what an answer says, after a colon.
async fn excerpt(response: Response) -> Result<String, ToolError> {
    let url = response.url().clone();
    let kind = MediaType::of(&response);
    if kind.is_unreadable() {
        return Ok(String::new());
    }
    let body = read(response, MAX).await?;
    let text = reader::text_of(&url, kind, body, Limits::default()).await;
    let text = text.unwrap_or_default();
    let text = text::clean(text.trim(), EXCERPT);
    Ok(match text.as_str() {
        "" => text,
        said => format!(":\n{said}"),
    })
}

#[cfg(test)]
mod tests;
