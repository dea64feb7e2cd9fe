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
//! session.run("while True: pass").await?; // stopped at its limit, and undone
//! let cell = session.run("x + 1").await?;
//! assert_eq!(cell.value.as_deref(), Some("42"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! The interpreter is CPython 3.14 compiled to WebAssembly, or CPython 3.15 with
//! numpy and more, if the [scientific pack](scientific) is asked for; what follows
//! holds for both. Its code can do what
//! WebAssembly can, compute in its own memory, and beyond that only what this
//! crate links to it:
//!
//! | the code in a cell | can | cannot |
//! |---|---|---|
//! | files | read and write under `/mnt/data`, which is the session's `data_dir` | see or reach any other file of the host, make symbolic or hard links |
//! | network | | connect, listen, send or resolve a name |
//! | processes and threads | | start one, or signal one |
//! | environment | | see a variable, an argument or the standard input of the host |
//! | time | read the clocks, sleep | outlive [`Limits::wall`], asleep or busy, or [`Limits::cpu`] |
//! | memory | grow to [`Limits::memory_bytes`] | grow further |
//! | disk | fill `/mnt/data` up to [`Limits::disk_bytes`] and [`Limits::files`] | write more: the write fails in the cell |
//! | randomness | read as much as it likes | |
//!
//! Whatever a cell does, [`Session::run`] reports it in a [`Cell`], and the next
//! cell runs: one that was stopped (at a limit, by a crash, by `os._exit`, by a
//! signal to its process), or that left the interpreter broken, is undone, and
//! variables are what they were before it. Sessions share no memory. Dropping the
//! future that `run` returns stops the cell.
//!
//! A session that ended with its process is rebuilt by [`Session::restore`] from
//! what was kept of its cells.
//!
//! # Two walls
//!
//! On Linux each session is a process of its own, jailed by the kernel: no network
//! namespace but an empty one, no file but those of the session (Landlock), no
//! system call but those that cells need (seccomp), no capabilities, and limits on
//! memory, files and processes. [`Sandbox::walls`] says which of them this system
//! has, after trying from within what they must prevent.
//!
//! The processes are forks of a worker, which is the program itself if it calls
//! [`run_if_worker`] first in `main`, or `glm` on the path. Elsewhere cells run in
//! this process, with WebAssembly's wall alone, and a session whose cell was
//! stopped is rebuilt as after a restart.
//!
//! # What it does not promise
//!
//! - **Files are the guest's, and not undone.** Names and contents under `data_dir`
//!   are chosen by the guest. It makes no links, but others may; [`files`] lists and
//!   opens them without following any.
//! - **Disk by size, not by block.** What files say is their length counts, and
//!   the host's own writes to `data_dir` count once the next cell writes.
//! - **A rebuilt session is as good as its cells are repeatable.** Clocks and
//!   randomness are; a file that a cell changed in place, and that was there before
//!   the session, is not.
//! - **Timing is visible**, and so is the processor's speed.

mod cache;
mod cell;
mod controls;
mod data_folder;
mod disk;
mod error;
pub mod files;
mod guest;
mod host;
mod in_process;
mod interpreter;
pub mod jail;
#[cfg(target_os = "linux")]
mod kernel;
mod limits;
mod output;
mod pip;
pub mod program;
mod python;
mod runner;
pub mod scientific;
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
