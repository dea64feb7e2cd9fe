//! One question to a service by HTTP, and what it means when it is not answered.

use std::time::{Duration, SystemTime};

use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use super::NoAnswer;
use crate::{
    ToolContext,
    fetch::body::read,
    net_guard::{NetGuard, Outgoing},
    text,
};

/// How long a service may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
const ANSWER: usize = 2_000_000;

/// As much as is read of an answer that only says what is wrong, in bytes.
const REFUSAL: usize = 20_000;

/// As much as is repeated of what a service says, in bytes.
const EXCERPT: usize = 200;

/// How long a service is left alone whose quota is used up.
const QUOTA: Duration = Duration::from_secs(3600);

/// Where services write what is wrong: Brave, Tavily, Bing, Zhipu, and others.
const MESSAGES: [&str; 7] = [
    "/error/detail",
    "/errors/0/detail",
    "/detail/error",
    "/errors/0/message",
    "/error/message",
    "/detail",
    "/error",
];

/// And the code for it: Brave, Zhipu.
const CODES: [&str; 3] = ["/error/code", "/errors/0/code", "/code"];

/// Codes for a key that is wrong, where the status does not say so: Brave's.
const KEY_CODES: [&str; 1] = ["SUBSCRIPTION_TOKEN_INVALID"];

/// Codes for a quota that is used up: Brave's, and Zhipu's for an account without
/// money and for limits of a day, a week and a month.
const QUOTA_CODES: [&str; 5] = ["QUOTA_LIMITED", "1113", "1304", "1308", "1310"];

/// The body of a service's answer. `key` names the secret that the service needs.
///
/// # Errors
/// When it does not answer, or answers that it will not.
pub(super) async fn ask(
    guard: &NetGuard,
    request: Outgoing,
    key: Option<&str>,
    cx: &ToolContext,
) -> Result<(StatusCode, Vec<u8>), NoAnswer> {
    let asked = tokio::time::timeout(WITHIN, async {
        let response = guard.send(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(response, key, cx).await);
        }
        Ok((status, read(response, ANSWER).await?))
    });
    asked.await.unwrap_or_else(|_| {
        let reason = format!("it did not answer within {} s", WITHIN.as_secs());
        Err(NoAnswer::Busy {
            reason,
            after: None,
        })
    })
}

/// What an answer says that is none.
async fn refused(response: Response, key: Option<&str>, cx: &ToolContext) -> NoAnswer {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| retry_after(value, SystemTime::now()));
    // What it says is a help, and may be missing.
    let body = read(response, REFUSAL).await.unwrap_or_default();
    let refusal = Refusal::new(status, after, &body);
    let said = cx.secrets.redacted(refusal.said.clone());
    Refusal { said, ..refusal }.meaning(key)
}

/// An answer with another status than that of success.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    after: Option<Duration>,
    /// In its words; empty if it uses none.
    said: String,
    code: String,
}

impl Refusal {
    fn new(status: StatusCode, after: Option<Duration>, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let texts = |places: &[&str]| {
            let mut found = places.iter().filter_map(|place| body.pointer(place));
            found.find_map(|value| match value {
                Value::String(text) => Some(text::clean(text.trim(), EXCERPT)),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        Self {
            status,
            after,
            said: texts(&MESSAGES).unwrap_or_default(),
            code: texts(&CODES).unwrap_or_default(),
        }
    }

    fn meaning(&self, key: Option<&str>) -> NoAnswer {
        let (status, code) = (self.status.as_u16(), self.code.as_str());
        let mut reason = format!("it answered {status}");
        if let Some(name) = self.status.canonical_reason() {
            reason.push_str(&format!(" {name}"));
        }
        if !self.said.is_empty() {
            reason.push_str(&format!(": {}", self.said));
        }
        // Tavily has statuses of its own for limits of a plan.
        let is_quota = matches!(status, 402 | 432 | 433)
            || QUOTA_CODES.contains(&code)
            || (status == 403 && self.said.to_lowercase().contains("quota"));
        if is_quota {
            return NoAnswer::Busy {
                reason: format!("its quota is used up; {reason}"),
                after: Some(self.after.unwrap_or(QUOTA)),
            };
        }
        match (key, status) {
            (Some(key), 401 | 403) => NoAnswer::Refused(wrong_key(&reason, key)),
            (Some(key), _) if KEY_CODES.contains(&code) => {
                NoAnswer::Refused(wrong_key(&reason, key))
            }
            (None, 401 | 403) => NoAnswer::Refused(format!(
                "{reason}\nhint: it may want a login, or not answer programs: SearXNG does once \
                 `json` is among the `formats` in its settings.yml"
            )),
            (_, 408 | 429 | 500..) => NoAnswer::Busy {
                reason,
                after: self.after,
            },
            _ => NoAnswer::Refused(reason),
        }
    }
}

fn wrong_key(reason: &str, key: &str) -> String {
    format!("{reason}\nhint: is the secret {key} its key?")
}

/// The time to wait that a `Retry-After` asks for, in either of its forms (RFC 9110,
/// 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_when_to_come_back_in_seconds_or_by_the_clock() {
        // Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value}");
        }
    }
}
