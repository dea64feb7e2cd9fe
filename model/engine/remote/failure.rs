//! What can go wrong with one request, and whether another try can do harm.

use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::Error;

/// Characters of an answer that an error shows.
const SHOWN: usize = 300;
/// The longest wait for a server that says when to come back.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A request that failed before anything of a reply was handed out.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub again: Again,
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would go the same way.
    Never,
    /// Time, or another server, may mend it.
    Later,
    /// The server says when.
    After(Duration),
}

impl Failure {
    pub fn final_(error: Error) -> Self {
        Self {
            error,
            again: Again::Never,
        }
    }

    /// A request that had no answer.
    pub fn of_send(url: &Url, error: &reqwest::Error) -> Self {
        let reason = causes(error);
        let is_refused = error.is_connect() || error.is_timeout() || error.is_request();
        let hint = if is_refused {
            "is the server running, and is this its address and port? `glm doctor --engine URL` looks closer"
        } else {
            "try again"
        };
        Self {
            error: Error::Unreachable {
                url: url.to_string(),
                reason,
                hint: hint.to_owned(),
            },
            again: Again::Later,
        }
    }

    /// An answer with a status that is no success.
    pub fn of_status(url: &Url, status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
        let wait = retry_after(headers);
        let again = match status.as_u16() {
            429 | 503 => wait.map_or(Again::Later, Again::After),
            408 | 425 | 500 | 502 | 504 => Again::Later,
            _ => Again::Never,
        };
        let reason = said(body);
        let hint = match status.as_u16() {
            401 | 403 => {
                "does it need a key, or another one? Name where it is in glm.toml below [remote], as key_env or key_file".to_owned()
            }
            404 => "is it the address of an OpenAI-compatible API, and does it have this model?".to_owned(),
            429 | 503 => match wait.filter(|wait| *wait > PATIENCE) {
                Some(wait) => format!("it asks to wait for {} s", wait.as_secs()),
                None => "it is busy; try again later, or name more servers".to_owned(),
            },
            300..=399 => match headers.get("location").and_then(|to| to.to_str().ok()) {
                Some(to) => format!("it leads to {}; name that address if it is right", place(url, to)),
                None => "name the address that it leads to".to_owned(),
            },
            400 if is_about_length(&reason) => {
                "the prompt and the reply do not fit: --max-context with the server's window, or --max-tokens with less".to_owned()
            }
            400..=499 => "`glm doctor --engine URL` shows what the server can do".to_owned(),
            _ => "the server's own log tells more".to_owned(),
        };
        Self {
            error: Error::Refused {
                url: url.to_string(),
                status: status.as_u16(),
                reason,
                hint,
            },
            again,
        }
    }

    /// An answer in another format.
    pub fn of_format(url: &Url, received: &str) -> Self {
        Self::final_(Error::OtherFormat {
            url: url.to_string(),
            received: shortened(received),
        })
    }
}

/// What a server says of an error: in OpenAI's form, in those of other servers, or in
/// any.
pub fn said(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let text = json.as_ref().and_then(|json| {
        let places = ["/error/message", "/error", "/message", "/detail", "/msg"];
        let found = places.iter().filter_map(|place| json.pointer(place));
        let text = found.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        text.into_iter()
            .find(|text| !text.is_empty() && text != "null")
    });
    match text {
        Some(text) => shortened(&text),
        None if body.trim().is_empty() => "nothing more is said".to_owned(),
        None => shortened(body),
    }
}

/// The error in a part of a stream, if it is one.
pub fn error_of(event: &Value) -> Option<String> {
    let error = event.get("error").filter(|error| !error.is_null())?;
    // Some always send the member, and leave it empty.
    let is_empty = error.as_str().is_some_and(str::is_empty)
        || error.as_object().is_some_and(serde_json::Map::is_empty);
    (!is_empty).then(|| said(&event.to_string()))
}

