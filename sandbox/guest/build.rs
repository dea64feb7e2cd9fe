//! Builds the guest: fetches its packages with pip, has componentize-py make a
//! component of them, with the interpreter's memory after its imports in it, and
//! compiles that for this machine.

use super::{REQUIREMENTS, sources};
use crate::Error;
use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Output, Stdio},
};
use tokio::process::Command;
use wasmtime::Engine;

/// Part of the cache key: a change to the steps below is a change to the guest.
pub(super) const STEPS: &str = include_str!("build.rs");

/// Runs componentize-py, of which a wheel has a Python module only.
const COMPONENTIZE: &str = "import sys, componentize_py\n\
    sys.argv[0] = 'componentize-py'\n\
    componentize_py.script()";

/// Characters of a failed program's output that an error shows.
const DETAIL_LENGTH: usize = 600;

/// The compiled guest. Works in a temporary folder under `folder`, whose lock the
/// caller holds.
pub(super) async fn build(
    engine: &Engine,
    folder: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<u8>, Error> {
    let python = python().await?;
    // Left by a build that was killed; nobody else builds meanwhile.
    let leftover = folder.join("build");
    if leftover.exists() {
        fs::remove_dir_all(&leftover).map_err(Error::io("remove the folder", &leftover))?;
    }
    let work = tempfile::Builder::new()
        .prefix("build")
        .rand_bytes(0)
        .tempdir_in(folder)
        .map_err(Error::io("create a folder in", folder))?;
    let work = work.path();
    for (name, source) in sources() {
        let path = work.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        fs::write(&path, source).map_err(Error::io("write", &path))?;
    }

    progress("fetching Python for the sandbox, once (CPython 3.14 and sympy, 24 MB)");
    let packages = fetch(&python, work).await?;
    progress("building the sandbox, once (about half a minute)");
    let component = componentize(&python, &packages, work).await?;
    progress("compiling the sandbox for this machine, once (about half a minute)");
    let engine = engine.clone();
    let compiled =
        tokio::task::spawn_blocking(move || engine.precompile_component(&component)).await;
    compiled
        .map_err(|error| Error::Wasm {
            action: "compile",
            source: error.into(),
        })?
        .map_err(Error::wasm("compile"))
}

/// The interpreter that builds, by its full path, and known to have pip.
async fn python() -> Result<OsString, Error> {
    let named = env::var_os("GLM_PYTHON")
        .filter(|named| !named.is_empty())
        .unwrap_or_else(|| "python3".into());
    let name = named.to_string_lossy().into_owned();
    // `python3` may be a script that needs the environment to find the real one,
    // which later runs without.
    let mut command = command(&named);
    command.args(["-c", "import sys, pip; print(sys.executable, end='')"]);
    let output = command.output().await.map_err(|source| Error::NoPython {
        python: name.clone(),
        source,
    })?;
    if !output.status.success() {
        return Err(Error::NoPip {
            python: name,
            detail: end_of(&said(&output)),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned().into())
}

/// Fetches the locked packages, each checked against its hash; returns their
/// folder.
async fn fetch(python: &OsString, work: &Path) -> Result<std::path::PathBuf, Error> {
    let packages = work.join("packages");
    let mut pip = command(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--retries=2",
    ])
    .args([
        "--require-hashes",
        "--no-deps",
        "--only-binary=:all:",
        "--no-compile",
        "--target",
    ])
    .arg(&packages)
    .arg("--requirement")
    .arg(work.join(REQUIREMENTS));
    run(pip).await.map_err(|said| Error::Fetch {
        detail: why_not_fetched(&said),
    })?;
    Ok(packages)
}

/// Makes the component. Whatever the build could see may end up in the
/// interpreter's memory, so it sees an empty environment.
async fn componentize(python: &OsString, packages: &Path, work: &Path) -> Result<Vec<u8>, Error> {
    let component = work.join("guest.wasm");
    let mut componentize = command(python);
    componentize
        .env_clear()
        .env("PYTHONPATH", packages)
        .env("TMPDIR", work)
        .current_dir(work)
        .args([
            "-c",
            COMPONENTIZE,
            "--wit-path",
            "sandbox.wit",
            "--world",
            "sandbox",
        ])
        .args(["componentize", "--python-path", ".", "--python-path"])
        .arg(packages)
        .args(["notebook", "--output"])
        .arg(&component);
    run(componentize).await.map_err(|said| Error::Build {
        detail: end_of(&said),
    })?;
    fs::read(&component).map_err(Error::io("read", &component))
}

/// A program that reads nothing and ends with the future that runs it.
fn command(program: &OsString) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Fails with all that the program said.
async fn run(mut command: Command) -> Result<(), String> {
    let output = command.output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(said(&output))
    }
}

/// What a failed program said, or how it ended if it said nothing.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    match text.trim() {
        "" => format!("no message, {}", output.status),
        text => text.into(),
    }
}

/// pip reports a network that is off as packages that do not exist.
fn why_not_fetched(said: &str) -> String {
    if said.contains("after connection broken by") {
        "the package index cannot be reached".into()
    } else {
        end_of(said)
    }
}

fn end_of(text: &str) -> String {
    let start = text.ceil_char_boundary(text.len().saturating_sub(DETAIL_LENGTH));
    text.split_at(start).1.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_off_is_called_so() {
        let offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                       ERROR: No matching distribution found for sympy==1.14.0";
        assert_eq!(
            why_not_fetched(offline),
            "the package index cannot be reached"
        );
        let tampered = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES";
        assert_eq!(why_not_fetched(tampered), tampered);
    }

    #[test]
    fn long_output_is_shown_from_its_end() {
        let end = "e".repeat(DETAIL_LENGTH - 1);
        assert_eq!(end_of(&format!("startéé{end}")), end);
    }
}
