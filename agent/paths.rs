//! Where things are kept on this machine.

use std::path::PathBuf;

use crate::Error;

/// Names the folder of models and compiled code, in place of the platform's.
pub const CACHE_DIR: &str = "GLM_CACHE_DIR";
/// Names the folder of sessions, in place of the platform's.
pub const DATA_DIR: &str = "GLM_DATA_DIR";

/// Names the folder of the user's settings, in place of the platform's.
pub const CONFIG_DIR: &str = "GLM_CONFIG_DIR";

const NAME: &str = "glm-agent";

/// Models and compiled code: everything that can be made again.
///
/// # Errors
/// When the platform names no such folder and `GLM_CACHE_DIR` is unset.
pub fn cache_dir() -> Result<PathBuf, Error> {
    chosen(CACHE_DIR)
        .or_else(|| Some(dirs::cache_dir()?.join(NAME)))
        .ok_or(Error::NoDirectory {
            what: "cache",
            variable: CACHE_DIR,
        })
}

/// What cannot be made again: sessions and the REPL's history.
///
/// # Errors
/// When the platform names no such folder and `GLM_DATA_DIR` is unset.
pub fn data_dir() -> Result<PathBuf, Error> {
    chosen(DATA_DIR)
        .or_else(|| Some(dirs::data_dir()?.join(NAME)))
        .ok_or(Error::NoDirectory {
            what: "data",
            variable: DATA_DIR,
        })
}

/// The user's settings; `None` where the platform names no place for them and
/// `GLM_CONFIG_DIR` is unset.
pub fn config_dir() -> Option<PathBuf> {
    chosen(CONFIG_DIR).or_else(|| Some(dirs::config_dir()?.join(NAME)))
}

/// The folder of sessions.
///
/// # Errors
/// As [`data_dir`].
pub fn sessions_dir() -> Result<PathBuf, Error> {
    Ok(data_dir()?.join("sessions"))
}

fn chosen(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable)?;
    (!value.is_empty()).then(|| PathBuf::from(value))
}
