//! A server that speaks OpenAI's API, in front of a model or an agent.
//!
//! | address | what it does |
//! |---|---|
//! | `POST /v1/chat/completions` | a reply to messages, whole or as it is written; of an agent, the answer of a run |
//! | `POST /v1/completions` | continues a text |
//! | `GET /v1/models`, `GET /v1/models/{id}` | the model that is served |
//! | `GET /v1/glm/sessions/{id}/files/{name}` | a file that an agent's call made |
//! | `GET /health` | 200 once requests are answered |
//! | `GET /metrics` | OpenMetrics for Prometheus |
//! | `GET /` | a page to chat with it |
//!
//! What OpenAI's API does not have stands under the key `glm`, which its clients pass
//! over:
//!
//! | where | what |
//! |---|---|
//! | `glm.errors` of a message, or of a chunk | parts of a reply that could not be read as calls, in words |
//! | `glm.session` of an agent's answer, or of its first chunk | the id of its session, if it is kept; the header `glm-session` has it, too |
//! | `glm.event` of an agent's chunk | what happens in the run: an [event](crate::event) of one of the types `tool_call_requested`, `tool_result`, `rejected`, `denied`, `approval_requested`, `answer_rejected`, `compacted` and `run_ended` |
//! | `glm.progress` of an agent's chunk | `{"call", "text"}`: what a call that takes longer prints |
//! | `glm.run` of an agent's answer | its event `run_ended` |
//!
//! A request goes on with an agent's session if it names it: in the header
//! `glm-session`, or as `metadata.session`. What it says is then its last message; the
//! session remembers the others.

mod access;
mod admission;
mod agent;
mod body;
mod chat;
mod completions;
mod connection;
mod error;
mod fields;
mod generation;
mod keys;
mod limits;
mod metrics;
mod models;
mod page;
mod stream;
mod words;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware,
    routing::{get, post},
};
use glm_agent_model::{Engine, Sampling};
use jiff::Timestamp;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::Agent;
use admission::Admission;
use connection::Terms;
use error::Refusal;
use fields::Fields;
pub use keys::Keys;
pub use limits::Limits;
use metrics::Metrics;

/// How long what is cut off may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Connections at the same time: far more than there are requests at work, and fewer
/// than the files that a process may usually have open.
const CONNECTIONS: usize = 512;

/// How long a connection may be open without a request.
const SILENCE: Duration = Duration::from_secs(30);

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const MODELS: &str = "/v1/models";
const FILES: &str = "/v1/glm/sessions/{session}/files/{*name}";

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it takes on.
    pub limits: Limits,
    /// Whom it serves. Without keys, those who ask for this machine by a name of its
    /// own, from a page of the server's or from no page.
    pub keys: Keys,
    /// Origins of pages that may ask, such as `https://chat.example.com`.
    pub origins: Vec<String>,
}

/// What answers.
pub enum Backend {
    /// A model: clients bring the tools, and run them.
    Model(Model),
    /// An agent: its tools run here.
    Agent(Arc<Agent>),
}

/// A model, and what holds for requests that do not say otherwise.
pub struct Model {
    /// What writes the replies.
    pub engine: Arc<dyn Engine>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The longest reply, in tokens.
    pub max_tokens: usize,
    /// How many tokens prompt and reply may have together, at most those that the
    /// engine takes.
    pub max_context: usize,
    /// Whether it thinks before it replies, if its kind does.
    pub thinking: bool,
}

impl Model {
    /// A model as its makers use it.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            sampling: engine.profile().sampling(),
            max_tokens: crate::agent::MAX_TOKENS,
            max_context: engine.context_length(),
            thinking: true,
            engine,
        }
    }
}

