//! Ctrl-C.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::exit;

/// Cancels `stop` on Ctrl-C; a second time, the program ends at once. Abort the
/// task when there is nothing left to stop.
pub fn watch(stop: &CancellationToken) -> JoinHandle<()> {
    let stop = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if stop.is_cancelled() {
                std::process::exit(exit::INTERRUPTED.into());
            }
            stop.cancel();
        }
    })
}
