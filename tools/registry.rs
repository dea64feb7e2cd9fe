//! The tools on offer, and the one way to call them.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use futures::{FutureExt, future};
use glm_agent_model::ToolSpec;
use serde_json::{Value, json};

use crate::{
    Error, PastCall, Tool, ToolContext, ToolError, ToolOutput,
    schema::{Problem, Schema},
    text,
    tool::is_name,
};

/// Problems with the arguments that are listed at most.
const PROBLEMS: usize = 5;

/// Tools on offer, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Registry {
    tools: Vec<Entry>,
    by_name: HashMap<String, usize>,
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

    /// Calls a tool: arguments are checked, time is limited, and the text that
    /// comes back, or is said meanwhile, is fit to be shown.
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
        let Entry { tool, schema } = self.entry(name).ok_or_else(|| self.unknown(name))?;
        let arguments = match schema {
            Some(schema) => schema
                .check(arguments)
                .map_err(|problems| wrong_arguments(name, &problems))?,
            None => raw_text(name, arguments)?,
        };
        let cancel = cx.cancel.clone();
        let limit = tool.time_limit();
        let (progress, _ending) = std::mem::take(&mut cx.progress).for_one_call();
        cx.progress = progress;
        let run = AssertUnwindSafe(async { tool.invoke(arguments, cx).await }).catch_unwind();
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(ToolError::Model(format!("`{name}` was cancelled"))),
            result = tokio::time::timeout(limit, run) => result,
        };
        match result {
            Ok(Ok(result)) => result.map(fit).map_err(fit_error),
            Ok(Err(panic)) => {
                let what = panic_message(&*panic);
                tracing::error!(tool = name, what, "a tool panicked");
                Err(ToolError::User(text::clean(
                    &format!("`{name}` failed because of an error in its code: {what}"),
                    text::CAP,
                )))
            }
            Err(_) => Err(ToolError::Model(format!(
                "`{name}` was stopped at its time limit of {} s",
                limit.as_secs_f64()
            ))),
        }
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

    fn unknown(&self, name: &str) -> ToolError {
        let mut names: Vec<&str> = self.names().collect();
        if names.is_empty() {
            return ToolError::Model(format!("there is no tool {}", quoted(name)));
        }
        names.sort_by_cached_key(|known| strsim::damerau_levenshtein(short(name), known));
        let names = names.join("`, `");
        ToolError::Model(format!(
            "there is no tool {}; there are: `{names}`",
            quoted(name)
        ))
    }
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
fn raw_text(name: &str, arguments: Value) -> Result<Value, ToolError> {
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

fn takes_text(name: &str) -> ToolError {
    ToolError::Model(format!("`{name}` takes text, not JSON"))
}

fn wrong_arguments(name: &str, problems: &[Problem]) -> ToolError {
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
    ToolError::Model(text::clean(&message, text::CAP))
}

fn fit(output: ToolOutput) -> ToolOutput {
    ToolOutput {
        text: text::clean(&output.text, text::CAP),
        ..output
    }
}

fn fit_error(error: ToolError) -> ToolError {
    let clean = |message: String| text::clean(&message, text::CAP);
    match error {
        ToolError::Model(message) => ToolError::Model(clean(message)),
        ToolError::User(message) => ToolError::User(clean(message)),
        ToolError::Fatal(message) => ToolError::Fatal(clean(message)),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
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
