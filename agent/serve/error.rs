//! What clients are told when they get no answer, in OpenAI's form.

use std::time::Duration;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use glm_agent_model::Error as ModelError;
use serde_json::{Value, json};

use super::admission::Full;
use crate::Error;

/// What is wrong with what the client sent.
pub(super) const INVALID: &str = "invalid_request_error";
/// What is wrong here.
const SERVER: &str = "server_error";

/// When another try may be worth it, where nobody knows.
const SOON: Duration = Duration::from_secs(5);

/// Why a request is not answered.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    /// How a generation that ended so is counted.
    outcome: &'static str,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
            outcome: "failed",
        }
    }

    /// A parameter that is wrong.
    pub fn param(param: impl Into<String>, message: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, INVALID, message);
        Self {
            param: Some(param.into()),
            ..refusal
        }
    }

    /// A request of another form than it should be.
    pub fn request(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, INVALID, message)
    }

    /// Something broke here.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, message)
    }

    /// A model that is not served.
    pub fn no_model(asked: &str, served: &str) -> Self {
        let message = format!("there is no model `{asked}`; served is `{served}`");
        Self {
            code: Some("model_not_found"),
            param: Some("model".to_owned()),
            ..Self::new(StatusCode::NOT_FOUND, INVALID, message)
        }
    }

    /// The server does not take requests yet, or no longer.
    pub fn not_ready(message: &str) -> Self {
        Self {
            retry_after: Some(SOON),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, message)
        }
    }

    /// The server stops.
    pub fn stopping() -> Self {
        Self {
            outcome: "stopped",
            ..Self::not_ready("the server is stopping")
        }
    }

    /// A server that this one asks gave no reply. What it is and why is for whoever runs
    /// this one.
    fn behind(error: &ModelError, status: StatusCode, message: &str) -> Self {
        tracing::warn!("{error}");
        Self::new(status, SERVER, message)
    }

    /// The request took too long.
    pub fn timed_out(limit: Duration) -> Self {
        let message = format!(
            "the request took longer than {} seconds, which is this server's limit",
            limit.as_secs_f64()
        );
        Self {
            code: Some("timeout"),
            outcome: "timed_out",
            ..Self::new(StatusCode::GATEWAY_TIMEOUT, SERVER, message)
        }
    }

    /// The key is missing or wrong.
    pub fn no_key() -> Self {
        let message = "the key is missing or wrong: send it as `Authorization: Bearer KEY`";
        Self {
            code: Some("invalid_api_key"),
            ..Self::new(StatusCode::UNAUTHORIZED, INVALID, message)
        }
    }

    /// With a code by which programs know the error.
    #[must_use]
    pub fn code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// How a generation that ended so is counted.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// OpenAI's error object.
    pub fn body(&self) -> Value {
        json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(after) = self.retry_after {
            let seconds = HeaderValue::from(after.as_secs().max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        let message = "the server has as many requests as it takes, and as many wait";
        Self {
            code: Some("rate_limit_exceeded"),
            retry_after: Some(full.retry_after),
            outcome: "refused",
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message)
        }
    }
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        let message = error.to_string();
        match error {
            ModelError::PromptTooLong { tokens, limit } => {
                let message = format!(
                    "this model's context has {limit} tokens, and the messages {tokens} of them: \
                     nothing is left for a reply"
                );
                Self::param("messages", message).code("context_length_exceeded")
            }
            ModelError::NoSuchTool { .. } => Self::param("tool_choice", message),
            ModelError::Refused {
                status: 429 | 503, ..
            } => Self {
                retry_after: Some(SOON),
                ..Self::behind(
                    &error,
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the model is busy; try again later",
                )
            },
            // What is wrong with the request itself, only the model's server knows.
            ModelError::Refused {
                status: 400 | 413 | 422,
                reason,
                ..
            } => Self::request(StatusCode::BAD_REQUEST, reason),
            ModelError::BrokenOff { .. } => Self::behind(
                &error,
                StatusCode::BAD_GATEWAY,
                "the model's reply broke off in the middle",
            ),
            ModelError::Refused { .. }
            | ModelError::Unreachable { .. }
            | ModelError::OtherFormat { .. }
            | ModelError::TooSlow { .. } => Self::behind(
                &error,
                StatusCode::BAD_GATEWAY,
                "the model cannot be asked; the log of this server tells why",
            ),
            error if error.is_input() => Self::request(StatusCode::BAD_REQUEST, message),
            _ => Self::broken(message),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Model(error) => error.into(),
            Error::SessionInUse { .. } => {
                Self::request(StatusCode::CONFLICT, message).code("session_in_use")
            }
            Error::BadSessionName { .. } | Error::OtherModel { .. } => {
                Self::param("metadata.session", message)
            }
            Error::EmptyTask => Self::param("messages", "the last message has no words"),
            Error::AnswerSchema { .. } => Self::param("response_format", message),
            Error::NoTools { .. } | Error::NotOffered { .. } | Error::NothingToCall => {
                Self::param("tool_choice", message)
            }
            _ => Self::broken(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> ModelError {
        ModelError::Refused {
            url: "http://inner:8000/v1".to_owned(),
            status,
            reason: "said there".to_owned(),
            hint: "in glm.toml".to_owned(),
        }
    }

    #[test]
    fn what_fails_behind_the_server_is_no_fault_of_the_client_and_names_nothing() {
        let broken = ModelError::BrokenOff {
            url: "http://inner:8000/v1".to_owned(),
            place: "after 5 bytes".to_owned(),
            reason: "said there".to_owned(),
        };
        let unreachable = ModelError::Unreachable {
            url: "http://inner:8000/v1".to_owned(),
            reason: "said there".to_owned(),
            hint: "in glm.toml".to_owned(),
        };
        for (error, status) in [
            (refused(429), 503),
            (refused(503), 503),
            (refused(401), 502),
            (refused(404), 502),
            (refused(500), 502),
            (broken, 502),
            (unreachable, 502),
        ] {
            let shown = error.to_string();
            let refusal = Refusal::from(error);
            assert_eq!(refusal.status.as_u16(), status, "{shown}");
            assert_eq!(refusal.kind, SERVER);
            assert_eq!(refusal.outcome(), "failed");
            assert_eq!(refusal.retry_after.is_some(), status == 503);
            for inner in ["inner", "said", "glm.toml"] {
                assert!(!refusal.message.contains(inner), "{}", refusal.message);
            }
        }
    }

    #[test]
    fn what_the_models_server_finds_wrong_with_a_request_is_passed_on() {
        let refusal = Refusal::from(refused(400));
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
        assert_eq!(refusal.message, "said there");
    }
}
