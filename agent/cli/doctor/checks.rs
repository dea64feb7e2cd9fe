//! The checks of `glm doctor`, in the order in which a first run needs things.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use glm_agent::{
    Error, paths,
    sandbox::{Limits, Sandbox, jail, scientific},
    tools::{ToolError, chromium::ChromiumOptions, python::open_sandbox, text::size},
};
use tokio::process::Command;

use super::{Check, Status};
use crate::disk;

/// Room that sessions should have, in bytes.
const DATA_ROOM: u64 = 100_000_000;
/// Room that the default model, the sandbox and what builds them take, in bytes.
const CACHE_ROOM: u64 = 1_000_000_000;

/// The oldest Python that builds.
const PYTHON: (u32, u32) = (3, 9);

const SANDBOX: &str = "sandbox";

/// How the sandbox names what it tried to do from within.
const PROBE: &str = "probe: ";

/// Looks at everything.
pub async fn all() -> Vec<Check> {
    let mut checks = vec![
        folder("data folder", paths::data_dir(), DATA_ROOM),
        folder("cache folder", paths::cache_dir(), CACHE_ROOM),
    ];
    // Without a cache folder, its check says what to do.
    let Ok(cache) = paths::cache_dir() else {
        return checks;
    };
    let sandbox = guest(&cache);
    let model = model(&cache);
    let is_ready = |check: &Check| check.status == Status::Ok;
    let is_all_built = sandbox.is_none() && model.as_ref().is_none_or(is_ready);
    checks.push(python(is_all_built).await);
    checks.extend(model);
    checks.push(scientific(&cache));
    match sandbox {
        Some(check) => checks.push(check),
        None => checks.extend(sandboxed(&cache).await),
    }
    checks.push(jail().await);
    checks.push(chromium().await);
    checks
}

/// What keeps Python from starting at once, if anything does.
fn guest(cache: &Path) -> Option<Check> {
    let size = match scientific::installed(cache) {
        Ok(None) => Sandbox::built(cache),
        pack => pack,
    };
    match size {
        Ok(Some(_)) => None,
        Ok(None) => Some(
            Check::warning(SANDBOX, "it is not built yet")
                .hint("glm tools call python 'print(6*7)', which takes about a minute once"),
        ),
        Err(error) => Some(failure(SANDBOX, &described(&error))),
    }
}

/// Whether a folder can be written to, and has room.
fn folder(name: &str, path: Result<PathBuf, Error>, enough: u64) -> Check {
    let path = match path {
        Ok(path) => path,
        Err(error) => return failure(name, &error.to_string()),
    };
    let shown = path.display();
    let written = std::fs::create_dir_all(&path).and_then(|()| tempfile::tempfile_in(&path));
    if let Err(error) = written {
        let variable = match name {
            "data folder" => paths::DATA_DIR,
            _ => paths::CACHE_DIR,
        };
        return Check::problem(name, format!("cannot write to `{shown}`: {error}"))
            .hint(format!("name another folder in {variable}"));
    }
    match disk::free(&path) {
        Some(free) if free < enough => {
            Check::warning(name, format!("{shown}, and only {} are free", size(free)))
                .hint(format!("make room for {}", size(enough)))
        }
        Some(free) => Check::ok(name, format!("{shown}, {} free", size(free))),
        None => Check::ok(name, shown.to_string()),
    }
}

/// Whether there is a Python that can build the sandbox and fetch the default
/// model; once both are there, nothing else needs it.
async fn python(is_all_built: bool) -> Check {
    const NAME: &str = "python and pip";
    let program = std::env::var("GLM_PYTHON").ok();
    let program = program.filter(|program| !program.is_empty());
    let program = program.unwrap_or_else(|| "python3".to_owned());
    let missing = match version(&program).await {
        Ok(version) if version >= PYTHON => {
            let (major, minor) = version;
            return Check::ok(
                NAME,
                format!("`{program}` is Python {major}.{minor} with pip"),
            );
        }
        Ok((major, minor)) => format!("`{program}` is Python {major}.{minor}"),
        Err(missing) => missing,
    };
    let hint = "install Python 3.9 or later with pip (Debian: `apt-get install python3 \
                python3-pip`), or name it in GLM_PYTHON";
    if is_all_built {
        let later = "nothing needs it now, and a new version may have to build the sandbox anew";
        Check::warning(NAME, format!("{missing}; {later}")).hint(hint)
    } else {
        Check::problem(NAME, missing).hint(hint)
    }
}

