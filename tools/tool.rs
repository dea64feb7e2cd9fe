//! What a tool is and what it returns.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Artifact, Citation, Granted, Progress, Secret, schema};

/// How long a call may take unless the tool says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What [`is_name`] asks for, in words.
pub(crate) const NAME_RULE: &str = "use 1 to 64 letters, digits, `_`, `-` and `.`";

/// Whether a model can be trusted to write this name in a call.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.chars().count()) && name.chars().all(fits)
}

/// A tool: what the model is told about it, what it touches, and how it runs.
///
/// ```
/// use glm_agent_tools::{Tool, ToolContext};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Weather {
///     /// City, in the local language
///     city: String,
/// }
///
/// let weather = Tool::new(
///     "get_weather",
///     "Current weather of a city",
///     |args: Weather, _cx: ToolContext| async move { Ok(json!({ "city": args.city, "temp_c": 21 })) },
/// );
/// assert_eq!(weather.name(), "get_weather");
/// ```
#[derive(Clone)]
pub struct Tool {
    spec: ToolSpec,
    effects: Effects,
    timeout: Duration,
    outside: Option<bool>,
    sends: Option<bool>,
    idempotent: bool,
    hosts: Vec<String>,
    secrets: Vec<String>,
    external: bool,
    invoke: Arc<dyn Invoke>,
}

impl Tool {
    /// A tool from a function. Its schema comes from the type of the
    /// arguments; the fields' doc comments are what the model reads of them.
    pub fn new<A, F, Fut, O>(name: &str, description: &str, run: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
        O: Into<ToolOutput> + 'static,
    {
        let parameters = schema::parameters_of::<A>();
        Self::with_state(
            ToolSpec::function(name, description, parameters),
            TypedFunction {
                run,
                arguments: std::marker::PhantomData::<fn(A)>,
            },
        )
    }

    /// A tool from anything that implements [`Invoke`]: for tools with state,
    /// a schema made elsewhere, or raw text instead of JSON arguments.
    pub fn with_state(spec: ToolSpec, invoke: impl Invoke + 'static) -> Self {
        Self {
            spec,
            effects: Effects::default(),
            timeout: DEFAULT_TIMEOUT,
            outside: None,
            sends: None,
            idempotent: false,
            hosts: Vec::new(),
            secrets: Vec::new(),
            external: false,
            invoke: Arc::new(invoke),
        }
    }

    /// A tool that is run elsewhere, by whoever began the run: a call of it waits
    /// in the session until its result is given.
    pub fn external(spec: ToolSpec) -> Self {
        let mut tool = Self::with_state(spec, Elsewhere);
        tool.external = true;
        tool
    }

    /// Declares what the tool touches.
    #[must_use]
    pub fn effects(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self
    }

    /// Sets how long one call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Declares whether its results hold text that nobody vouches for; otherwise,
    /// those of a tool that talks to other machines do.
    #[must_use]
    pub fn outside(mut self, outside: bool) -> Self {
        self.outside = Some(outside);
        self
    }

    /// Declares whether a call can carry data to where the user did not choose;
    /// otherwise, calls of a tool that talks to other machines can.
    #[must_use]
    pub fn sends(mut self, sends: bool) -> Self {
        self.sends = Some(sends);
        self
    }

    /// Declares whether a call made twice does no more than a call made once: then one
    /// that fails with [`ToolError::Transient`] is made again. By default, none is.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Declares a host that every call reaches, for the user's rules.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push(host.to_owned());
        self
    }

    /// Declares a secret that calls may [use](ToolContext::secret).
    #[must_use]
    pub fn secret(mut self, name: &str) -> Self {
        self.secrets.push(name.to_owned());
        self
    }

    /// The name by which the model calls it.
    pub fn name(&self) -> &str {
        self.spec.name()
    }

    /// What the model is told.
    pub fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// What it touches.
    pub fn declared_effects(&self) -> Effects {
        self.effects
    }

    /// Whether its results hold text that nobody vouches for.
    pub fn is_outside(&self) -> bool {
        self.outside.unwrap_or(self.effects.network)
    }

    /// Whether a call can carry data to where the user did not choose.
    pub fn is_sending(&self) -> bool {
        self.sends.unwrap_or(self.effects.network)
    }

    /// Whether a call made twice does no more than a call made once.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The hosts that every call reaches, beside those of its [addresses](Self::addresses).
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The secrets that calls may use, by name.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Whether it is run [elsewhere](Self::external).
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// The addresses that a call would fetch because the model says so.
    pub fn addresses(&self, arguments: &Value) -> Vec<String> {
        self.invoke.addresses(arguments)
    }

    /// How long one call may take.
    pub fn time_limit(&self) -> Duration {
        self.timeout
    }

    /// Runs it. Arguments must have been validated: [`crate::Registry::call`]
    /// does.
    ///
    /// # Errors
    /// Whatever went wrong, sorted by who can mend it.
    pub async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        self.invoke.invoke(arguments, cx).await
    }

    /// Tells it of the calls that a session made before; see [`Invoke::resume`].
    pub async fn resume(&self, session: &str, past: Vec<PastCall>) {
        self.invoke.resume(session, past).await;
    }

    /// Lets go of what is kept for a session that is over.
    pub async fn close(&self, session: &str) {
        self.invoke.close(session).await;
    }
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool")
            .field("spec", &self.spec)
            .field("effects", &self.effects)
            .field("timeout", &self.timeout)
            .field("outside", &self.outside)
            .field("sends", &self.sends)
            .field("idempotent", &self.idempotent)
            .field("hosts", &self.hosts)
            .field("secrets", &self.secrets)
            .field("external", &self.external)
            .finish_non_exhaustive()
    }
}

