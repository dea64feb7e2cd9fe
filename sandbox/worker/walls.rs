//! What stands between a cell and the machine besides WebAssembly.

use serde::{Deserialize, Serialize};

/// The walls of a sandbox, as far as the kernel has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// One for each kind, from the outside in.
    pub walls: Vec<Wall>,
}

/// One wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// What it is called, such as `landlock`.
    pub name: String,
    /// What it keeps in.
    pub purpose: String,
    /// Why it does not stand, if it does not.
    pub missing: Option<String>,
}

impl Wall {
    pub(crate) fn new(name: &str, purpose: &str, built: Result<(), impl ToString>) -> Self {
        Self {
            name: name.into(),
            purpose: purpose.into(),
            missing: built.err().map(|why| why.to_string()),
        }
    }
}

impl Walls {
    /// Those of a sandbox that runs in process: none.
    pub(crate) fn in_process(why: &str) -> Self {
        Self {
            walls: vec![Wall::new(
                "worker process",
                "a process of its own for each session",
                Err(why),
            )],
        }
    }

    /// Whether all of them stand.
    pub fn are_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    /// Those that do not stand.
    pub fn missing(&self) -> impl Iterator<Item = &Wall> {
        self.walls.iter().filter(|wall| wall.missing.is_some())
    }
}
