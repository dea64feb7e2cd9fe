//! An agent: a model, the tools it may call, and the rules it works under.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use glm_agent_model::{Engine, Sampling, ToolChoice, Usage};
use glm_agent_tools::{PastCall, Registry, Tool};
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    budget::Budget,
    driver::{Approver, Driver, Observer},
    event::{EventKind, StopReason},
    policy::Policy,
    session::Session,
};

/// The longest reply, in tokens, that GLM-4's model card recommends.
const MAX_TOKENS: usize = 1024;

/// A model with tools. Cheap to share behind an [`Arc`]; runs of different
/// sessions can go on at the same time.
pub struct Agent {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) registry: Registry,
    pub(crate) policy: Policy,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) budget: Budget,
    pub(crate) sampling: Sampling,
    pub(crate) max_tokens: usize,
    pub(crate) system: Option<String>,
    pub(crate) skip_thoughts: bool,
    sessions: Option<PathBuf>,
}

impl Agent {
    /// Starts to describe an agent.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
    }

    /// Does one task in a session of its own.
    ///
    /// # Errors
    /// When the model's engine, a tool or the session's log breaks. A run that
    /// merely reaches a limit is no error: see [`Run::reason`].
    pub async fn run(&self, task: &str) -> Result<Run, Error> {
        let mut session = self.session(None)?;
        let run = self.say(&mut session, task).await;
        self.close(&session).await;
        run
    }

    /// Starts a session, or continues the one of this name.
    ///
    /// # Errors
    /// When its log cannot be used.
    pub fn session(&self, name: Option<&str>) -> Result<Session, Error> {
        match &self.sessions {
            Some(root) => Session::open(root, name),
            None => Ok(Session::ephemeral()),
        }
    }

    /// Says something in a session and returns when the run it starts is over.
    ///
    /// # Errors
    /// As [`Agent::run`].
    pub async fn say(&self, session: &mut Session, message: &str) -> Result<Run, Error> {
        self.say_watched(session, message, &mut (), CancellationToken::new())
            .await
    }

    /// As [`Agent::say`], watched, and stopped when `stop` is cancelled.
    ///
    /// # Errors
    /// As [`Agent::run`].
    pub async fn say_watched(
        &self,
        session: &mut Session,
        message: &str,
        observer: &mut dyn Observer,
        stop: CancellationToken,
    ) -> Result<Run, Error> {
        if message.trim().is_empty() {
            return Err(Error::EmptyTask);
        }
        Driver::new(self, session, observer, stop)
            .run(message.to_owned())
            .await?;
        Run::last_of(session).ok_or_else(|| Error::Unended {
            id: session.id().to_owned(),
        })
    }

    /// Tells the tools of the calls that a session made in another process, so that
    /// those with state bring it back. [`Agent::say`] does so itself.
    pub async fn resume_tools(&self, session: &Session) {
        resume_tools(&self.registry, session).await;
    }

    /// Lets the tools drop what they keep for a session that is over.
    pub async fn close(&self, session: &Session) {
        self.registry.close(session.id()).await;
    }

    /// The tools on offer.
    pub fn tools(&self) -> &Registry {
        &self.registry
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        self.engine.model()
    }
}

