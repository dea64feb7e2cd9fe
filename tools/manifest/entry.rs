//! An entry of a manifest, and the tool that it describes.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use glm_agent_model::ToolSpec;
use serde_json::Value;

use super::{
    Fields, Wrong,
    command::Command,
    function,
    http::{Http, Request},
    take,
    wasm::{self, Wasm},
};
use crate::{Effects, Tool, net_guard::NetGuard, tool::DEFAULT_TIMEOUT};

/// What an entry of any kind may say beside the function itself.
const OF_ALL: &[&str] = &["timeout", "effects", "outside", "idempotent"];

/// What belongs to the kinds, each named by its first field.
const KINDS: [&[&str]; 3] = [
    &[
        "command",
        "directory",
        "env",
        "secrets",
        "network",
        "writes",
        "jail",
    ],
    &["wasm", "memory"],
    &["http"],
];

/// The fields that say how a function runs.
pub(super) fn fields() -> impl Iterator<Item = &'static str> {
    let of_kinds = KINDS.into_iter().flatten();
    OF_ALL.iter().chain(of_kinds).copied()
}

/// What a call does.
pub(super) enum Run {
    Command(Box<CommandFields>),
    Wasm {
        file: PathBuf,
        /// MiB.
        memory: Option<usize>,
    },
    Http(Box<Request>),
}

/// What is said of a command, as the manifest has it.
pub(super) struct CommandFields {
    argv: Vec<String>,
    directory: PathBuf,
    env: Vec<String>,
    secrets: Vec<String>,
    network: bool,
    writes: Vec<String>,
    jail: bool,
}

/// An entry whose every field was looked at.
pub(super) struct Entry {
    spec: ToolSpec,
    timeout: Option<Duration>,
    effects: Option<Effects>,
    outside: Option<bool>,
    idempotent: Option<bool>,
    /// `None` when the tool is only declared.
    pub run: Option<Run>,
}

impl Entry {
    pub fn read(entry: Value) -> Result<Self, Wrong> {
        let (function, mut rest) = function::parted(entry)?;
        let spec = function::spec(function)?;
        let timeout = take::<f64>(&mut rest, "timeout")?
            .map(seconds)
            .transpose()?;
        let effects = take::<Vec<String>>(&mut rest, "effects")?;
        let effects = effects.as_deref().map(named_effects).transpose()?;
        let outside = take(&mut rest, "outside")?;
        let idempotent = take(&mut rest, "idempotent")?;
        let kinds = KINDS
            .into_iter()
            .filter_map(|fields| fields.first().copied());
        let kinds: Vec<_> = kinds.filter(|kind| rest.contains_key(*kind)).collect();
        let run = match kinds.as_slice() {
            [] => None,
            ["command"] => Some(command(&mut rest)?),
            ["wasm"] => Some(program(&mut rest)?),
            ["http"] => {
                let request = rest.shift_remove("http").unwrap_or_default();
                Some(Run::Http(Box::new(Request::read(request, &spec)?)))
            }
            _ => {
                let reason = "give one of `command`, `wasm` and `http`";
                return Err(Wrong::new("command", reason));
            }
        };
        if let Some(field) = rest.keys().next() {
            return Err(unknown(field, kinds.first().copied()));
        }
        Ok(Self {
            spec,
            timeout,
            effects,
            outside,
            idempotent,
            run,
        })
    }

    pub fn name(&self) -> &str {
        self.spec.name()
    }

    /// The tool; its files lie in `folder`.
    pub fn tool(self, folder: &Path, guard: &NetGuard) -> Result<Tool, Wrong> {
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut tool = match self.run {
            None => Tool::external(self.spec),
            Some(Run::Command(fields)) => {
                let secrets = fields.secrets.clone();
                let command = fields.command(folder)?;
                let effects = Effects {
                    host: true,
                    network: command.network,
                    writes: !command.writes.is_empty(),
                    ..Effects::default()
                };
                let tool = Tool::with_state(self.spec, command);
                let tool = tool.effects(effects).timeout(timeout);
                secrets.iter().fold(tool, |tool, name| tool.secret(name))
            }
            Some(Run::Wasm { file, memory }) => {
                let wasm = Wasm::open(&folder.join(file), timeout, memory);
                let wasm = wasm.map_err(|error| Wrong::new("wasm", said(&error)))?;
                Tool::with_state(self.spec, wasm).timeout(timeout + wasm::GRACE)
            }
            Some(Run::Http(request)) => {
                let guard = guard
                    .to_builder()
                    .allow(&[request.host()])
                    // A service may think for as long as the tool may take.
                    .idle_timeout(timeout)
                    .build()
                    .map_err(|error| Wrong::new("http", error.to_string()))?;
                Http::tool(self.spec, *request, guard).timeout(timeout)
            }
        };
        if let Some(effects) = self.effects {
            tool = tool.effects(effects);
        }
        if let Some(outside) = self.outside {
            tool = tool.outside(outside);
        }
        Ok(match self.idempotent {
            Some(idempotent) => tool.idempotent(idempotent),
            None => tool,
        })
    }
}