/// The version of a Python that has pip.
async fn version(program: &str) -> Result<(u32, u32), String> {
    let mut command = Command::new(program);
    command
        .args(["-c", "import sys, pip; print(*sys.version_info[:2])"])
        .stdin(Stdio::null());
    let output = command.output().await;
    let output = output.map_err(|error| format!("cannot start `{program}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("`{program}` has no pip")),
    }
}

/// Whether the model that runs unless another is named is here.
#[cfg(feature = "local")]
fn model(cache: &Path) -> Option<Check> {
    use glm_agent::model::catalog::{self, State};
    const NAME: &str = "model";
    let model = std::env::var("GLM_MODEL").unwrap_or_else(|_| catalog::DEFAULT.to_owned());
    Some(match catalog::info(&model, cache) {
        Err(error) => failure(NAME, &error.to_string()),
        Ok(entry) => match entry.state {
            State::Ready { size: bytes, .. } => {
                Check::ok(NAME, format!("{model} is ready ({})", size(bytes)))
            }
            State::Absent => Check::warning(NAME, format!("{model} is not on this machine yet"))
                .hint(format!(
                    "glm model pull {model}; else the first run fetches it"
                )),
            State::Damaged { reason, .. } => {
                let reason = reason.lines().next().unwrap_or_default();
                Check::problem(NAME, format!("{model} is damaged: {reason}"))
                    .hint(format!("glm model rm {model}"))
            }
        },
    })
}

#[cfg(not(feature = "local"))]
fn model(_cache: &Path) -> Option<Check> {
    None
}

/// Whether the sandbox works, and which walls stand around it.
async fn sandboxed(cache: &Path) -> Vec<Check> {
    let (sandbox, limits) = match open_sandbox(cache, &|_| {}).await {
        Ok(opened) => opened,
        Err(error) => return vec![failure(SANDBOX, &described(&error))],
    };
    let mut checks = vec![match first_cell(&sandbox, limits).await {
        Ok(printed) if printed == "42\n" => Check::ok(SANDBOX, "Python runs"),
        Ok(printed) => Check::problem(SANDBOX, format!("6*7 printed {printed:?}")),
        Err(error) => failure(SANDBOX, &error),
    }];
    let walls = match sandbox.walls().await {
        Ok(walls) => walls.walls,
        Err(error) => {
            checks.push(failure("walls", &described(&error)));
            return checks;
        }
    };
    let (probes, walls): (Vec<_>, Vec<_>) =
        walls.iter().partition(|wall| wall.name.starts_with(PROBE));
    for wall in walls {
        let name = format!("wall: {}", wall.name);
        checks.push(match &wall.missing {
            None => Check::ok(&name, &wall.purpose),
            Some(why) => Check::warning(&name, format!("{}: not here, {why}", wall.purpose)),
        });
    }
    let open: Vec<&str> = probes
        .iter()
        .filter(|probe| probe.missing.is_some())
        .map(|probe| probe.purpose.as_str())
        .collect();
    if !open.is_empty() {
        let within = format!(
            "behind WebAssembly's wall, a worker process could reach: {}",
            open.join(", ")
        );
        checks.push(Check::warning("ways out", within));
    } else if !probes.is_empty() {
        let closed = format!(
            "all {} that a worker process tried are closed",
            probes.len()
        );
        checks.push(Check::ok("ways out", closed));
    }
    checks
}

/// What stands between commands of manifests and this machine.
async fn jail() -> Check {
    const NAME: &str = "jail of commands";
    let walls = jail::walls().await;
    let missing = walls.missing().map(|wall| {
        let why = wall.missing.as_deref().unwrap_or_default();
        format!("{}: not here, {why}", wall.name)
    });
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        let standing: Vec<&str> = walls.walls.iter().map(|wall| wall.name.as_str()).collect();
        Check::ok(NAME, standing.join(", "))
    } else {
        Check::warning(NAME, missing.join("; "))
    }
}

/// Whether there is a Chromium; only pages that scripts build need it.
async fn chromium() -> Check {
    const NAME: &str = "chromium";
    let program = ChromiumOptions::from_env()
        .map_err(|error| error.to_string())
        .and_then(|options| options.find().map_err(|error: ToolError| error.to_string()));
    let program = match program {
        Ok(program) => program,
        Err(error) => return warning(NAME, &error),
    };
    let shown = program.display();
    let mut command = Command::new(&program);
    command.arg("--version").stdin(Stdio::null());
    match command.output().await {
        Ok(output) if output.status.success() => {
            let version = String::from_utf8_lossy(&output.stdout);
            let version = version.trim();
            Check::ok(NAME, format!("`{shown}` is {version}"))
        }
        Ok(output) => Check::warning(
            NAME,
            format!("`{shown} --version` failed: {}", output.status),
        ),
        Err(error) => Check::warning(NAME, format!("cannot start `{shown}`: {error}")),
    }
}

/// Whether the scientific pack is here; nothing needs it.
fn scientific(cache: &Path) -> Check {
    const NAME: &str = "scientific pack";
    match scientific::installed(cache) {
        Ok(Some(bytes)) => Check::ok(NAME, format!("it is installed ({})", size(bytes))),
        Ok(None) => Check::ok(
            NAME,
            "it is not installed; `glm sandbox install scientific` does",
        ),
        Err(error) => failure(NAME, &described(&error)),
    }
}

/// What a first cell prints.
async fn first_cell(sandbox: &Sandbox, limits: Limits) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| described(&error))?;
    let session = sandbox.session(folder.path(), limits).await;
    let cell = match session {
        Ok(mut session) => session.run("print(6*7)").await,
        Err(error) => Err(error),
    };
    Ok(cell.map_err(|error| described(&error))?.stdout())
}

/// A problem, from an error whose hint is its second line.
pub fn failure(name: &str, error: &str) -> Check {
    Check {
        status: Status::Problem,
        ..warning(name, error)
    }
}

/// A warning, from an error whose hint is its second line.
fn warning(name: &str, error: &str) -> Check {
    match error.split_once("\nhint: ") {
        Some((detail, hint)) => Check::warning(name, detail).hint(hint),
        None => Check::warning(name, error),
    }
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
