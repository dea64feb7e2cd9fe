//! `glm.toml`: what flags default to, rules for calls, prices, secrets, MCP servers and
//! telemetry.
//!
//! The user's own lies in the configuration directory, a project's in the folder
//! where `glm` runs or, within a repository, in one above it. What a project says
//! goes before what the user says elsewhere; rules are added up.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::{Args, Command, CommandFactory, FromArgMatches};
use glm_agent::{Price, Secrets, paths, policy::Rule, render::otel};
use serde::Deserialize;
use toml::{Table, Value};

use crate::{
    args::{AgentArgs, Cli, LOCAL_SEARCH, ServeArgs},
    exit::Failure,
    remote::RemoteTable,
    telemetry,
};

const FILE: &str = "glm.toml";

/// Flags that are about one task, not about how things are set up.
const OF_ONE_TASK: [&str; 2] = ["ephemeral", "output_schema"];

/// What the files say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Rules for calls.
    pub rules: Vec<Rule>,
    /// MCP servers by name, as they stand in the file.
    pub servers: Table,
    /// Where traces go.
    pub telemetry: otel::Settings,
    /// What sends them.
    pub exporter: telemetry::Shared,
    /// How servers that run models are spoken to.
    pub remote: RemoteTable,
    secrets: BTreeMap<String, Place>,
    /// By the models' names.
    prices: BTreeMap<String, Price>,
    /// Values of flags, by their ids.
    flags: BTreeMap<String, Vec<String>>,
}

/// Where a secret is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// In a variable of the environment.
    Env(String),
    /// In a file, without the whitespace around it.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    policy: PolicyTable,
    #[serde(default)]
    remote: RemoteTable,
    #[serde(default)]
    secrets: BTreeMap<String, Place>,
    #[serde(default)]
    prices: BTreeMap<String, Price>,
    #[serde(default, rename = "mcpServers", alias = "mcp_servers")]
    servers: Table,
    #[serde(default)]
    telemetry: otel::Settings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyTable {
    #[serde(default)]
    rules: Vec<Rule>,
}

impl Place {
    /// The same, for a file named from the folder of its settings.
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            place => place,
        }
    }
}

impl Settings {
    /// Reads the files that there are.
    pub fn load() -> Result<Self, Failure> {
        let mut settings = Self::default();
        if let Some(folder) = paths::config_dir() {
            settings.read(&folder.join(FILE))?;
        }
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        if let Some(file) = of_project(&here) {
            settings.read(&file)?;
        }
        Ok(settings)
    }

    /// The command line, with what the files say in the place of defaults.
    pub fn parse(&self) -> Result<Cli, clap::Error> {
        let mut matches = with_defaults(Cli::command(), &self.flags).try_get_matches()?;
        if let Some(serve) = matches.subcommand_matches("serve") {
            ServeArgs::check(serve).map_err(|error| error.with_cmd(&Cli::command()))?;
        }
        Cli::from_arg_matches_mut(&mut matches)
    }

    /// Where secrets come from: the places that the files name, and the environment.
    pub fn secrets(&self) -> Secrets {
        let places = self.secrets.clone();
        Secrets::new(move |name| match places.get(name) {
            None => std::env::var(name).ok(),
            Some(Place::Env(variable)) => std::env::var(variable).ok(),
            Some(Place::File(path)) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text.trim().to_owned()),
                Err(error) => {
                    tracing::warn!(
                        "cannot read the secret {name} from {}: {error}",
                        path.display()
                    );
                    None
                }
            },
        })
    }

    /// What a model costs, if the files say so.
    pub fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).copied()
    }

    fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.with_context(|| format!("cannot read `{}`", path.display())),
        }?;
        let folder = path.parent().unwrap_or(Path::new("."));
        self.take(&text, folder)
            .map_err(|reason| Failure::usage(anyhow!("`{}` is wrong: {reason}", path.display())))
    }

    fn take(&mut self, text: &str, folder: &Path) -> Result<(), String> {
        let mut table: Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let known = AgentArgs::augment_args(Command::new(""));
        let known: Vec<&str> = known
            .get_arguments()
            .map(|arg| arg.get_id().as_str())
            .collect();
        let keys: Vec<String> = table.keys().cloned().collect();
        for key in keys {
            let id = key.replace('-', "_");
            if known.contains(&id.as_str()) && !OF_ONE_TASK.contains(&id.as_str()) {
                let value = table.remove(&key).unwrap_or(Value::Boolean(true));
                let values =
                    texts(&value).ok_or_else(|| format!("`{key}` must be a value or a list"))?;
                let values: Vec<String> = values.into_iter().map(|v| located(v, folder)).collect();
                check(&id, &values).map_err(|reason| format!("`{key}`: {reason}"))?;
                self.flags.insert(id, values);
            }
        }
        let File {
            policy,
            remote,
            secrets,
            prices,
            servers,
            telemetry,
        } = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| {
                let mut flags = known;
                flags.retain(|id| !OF_ONE_TASK.contains(id));
                format!(
                    "{}; settings are policy, remote, secrets, prices, mcpServers, telemetry and {}",
                    error.message(),
                    flags.join(", ")
                )
            })?;
        if let Some((model, _)) = prices.iter().find(|(_, price)| !price.is_valid()) {
            return Err(format!("the prices of `{model}` must be 0 or more"));
        }
        self.remote.take(remote, folder);
        self.rules.extend(policy.rules);
        self.prices.extend(prices);
        self.secrets.extend(
            secrets
                .into_iter()
                .map(|(name, place)| (name, place.below(folder))),
        );
        self.servers.extend(servers);
        self.telemetry.endpoint = telemetry.endpoint.or(self.telemetry.endpoint.take());
        self.telemetry.content = telemetry.content.or(self.telemetry.content);
        Ok(())
    }
}

