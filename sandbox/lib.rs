//! CPython in wasmtime: a notebook for code that a model wrote.
//!
//! ```no_run
//! # async fn example() -> Result<(), glm_agent_sandbox::Error> {
//! use glm_agent_sandbox::{Limits, Sandbox};
//! use std::path::Path;
//!
//! let sandbox = Sandbox::open(Path::new("cache"), &|step| eprintln!("{step}")).await?;
//! let mut session = sandbox.session(Path::new("data"), Limits::default()).await?;
//! session.run("x = 41").await?;
//! let cell = session.run("x + 1").await?;
//! assert_eq!(cell.value.as_deref(), Some("42"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! The interpreter is CPython 3.14 compiled to WebAssembly. Its code can do what
//! WebAssembly can, compute in its own memory, and beyond that only what this
//! crate links to it:
//!
//! | the code in a cell | can | cannot |
//! |---|---|---|
//! | files | read and write under `/mnt/data`, which is the session's `data_dir` | see or reach any other file of the host, make symbolic or hard links |
//! | network | | connect, listen, send or resolve a name |
//! | processes and threads | | start one, or signal one |
//! | environment | | see a variable, an argument or the standard input of the host |
//! | time | read the clocks, sleep | outlive [`Limits::wall`], asleep or busy |
//! | memory | grow to [`Limits::memory_bytes`] | grow further |
//! | disk | fill `/mnt/data` up to [`Limits::disk_bytes`] and [`Limits::files`] | write more: the write fails in the cell |
//! | randomness | read the host's | |
//!
//! Whatever a cell does, [`Session::run`] reports it in a [`Cell`], and the next
//! cell runs. Sessions share no memory. Dropping the future that `run` returns
//! stops the cell.
//!
//! # What it does not promise
//!
//! - **One wall.** The boundary is wasmtime's; there is no second one around it
//!   (a jailed process), so an error in wasmtime's compiler or WASI would be one
//!   in the sandbox.
//! - **Variables after a stop.** A cell that is stopped (at its wall limit, by a
//!   crash, by `os._exit`) takes the interpreter with it. The next cell starts
//!   with none of the earlier cells' variables; files stay.
//! - **Files are the guest's.** Names and contents under `data_dir` are chosen by
//!   the guest. It makes no links, but a host program should still open them
//!   without following any.
//! - **Disk by size, not by block.** What files say is their length counts, and
//!   the host's own writes to `data_dir` count once the next cell writes.
//! - **Timing is visible**, and so is the processor's speed.

mod cache;
mod cell;
mod data_folder;
mod disk;
mod error;
pub mod files;
mod guest;
mod host;
mod in_process;
mod interpreter;
mod limits;
mod output;
mod python;
mod runner;
mod tape;
mod ticker;
mod worker;

pub use cell::{Cell, Outcome, Output, Stream};
pub use error::Error;
pub use files::Artifact;
pub use limits::Limits;
pub use python::{Recorded, Sandbox, Session};
pub use runner::Workers;
pub use tape::Tape;
pub use worker::{Wall, Walls, run_if_worker};