impl CommandFields {
    fn command(self, folder: &Path) -> Result<Command, Wrong> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(Wrong::new("command", "must name a program"));
        };
        let names = [("env", &self.env), ("secrets", &self.secrets)];
        for (field, names) in names {
            let broken = |name: &&String| name.is_empty() || name.contains(['=', '\0']);
            if let Some(name) = names.iter().find(broken) {
                return Err(Wrong::new(
                    field,
                    format!("`{name}` is not the name of a variable"),
                ));
            }
        }
        let directory = folder.join(&self.directory);
        if !directory.is_dir() {
            let reason = format!("there is no folder `{}`", directory.display());
            return Err(Wrong::new("directory", reason));
        }
        Ok(Command {
            program: located(folder, program),
            arguments: arguments.to_vec(),
            folder: folder.to_owned(),
            directory,
            environment: self.env,
            secrets: self.secrets,
            jailed: self.jail,
            network: self.network,
            writes: self.writes,
        })
    }
}

fn command(rest: &mut Fields) -> Result<Run, Wrong> {
    Ok(Run::Command(Box::new(CommandFields {
        argv: take(rest, "command")?.unwrap_or_default(),
        directory: take(rest, "directory")?.unwrap_or_default(),
        env: take(rest, "env")?.unwrap_or_default(),
        secrets: take(rest, "secrets")?.unwrap_or_default(),
        network: take(rest, "network")?.unwrap_or_default(),
        writes: take(rest, "writes")?.unwrap_or_default(),
        jail: take(rest, "jail")?.unwrap_or(true),
    })))
}

fn program(rest: &mut Fields) -> Result<Run, Wrong> {
    Ok(Run::Wasm {
        file: take(rest, "wasm")?.unwrap_or_default(),
        memory: take(rest, "memory")?,
    })
}

fn seconds(number: f64) -> Result<Duration, Wrong> {
    Duration::try_from_secs_f64(number)
        .ok()
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| Wrong::new("timeout", "must be a positive number of seconds"))
}

fn named_effects(names: &[String]) -> Result<Effects, Wrong> {
    let mut effects = Effects::default();
    for name in names {
        match name.as_str() {
            "reads" => effects.reads = true,
            "network" => effects.network = true,
            "writes" => effects.writes = true,
            "host" => effects.host = true,
            other => {
                let reason =
                    format!("there is no `{other}`; there are reads, network, writes, host");
                return Err(Wrong::new("effects", reason));
            }
        }
    }
    Ok(effects)
}

/// A field that means nothing here: of another kind of tool, or mistyped.
fn unknown(field: &str, kind: Option<&str>) -> Wrong {
    let of_kind = |fields: &&&[&str]| kind.is_none_or(|kind| fields.first() == Some(&kind));
    let elsewhere = KINDS.iter().find(|fields| fields.contains(&field));
    if let Some([owner, ..]) = elsewhere {
        return Wrong::new(field, format!("it goes with `{owner}` only"));
    }
    let own = KINDS.iter().filter(of_kind).copied().flatten();
    let known = ["name", "description", "parameters"];
    let known = known.iter().chain(OF_ALL).chain(own).map(|known| {
        let distance = strsim::damerau_levenshtein(known, field);
        (distance, known)
    });
    match known.min().filter(|(distance, _)| *distance <= 3) {
        Some((_, nearest)) => Wrong::new(
            field,
            format!("there is no such field; did you mean `{nearest}`?"),
        ),
        None => Wrong::new(field, "there is no such field"),
    }
}

/// An error with what caused it.
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", said(source)),
        None => error.to_string(),
    }
}

/// A program that is named by a relative path lies beside the manifest; one
/// that is named without a path is looked up as usual.
fn located(folder: &Path, program: &str) -> PathBuf {
    let path = Path::new(program);
    if path.is_relative() && path.components().count() > 1 {
        folder.join(path)
    } else {
        path.to_owned()
    }
}