/// Tells tools of the calls that a session made in another process.
pub async fn resume_tools(registry: &Registry, session: &Session) {
    let mut requested = HashMap::new();
    let mut past: BTreeMap<&str, Vec<PastCall>> = BTreeMap::new();
    for event in session.events() {
        match &event.kind {
            EventKind::ToolCallRequested { id, arguments, .. } => {
                requested.insert(id, arguments);
            }
            EventKind::ToolResult {
                id, name, output, ..
            } => {
                if let (Some(replay), Some(arguments)) = (&output.replay, requested.get(id)) {
                    past.entry(name).or_default().push(PastCall {
                        arguments: (*arguments).clone(),
                        replay: replay.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    for (name, calls) in past {
        registry.resume(session.id(), name, calls).await;
    }
}

/// A finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The answer, complete or as far as it came.
    pub answer: String,
    /// Why the run ended.
    pub reason: StopReason,
    /// What went wrong, when something did.
    pub error: Option<String>,
    /// Tokens read and written.
    pub usage: Usage,
    /// Replies the model wrote.
    pub steps: u32,
    /// Id of the session.
    pub session: String,
}

impl Run {
    fn last_of(session: &Session) -> Option<Self> {
        match session.events().last().map(|event| &event.kind) {
            Some(EventKind::RunEnded {
                answer,
                reason,
                error,
                usage,
                steps,
                session,
            }) => Some(Self {
                answer: answer.clone(),
                reason: *reason,
                error: error.clone(),
                usage: *usage,
                steps: *steps,
                session: session.clone(),
            }),
            _ => None,
        }
    }
}

/// Describes an agent. Only an engine is needed.
pub struct AgentBuilder {
    engine: Option<Arc<dyn Engine>>,
    tools: Vec<Tool>,
    policy: Policy,
    tool_choice: ToolChoice,
    approver: Arc<dyn Approver>,
    budget: Budget,
    sampling: Option<Sampling>,
    max_tokens: usize,
    system: Option<String>,
    skip_thoughts: bool,
    sessions: Option<PathBuf>,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            engine: None,
            tools: Vec::new(),
            policy: Policy::default(),
            tool_choice: ToolChoice::default(),
            approver: Arc::new(()),
            budget: Budget::default(),
            sampling: None,
            max_tokens: MAX_TOKENS,
            system: None,
            skip_thoughts: false,
            sessions: None,
        }
    }
}

impl AgentBuilder {
    /// The engine that writes the replies.
    #[must_use]
    pub fn engine(mut self, engine: impl Engine + 'static) -> Self {
        self.engine = Some(Arc::new(engine));
        self
    }

    /// As [`AgentBuilder::engine`], for an engine that several agents share.
    #[must_use]
    pub fn shared_engine(mut self, engine: Arc<dyn Engine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Offers one more tool.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Offers more tools.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Which calls need consent.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether a run may or must call tools; it may by default. A call that must
    /// be made is asked for in a run's first reply.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Who can consent. Without one, a run that needs consent ends.
    #[must_use]
    pub fn approver(mut self, approver: impl Approver + 'static) -> Self {
        self.approver = Arc::new(approver);
        self
    }

    /// What a run may spend.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// How tokens are chosen; by default as the model's makers do
    /// ([`Profile::sampling`](glm_agent_model::Profile::sampling)).
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// The longest reply, in tokens.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    /// Instructions of your own.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.system = Some(text.into());
        self
    }

    /// Whether the model thinks before it replies, if its kind does: it does by
    /// default. A session keeps what it began with.
    #[must_use]
    pub fn thinking(mut self, on: bool) -> Self {
        self.skip_thoughts = !on;
        self
    }

    /// Keeps sessions in folders below `root`. Without it they live in memory.
    #[must_use]
    pub fn sessions(mut self, root: impl Into<PathBuf>) -> Self {
        self.sessions = Some(root.into());
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// When there is no engine, two tools share a name, the model cannot call
    /// any or be told not to think, or the tool that must be called is not on
    /// offer.
    pub fn build(self) -> Result<Agent, Error> {
        let engine = self.engine.ok_or(Error::NoEngine)?;
        if !self.tools.is_empty() && !engine.profile().takes_tools() {
            return Err(Error::NoTools {
                model: engine.model().to_owned(),
            });
        }
        if self.skip_thoughts {
            engine.profile().without_thoughts()?;
        }
        let offers = |name: &String| self.tools.iter().any(|tool| tool.name() == name);
        match &self.tool_choice {
            ToolChoice::Tool(name) if !offers(name) => {
                return Err(Error::NotOffered { name: name.clone() });
            }
            ToolChoice::Required if self.tools.is_empty() => return Err(Error::NothingToCall),
            _ => {}
        }
        Ok(Agent {
            sampling: self.sampling.unwrap_or(engine.profile().sampling()),
            engine,
            registry: Registry::new(self.tools)?,
            policy: self.policy,
            tool_choice: self.tool_choice,
            approver: self.approver,
            budget: self.budget,
            max_tokens: self.max_tokens,
            system: self.system,
            skip_thoughts: self.skip_thoughts,
            sessions: self.sessions,
        })
    }
}
