//! Python with packages that others wrote.

use std::{path::PathBuf, process::Command};

use crate::cache::{install, made_once, source};

/// The interpreter of a virtual environment with the packages of
/// `tests/requirements.txt`.
pub fn python() -> PathBuf {
    with("venv", "requirements.txt")
}

/// The interpreter of a virtual environment of this name, with the packages of a file of
/// `tests/`.
pub fn with(name: &str, packages: &str) -> PathBuf {
    made(name, packages, &[]).join("bin/python")
}

/// A virtual environment with the packages of `tests/requirements-bfcl.txt`.
pub fn bfcl() -> PathBuf {
    made("bfcl", "requirements-bfcl.txt", &["--no-deps"])
}

/// The virtual environment, made by pip with these flags.
fn made(name: &str, packages: &str, flags: &[&str]) -> PathBuf {
    let lock = source(packages);
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
