//! The notebook with the scientific pack, which is installed first if need be: what
//! it adds, and the same tests of walls and state that the standard guest passes.
//! `cargo test --release -p glm-agent-sandbox --features scientific-tests --test scientific`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "notebook/cache.rs"]
mod cache;
#[path = "notebook/escape.rs"]
mod escape;
#[path = "notebook/harness.rs"]
mod harness;
#[path = "notebook/limits.rs"]
mod limits;
#[path = "scientific/packages.rs"]
mod packages;
#[path = "scientific/plots.rs"]
mod plots;
#[path = "notebook/state.rs"]
mod state;
#[path = "notebook/worker.rs"]
mod worker;

use glm_agent_sandbox::{Error, Sandbox, Workers, scientific};
use harness::*;
use std::path::Path;

async fn open_in(cache_dir: &Path) -> Result<Sandbox, Error> {
    let progress = |step: &str| eprintln!("{step}");
    scientific::install(cache_dir, &progress).await?;
    let workers = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    Sandbox::open_scientific(cache_dir, &workers, &progress).await
}
