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

use glm_agent_sandbox::Workers;
use harness::*;

fn workers() -> Workers {
    Workers::InProcess
}

#[tokio::test]
async fn the_missing_wall_is_told() {
    let walls = sandbox().await.walls().await.unwrap();
    assert!(!walls.are_complete());
}
