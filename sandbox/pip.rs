//! Python and pip of the machine: they fetch the packages that guests are made of.

use crate::Error;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};
use tempfile::TempDir;
use tokio::process::Command;

/// Characters of a failed program's output that an error shows.
const DETAIL_LENGTH: usize = 600;

/// The interpreter that builds, by its full path, and known to have pip.
pub(crate) async fn python() -> Result<OsString, Error> {
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

/// Fetches and unpacks the packages of a lock file, each checked against its hash
/// there; returns their folder.
pub(crate) async fn fetch(
    python: &OsString,
    requirements: &str,
    work: &Path,
) -> Result<PathBuf, Error> {
    let lock = work.join("requirements.lock");
    fs::write(&lock, requirements).map_err(Error::io("write", &lock))?;
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
        // Their code never runs in this interpreter.
        "--ignore-requires-python",
        "--target",
    ])
    .arg(&packages)
    .arg("--requirement")
    .arg(lock);
    run(pip).await.map_err(|said| Error::Fetch {
        detail: why_not_fetched(&said),
    })?;
    Ok(packages)
}

/// An empty folder in `folder`, whose lock the caller holds, for what is fetched and
/// made of it. It is gone when this is dropped.
pub(crate) fn workshop(folder: &Path) -> Result<TempDir, Error> {
    // Left by a build that was killed; nobody else builds meanwhile.
    let leftover = folder.join("build");
    if leftover.exists() {
        fs::remove_dir_all(&leftover).map_err(Error::io("remove the folder", &leftover))?;
    }
    tempfile::Builder::new()
        .prefix("build")
        .rand_bytes(0)
        .tempdir_in(folder)
        .map_err(Error::io("create a folder in", folder))
}

/// A program that reads nothing and ends with the future that runs it.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Fails with all that the program said.
pub(crate) async fn run(mut command: Command) -> Result<(), String> {
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

pub(crate) fn end_of(text: &str) -> String {
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
