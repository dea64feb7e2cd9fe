//! Where the guest is built, once for all tests: the user's cache.

use std::{env, path::PathBuf};

/// `GLM_CACHE_DIR`, or the platform's folder.
pub(crate) fn cache_dir() -> PathBuf {
    if let Some(folder) = env::var_os("GLM_CACHE_DIR") {
        return folder.into();
    }
    let home = PathBuf::from(env::var_os("HOME").expect("a home directory"));
    let platform = if cfg!(target_os = "macos") {
        home.join("Library/Caches")
    } else {
        env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
    };
    platform.join("glm-agent")
}