/// The server. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    backend: OnceLock<Backend>,
    admission: Arc<Admission>,
    metrics: Arc<Metrics>,
    /// When it began, in seconds since 1970.
    begun: i64,
    /// No more requests are taken.
    stop: CancellationToken,
    /// Those in progress end now.
    halt: CancellationToken,
    /// Runs of an agent: the log of each should have its end.
    runs: TaskTracker,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A server that answers once it [has](Self::ready) something to answer with.
    pub fn new(options: Options) -> Self {
        let metrics = Arc::new(Metrics::new());
        let admission = Admission::new(&options.limits, Arc::clone(&metrics));
        Self {
            shared: Arc::new(Shared {
                options,
                backend: OnceLock::new(),
                admission: Arc::new(admission),
                metrics,
                begun: Timestamp::now().as_second(),
                stop: CancellationToken::new(),
                halt: CancellationToken::new(),
                runs: TaskTracker::new(),
            }),
        }
    }

    /// From now on, requests are answered by this. A second time, nothing changes.
    pub fn ready(&self, backend: Backend) {
        // Whoever came first stays.
        let _ = self.shared.backend.set(backend);
    }

    /// Its addresses, for a server of your own. Requests that go on when that server
    /// stops are the caller's affair; [`Service::run`] takes care of them.
    pub fn router(&self) -> Router {
        Router::new()
            .route(CHAT, post(chat::chat))
            .route(COMPLETIONS, post(completions::completions))
            .route(MODELS, get(models::list))
            .route("/v1/models/{*id}", get(models::one))
            .route(FILES, get(agent::file))
            .route("/health", get(models::health))
            .route("/metrics", get(metrics::metrics))
            .merge(page::router())
            .fallback(nowhere)
            .method_not_allowed_fallback(not_so)
            .layer(middleware::from_fn_with_state(self.clone(), access::guard))
            .with_state(self.clone())
    }

    /// Serves until `stop` is cancelled. Then nothing more is accepted; what is in
    /// progress may go on for [`Limits::grace`] and is cut off after that.
    pub async fn run(&self, listener: TcpListener, stop: CancellationToken) {
        let Limits { stall, grace, .. } = self.shared.options.limits;
        let terms = Terms {
            most: CONNECTIONS,
            head: SILENCE,
            patience: stall,
        };
        let end = async {
            stop.cancelled().await;
            self.shared.stop.cancel();
            sleep(grace).await;
            self.shared.halt.cancel();
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            () = end => {}
            () = connection::serve(listener, self.router(), terms, stop.clone()) => {}
        }
        self.shared.runs.close();
        if timeout(LAST_WORDS, self.shared.runs.wait()).await.is_err() {
            tracing::warn!("runs are left in the middle; `glm session resume` goes on with them");
        }
    }

    /// What answers.
    fn backend(&self) -> Result<&Backend, Refusal> {
        if self.shared.stop.is_cancelled() {
            return Err(Refusal::stopping());
        }
        let loading = || Refusal::not_ready("the model is being loaded");
        self.shared.backend.get().ok_or_else(loading)
    }
}

impl Backend {
    fn engine(&self) -> &dyn Engine {
        match self {
            Self::Model(model) => &*model.engine,
            Self::Agent(agent) => &*agent.engine,
        }
    }

    fn check_model(&self, asked: &str) -> Result<(), Refusal> {
        let served = self.engine().model();
        if asked == served {
            return Ok(());
        }
        Err(Refusal::no_model(asked, served))
    }
}

/// The model that a request is for must be the one that is served.
fn check_model(fields: &mut Fields, engine: &dyn Engine) -> Result<(), Refusal> {
    match fields.text("model")? {
        Some(model) if model == engine.model() => Ok(()),
        Some(model) => Err(Refusal::no_model(&model, engine.model())),
        None => Err(Refusal::param("model", "the model is missing")),
    }
}

/// A path as the metrics tell it.
fn route_of(path: &str) -> &'static str {
    match path {
        CHAT => CHAT,
        COMPLETIONS => COMPLETIONS,
        "/health" => "/health",
        "/metrics" => "/metrics",
        path if page::is_part(path) => "/",
        path if path.starts_with(MODELS) => MODELS,
        path if path.starts_with("/v1/glm/sessions/") => FILES,
        _ => "other",
    }
}

async fn nowhere(method: Method, uri: Uri) -> Refusal {
    let message = format!("there is nothing at {method} {}", uri.path());
    Refusal::request(StatusCode::NOT_FOUND, message)
}

async fn not_so(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}", uri.path());
    Refusal::request(StatusCode::METHOD_NOT_ALLOWED, message)
}