/// The project's file: here, or further up in the same repository.
fn of_project(here: &Path) -> Option<PathBuf> {
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    let within = |folder: &&Path| folder.starts_with(root.unwrap_or(here));
    let folders = here.ancestors().take_while(within);
    folders
        .map(|folder| folder.join(FILE))
        .find(|file| file.exists())
}

/// A value as it would stand on the command line.
fn texts(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text.clone()],
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => vec![value.to_string()],
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(texts).collect();
            items?.into_iter().flatten().collect()
        }
        Value::Datetime(_) | Value::Table(_) => return None,
    })
}

/// Files are named from where the settings lie.
fn located(value: String, folder: &Path) -> String {
    if let Some(searched) = value.strip_prefix(LOCAL_SEARCH) {
        return format!("{LOCAL_SEARCH}{}", folder.join(searched).display());
    }
    let path = folder.join(&value);
    let is_file = value.contains(['.', '/']) && path.is_file();
    if is_file {
        path.display().to_string()
    } else {
        value
    }
}

/// Whether the flag takes these values.
fn check(id: &str, values: &[String]) -> Result<(), String> {
    let only = BTreeMap::from([(id.to_owned(), values.to_vec())]);
    let command = with_defaults(AgentArgs::augment_args(Command::new("glm")), &only);
    let parsed = command.try_get_matches_from(["glm"]);
    parsed.map(|_| ()).map_err(|error| {
        let text = error.to_string();
        text.lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned()
    })
}

/// The command, and all below it, with these values for what the user leaves out.
fn with_defaults(command: Command, flags: &BTreeMap<String, Vec<String>>) -> Command {
    let ids: Vec<String> = command
        .get_arguments()
        .map(|arg| arg.get_id().to_string())
        .filter(|id| flags.contains_key(id))
        .collect();
    let command = ids.into_iter().fold(command, |command, id| {
        let values = flags.get(&id).cloned().unwrap_or_default();
        // The parser keeps its defaults for as long as the program runs.
        let values: Vec<&'static str> = values.into_iter().map(|v| &*v.leak()).collect();
        command.mut_arg(id, |arg| arg.default_values(values))
    });
    let names: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| with_defaults(sub, flags))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        settings.take(text, Path::new("/project"))?;
        Ok(settings)
    }

    #[test]
    fn what_files_say_is_the_default_of_flags() {
        let settings = taken(
            "model = 'glm-4-9b-chat'\nmax-steps = 3\ntools = ['python', 'none']\n[secrets]\nK = { file = 'k.txt' }",
        )
        .unwrap();
        let command = with_defaults(Cli::command(), &settings.flags);
        let matches = command.try_get_matches_from(["glm", "run", "x", "--model", "other"]);
        let cli = Cli::from_arg_matches(&matches.unwrap()).unwrap();
        let Some(crate::args::Command::Run(run)) = cli.command else {
            unreachable!()
        };
        assert_eq!(run.agent.model.as_deref(), Some("other"));
        assert_eq!(run.agent.max_steps, 3);
        assert_eq!(run.agent.tools.own.tools, ["python", "none"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("max_steps = 'many'", "`max_steps`: invalid value 'many'"),
            ("nonsense = 1", "unknown field `nonsense`"),
            ("session = 'x'", "unknown field `session`"),
            (
                "[policy]\nrules = [{ action = 'maybe' }]",
                "unknown variant `maybe`",
            ),
            (
                "[prices.m]\nprompt = -1\ncompletion = 1",
                "the prices of `m` must be 0 or more",
            ),
            ("model = { x = 1 }", "`model` must be a value or a list"),
        ] {
            let error = taken(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
