//! Python with the packages of `tests/requirements.txt`.

use std::{path::PathBuf, process::Command};

use crate::cache::{install, made_once, source};

/// The interpreter of a virtual environment.
pub fn python() -> PathBuf {
    let lock = source("requirements.txt");
    let folder = made_once("venv", &lock, |folder| {
        // On Debian: apt-get install python3-venv
        install(Command::new("python3").args(["-m", "venv"]).arg(folder));
        install(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--requirement"])
                .arg(&lock),
        );
    });
    folder.join("bin/python")
}
