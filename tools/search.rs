//! Finding pages: the services that search for them, behind one trait.

mod duckduckgo;
mod local;
mod services;

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reqwest::{StatusCode, header::RETRY_AFTER};
use url::Url;

use crate::{
    Error, ToolContext, ToolError,
    fetch::body::read,
    net_guard::{NetGuard, Outgoing},
};
pub use duckduckgo::DuckDuckGo;
pub use local::Local;
pub use services::Service;

/// How long an answer may be given again, instead of asking.
const FRESH: Duration = Duration::from_secs(600);
/// Answers that are kept.
const KEPT: usize = 200;
/// How long a service is left alone that does not say for how long.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const ANSWER: usize = 2_000_000;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// In words, or in a service's own syntax.
    pub text: String,
    /// Pages of the last days only.
    pub recency_days: Option<u32>,
    /// How many pages at most.
    pub count: usize,
}

/// A page that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: Url,
    /// What it says about the question.
    pub snippet: String,
}

/// A document that a provider holds itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text, HTML or plain.
    pub text: String,
    /// Whether it is HTML.
    pub html: bool,
}

/// A service that searches.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it is called, for messages.
    fn name(&self) -> &str;

    /// The secret that it needs, if any.
    fn secret(&self) -> Option<&str> {
        None
    }

    /// Pages about the question, best first.
    ///
    /// # Errors
    /// As [`NetGuard::send`], and when its answer is of another form.
    async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, ToolError>;

    /// The document at an address of its own; `None` for all others.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn document(&self, _url: &Url) -> Option<Result<Document, ToolError>> {
        None
    }
}

/// Providers in the order in which they are asked.
#[derive(Clone)]
pub struct Search {
    providers: Arc<[Arc<dyn Provider>]>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: HashMap<Query, (Instant, Vec<Hit>)>,
    /// Until when a provider is left alone, by its position.
    paused: HashMap<usize, Instant>,
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.providers.iter().map(|provider| provider.name());
        f.debug_list().entries(names).finish()
    }
}

impl Search {
    /// Asks the first of these, and the next ones where one does not answer.
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        Self {
            providers: providers.into(),
            state: Arc::default(),
        }
    }

    /// Providers by what people write: `local:FOLDER`, `searxng:URL`, `brave`,
    /// `tavily`, `bing`, `zhipu`, each of the last four with `:URL` for a compatible
    /// service, and `duckduckgo`. Requests go where `allowed` lets them, and to the
    /// addresses that are named here.
    ///
    /// # Errors
    /// For one that is not known or cannot be used.
    pub fn from_names(names: &[String], allowed: &[String]) -> Result<Self, Error> {
        let named = names.iter().map(|name| provider(name.trim(), allowed));
        Ok(Self::new(named.collect::<Result<_, _>>()?))
    }

    /// The secrets that the providers need.
    pub fn secrets(&self) -> Vec<String> {
        let secrets = self.providers.iter().filter_map(|p| p.secret());
        secrets.map(str::to_owned).collect()
    }

    /// Pages about the question, best first.
    ///
    /// # Errors
    /// When no provider answers: why each of them does not.
    pub async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, ToolError> {
        if let Some(hits) = self.answered(query) {
            return Ok(hits);
        }
        let mut reasons = Vec::new();
        for (position, provider) in self.providers.iter().enumerate() {
            if self.is_paused(position) {
                reasons.push(format!(
                    "{} asked to be left alone for a while",
                    provider.name()
                ));
                continue;
            }
            match provider.search(query, cx).await {
                Ok(mut hits) => {
                    hits.truncate(query.count);
                    self.keep(query, &hits);
                    return Ok(hits);
                }
                Err(error) => {
                    tracing::debug!("{} does not answer: {error}", provider.name());
                    if let ToolError::Transient(_) = error {
                        self.lock().paused.insert(position, Instant::now() + PAUSE);
                    }
                    reasons.push(format!("{}: {error}", provider.name()));
                }
            }
        }
        Err(ToolError::User(format!(
            "cannot search\n{}",
            reasons.join("\n")
        )))
    }

    /// The document at an address that a provider holds.
    pub(crate) async fn document(&self, url: &Url) -> Option<Result<Document, ToolError>> {
        for provider in self.providers.iter() {
            let document = provider.document(url).await;
            if document.is_some() {
                return document;
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, query: &Query) -> Option<Vec<Hit>> {
        let state = self.lock();
        let (at, hits) = state.answers.get(query)?;
        (at.elapsed() < FRESH).then(|| hits.clone())
    }

    fn is_paused(&self, position: usize) -> bool {
        let until = self.lock().paused.get(&position).copied();
        until.is_some_and(|until| Instant::now() < until)
    }

    fn keep(&self, query: &Query, hits: &[Hit]) {
        let mut state = self.lock();
        if state.answers.len() >= KEPT {
            state.answers.clear();
        }
        state
            .answers
            .insert(query.clone(), (Instant::now(), hits.to_vec()));
    }
}

fn provider(name: &str, allowed: &[String]) -> Result<Arc<dyn Provider>, Error> {
    let wrong = |reason: String| Error::Search {
        provider: name.to_owned(),
        reason,
    };
    let (kind, place) = match name.split_once(':') {
        Some((kind, place)) => (kind, Some(place)),
        None => (name, None),
    };
    if kind == "local" {
        let folder = place.filter(|place| !place.is_empty());
        let folder = folder.ok_or_else(|| wrong("expected `local:FOLDER`".to_owned()))?;
        let local = Local::open(&PathBuf::from(folder)).map_err(wrong)?;
        return Ok(Arc::new(local));
    }
    let place = place.map(Url::parse).transpose();
    let place = place.map_err(|reason| wrong(format!("its address is none: {reason}")))?;
    let mut patterns = allowed.to_vec();
    // Whoever names a service trusts it, also where it is a private one.
    if let Some(place) = &place
        && let (Some(host), Some(port)) = (place.host_str(), place.port_or_known_default())
    {
        patterns.push(format!("{host}:{port}"));
    }
    let guard = NetGuard::from_patterns(&patterns)?;
    if kind == "duckduckgo" {
        return Ok(Arc::new(DuckDuckGo::new(guard, place)));
    }
    match Service::named(kind, place, guard) {
        Some(service) => Ok(Arc::new(service.map_err(wrong)?)),
        None => Err(wrong(
            "expected `local:FOLDER`, `searxng:URL`, `brave`, `tavily`, `bing`, `zhipu` or \
             `duckduckgo`"
                .to_owned(),
        )),
    }
}

/// The body of a service's answer.
async fn ask(guard: &NetGuard, request: Outgoing, name: &str) -> Result<Vec<u8>, ToolError> {
    let response = guard.send(request).await?;
    let status = response.status();
    if status.is_success() {
        return read(response, ANSWER).await;
    }
    let after = response.headers().get(RETRY_AFTER);
    let after = after
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let message = match after {
        Some(after) => format!("{name} answered {status}, and to come back after {after} s"),
        None => format!("{name} answered {status}"),
    };
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PAYMENT_REQUIRED => {
            ToolError::User(format!("{message}\nhint: look at its key"))
        }
        StatusCode::TOO_MANY_REQUESTS => ToolError::Transient(message),
        _ if status.is_server_error() => ToolError::Transient(message),
        _ => ToolError::User(message),
    })
}

#[cfg(test)]
mod tests;
