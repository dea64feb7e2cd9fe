//! A server: its tools, resources and prompts, for as long as it lives, and again
//! after it died.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex as StdMutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rmcp::{
    Peer, RoleClient,
    model::{GetPromptRequestParams, ProgressToken, Role},
    service::ServiceError,
};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{
    Change, Pins, ServerConfig, config::Reach, connection::Connection, content::Output,
    identity::Client, pins::Said, tool,
};
use crate::{Error, Progress, Secrets, Source, Tool, ToolContext, ToolError};

/// How long after a failed start the next is tried at the earliest; twice as long
/// after each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(30);
/// Times that a server is started again in the background after it died.
const STARTS: u32 = 6;

/// A server of the Model Context Protocol, connected.
///
/// Its tools come and go as it says ([`Source`]). When it dies, the calls that wait
/// for it fail, and it is started again.
pub struct Server {
    name: String,
    config: ServerConfig,
    reach: Reach,
    pins: Pins,
    client: Client,
    line: Mutex<Line>,
    offer: StdMutex<Offered>,
    version: AtomicU64,
    this: Weak<Self>,
}

/// The line to the server, or what is known of when to try again.
#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    failures: u32,
    failed: Option<(Instant, String)>,
    closed: bool,
}

/// What the server offers, as far as it is taken.
#[derive(Default)]
struct Offered {
    tools: Vec<Tool>,
    said: Vec<Said>,
    changes: Vec<Change>,
    instructions: Option<String>,
}

/// A text that a server makes from arguments, for people to send to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it takes.
    pub arguments: Vec<PromptArgument>,
}

/// An argument of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// It cannot be left out.
    pub required: bool,
}

impl Server {
    /// Starts or reaches a server, and asks it for what it offers.
    ///
    /// # Errors
    /// When its configuration is wrong, it does not answer, or `pins` cannot be
    /// kept.
    pub async fn connect(
        name: &str,
        config: ServerConfig,
        secrets: &Secrets,
        pins: Pins,
    ) -> Result<Arc<Self>, Error> {
        let reach = config.reach(name, secrets)?;
        let roots = config.roots.iter().map(|root| address(name, root));
        let client = Client {
            roots: roots.collect::<Result<_, _>>()?,
            ..Client::default()
        };
        let server = Arc::new_cyclic(|this| Self {
            name: name.to_owned(),
            config,
            reach,
            pins,
            client,
            line: Mutex::default(),
            offer: StdMutex::default(),
            version: AtomicU64::default(),
            this: this.clone(),
        });
        let peer = server
            .peer()
            .await
            .map_err(|error| server.unanswered(&error))?;
        server.refresh(&peer).await?;
        tokio::spawn(watch(Arc::downgrade(&server)));
        Ok(server)
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says of how its tools are used together.
    pub fn instructions(&self) -> Option<String> {
        self.offered(|offered| offered.instructions.clone())
    }

    /// Its tools that are not what they were when the user took the server up. They
    /// are not offered until they are [accepted](Self::accept).
    pub fn changes(&self) -> Vec<Change> {
        self.offered(|offered| offered.changes.clone())
    }

    /// Offers its tools as they are now, and from now on.
    ///
    /// # Errors
    /// When the pins cannot be kept, or the server does not answer.
    pub async fn accept(&self) -> Result<(), Error> {
        let said = self.offered(|offered| offered.said.clone());
        self.pins
            .accept(&self.name, &self.config.identity(), &said)?;
        let peer = self.peer().await.map_err(|error| self.unanswered(&error))?;
        self.refresh(&peer).await
    }

    /// Its prompts.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn prompts(&self) -> Result<Vec<Prompt>, Error> {
        let peer = self.peer().await.map_err(|error| self.unanswered(&error))?;
        let has_prompts = peer
            .peer_info()
            .is_some_and(|info| info.capabilities.prompts.is_some());
        if !has_prompts {
            return Ok(Vec::new());
        }
        let prompts = peer
            .list_all_prompts()
            .await
            .map_err(|error| self.unanswered(&error))?;
        let argument = |argument: rmcp::model::PromptArgument| PromptArgument {
            name: argument.name,
            description: argument.description.unwrap_or_default(),
            required: argument.required == Some(true),
        };
        let prompt = |prompt: rmcp::model::Prompt| Prompt {
            name: prompt.name,
            description: prompt.description.unwrap_or_default(),
            arguments: prompt
                .arguments
                .into_iter()
                .flatten()
                .map(argument)
                .collect(),
        };
        Ok(prompts.into_iter().map(prompt).collect())
    }

