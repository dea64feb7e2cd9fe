//! Work on what strangers sent, on threads of its own.
//!
//! Parsers recurse, take a while, and may panic. A thread gives them a stack of their
//! own, and whoever waits stops waiting at a time limit. No thread can be ended from
//! outside; so what runs there is bounded by its input or looks at the [`Deadline`],
//! and only so many run at a time.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Once,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, oneshot};

/// Names the threads.
const NAME: &str = "glm-reader";

/// Stack of such a thread, in bytes: far more than the deepest nesting that is let
/// through needs. Only what is used of it is memory.
const STACK: usize = 64 << 20;

/// Threads at the same time, at most.
static RUNNING: Semaphore = Semaphore::const_new(8);

/// When work should have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(limit).unwrap_or(now))
    }

    pub fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Does some work within a time limit.
///
/// # Errors
/// What the work says, or that it took too long or broke down.
pub(super) async fn apart<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce(Deadline) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let deadline = Deadline::after(limit);
    let too_long = || format!("it takes more than {} s to read", limit.as_secs_f64());
    let waited = tokio::time::timeout(limit, RUNNING.acquire()).await;
    let permit = waited.map_err(|_| "too many pages are being read".to_owned())?;
    let permit = permit.map_err(|error| error.to_string())?;
    let (done, result) = oneshot::channel();
    without_noise();
    std::thread::Builder::new()
        .name(NAME.to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let _running = permit;
            let worked = panic::catch_unwind(AssertUnwindSafe(|| work(deadline)));
            let worked = worked.unwrap_or_else(|_| Err("it is damaged".to_owned()));
            // Nobody may be waiting any more.
            let _ = done.send(worked);
        })
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(limit, result).await {
        Ok(Ok(worked)) => worked,
        Ok(Err(_)) => Err("it is damaged".to_owned()),
        Err(_) => Err(too_long()),
    }
}

/// Keeps panics on these threads from the user's terminal: there, a damaged page is no
/// more than a page that cannot be read. All others are told as before.
fn without_noise() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(NAME) {
                tracing::debug!("a parser panicked: {info}");
            } else {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_breaks_down_is_an_error() {
        let broken = apart(LIMIT, |_| -> Result<(), String> { panic!("broken") }).await;
        assert_eq!(broken, Err("it is damaged".to_owned()));
        assert_eq!(apart(LIMIT, |_| Ok(1)).await, Ok(1));
        assert_eq!(
            apart(LIMIT, |_| Err::<(), _>("no".into())).await,
            Err("no".into())
        );
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let late = apart(Duration::from_millis(10), move |deadline| {
            let _ = ended.recv();
            assert!(deadline.is_over());
            Ok(())
        });
        let late = late.await;
        assert_eq!(late, Err("it takes more than 0.01 s to read".to_owned()));
        drop(end);
    }
}
