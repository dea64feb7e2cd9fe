//! Requests by HTTP: one pool of connections, the key, and limits on time and size.

use futures::StreamExt;
use reqwest::Url;
use reqwest::{
    Client as Http, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;
use tokio::time::{Duration, timeout};

use super::{
    Key, RemoteOptions, Timeouts, address,
    events::{Events, is_of_reply},
    failure::Failure,
};
use crate::Error;

/// Bytes of an answer that is read as a whole.
const LARGEST: usize = 4 << 20;
/// How long a question about the server itself may take.
const GLANCE: Duration = Duration::from_secs(15);
/// Redirections that are followed.
const REDIRECTIONS: usize = 3;

/// Speaks to servers.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    secrets: Vec<Key>,
    pub timeouts: Timeouts,
}

/// An answer that was read as a whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// The JSON of a success.
    pub fn json(&self) -> Option<Value> {
        let is_success = (200..300).contains(&self.status);
        is_success.then(|| serde_json::from_str(&self.text).ok())?
    }
}

impl Client {
    pub fn new(options: &RemoteOptions, bases: &[Url]) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        let bearer = options.key.as_ref().map(|key| {
            let value = Key::new(&format!("Bearer {}", key.reveal()));
            ("authorization".to_owned(), value)
        });
        secrets.extend(options.key.clone());
        for (name, value) in bearer.iter().chain(&options.headers) {
            let bad = |what: &str| Error::BadEndpoint {
                url: bases.first().map(Url::to_string).unwrap_or_default(),
                reason: format!("the header `{name}` has {what}"),
            };
            let key = HeaderName::try_from(name.as_str());
            let key = key.map_err(|_| bad("a name that HTTP does not allow"))?;
            let mut sent = HeaderValue::from_str(value.reveal()).map_err(|_| {
                bad("a value that HTTP does not allow, such as one over several lines")
            })?;
            sent.set_sensitive(true);
            headers.insert(key, sent);
            secrets.push(value.clone());
        }
        let open = |base: &&Url| base.scheme() == "http" && !address::is_here(base);
        if let Some(base) = bases.iter().find(open).filter(|_| !secrets.is_empty()) {
            tracing::warn!("the key for {base} is sent without encryption; use https");
        }
        let mut http = Http::builder()
            .default_headers(headers)
            .connect_timeout(options.timeouts.connect)
            .redirect(Policy::custom(|attempt| {
                // Default headers would go along, and the key is one.
                let first = attempt.previous().first().map(Url::origin);
                if first != Some(attempt.url().origin()) {
                    attempt.stop()
                } else if attempt.previous().len() > REDIRECTIONS {
                    attempt.error("it leads from one address to the next without end")
                } else {
                    attempt.follow()
                }
            }))
            .tcp_keepalive(Duration::from_secs(30))
            .user_agent(concat!("glm-agent/", env!("CARGO_PKG_VERSION")));
        if bases.iter().all(address::is_here) {
            // A proxy would look for it on its own machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Error::Unreachable {
            url: bases.first().map(Url::to_string).unwrap_or_default(),
            reason: error.to_string(),
            hint: "the system's certificates may be missing".to_owned(),
        })?;
        Ok(Self {
            http,
            secrets,
            timeouts: options.timeouts,
        })
    }

    /// A text without keys, which a server may repeat.
    pub fn redact(&self, text: &str) -> String {
        let hide = |text: String, secret: &Key| secret.redact(&text);
        self.secrets.iter().fold(text.to_owned(), hide)
    }

    /// What is at an address.
    pub async fn get(&self, url: &Url) -> Result<Answer, Failure> {
        self.answer(url, self.http.get(url.clone())).await
    }

    /// What a server says to a body.
    pub async fn ask(&self, url: &Url, body: &Value) -> Result<Answer, Failure> {
        self.answer(url, self.http.post(url.clone()).json(body))
            .await
    }

    async fn answer(&self, url: &Url, request: RequestBuilder) -> Result<Answer, Failure> {
        let whole = async {
            let response = request.send().await;
            let response = response.map_err(|error| Failure::of_send(url, &error))?;
            let status = response.status().as_u16();
            let text = text(response).await;
            Ok(Answer { status, text })
        };
        match timeout(GLANCE, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure {
                error: Error::TooSlow {
                    url: url.to_string(),
                    what: "to say what it is",
                    seconds: GLANCE.as_secs_f64(),
                    hint: "is it an API, and not busy otherwise?",
                },
                again: super::failure::Again::Later,
            }),
        }
    }

    /// Asks for a reply, part by part. What comes is waited for by [`Events`].
    pub async fn stream(&self, url: &Url, body: &Value) -> Result<Events, Failure> {
        let request = self.http.post(url.clone()).json(body);
        let response = request.send().await;
        let response = response.map_err(|error| Failure::of_send(url, &error))?;
        let status = response.status();
        if !status.is_success() {
            let headers = response.headers().clone();
            let said = timeout(GLANCE, text(response)).await;
            let said = self.redact(&said.unwrap_or_default());
            return Err(Failure::of_status(url, status, &headers, &said));
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return Ok(Events::new(self.clone(), response));
        }
        // Some answer in one piece, whatever they are asked for.
        let said = timeout(self.timeouts.first, text(response)).await;
        let said = said.unwrap_or_default();
        match serde_json::from_str(&said) {
            Ok(whole) if is_of_reply(&whole) => return Ok(Events::whole(whole)),
            _ => {}
        }
        let said = self.redact(&said);
        match serde_json::from_str::<Value>(&said) {
            Ok(whole) if whole.get("error").is_some() => Ok(Events::whole(whole)),
            _ => Err(Failure::of_format(url, &said)),
        }
    }
}

/// The beginning of a text.
async fn text(response: Response) -> String {
    let mut bytes = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(Ok(part)) = parts.next().await {
        bytes.extend_from_slice(&part);
        if bytes.len() > LARGEST {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
