//! The Berkeley Function-Calling Leaderboard, with any engine.
//!
//! [`Data`] has the entries, from the package `bfcl-eval`, whose files are checked and
//! never copied ([`Source`]). An [`Evaluation`] puts them to a model, [`checker`] says
//! whether the calls in a reply are right, with the verdicts of the official checker, and
//! a [`Log`] keeps each [`Outcome`], so that an evaluation goes on after anything. [`Score`]
//! counts, [`table`] and [`page`] tell.
//!
//! Categories with a memory or a search of the web are not run, and so there is never an
//! overall score: the leaderboard's counts them for 40 of 100.

mod category;
pub mod checker;
mod entry;
mod error;
pub mod handler;
mod interval;
mod judge;
mod log;
mod multi_turn;
mod outcome;
pub mod page;
mod pinned;
pub mod replies;
mod run;
pub mod schema;
mod score;
mod source;
pub mod table;

pub use category::{Category, Group, Language, Shape};
pub use checker::{Call, Fault};
pub use entry::{Data, Entry, Expected};
pub use error::Error;
pub use interval::Estimate;
pub use judge::judge;
pub use log::{How, Log, RunInfo};
pub use outcome::{Outcome, Step, Verdict};
pub use run::Evaluation;
pub use score::{Mean, Row, Score};
pub use source::{Source, VERSION};
