//! Finding pages: the services that search for them, behind one trait.
//!
//! | provider | what it is | its key |
//! |---|---|---|
//! | `local:FOLDER` | documents of the user's, indexed here | |
//! | `searxng:URL` | an instance of SearXNG that answers in JSON | |
//! | `brave` | Brave's own index | `BRAVE_API_KEY` |
//! | `tavily` | a search made for models | `TAVILY_API_KEY` |
//! | `zhipu` | the search of GLM's makers | `ZHIPU_API_KEY` |
//! | `bing:URL` | a service that answers as Bing's API did | `BING_API_KEY` |
//! | `duckduckgo` | its page for browsers without scripts, where there is no key | |
//!
//! They are asked in the order in which they are named: the next one where one does
//! not answer, or finds nothing.

mod answers;
mod ask;
mod duckduckgo;
mod local;
mod named;
mod pace;
mod services;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use url::Url;

use crate::{Error, ToolContext, ToolError};
use answers::Answers;
pub use duckduckgo::DuckDuckGo;
pub use local::Local;
pub(crate) use local::SCHEME;
pub use named::Reach;
use pace::Pace;
pub use services::Service;

/// How long is waited for a service that is to be left alone for as little, when no
/// other answers.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// Why a provider gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It was asked too often, or is out of order: it is left alone for a while.
    #[error("{reason}")]
    Busy {
        /// What it said.
        reason: String,
        /// For how long, if it said so; otherwise longer each time.
        after: Option<Duration>,
    },
    /// It would not answer this question however often it is asked: a wrong key, or
    /// an answer of another form.
    #[error("{0}")]
    Refused(String),
}

impl From<ToolError> for NoAnswer {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Transient(reason) => Self::Busy {
                reason,
                after: None,
            },
            other => Self::Refused(other.to_string()),
        }
    }
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

    /// The time between two questions at least.
    fn every(&self) -> Duration {
        Duration::ZERO
    }

    /// Pages about the question, best first.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, NoAnswer>;

    /// The document at an address of its own; `None` for all others.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn document(&self, _url: &Url) -> Option<Result<Document, ToolError>> {
        None
    }

    /// Where the user finds the document at an address of its own; `None` for all
    /// others.
    fn place(&self, _url: &Url) -> Option<Url> {
        None
    }
}

/// Providers in the order in which they are asked. Cheap to clone; clones share what
/// was found, and how often services are asked.
#[derive(Clone)]
pub struct Search(Arc<Inner>);

struct Inner {
    providers: Vec<(Arc<dyn Provider>, Pace)>,
    answers: Mutex<Answers>,
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.providers().map(|provider| provider.name());
        f.debug_list().entries(names).finish()
    }
}

impl Search {
    /// Asks the first of these, and the next ones where one does not answer or finds
    /// nothing.
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        let paced = |provider: Arc<dyn Provider>| {
            let pace = Pace::new(provider.every());
            (provider, pace)
        };
        Self(Arc::new(Inner {
            providers: providers.into_iter().map(paced).collect(),
            answers: Mutex::default(),
        }))
    }

    /// Providers by what people write, as in the table [above](self). `brave`,
    /// `tavily` and `zhipu` take `:URL`, too, for a service that answers alike.
    /// `reach` makes what they send their questions through.
    ///
    /// # Errors
    /// For one that is not known or cannot be used.
    pub fn from_names(names: &[String], reach: &Reach<'_>) -> Result<Self, Error> {
        Ok(Self::new(named::providers(names, reach)?))
    }

    /// The secrets that the providers need.
    pub fn secrets(&self) -> Vec<String> {
        let secrets = self.providers().filter_map(|provider| provider.secret());
        secrets.map(str::to_owned).collect()
    }

    /// Pages about the question, best first; none if no provider finds any.
    ///
    /// # Errors
    /// When no provider answers: why each of them does not.
    pub async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, ToolError> {
        let kept = self.answers().get(query, Instant::now());
        if let Some(hits) = kept {
            return Ok(hits);
        }
        let mut round = self.round(query, cx).await;
        if round.hits.is_none()
            && let Some(back) = round.back
            && back <= Instant::now() + PATIENCE
        {
            tokio::time::sleep_until(back.into()).await;
            round = self.round(query, cx).await;
        }
        let reasons = round.reasons.join("\n");
        let hits = round
            .hits
            .ok_or_else(|| ToolError::User(format!("cannot search\n{reasons}")))?;
        if !hits.is_empty() || reasons.is_empty() {
            self.answers().keep(query, &hits, Instant::now());
        }
        Ok(hits)
    }

    /// Asks each provider once, until one finds something.
    async fn round(&self, query: &Query, cx: &ToolContext) -> Round {
        let mut round = Round::default();
        for (provider, pace) in &self.0.providers {
            let name = provider.name();
            if let Err(pause) = pace.turn().await {
                round.comes_back(pause.until);
                let left = pause.until.saturating_duration_since(Instant::now());
                let left = left.as_secs().saturating_add(1);
                let reason = pause.reason;
                round
                    .reasons
                    .push(format!("{name}: left alone for another {left} s: {reason}"));
                continue;
            }
            match provider.search(query, cx).await {
                Ok(mut hits) => {
                    pace.answered();
                    hits.truncate(query.count);
                    let is_empty = hits.is_empty();
                    round.hits = Some(hits);
                    if !is_empty {
                        break;
                    }
                }
                Err(NoAnswer::Refused(reason)) => round.reasons.push(format!("{name}: {reason}")),
                Err(NoAnswer::Busy { reason, after }) => {
                    let pause = pace.pause(&reason, after);
                    let seconds = pause.as_secs().max(1);
                    tracing::warn!("{name} is left alone for {seconds} s: {reason}");
                    round.comes_back(Instant::now() + pause);
                    round.reasons.push(format!("{name}: {reason}"));
                }
            }
        }
        round
    }

    /// The document at an address that a provider holds.
    pub(crate) async fn document(&self, url: &Url) -> Option<Result<Document, ToolError>> {
        for provider in self.providers() {
            let document = provider.document(url).await;
            if document.is_some() {
                return document;
            }
        }
        None
    }

    /// Where the user finds what is at an address: a provider's own documents lie
    /// somewhere else than their addresses say.
    pub(crate) fn place(&self, url: &Url) -> Url {
        let place = self.providers().find_map(|provider| provider.place(url));
        place.unwrap_or_else(|| url.clone())
    }

    fn providers(&self) -> impl Iterator<Item = &dyn Provider> {
        self.0
            .providers
            .iter()
            .map(|(provider, _)| provider.as_ref())
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Answers> {
        let answers = self.0.answers.lock();
        answers.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What asking the providers came to.
#[derive(Default)]
struct Round {
    /// `None` if none answered.
    hits: Option<Vec<Hit>>,
    /// Why those do not answer that do not.
    reasons: Vec<String>,
    /// When the first of them can be asked again.
    back: Option<Instant>,
}

impl Round {
    fn comes_back(&mut self, at: Instant) {
        self.back = Some(self.back.map_or(at, |other| other.min(at)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
