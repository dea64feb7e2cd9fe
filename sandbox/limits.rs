//! What a cell may use.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Limits of a session. Each holds for every cell, and each has its own message
/// to the model when it is reached. Whichever is, the variables of the cells
/// before are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest run of one cell, busy, asleep or waiting for the host. Then it is
    /// stopped. Default: 60 s.
    pub wall: Duration,
    /// Processor time of one cell, in whole seconds. Then it is stopped. Default:
    /// 60 s, so that it matters where `wall` is raised. Only worker processes
    /// ([`run_if_worker`](crate::run_if_worker)) can be held to it.
    pub cpu: Duration,
    /// Memory of the interpreter, itself (about 60 MiB) included, in bytes. An
    /// allocation beyond it raises `MemoryError`. Default: 256 MiB.
    pub memory_bytes: usize,
    /// Output of one cell (both streams together, and the value apart), in
    /// bytes. The rest is dropped. Default: 64 KiB.
    pub output_bytes: usize,
    /// Size of all files in `/mnt/data` together, in bytes. A write beyond it
    /// raises `OSError`. Default: 64 MiB.
    pub disk_bytes: u64,
    /// Files and folders in `/mnt/data`. Creating more raises `OSError`.
    /// Default: 1000.
    pub files: u64,
    /// Files and folders open at once. Opening more raises `OSError`.
    /// Default: 128.
    pub open_files: usize,
    /// Depth of calls that code can ask for with `sys.setrecursionlimit`; more is
    /// cut to this. It begins with Python's own 1000, or this if it is lower.
    /// Default: 10 000.
    pub recursion: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(60),
            memory_bytes: 256 << 20,
            output_bytes: 64 << 10,
            disk_bytes: 64 << 20,
            files: 1_000,
            open_files: 128,
            recursion: 10_000,
        }
    }
}