/// A text on one line and not too long; of a page only its title.
pub fn shortened(text: &str) -> String {
    let lower = text
        .get(..text.floor_char_boundary(2048))
        .unwrap_or_default();
    let lower = lower.to_ascii_lowercase();
    if lower.trim_start().starts_with('<') && lower.contains("<html") {
        let title = lower.find("<title>").and_then(|at| {
            let rest = text.get(at + "<title>".len()..)?;
            rest.get(..rest.find('<')?)
        });
        return match title.map(str::trim) {
            Some(title) if !title.is_empty() => format!("a web page, \"{}\"", cut(title)),
            _ => "a web page".to_owned(),
        };
    }
    match text.trim() {
        "" => "an empty answer".to_owned(),
        text => cut(text),
    }
}

fn cut(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = words.chars().filter(|c| !c.is_control()).collect();
    match plain.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", plain.get(..at).unwrap_or_default()),
        None => plain,
    }
}

fn is_about_length(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    [
        "context length",
        "context size",
        "context_length",
        "too long",
        "maximum context",
    ]
    .iter()
    .any(|part| reason.contains(part))
}

/// What the header says: seconds, or a date (RFC 9110, 10.2.3). Clocks differ, so a
/// date counts from the one at which the server says it answered.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let wait = text("retry-after")?;
    if let Ok(seconds) = wait.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let answered = text("date").and_then(date).unwrap_or_else(SystemTime::now);
    Some(date(wait)?.duration_since(answered).unwrap_or_default())
}

/// Where a redirection leads, without what may be secret in it.
fn place(from: &Url, to: &str) -> String {
    match from.join(to) {
        Ok(mut to) => {
            to.set_query(None);
            let _ = to.set_password(None);
            to.to_string()
        }
        Err(_) => "somewhere else".to_owned(),
    }
}

/// An error of the client with its causes, which say more than itself, without the
/// address, which is said beside it.
fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() && error.is_connect() {
        "no connection within the time limit".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    if let Some(last) = causes.last() {
        text += &format!(": {last}");
    }
    text
}

/// Why a reply broke off, in few words.
pub fn of_stream(error: &reqwest::Error) -> String {
    causes(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn failure(status: u16, wait: Option<&str>, body: &str) -> Failure {
        let mut headers = HeaderMap::new();
        if let Some(wait) = wait {
            headers.insert("retry-after", wait.parse().unwrap());
        }
        let url = Url::parse("http://a/v1").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        Failure::of_status(&url, status, &headers, body)
    }

    #[test]
    fn only_what_time_may_mend_is_tried_again() {
        let second = Again::After(Duration::from_secs(1));
        for (status, wait, again) in [
            (429, Some("1"), second),
            (503, Some("1"), second),
            (429, None, Again::Later),
            (429, Some("3600"), Again::After(Duration::from_secs(3600))),
            (500, None, Again::Later),
            (502, None, Again::Later),
            (400, None, Again::Never),
            (401, None, Again::Never),
            (404, None, Again::Never),
            (501, None, Again::Never),
        ] {
            assert_eq!(failure(status, wait, "").again, again, "{status} {wait:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_time_of_the_answer() {
        let wait = |answered: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("date", answered.parse().unwrap());
            let until = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
            headers.insert("retry-after", until);
            retry_after(&headers)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:30 GMT"), seconds(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT"), seconds(0));
    }

    #[test]
    fn what_a_server_says_is_found_in_each_form() {
        for (body, expected) in [
            (
                r#"{"error": {"message": "no such model", "code": 404}}"#,
                "no such model",
            ),
            (r#"{"error": "no such model"}"#, "no such model"),
            (
                r#"{"detail": [{"loc": ["body"]}]}"#,
                r#"[{"loc":["body"]}]"#,
            ),
            (r#"{"object": "error", "message": "busy"}"#, "busy"),
            ("", "nothing more is said"),
            (
                "<!doctype html><html><title>502 Bad Gateway</title>",
                "a web page, \"502 Bad Gateway\"",
            ),
            ("oops\n\nand\tmore", "oops and more"),
        ] {
            assert_eq!(said(body), expected);
        }
        assert_eq!(said(&"x".repeat(1000)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn an_empty_error_is_none() {
        use serde_json::json;
        assert_eq!(error_of(&json!({"error": null})), None);
        assert_eq!(error_of(&json!({"error": ""})), None);
        assert_eq!(
            error_of(&json!({"error": {"message": "gone"}})),
            Some("gone".to_owned())
        );
    }
}
