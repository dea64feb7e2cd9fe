//! The sandbox as its users see it: real cells in the real guest, in worker
//! processes. `in_process.rs` runs the same in one process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod cache;
mod compiler;
mod escape;
mod harness;
mod library;
mod limits;
mod plotting;
mod state;
mod worker;

use glm_agent_sandbox::{Error, Sandbox, Workers};
use harness::*;
use std::path::Path;

async fn open_in(cache_dir: &Path) -> Result<Sandbox, Error> {
    let workers = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    Sandbox::open_with(cache_dir, &workers, &|step| eprintln!("{step}")).await
}
