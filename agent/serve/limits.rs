//! What one server takes on.

use std::time::Duration;

/// What one server takes on at the same time, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that are answered at the same time. 16 by default.
    pub concurrent: usize,
    /// Requests that wait for one of those to end; what comes then is refused with
    /// 429. 64 by default.
    pub queue: usize,
    /// The longest body of a request, in bytes. 8 MiB by default.
    pub body: usize,
    /// How long a request may take, its wait included. 10 minutes by default.
    pub time: Duration,
    /// How long a client may take nothing of what is sent to it before its
    /// connection is closed. 30 seconds by default.
    pub stall: Duration,
    /// How long requests in progress may go on when the server is told to stop. 30
    /// seconds by default.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent: 16,
            queue: 64,
            body: 8 << 20,
            time: Duration::from_secs(600),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(30),
        }
    }
}
