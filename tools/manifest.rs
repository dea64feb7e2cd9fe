//! Tools from a file: a name, a description, a JSON Schema, and what to run.
//!
//! ```toml
//! [[tools]]
//! name = "word_count"
//! description = "Counts the words of a text"
//! command = ["python3", "count.py"]
//! timeout = 10
//! env = ["COUNT_LANGUAGE"]
//! parameters = { type = "object", properties = { text = { type = "string" } } }
//! ```
//!
//! or the same in JSON (a file that ends in `.json` or begins with a brace or a
//! bracket), as `{"tools": [...]}` or as the list alone.
//!
//! Every tool may say how long a call may take (`timeout`, in seconds), what it
//! touches (`effects`, of `reads`, `network`, `writes` and `host`; without it, what
//! its kind suggests), whether its results hold text that nobody vouches for
//! (`outside`), and whether a call made twice does no more than one made once
//! (`idempotent`: it is tried again when a server is busy).
//!
//! # Commands
//!
//! The command gets the arguments as JSON on its standard input; what it prints
//! is the result. No shell is involved. It runs in the manifest's folder, or in
//! `directory`, and sees of the environment only [`ENVIRONMENT`] and what `env`
//! names; `secrets` names variables whose values are taken out of all it says.
//!
//! On Linux it runs in a [jail](glm_agent_sandbox::jail): it reads what its user may
//! read, and has no network unless `network = true`. It writes only to the folder in
//! `GLM_FILES` (the session's files, if it keeps any), to that in `TMPDIR` (its own,
//! removed afterwards), and to what `writes` lists, relative to the manifest.
//! `jail = false` is for a program that is trusted.
//!
//! # WebAssembly
//!
//! `wasm = "tool.wasm"` instead of `command` names a WASI command, a component or a
//! module, beside the manifest. It gets its arguments in the same way, and runs in
//! the [sandbox](glm_agent_sandbox::program): all it can reach are the session's files,
//! at `/mnt/data`. `memory` is its limit in MiB, 256 without it.
//!
//! # HTTP
//!
//! ```toml
//! [[tools]]
//! name = "get_issue"
//! description = "An issue of a project"
//! parameters = { type = "object", properties = { project = { type = "string" }, id = { type = "integer" } }, required = ["project", "id"] }
//! http = { url = "https://tracker.example/api/{project}/issues/{id}", headers = { Authorization = "Bearer ${TRACKER_TOKEN}" } }
//! ```
//!
//! `{name}` stands for an argument, `${NAME}` for a secret; `{{` and `}}` for the
//! braces themselves. Beside `url`, of which scheme, host and port stand fast, there
//! are `method` (`GET` without it), `headers`, `query`, and for what is sent `body`
//! (JSON, or a string that is sent as it is) or `form`. Arguments that none of these
//! names go to the query, and with `POST`, `PUT` and `PATCH` into the body. What is
//! optional and not given is left out. The host that the manifest names may be a
//! private one; where it redirects to is [guarded](crate::net_guard).
//!
//! # Declarations
//!
//! Lists of functions in OpenAI's form are read as they are, too, with the names of
//! types that the Berkeley Function-Calling Leaderboard uses. A function without
//! `command`, `wasm` or `http`, which may stand in `function` or beside it, is only
//! declared: a call of it [waits](Tool::external) for its result.

mod command;
mod entry;
mod function;
mod http;
mod wasm;

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::{Error, Tool, net_guard::NetGuard};
pub use command::ENVIRONMENT;
use entry::Entry;

/// What stands in an entry, or a part of it.
type Fields = Map<String, Value>;

/// What is wrong with an entry.
#[derive(Debug)]
struct Wrong {
    field: String,
    reason: String,
}

impl Wrong {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        Self { field, reason }
    }
}

/// Reads a manifest, JSON or TOML, whose requests may go to the public internet.
///
/// # Errors
/// When the file cannot be read, is not of the form above, or a tool in it
/// could never be called.
pub fn load(path: &Path) -> Result<Vec<Tool>, Error> {
    load_with(path, &NetGuard::from_patterns(&[])?)
}

/// Reads a manifest, whose requests may go where the guard lets them, and each tool's
/// to the host that the manifest names for it.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, guard: &NetGuard) -> Result<Vec<Tool>, Error> {
    let unread = |source| Error::ManifestFile {
        path: path.to_owned(),
        source,
    };
    let text = fs::read_to_string(path).map_err(unread)?;
    // Commands run there, so it must not depend on where this process runs.
    let whole = path.canonicalize().map_err(unread)?;
    let folder = whole.parent().unwrap_or(Path::new("/"));
    let wrong = |reason: String| Error::Manifest {
        path: path.to_owned(),
        reason,
    };
    let mut entries = Vec::new();
    for (position, value) in listed(path, &text).map_err(wrong)?.into_iter().enumerate() {
        let name = name_of(&value).unwrap_or_else(|| (position + 1).to_string());
        let entry = Entry::read(value).map_err(|wrong| in_tool(path, &name, wrong))?;
        entries.push(entry);
    }
    let tools = entries.into_iter().map(|entry| {
        let name = entry.name().to_owned();
        let tool = entry.tool(folder, guard);
        tool.map_err(|wrong| in_tool(path, &name, wrong))
    });
    tools.collect()
}

fn in_tool(path: &Path, tool: &str, wrong: Wrong) -> Error {
    Error::ManifestTool {
        path: path.to_owned(),
        tool: tool.to_owned(),
        field: wrong.field,
        reason: wrong.reason,
    }
}

/// The entries of a manifest, as they stand there.
fn listed(path: &Path, text: &str) -> Result<Vec<Value>, String> {
    let named_json = path.extension().is_some_and(|end| end == "json");
    let named_toml = path.extension().is_some_and(|end| end == "toml");
    // TOML may begin with the bracket of a table, and never with a brace.
    let begins = text.trim_start().chars().next();
    let is_json = named_json || begins == Some('{') || (begins == Some('[') && !named_toml);
    let whole: Value = if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?
    };
    match whole {
        Value::Array(entries) => Ok(entries),
        Value::Object(mut object) => match object.remove("tools") {
            Some(Value::Array(entries)) => match object.keys().find(|key| *key != "$schema") {
                None => Ok(entries),
                Some(other) => Err(format!(
                    "unknown field `{other}`; there is only `tools` at the top"
                )),
            },
            Some(_) => Err("`tools` must be a list".to_owned()),
            None => Err("missing field `tools`".to_owned()),
        },
        _ => Err("it is neither a list of tools nor an object with `tools`".to_owned()),
    }
}

/// The name of a tool in an entry of either form.
fn name_of(entry: &Value) -> Option<String> {
    let inner = entry.get("function").and_then(|f| f.get("name"));
    let name = entry.get("name").or(inner)?.as_str()?;
    Some(name.to_owned())
}

/// Takes a field out of an entry.
fn take<T: serde::de::DeserializeOwned>(
    entry: &mut Fields,
    field: &'static str,
) -> Result<Option<T>, Wrong> {
    match entry.shift_remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|error| Wrong::new(field, error.to_string())),
    }
}

#[cfg(test)]
mod tests;