    /// The text of a prompt. What its messages say in the model's place is marked
    /// as such.
    ///
    /// # Errors
    /// When there is none, its arguments do not fit, or the server does not answer.
    pub async fn prompt(
        &self,
        name: &str,
        arguments: BTreeMap<String, String>,
    ) -> Result<String, Error> {
        let peer = self.peer().await.map_err(|error| self.unanswered(&error))?;
        let mut params = GetPromptRequestParams::new(name);
        let arguments = arguments
            .into_iter()
            .map(|(name, text)| (name, Value::String(text)));
        params.arguments = Some(arguments.collect());
        let result = peer
            .get_prompt(params)
            .await
            .map_err(|error| self.unanswered(&error))?;
        let mut texts = Vec::new();
        for message in result.messages {
            let mut output = Output::default();
            output.block(message.content, &ToolContext::default());
            let text = output.finish().text;
            texts.push(match message.role {
                Role::Assistant => format!("Assistant: {text}"),
                _ => text,
            });
        }
        Ok(texts.join("\n\n"))
    }

    /// Ends the connection, and the server's process if it has one.
    pub async fn close(&self) {
        let mut line = self.line.lock().await;
        line.closed = true;
        if let Some(connection) = line.connection.take() {
            connection.close().await;
        }
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.config.secrets().into_iter()
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.config.time_limit()
    }

    /// The other end of the line, which is put through again if it broke.
    pub(super) async fn peer(&self) -> Result<Peer<RoleClient>, ToolError> {
        let mut line = self.line.lock().await;
        if line.closed {
            return Err(ToolError::User(format!("`{}` was closed", self.name)));
        }
        if let Some(connection) = line.connection.as_ref().filter(|open| open.is_open()) {
            return Ok(connection.peer().clone());
        }
        line.connection = None;
        let pause = PAUSE
            .saturating_mul(1 << line.failures.min(10))
            .min(LONGEST);
        if let Some((when, reason)) = &line.failed
            && when.elapsed() < pause
        {
            return Err(ToolError::Transient(reason.clone()));
        }
        match Connection::open(self.reach.clone(), self.client.clone()).await {
            Ok(connection) => {
                let peer = connection.peer().clone();
                *line = Line {
                    connection: Some(connection),
                    ..Line::default()
                };
                Ok(peer)
            }
            Err(reason) => {
                let reason = format!("the MCP server `{}` does not answer: {reason}", self.name);
                line.failures += 1;
                line.failed = Some((Instant::now(), reason.clone()));
                Err(ToolError::Transient(reason))
            }
        }
    }

    /// What to say of a call during which the line broke; the server is started
    /// again meanwhile.
    pub(super) async fn broken(&self, error: &ServiceError) -> ToolError {
        let mut line = self.line.lock().await;
        let Some(connection) = line.connection.as_mut().filter(|open| !open.is_open()) else {
            return ToolError::Transient(format!(
                "`{}` did not answer the call: {error}",
                self.name
            ));
        };
        let words = connection.last_words(&error.to_string()).await;
        line.connection = None;
        if let Some(server) = self.this.upgrade() {
            tokio::spawn(async move { server.start_again().await });
        }
        ToolError::Transient(format!(
            "`{}` ended during the call: {words}\nit is being started again; the call may have taken effect",
            self.name
        ))
    }

