//! The MCP servers that others wrote, from `tests/package.json`.

use std::{fs, path::PathBuf, process::Command};

use crate::cache::{install, made_once, source};

/// The folder of installed packages.
pub fn packages() -> PathBuf {
    let lock = source("package-lock.json");
    let folder = made_once("npm", &lock, |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(source(name), folder.join(name)).unwrap();
        }
        // On Debian: apt-get install nodejs npm
        install(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(folder),
        );
    });
    folder.join("node_modules")
}

/// The main file of `@modelcontextprotocol/NAME`.
pub fn server(name: &str) -> String {
    let file = packages().join(format!("@modelcontextprotocol/{name}/dist/index.js"));
    assert!(file.exists(), "{}", file.display());
    file.display().to_string()
}