/// What a tool does when called: the trait behind [`Tool`].
#[async_trait]
pub trait Invoke: Send + Sync {
    /// Runs one call. `arguments` is an object that satisfies the tool's
    /// schema, or a string for tools that take raw text.
    ///
    /// # Errors
    /// Whatever went wrong, sorted by who can mend it.
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError>;

    /// The addresses that such a call would fetch because the model says so. Once
    /// text from outside is in the conversation, they must be known from
    /// elsewhere than the model.
    fn addresses(&self, _arguments: &Value) -> Vec<String> {
        Vec::new()
    }

    /// Learns of the calls that a session made before this process, in their
    /// order, those with a [`replay`](ToolOutput::replay): a tool whose state they
    /// made brings it back before its next call. May be told again of a session
    /// that is going on.
    async fn resume(&self, _session: &str, _past: Vec<PastCall>) {}

    /// Lets go of what is kept for a session that is over.
    async fn close(&self, _session: &str) {}
}

struct Elsewhere;

#[async_trait]
impl Invoke for Elsewhere {
    async fn invoke(&self, _arguments: Value, _cx: ToolContext) -> Result<ToolOutput, ToolError> {
        Err(ToolError::User(
            "this tool is only declared: whoever began the run must give its result".to_owned(),
        ))
    }
}

struct TypedFunction<F, A> {
    run: F,
    arguments: std::marker::PhantomData<fn(A)>,
}

#[async_trait]
impl<A, F, Fut, O> Invoke for TypedFunction<F, A>
where
    A: DeserializeOwned + Send + 'static,
    F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
    O: Into<ToolOutput> + 'static,
{
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let arguments =
            serde_json::from_value(arguments).map_err(|e| ToolError::Model(e.to_string()))?;
        Ok((self.run)(arguments, cx).await?.into())
    }
}

/// A call of an earlier process that a tool may have to do again.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCall {
    /// As they were.
    pub arguments: Value,
    /// What the tool left in [`ToolOutput::replay`].
    pub replay: Value,
}

/// What a call may know and use.
#[derive(Debug, Clone, Default)]
pub struct ToolContext {
    /// Cancelled when the run is, and when the call's time is up; a tool that starts
    /// work elsewhere should watch it.
    pub cancel: CancellationToken,
    /// The call's name in the session's log.
    pub call: String,
    /// Id of the session the call belongs to: tools with state keep one a
    /// session.
    pub session: String,
    /// The session's own folder for files, kept with it. `None` when the
    /// session is not kept.
    pub directory: Option<PathBuf>,
    /// Takes what the tool prints while it runs, to be shown to whoever waits.
    pub progress: Progress,
    /// The secrets that the call may use; [`secret`](Self::secret) gives them out.
    pub secrets: Granted,
}

impl ToolContext {
    /// The secret of this name, which the tool [declares](Tool::secret). Should its
    /// value turn up in what the tool says, its name stands there instead.
    ///
    /// # Errors
    /// [`ToolError::User`] when there is none, or it was not declared.
    pub fn secret(&self, name: &str) -> Result<Secret, ToolError> {
        self.secrets.get(name)
    }
}

/// What a tool hands back to the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolOutput {
    /// The result as the model reads it.
    pub text: String,
    /// The observation's metadata: empty but for GLM-4's browser.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// What the model reads after it, an observation each: the pages that one call of
    /// GLM-4's browser opens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Observation>,
    /// The call did run, and what it ran failed (a raised exception, a
    /// command's exit code): the model sees the text, a script sees the failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// The files that the call made or changed in the session's folder. What the
    /// model should know of them is in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The result as programs read it, when it is more than text. The model reads
    /// the text only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Where what the text says comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// What the tool's `Invoke::resume` needs, beside the arguments, to do the call
    /// again in another process. Nobody else looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Value>,
}

/// One thing that a model is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The observation's metadata, as the result has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// What the model reads.
    pub text: String,
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl From<&str> for ToolOutput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Value> for ToolOutput {
    /// A string is shown bare, anything else as JSON.
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => text.into(),
            other => Self {
                text: other.to_string(),
                json: Some(other),
                ..Self::default()
            },
        }
    }
}

/// Why a call gave no result, sorted by who can mend it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ToolError {
    /// The model can: wrong arguments, a page that does not exist. It reads
    /// the message and may try again.
    #[error("{0}")]
    Model(String),
    /// Time may: a server that is busy, a connection that broke. The call is made
    /// again if the tool is [idempotent](Tool::idempotent); then the model reads
    /// the message.
    #[error("{0}")]
    Transient(String),
    /// The user can: a missing key, a refused address. The model reads the
    /// message too.
    #[error("{0}")]
    User(String),
    /// Nobody can: the run ends.
    #[error("{0}")]
    Fatal(String),
}

/// What a tool touches; policy decides on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Effects {
    /// Reads data of the user's.
    pub reads: bool,
    /// Talks to other machines.
    pub network: bool,
    /// Changes data outside the sandbox.
    pub writes: bool,
    /// Runs programs on the host.
    pub host: bool,
}