    async fn start_again(&self) {
        let mut pause = PAUSE;
        for _ in 0..STARTS {
            match self.peer().await {
                Ok(peer) => {
                    let refreshed = self.refresh(&peer).await;
                    // The program may have ended meanwhile, which is no news.
                    if let Err(error) = refreshed
                        && !self.line.lock().await.closed
                    {
                        tracing::warn!("{error}");
                    }
                    return;
                }
                Err(ToolError::User(_)) => return,
                Err(error) => tracing::debug!("{error}"),
            }
            pause = pause.saturating_mul(2).min(LONGEST);
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells of a call's progress until the value is dropped.
    pub(super) fn listen(&self, token: ProgressToken, progress: Progress) -> impl Drop + use<> {
        let listeners = Arc::clone(&self.client.progress);
        let mut open = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(token.clone(), progress);
        drop(open);
        Listening(listeners, token)
    }

    /// Asks the server for its tools, and offers those that are what they were.
    async fn refresh(&self, peer: &Peer<RoleClient>) -> Result<(), Error> {
        let Some(this) = self.this.upgrade() else {
            return Ok(());
        };
        let info = peer.peer_info();
        let capabilities = info.as_ref().map(|info| &info.capabilities);
        let mut theirs = Vec::new();
        if capabilities.is_some_and(|has| has.tools.is_some()) {
            theirs = peer
                .list_all_tools()
                .await
                .map_err(|error| self.unanswered(&error))?;
        }
        if let Some(only) = &self.config.tools {
            theirs.retain(|tool| only.iter().any(|name| *name == tool.name));
        }
        let said: Vec<Said> = theirs.iter().map(tool::said).collect();
        let changes = self
            .pins
            .compare(&self.name, &self.config.identity(), &said)?;
        let is_pinned = |name: &str| changes.iter().all(|change| change.tool != name);
        let mut tools: Vec<Tool> = theirs
            .iter()
            .filter(|theirs| is_pinned(&theirs.name))
            .map(|theirs| tool::tool(&this, theirs))
            .collect();
        if capabilities.is_some_and(|has| has.resources.is_some()) && self.config.tools.is_none() {
            tools.extend(tool::of_resources(&this));
        }
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Offered {
            tools,
            said,
            changes,
            instructions: info.and_then(|info| info.instructions.clone()),
        };
        self.version.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn offered<T>(&self, look: impl FnOnce(&Offered) -> T) -> T {
        look(&self.offer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn unanswered(&self, error: &dyn std::error::Error) -> Error {
        let whole = error.to_string();
        let lead = format!("the MCP server `{}` does not answer: ", self.name);
        Error::McpServer {
            server: self.name.clone(),
            reason: whole.strip_prefix(&lead).unwrap_or(&whole).to_owned(),
        }
    }
}

impl Source for Server {
    fn tools(&self) -> Vec<Tool> {
        self.offered(|offered| offered.tools.clone())
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Refreshes what a server offers whenever it says that this has changed.
async fn watch(server: Weak<Server>) {
    let Some(changed) = server
        .upgrade()
        .map(|server| Arc::clone(&server.client.changed))
    else {
        return;
    };
    loop {
        changed.notified().await;
        let Some(server) = server.upgrade() else {
            return;
        };
        let refreshed = match server.peer().await {
            Ok(peer) => server
                .refresh(&peer)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = refreshed {
            tracing::warn!("{error}");
        }
        for change in server.changes() {
            tracing::warn!(
                "the tool `{}` of `{}` is not what it was and is withheld",
                change.tool,
                server.name
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Lets the watcher see that there is nothing left to watch.
        self.client.changed.notify_one();
    }
}

struct Listening(
    Arc<StdMutex<std::collections::HashMap<ProgressToken, Progress>>>,
    ProgressToken,
);

impl Drop for Listening {
    fn drop(&mut self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.1);
    }
}

/// A folder's address.
fn address(server: &str, root: &Path) -> Result<Url, Error> {
    let wrong = |reason: String| Error::McpConfig {
        server: server.to_owned(),
        reason: format!("its root `{}` {reason}", root.display()),
    };
    let whole = root
        .canonicalize()
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    Url::from_directory_path(whole).map_err(|()| wrong("is no folder".to_owned()))
}
