//! An agent: a model, the tools it may call, and the rules it works under.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use glm_agent_model::{Engine, Sampling, ToolChoice, Usage, image::Picture};
use glm_agent_tools::{PastCall, Registry, Secrets, Source as ToolSource, Tool, schema};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    answer::Form,
    budget::{Account, Budget, Price},
    citation::Source,
    driver::{Answer, Approver, Driver, Listener, Observer},
    event::{CallId, Event, EventKind, StopReason},
    offer::Offer,
    policy::Policy,
    session::Session,
};

/// Calls of one reply that run at the same time, unless it is said otherwise.
const JOBS: usize = 16;

/// The longest reply, in tokens, that GLM-4's model card recommends.
pub(crate) const MAX_TOKENS: usize = 1024;

/// Per cent of the model's window at which a conversation is compacted.
const COMPACT_AT: u8 = 75;

/// A model with tools. Cheap to clone: clones share engine and tools. Runs of
/// different sessions can go on at the same time.
#[derive(Clone)]
pub struct Agent {
    pub(crate) engine: Arc<dyn Engine>,
    offer: Arc<Mutex<Offer>>,
    pub(crate) policy: Policy,
    pub(crate) jobs: usize,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) budget: Budget,
    pub(crate) account: Option<Arc<Account>>,
    pub(crate) price: Option<Price>,
    pub(crate) sampling: Sampling,
    pub(crate) max_tokens: usize,
    pub(crate) max_context: Option<usize>,
    pub(crate) compact_at: u8,
    pub(crate) answer_schema: Option<Value>,
    pub(crate) system: Option<String>,
    pub(crate) skip_thoughts: bool,
    pub(crate) setup: Option<Value>,
    pub(crate) listeners: Vec<Arc<dyn Listener>>,
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

    /// Does one task whose answer is of a type: its JSON Schema is the
    /// [form](AgentBuilder::answer_schema) of the answer. Fields' doc comments are what
    /// the model reads of them.
    ///
    /// # Errors
    /// As [`Agent::run`], and when the run ends without such an answer.
    pub async fn run_typed<T: DeserializeOwned + JsonSchema>(
        &self,
        task: &str,
    ) -> Result<T, Error> {
        let mut session = self.session(None)?;
        let schema = Some(schema::parameters_of::<T>());
        let stop = CancellationToken::new();
        let run = self
            .ask(&mut session, task, &[], schema, &mut (), stop)
            .await;
        self.close(&session).await;
        let run = run?;
        serde_json::from_str(&run.answer).map_err(|error| Error::NoAnswer {
            reason: run.error.unwrap_or_else(|| error.to_string()),
            id: run.session,
        })
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

    /// Whether a session of this name is kept.
    pub(crate) fn has_session(&self, name: &str) -> bool {
        let root = self.sessions.as_ref();
        root.is_some_and(|root| Session::files_of(root, name).is_ok())
    }

    /// Whether sessions are kept at all.
    pub(crate) fn keeps_sessions(&self) -> bool {
        self.sessions.is_some()
    }

    /// The folder of the files of a session that is kept.
    pub(crate) fn files_of(&self, name: &str) -> Result<PathBuf, Error> {
        match &self.sessions {
            Some(root) => Session::files_of(root, name),
            None => Err(Error::NoSession {
                id: name.to_owned(),
            }),
        }
    }

    /// The events of a session that is kept.
    pub(crate) fn read_session(&self, name: &str) -> Result<Vec<Event>, Error> {
        match &self.sessions {
            Some(root) => Session::read(root, name),
            None => Ok(Vec::new()),
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
        self.show(session, &[], message, observer, stop).await
    }

    /// As [`Agent::say_watched`], with pictures that the model is shown before the words.
    ///
    /// # Errors
    /// As [`Agent::run`], and when the model [cannot see](Agent::sees_images).
    pub async fn show(
        &self,
        session: &mut Session,
        images: &[Picture],
        message: &str,
        observer: &mut dyn Observer,
        stop: CancellationToken,
    ) -> Result<Run, Error> {
        let schema = self.answer_schema.clone();
        self.ask(session, message, images, schema, observer, stop)
            .await
    }

    /// Whether the model can be shown images.
    ///
    /// # Errors
    /// When it cannot; the error says what to do about it.
    pub fn sees_images(&self) -> Result<(), Error> {
        Ok(self.engine.sees_images()?)
    }

    async fn ask(
        &self,
        session: &mut Session,
        message: &str,
        images: &[Picture],
        answer_schema: Option<Value>,
        observer: &mut dyn Observer,
        stop: CancellationToken,
    ) -> Result<Run, Error> {
        if message.trim().is_empty() {
            return Err(Error::EmptyTask);
        }
        Driver::new(self, session, observer, stop)
            .run(message.to_owned(), images, answer_schema)
            .await?;
        Run::last_of(session).ok_or_else(|| Error::Unended {
            id: session.id().to_owned(),
        })
    }

    /// Shows the model less of a session: a summary in the place of what came before
    /// the latest turns. The session's events stay, and one more tells of it. Returns
    /// whether there was anything to leave out.
    ///
    /// Runs do so themselves [when it must be](AgentBuilder::compact_at).
    ///
    /// # Errors
    /// When the conversation cannot be measured, or the log not be written.
    pub async fn compact(
        &self,
        session: &mut Session,
        observer: &mut dyn Observer,
        stop: CancellationToken,
    ) -> Result<bool, Error> {
        Driver::new(self, session, observer, stop)
            .compact_now()
            .await
    }

    /// Goes on with a session's run that waits for answers to calls, or that another
    /// process left in the middle.
    ///
    /// `answers` are for all calls that wait, or for some. Without any, the
    /// [approver](AgentBuilder::approver) is asked. A call that was under way when the
    /// other process ended is made again if its tool is
    /// [idempotent](Tool::idempotent), and waits for consent otherwise.
    ///
    /// # Errors
    /// As [`Agent::run`]; and when nothing is to be gone on with, or an answer is for one that does
    /// not, or does not fit. Nothing has happened then.
    pub async fn answer(
        &self,
        session: &mut Session,
        answers: Vec<(CallId, Answer)>,
        observer: &mut dyn Observer,
        stop: CancellationToken,
    ) -> Result<Run, Error> {
        Driver::new(self, session, observer, stop)
            .answer(answers)
            .await?;
        Run::last_of(session).ok_or_else(|| Error::Unended {
            id: session.id().to_owned(),
        })
    }

    /// Tells the tools of the calls that a session made in another process, so that
    /// those with state bring it back. [`Agent::say`] does so itself.
    pub async fn resume_tools(&self, session: &Session) {
        resume_tools(&self.tools(), session).await;
    }

    /// Lets the tools drop what they keep for a session that is over.
    pub async fn close(&self, session: &Session) {
        self.tools().close(session.id()).await;
    }

    /// The tools on offer now.
    pub fn tools(&self) -> Arc<Registry> {
        let mut offer = self.offer.lock().unwrap_or_else(PoisonError::into_inner);
        offer.registry()
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        self.engine.model()
    }

    /// What the model is good for, in one line, if that is known.
    pub fn about_model(&self) -> Option<&str> {
        self.engine.about()
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
    /// What they cost, where the model has a price, in that price's currency.
    pub cost: Option<f64>,
    /// Replies the model wrote.
    pub steps: u32,
    /// The calls that wait for somebody, when that is why the run ended.
    pub pending: Vec<CallId>,
    /// The pages that the answer cites, in the order of first use.
    pub sources: Vec<Source>,
    /// The answer's marks, as it has them, of what was never shown.
    pub unknown_marks: Vec<String>,
    /// Id of the session.
    pub session: String,
}

impl Run {
    /// The run that a session's log ends with.
    pub(crate) fn last_of(session: &Session) -> Option<Self> {
        match session.events().last().map(|event| &event.kind) {
            Some(EventKind::RunEnded {
                answer,
                reason,
                error,
                usage,
                cost,
                steps,
                pending,
                sources,
                unknown_marks,
                session,
            }) => Some(Self {
                answer: answer.clone(),
                reason: *reason,
                error: error.clone(),
                usage: *usage,
                cost: *cost,
                steps: *steps,
                pending: pending.clone(),
                sources: sources.clone(),
                unknown_marks: unknown_marks.clone(),
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
    sources: Vec<Arc<dyn ToolSource>>,
    secrets: Secrets,
    policy: Policy,
    jobs: usize,
    tool_choice: ToolChoice,
    approver: Arc<dyn Approver>,
    budget: Budget,
    account: Option<Arc<Account>>,
    price: Option<Price>,
    sampling: Option<Sampling>,
    max_tokens: usize,
    max_context: Option<usize>,
    compact_at: u8,
    answer_schema: Option<Value>,
    system: Option<String>,
    skip_thoughts: bool,
    setup: Option<Value>,
    listeners: Vec<Arc<dyn Listener>>,
    sessions: Option<PathBuf>,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            engine: None,
            tools: Vec::new(),
            sources: Vec::new(),
            secrets: Secrets::default(),
            policy: Policy::default(),
            jobs: JOBS,
            tool_choice: ToolChoice::default(),
            approver: Arc::new(()),
            budget: Budget::default(),
            account: None,
            price: None,
            sampling: None,
            max_tokens: MAX_TOKENS,
            max_context: None,
            compact_at: COMPACT_AT,
            answer_schema: None,
            system: None,
            skip_thoughts: false,
            setup: None,
            listeners: Vec::new(),
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

    /// Offers the tools that a source has, whichever it has at the time, such as
    /// those of an MCP server.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn ToolSource>) -> Self {
        self.sources.push(source);
        self
    }

    /// Where the secrets that tools declare come from; by default, from the
    /// environment.
    #[must_use]
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Which calls need consent: a [`Mode`](crate::policy::Mode), or one with rules.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Policy>) -> Self {
        self.policy = policy.into();
        self
    }

    /// How many calls of one reply run at the same time: 16 by default, and one at
    /// least.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// What new sessions' logs say of how this program was set up. The library
    /// makes nothing of it.
    #[must_use]
    pub fn setup(mut self, setup: Value) -> Self {
        self.setup = Some(setup);
        self
    }

    /// Who hears of all that happens in the agent's sessions, such as
    /// [traces](crate::render::otel::Exporter); repeatable.
    #[must_use]
    pub fn listener(mut self, listener: Arc<dyn Listener>) -> Self {
        self.listeners.push(listener);
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

    /// What this agent's runs and those of others may spend together.
    #[must_use]
    pub fn account(mut self, account: Arc<Account>) -> Self {
        self.account = Some(account);
        self
    }

    /// What the model costs. Without a price, it costs nothing.
    #[must_use]
    pub fn price(mut self, price: Price) -> Self {
        self.price = Some(price);
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

    /// How many tokens of the model's window prompt and reply may take together; all
    /// of it by default.
    #[must_use]
    pub fn max_context(mut self, tokens: usize) -> Self {
        self.max_context = Some(tokens);
        self
    }

    /// How much of the window a prompt may take, in per cent, before the conversation
    /// is [compacted](crate::EventKind::Compacted): 75 by default, and between 10 and
    /// 95.
    #[must_use]
    pub fn compact_at(mut self, percent: u8) -> Self {
        self.compact_at = percent.clamp(10, 95);
        self
    }

    /// The JSON Schema that every answer must fit. The model is told it, held to it
    /// where its engine has a grammar, and told what is wrong with an answer that does
    /// not fit, at most twice; then the run [fails](StopReason::Failed).
    #[must_use]
    pub fn answer_schema(mut self, schema: Value) -> Self {
        self.answer_schema = Some(schema);
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
    /// any or be told not to think, the tool that must be called is not on
    /// offer, or the answer's schema is none.
    pub fn build(self) -> Result<Agent, Error> {
        let engine = self.engine.ok_or(Error::NoEngine)?;
        let has_tools = !self.tools.is_empty() || !self.sources.is_empty();
        if has_tools && !engine.profile().takes_tools() {
            return Err(Error::NoTools {
                model: engine.model().to_owned(),
            });
        }
        if self.skip_thoughts {
            engine.profile().without_thoughts()?;
        }
        if let Some(schema) = &self.answer_schema {
            Form::new(schema).map_err(|reason| Error::AnswerSchema { reason })?;
        }
        let mut offer = Offer::new(self.tools, self.sources, self.secrets)?;
        let tools = offer.registry();
        match &self.tool_choice {
            ToolChoice::Tool(name) if tools.get(name).is_none() => {
                return Err(Error::NotOffered { name: name.clone() });
            }
            ToolChoice::Required if tools.names().next().is_none() => {
                return Err(Error::NothingToCall);
            }
            _ => {}
        }
        Ok(Agent {
            sampling: self.sampling.unwrap_or(engine.profile().sampling()),
            engine,
            offer: Arc::new(Mutex::new(offer)),
            policy: self.policy,
            jobs: self.jobs,
            tool_choice: self.tool_choice,
            approver: self.approver,
            budget: self.budget,
            account: self.account,
            price: self.price,
            max_tokens: self.max_tokens,
            max_context: self.max_context,
            compact_at: self.compact_at,
            answer_schema: self.answer_schema,
            system: self.system,
            skip_thoughts: self.skip_thoughts,
            setup: self.setup,
            listeners: self.listeners,
            sessions: self.sessions,
        })
    }
}
