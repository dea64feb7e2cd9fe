//! Cells in processes of their own: a second wall around WebAssembly's, and what
//! keeps variables when a cell goes wrong.
//!
//! ```text
//! program ──spawns──▶ template ──forks──▶ notebook (one a session, jailed)
//!    │                 the guest,          │ runs cells
//!    │                 loaded              └─forks before each──▶ checkpoint
//!    └──────────────── a socket a session ──────────────▲         (sleeps)
//! ```
//!
//! The **template** is this program started anew. It loads the guest once and
//! forks a **notebook** process for each session, which costs a millisecond and
//! shares memory. A notebook forks a **checkpoint** before each cell: a copy that
//! sleeps with the variables as they are. When the cell ends well, the checkpoint
//! is replaced; when the notebook dies in it, by a crash, a limit or a signal, the
//! checkpoint takes its place at the same socket.
//!
//! None of these processes has a second thread, since `fork` copies one only.

#[cfg(target_os = "linux")]
mod checkpoint;
#[cfg(target_os = "linux")]
mod clean_pages;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod jail;
#[cfg(target_os = "linux")]
mod notebook;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod template;
mod walls;
#[cfg(target_os = "linux")]
mod wire;

use crate::scientific;

pub use walls::{Wall, Walls};
#[cfg(target_os = "linux")]
pub(crate) use {
    client::{Remote, Template},
    wire::Start,
};

use std::{
    env,
    path::PathBuf,
    process,
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(target_os = "linux")]
/// Set in the environment of a program that is to be a worker.
const ASKED: &str = "GLM_SANDBOX_WORKER";

/// Whether this program calls [`run_if_worker`], so that it can be started as a
/// worker.
static ANSWERS: AtomicBool = AtomicBool::new(false);

/// Makes a program its own worker. Call it first in `main`, before any thread is
/// started, so not below `#[tokio::main]`:
///
/// ```no_run
/// # fn program() -> Result<(), Box<dyn std::error::Error>> {
/// glm_agent_sandbox::run_if_worker();
/// tokio::runtime::Runtime::new()?.block_on(async {
///     // the program
/// });
/// # Ok(())
/// # }
/// ```
///
/// It returns at once, unless the sandbox started this process as a worker; then
/// the process does that work and ends here.
pub fn run_if_worker() {
    #[cfg(target_os = "linux")]
    if env::var_os(ASKED).is_some() {
        process::exit(template::run());
    }
    #[cfg(target_os = "linux")]
    if let Some(settings) = env::var_os(crate::jail::ASKED) {
        process::exit(crate::jail::launch(&settings));
    }
    if let Some(module) = env::var_os(scientific::COMPILER) {
        process::exit(scientific::run_compiler(module.as_ref()));
    }
    ANSWERS.store(true, Ordering::Relaxed);
}

/// What can be a worker: this program, or `glm` on the path.
#[cfg(target_os = "linux")]
pub(crate) fn found() -> Result<PathBuf, &'static str> {
    let on_path = || {
        env::split_paths(&env::var_os("PATH")?)
            .map(|folder| folder.join("glm"))
            .find(|glm| glm.is_file())
    };
    this_program()
        .or_else(on_path)
        .ok_or("this program does not call `run_if_worker`, and there is no `glm` on the path")
}

/// This program, also when its file has been replaced since it started, if it can
/// be started as a worker.
pub(crate) fn this_program() -> Option<PathBuf> {
    if !ANSWERS.load(Ordering::Relaxed) {
        None
    } else if cfg!(target_os = "linux") {
        Some("/proc/self/exe".into())
    } else {
        env::current_exe().ok()
    }
}
