//! The pack's files in the cache.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the guest looks for its library, and for matplotlib's data within it.
const LIBRARY: &str = "/usr/local/lib";
const PLOT_DATA: &str = "/usr/local/lib/python315.zip/matplotlib/mpl-data";

/// What it takes to start interpreters of an installed pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pack {
    /// The guest, compiled for this machine.
    pub(crate) code: PathBuf,
    /// Its memory after its packages were imported.
    pub(crate) memory: PathBuf,
    /// The folder that it reads its library from.
    pub(crate) library: PathBuf,
}

impl Pack {
    /// The folders that the guest may read, and where it sees them.
    pub(super) fn folders(&self) -> [(PathBuf, &'static str); 2] {
        [
            (self.library.join("lib"), LIBRARY),
            (self.library.join("mpl-data"), PLOT_DATA),
        ]
    }
}
