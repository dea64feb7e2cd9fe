//! Ctrl-C.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::exit;

/// The same for work that nobody watches, which a service's manager may stop, too.
pub fn watch_unattended(stop: &CancellationToken) -> JoinHandle<()> {
    let stop = stop.clone();
    tokio::spawn(async move {
        while told_to_stop().await.is_ok() {
            if stop.is_cancelled() {
                std::process::exit(exit::INTERRUPTED.into());
            }
            stop.cancel();
        }
    })
}

#[cfg(unix)]
async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn told_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

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
