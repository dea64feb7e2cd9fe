//! Tools that come and go while a program runs, such as those of a server.

use crate::Tool;

/// Offers tools, not always the same ones.
pub trait Source: Send + Sync {
    /// The tools that it offers now.
    fn tools(&self) -> Vec<Tool>;

    /// A number that changes whenever the tools do.
    fn version(&self) -> u64;
}
