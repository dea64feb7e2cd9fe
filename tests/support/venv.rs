//! Python with packages of others.

use std::{path::PathBuf, process::Command};

use crate::cache::{install, made_once, source};

/// The interpreter of a virtual environment with the packages of
/// `tests/requirements.txt`.
pub fn python() -> PathBuf {
    made("venv", "requirements.txt", &[]).join("bin/python")
}

/// A virtual environment with the packages of `tests/requirements-bfcl.txt`.
pub fn bfcl() -> PathBuf {
    made("bfcl", "requirements-bfcl.txt", &["--no-deps"])
}

/// The virtual environment, with these packages.
fn made(name: &str, requirements: &str, flags: &[&str]) -> PathBuf {
    let lock = source(requirements);
    made_once(name, &lock, |folder| {
        // On Debian: apt-get install python3-venv
        install(Command::new("python3").args(["-m", "venv"]).arg(folder));
        install(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet"])
                .args(flags)
                .arg("--requirement")
                .arg(&lock),
        );
    })
}
