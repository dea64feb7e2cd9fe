//! How an agent was set up, kept in its session, so that the session can be taken
//! up again without the flags.

use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use glm_agent::model::ToolChoice;
use serde_json::{Value, json};

use super::{AgentArgs, Approve, LOCAL_SEARCH, Renderer, Robots};

impl AgentArgs {
    /// The flags that describe the same agent again, from any folder.
    pub fn recorded(&self) -> Value {
        let mut flags: Vec<String> = Vec::new();
        let mut add = |name: &str, value: String| flags.push(format!("--{name}={value}"));
        if let Some(model) = &self.model {
            add("model", located(model));
        }
        for engine in &self.engine {
            add(
                "engine",
                match engine.strip_prefix("scripted:") {
                    Some(file) => format!("scripted:{}", located(file)),
                    None => engine.clone(),
                },
            );
        }
        #[cfg(feature = "local")]
        if let Some(quantization) = self.quantize {
            add("quantize", quantization.to_string());
        }
        for tool in &self.tools.own.tools {
            add("tools", located(tool));
        }
        for server in &self.tools.mcp {
            add("mcp", located(server));
        }
        for provider in &self.tools.own.web.search {
            add("search", located(provider));
        }
        for host in &self.tools.own.web.allow_host {
            add("allow-host", host.clone());
        }
        for host in &self.tools.own.web.deny_host {
            add("deny-host", host.clone());
        }
        for host in &self.tools.own.web.only_host {
            add("only-host", host.clone());
        }
        if let Some(robots) = self.tools.own.web.robots {
            let robots = match robots {
                Robots::Honour => "honour",
                Robots::Ignore => "ignore",
            };
            add("robots", robots.to_owned());
        }
        if self.tools.own.web.browser == Renderer::Chromium {
            add("browser", "chromium".to_owned());
        }
        // Not with the password that may stand in it.
        add("proxy", format!("{:?}", self.tools.own.web.proxy));
        add(
            "tool-choice",
            match &self.tool_choice {
                ToolChoice::Auto => "auto".to_owned(),
                ToolChoice::None => "none".to_owned(),
                ToolChoice::Required => "required".to_owned(),
                ToolChoice::Tool(name) => name.clone(),
            },
        );
        let approve = match self.approve {
            Approve::Auto => "auto",
            Approve::Ask => "ask",
            Approve::Never => "never",
        };
        add("approve", approve.to_owned());
        add("jobs", self.jobs.to_string());
        add("max-steps", self.max_steps.to_string());
        add("max-tokens", self.max_tokens.to_string());
        for (name, limit) in [
            ("max-tool-calls", self.max_tool_calls.map(u64::from)),
            ("max-total-tokens", self.max_total_tokens),
            ("max-prompt-tokens", self.max_prompt_tokens),
            ("max-completion-tokens", self.max_completion_tokens),
            ("max-context", self.max_context.map(u64::from)),
            ("compact-at", Some(self.compact_at.into())),
        ] {
            if let Some(limit) = limit {
                add(name, limit.to_string());
            }
        }
        if let Some(cost) = self.max_cost {
            add("max-cost", cost.to_string());
        }
        if let Some(timeout) = self.timeout {
            add("timeout", timeout.as_secs_f64().to_string());
        }
        if let Some(temperature) = self.temperature {
            add("temperature", temperature.to_string());
        }
        if let Some(seed) = self.seed {
            add("seed", seed.to_string());
        }
        if self.no_thinking {
            flags.push("--no-thinking".to_owned());
        }
        json!({ "flags": flags })
    }

    /// The flags of a [record](Self::recorded).
    ///
    /// # Errors
    /// What is wrong with them, as another version may have written them.
    pub fn from_record(record: &Value) -> Result<Self, String> {
        let flags = record.get("flags").and_then(Value::as_array);
        let flags = flags.into_iter().flatten().filter_map(Value::as_str);
        let command = Self::augment_args(Command::new("glm"));
        let matches = command.try_get_matches_from(std::iter::once("glm").chain(flags));
        matches
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| error.to_string())
    }
}

/// A file's or folder's name that holds from any folder; other names as they are.
fn located(name: &str) -> String {
    if let Some(folder) = name.trim().strip_prefix(LOCAL_SEARCH) {
        return match Path::new(folder).canonicalize() {
            Ok(whole) => format!("{LOCAL_SEARCH}{}", whole.display()),
            Err(_) => name.to_owned(),
        };
    }
    let path = Path::new(name);
    let is_path = name.contains(['.', '/', '\\']) && path.exists();
    match path.canonicalize() {
        Ok(whole) if is_path => whole.display().to_string(),
        _ => name.to_owned(),
    }
}
