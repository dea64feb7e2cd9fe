//! What tests need of others' software: installed once, and kept in the user's cache.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

/// A file of `tests/`, from whichever crate is tested.
pub fn source(name: &str) -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut files = folders.map(|folder| folder.join("tests").join(name));
    files
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("the repository has tests/{name}"))
}

/// The folder that `make` filled, this time or before with the same `lock`.
pub fn made_once(name: &str, lock: &Path, make: impl FnOnce(&Path)) -> PathBuf {
    let key: String = Sha256::digest(fs::read(lock).unwrap())
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let cache = std::env::var_os("GLM_CACHE_DIR").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME is set");
        Path::new(&home).join(".cache/glm-agent")
    });
    fs::create_dir_all(&cache).unwrap();
    let folder = cache.join(format!("tests-{name}-{key}"));
    let guard = File::create(cache.join(format!("tests-{name}.lock"))).unwrap();
    guard.lock().unwrap();
    // Some programs cannot be moved once they are installed: a mark tells that all is there.
    let complete = folder.join(".complete");
    if !complete.exists() {
        // What an earlier try left behind.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
        File::create(complete).unwrap();
    }
    folder
}

/// Runs an installer.
pub fn install(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
