//! The notebook's tests without worker processes: the same cells come out the same.
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
#[path = "notebook/library.rs"]
mod library;
#[path = "notebook/limits.rs"]
mod limits;
#[path = "notebook/state.rs"]
mod state;

use glm_agent_sandbox::{Error, Sandbox, Workers};
use harness::*;
use std::path::Path;

async fn open_in(cache_dir: &Path) -> Result<Sandbox, Error> {
    let workers = Workers::InProcess;
    Sandbox::open_with(cache_dir, &workers, &|step| eprintln!("{step}")).await
}

#[tokio::test]
async fn the_missing_wall_is_told() {
    let walls = sandbox().await.walls().await.unwrap();
    assert!(!walls.are_complete());
}
