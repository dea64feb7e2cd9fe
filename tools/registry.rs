//! The tools on offer, and the one way to call them.

mod running;

use std::collections::HashMap;

use futures::future;
use glm_agent_model::ToolSpec;
use serde_json::{Value, json};

use crate::{
    Error, Granted, PastCall, Secrets, Tool, ToolContext, ToolError, ToolOutput,
    schema::{Problem, Schema, folded},
    text,
    tool::is_name,
};

/// Problems with the arguments that are listed at most.
const PROBLEMS: usize = 5;

/// Names that are listed at most, where there is none such as was called.
const NAMES: usize = 20;

/// Tools on offer, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Registry {
    tools: Vec<Entry>,
    by_name: HashMap<String, usize>,
    secrets: Secrets,
}

/// Why a call cannot be made as the model wrote it, in words for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// There is no tool of this name.
    #[error("{0}")]
    Name(String),
    /// The arguments are not what the tool takes, nor nearly so.
    #[error("{0}")]
    Arguments(String),
}

impl From<Misfit> for ToolError {
    fn from(misfit: Misfit) -> Self {
        Self::Model(misfit.to_string())
    }
}

#[derive(Debug)]
struct Entry {
    tool: Tool,
    /// `None` for tools that take raw text.
    schema: Option<Schema>,
}

impl Registry {
    /// Puts tools on offer.
    ///
    /// # Errors
    /// If a name is malformed or taken, or parameters are no JSON Schema of an
    /// object.
    pub fn new(tools: Vec<Tool>) -> Result<Self, Error> {
        let mut registry = Self::default();
        for tool in tools {
            let name = tool.name().to_owned();
            if !is_name(&name) {
                return Err(Error::ToolName { name });
            }
            let position = registry.tools.len();
            if registry.by_name.insert(name.clone(), position).is_some() {
                return Err(Error::DuplicateTool { name });
            }
            let schema =
                schema_of(tool.spec()).map_err(|reason| Error::Schema { tool: name, reason })?;
            registry.tools.push(Entry { tool, schema });
        }
        Ok(registry)
    }

    /// The same with one more tool.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn with(&self, tool: Tool) -> Result<Self, Error> {
        let tools = self.tools.iter().map(|entry| entry.tool.clone());
        let registry = Self::new(tools.chain([tool]).collect())?;
        Ok(registry.with_secrets(self.secrets.clone()))
    }

    /// What the model is told about them.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools
            .iter()
            .map(|entry| entry.tool.spec().clone())
            .collect()
    }

    /// The tool of this name.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.entry(name).map(|entry| &entry.tool)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|entry| entry.tool.name())
    }

    /// Where the secrets that tools declare come from; without it, from the
    /// environment.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// The arguments in the form that the tool asks for, harmless slips put right.
    ///
    /// # Errors
    /// For an unknown name, and for arguments that do not fit.
    pub fn check(&self, name: &str, arguments: Value) -> Result<Value, Misfit> {
        let entry = self.entry(name).ok_or_else(|| self.unknown(name))?;
        match &entry.schema {
            Some(schema) => schema
                .check(arguments)
                .map_err(|problems| wrong_arguments(name, &problems)),
            None => raw_text(name, arguments),
        }
    }

    /// Calls a tool: arguments are checked, time is limited, and the text that
    /// comes back, or is said meanwhile, is fit to be shown. A text that is too
    /// long is shortened, and kept whole in `cx.directory`.
    ///
    /// Ends at once when `cx.cancel` is cancelled; what the tool was doing is
    /// dropped then, as it is at its time limit.
    ///
    /// # Errors
    /// Of the tool itself; and [`ToolError::Model`] for an unknown name, wrong
    /// arguments, a call that took too long or was cancelled, and
    /// [`ToolError::User`] for a tool that panicked.
    pub async fn call(
        &self,
        name: &str,
        arguments: Value,
        mut cx: ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let arguments = self.check(name, arguments)?;
        let Entry { tool, .. } = self.entry(name).ok_or_else(|| self.unknown(name))?;
        cx.secrets = Granted::new(tool.secrets(), &self.secrets);
        running::run(tool, arguments, cx).await
    }

    /// Tells a tool of the calls that a session made before this process.
    pub async fn resume(&self, session: &str, name: &str, past: Vec<PastCall>) {
        if let Some(tool) = self.get(name) {
            tool.resume(session, past).await;
        }
    }

    /// Lets go of what the tools keep for a session that is over.
    pub async fn close(&self, session: &str) {
        future::join_all(self.tools.iter().map(|entry| entry.tool.close(session))).await;
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.tools.get(*self.by_name.get(name)?)
    }

    fn unknown(&self, name: &str) -> Misfit {
        let mut names: Vec<&str> = self.names().collect();
        if names.is_empty() {
            return Misfit::Name(format!("there is no tool {}", quoted(name)));
        }
        names.sort_by_cached_key(|known| distance(short(name), known));
        let more = names.len().saturating_sub(NAMES);
        names.truncate(NAMES);
        let mut names = format!("`{}`", names.join("`, `"));
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        Misfit::Name(format!(
            "there is no tool {}; there are: {names}",
            quoted(name)
        ))
    }
}

