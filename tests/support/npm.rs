//! The MCP servers that others wrote, from `tests/package.json`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

/// The folder of installed packages: made once for each `package-lock.json`, and
/// kept in the user's cache.
pub fn packages() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let from = from
        .map(|folder| folder.join("tests"))
        .find(|tests| tests.join("package.json").exists());
    let from = from.expect("the repository has tests/package.json");
    let lock = fs::read(from.join("package-lock.json")).unwrap();
    let key: String = Sha256::digest(&lock)
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let home = std::env::var_os("GLM_CACHE_DIR").map(PathBuf::from);
    let cache = home.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME is set");
        Path::new(&home).join(".cache/glm-agent")
    });
    let folder = cache.join(format!("tests-npm-{key}"));
    fs::create_dir_all(&cache).unwrap();
    let guard = File::create(cache.join("tests-npm.lock")).unwrap();
    guard.lock().unwrap();
    if !folder.exists() {
        let made = tempfile::tempdir_in(&cache).unwrap();
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), made.path().join(name)).unwrap();
        }
        let installed = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(made.path())
            .output()
            .expect("npm is installed; on Debian: apt-get install nodejs npm");
        assert!(
            installed.status.success(),
            "npm ci failed: {}",
            String::from_utf8_lossy(&installed.stderr)
        );
        fs::rename(made.keep(), &folder).unwrap();
    }
    folder.join("node_modules")
}

/// The main file of `@modelcontextprotocol/NAME`.
pub fn server(name: &str) -> String {
    let file = packages().join(format!("@modelcontextprotocol/{name}/dist/index.js"));
    assert!(file.exists(), "{}", file.display());
    file.display().to_string()
}
