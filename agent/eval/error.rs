//! What can go wrong in an evaluation.

use std::path::PathBuf;

use super::{Category, source::VERSION};

/// An error that ends an evaluation or keeps it from starting. What was measured
/// before is safe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A category is not run, or not known.
    #[error(
        "{reason}\nhint: categories are {known}; single_turn, multi_turn, live, non_live and all stand for several"
    )]
    UnknownCategory {
        /// What is wrong with the name.
        reason: String,
        /// The names there are.
        known: String,
    },
    /// The leaderboard's data is not where it was looked for.
    #[error("there is no data of the leaderboard in `{path}`\nhint: name a folder with BFCL_v4_simple_python.json and the like, or a virtual environment into which bfcl-eval=={VERSION} is installed", path = path.display())]
    NoData {
        /// The folder.
        path: PathBuf,
    },
    /// The data is not that of the version that is known.
    #[error("`{path}` is not that of bfcl-eval {VERSION}: its SHA-256 is {found}, expected {expected}\nhint: `pip install --no-deps bfcl-eval=={VERSION}`, or accept it with --other-data", path = path.display())]
    OtherData {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file of the data cannot be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("line {line} of `{path}` is {what}: {reason}", path = path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it is not.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The data could not be fetched.
    #[error("cannot fetch bfcl-eval {VERSION}: {reason}\nhint: {hint}")]
    Fetch {
        /// What went wrong.
        reason: String,
        /// What to do next.
        hint: &'static str,
    },
    /// A folder holds results that were had in another way.
    #[error("`{path}` holds results that were had otherwise: {differences}\nhint: name another folder with --out", path = path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs, then and now.
        differences: String,
    },
    /// Results could not be read or written.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    Results {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two processes wanted to write to one folder of results.
    #[error("another process writes its results to `{path}`", path = path.display())]
    ResultsInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The model offers no reply.
    #[error("{id}: {source}\nhint: what was measured is kept; the same command goes on")]
    Reply {
        /// The entry.
        id: String,
        /// What the engine says.
        source: crate::Error,
    },
    /// The official tools of several turns do not do what they are asked.
    #[error("{id}: the official tools fail: {reason}\nhint: {hint}")]
    Driver {
        /// The entry.
        id: String,
        /// What they say.
        reason: String,
        /// What to do next.
        hint: &'static str,
    },
}

impl Error {
    pub(super) fn unknown_category(name: &str, not_run: [&str; 4]) -> Self {
        let reason = if not_run.iter().any(|begin| name.starts_with(begin)) {
            format!("the category `{name}` is not run: it needs a memory or the web")
        } else {
            format!("there is no category `{name}`")
        };
        Self::UnknownCategory {
            reason,
            known: Category::ALL.map(Category::name).join(", "),
        }
    }

    /// For `map_err` on operations with results.
    pub(super) fn results(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Results {
            action,
            path,
            source,
        }
    }

    /// Whether the user must change what they typed or gave.
    pub fn is_input(&self) -> bool {
        match self {
            Self::UnknownCategory { .. }
            | Self::NoData { .. }
            | Self::OtherData { .. }
            | Self::Unreadable { .. }
            | Self::BadLine { .. }
            | Self::OtherRun { .. } => true,
            Self::Fetch { .. }
            | Self::Results { .. }
            | Self::ResultsInUse { .. }
            | Self::Reply { .. }
            | Self::Driver { .. } => false,
        }
    }
}