/// How far a name is from one that there is: in letters, whatever their case and
/// whatever stands between words or before them.
fn distance(name: &str, known: &str) -> usize {
    let own = |name: &str| {
        let parts = name.rsplit([':', '.', '/']);
        folded(parts.into_iter().next().unwrap_or(name))
    };
    // A server's tool is known by the server's name and its own.
    let without_server = known.split_once("__").map_or(known, |(_, tool)| tool);
    let between = |name: &str, known: &str| strsim::damerau_levenshtein(name, &folded(known));
    let candidates = [
        between(&folded(name), known),
        between(&own(name), known),
        between(&own(name), without_server),
    ];
    candidates.into_iter().min().unwrap_or(usize::MAX)
}

/// The checked form of a tool's parameters; `None` if it takes raw text.
fn schema_of(spec: &ToolSpec) -> Result<Option<Schema>, String> {
    let ToolSpec::Function { function } = spec else {
        return Ok(None);
    };
    match function.parameters() {
        Some(parameters) => Schema::compile(parameters),
        None => Schema::compile(&json!({"type": "object"})),
    }
    .map(Some)
}

/// The text for a tool that takes text, also from the object that a model writes
/// which knows functions only: `{"code": "..."}`.
fn raw_text(name: &str, arguments: Value) -> Result<Value, Misfit> {
    match arguments {
        Value::String(text) => Ok(Value::String(text)),
        Value::Object(object) if object.len() == 1 => {
            let only = object.into_iter().next().map(|(_, value)| value);
            only.filter(Value::is_string)
                .ok_or_else(|| takes_text(name))
        }
        _ => Err(takes_text(name)),
    }
}

fn takes_text(name: &str) -> Misfit {
    Misfit::Arguments(format!("`{name}` takes text, not JSON"))
}

fn wrong_arguments(name: &str, problems: &[Problem]) -> Misfit {
    let mut message = format!("wrong arguments for `{name}`");
    for problem in problems.iter().take(PROBLEMS) {
        message.push_str(&format!("\n- {problem}"));
    }
    if let Some(more) = problems
        .len()
        .checked_sub(PROBLEMS)
        .filter(|more| *more > 0)
    {
        message.push_str(&format!("\n- and {more} more"));
    }
    Misfit::Arguments(text::clean(&message, text::CAP))
}

/// As much of a name as may be one: models can write anything there.
fn short(name: &str) -> &str {
    name.split_at(name.floor_char_boundary(64)).0
}

fn quoted(name: &str) -> String {
    format!("`{}`", text::clean(short(name), text::CAP).escape_debug())
}

#[cfg(test)]
mod tests;
