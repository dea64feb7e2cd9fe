//! Everything that can fail on the host's side. What a cell's code does is never
//! an error: it is in the [`Cell`](crate::Cell).

use std::{io, path::PathBuf};

/// Why the sandbox could not be opened, or a session not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of the cache or of a session.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// No Python interpreter to build the guest with.
    #[error(
        "cannot start `{python}`, which builds the Python sandbox once, on first use\n\
         hint: install Python 3.9 or later with pip (Debian: `apt-get install python3 python3-pip`), \
         or set GLM_PYTHON to an interpreter"
    )]
    NoPython {
        /// The program that was tried.
        python: String,
        /// Why it did not start.
        source: io::Error,
    },

    /// An interpreter that does not work, or has no pip.
    #[error(
        "`{python}` cannot build the Python sandbox: {detail}\n\
         hint: install pip for it (Debian: `apt-get install python3-pip`), \
         or set GLM_PYTHON to an interpreter that has it"
    )]
    NoPip {
        /// The interpreter.
        python: String,
        /// The end of what it printed.
        detail: String,
    },

    /// The packages that the guest is built from could not be fetched.
    #[error(
        "cannot fetch the packages of the Python sandbox (once, on first use): {detail}\n\
         hint: check the network and pip's settings, then try again"
    )]
    Fetch {
        /// The end of what pip printed.
        detail: String,
    },

    /// The guest could not be made from its packages.
    #[error("cannot build the Python sandbox: {detail}")]
    Build {
        /// The end of what the build tool printed.
        detail: String,
    },

    /// wasmtime refused a configuration, a component or an instance.
    #[error("cannot {action} the Python sandbox")]
    Wasm {
        /// What was attempted, as a verb.
        action: &'static str,
        /// wasmtime's own account.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The scientific pack was asked for and is not there, or not for this version of
    /// the program.
    #[error(
        "the scientific pack of the Python sandbox is not installed\n\
         hint: install it with `glm sandbox install scientific`, which fetches {} MB and takes one \
         to two minutes",
        crate::scientific::DOWNLOAD_BYTES / 1_000_000
    )]
    NotInstalled,

    /// A file that is no program, or none that this sandbox can run.
    #[error(
        "`{path}` is not a WebAssembly program: {reason}\n\
         hint: build it for WASI as a command, say with Rust's target wasm32-wasip2 or wasm32-wasip1",
        path = path.display()
    )]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The limit is lower than what the interpreter itself takes up.
    #[error(
        "the Python interpreter needs more memory than the limit of {}",
        crate::cell::size(*limit as u64)
    )]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },

    /// The system gave no random numbers.
    #[error("cannot get random numbers from the system")]
    Random(#[source] io::Error),

    /// A worker process could not be started, or does not do its part.
    #[error("the sandbox's worker process failed: {detail}")]
    Worker {
        /// What happened.
        detail: String,
    },

    /// The thread that preempts running cells could not be started.
    #[error("cannot start the thread that ends cells at their limit")]
    Thread(#[source] io::Error),
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// For `map_err` on wasmtime's operations.
    pub(crate) fn wasm(action: &'static str) -> impl FnOnce(wasmtime::Error) -> Self {
        move |source| Self::Wasm {
            action,
            source: source.into(),
        }
    }
}
