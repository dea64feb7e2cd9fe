//! Who is served now, who waits, and who is sent away.
//!
//! Requests are served in the order in which they came. A slot is a guard: dropped,
//! for whatever reason, it lets the next one in.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{limits::Limits, metrics::Metrics};

/// Weight of the last request in the average of how long they take.
const LAST: f64 = 0.2;

/// Bounds of what clients are told to wait, in seconds.
const RETRY: (f64, f64) = (1.0, 60.0);

/// The slots of a server, and the queue before them.
#[derive(Debug)]
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    concurrent: usize,
    queue: usize,
    waiting: AtomicUsize,
    /// How long requests take, in seconds.
    average: Mutex<f64>,
    metrics: Arc<Metrics>,
}

/// The queue is full.
#[derive(Debug)]
pub(super) struct Full {
    /// When it may be worth another try.
    pub retry_after: Duration,
}

/// The right to be served, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    admission: Arc<Admission>,
    begun: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        let concurrent = limits.concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            slots: Arc::new(Semaphore::new(concurrent)),
            concurrent,
            queue: limits.queue,
            waiting: AtomicUsize::new(0),
            average: Mutex::new(0.0),
            metrics,
        }
    }

    /// A slot, once it is this request's turn. Whoever gives up waiting leaves the
    /// queue.
    pub async fn enter(self: &Arc<Self>) -> Result<Slot, Full> {
        // Those that wait are given freed slots first, so none is overtaken here.
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(self.slot(permit));
        }
        let _place = Place::take(self)?;
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(permit) => Ok(self.slot(permit)),
            // The slots are never closed.
            Err(_) => Err(self.full()),
        }
    }

    fn slot(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Slot {
        self.metrics.in_flight.inc();
        Slot {
            admission: Arc::clone(self),
            begun: Instant::now(),
            _permit: permit,
        }
    }

    fn full(&self) -> Full {
        let average = *self.average.lock().unwrap_or_else(PoisonError::into_inner);
        let before = (self.queue + 1) as f64 / self.concurrent as f64;
        let seconds = (average * before).ceil().clamp(RETRY.0, RETRY.1);
        Full {
            retry_after: Duration::from_secs_f64(seconds),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let took = self.begun.elapsed().as_secs_f64();
        let average = &self.admission.average;
        let mut average = average.lock().unwrap_or_else(PoisonError::into_inner);
        *average += LAST * (took - *average);
        self.admission.metrics.in_flight.dec();
    }
}

/// A place in the queue.
struct Place<'a>(&'a Admission);

impl<'a> Place<'a> {
    fn take(admission: &'a Admission) -> Result<Self, Full> {
        let one_more = |waiting| (waiting < admission.queue).then_some(waiting + 1);
        let taken = admission
            .waiting
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        if taken.is_err() {
            return Err(admission.full());
        }
        admission.metrics.queued.inc();
        Ok(Self(admission))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.metrics.queued.dec();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::{FutureExt, future::BoxFuture};

    use super::*;

    type Entering = BoxFuture<'static, Result<Slot, Full>>;

    fn admission(concurrent: usize, queue: usize) -> Arc<Admission> {
        let limits = Limits {
            concurrent,
            queue,
            ..Limits::default()
        };
        Arc::new(Admission::new(&limits, Arc::new(Metrics::new())))
    }

    fn enter(admission: &Arc<Admission>) -> Entering {
        let admission = Arc::clone(admission);
        async move { admission.enter().await }.boxed()
    }

    fn gauges(admission: &Admission) -> (i64, i64) {
        let metrics = &admission.metrics;
        (metrics.in_flight.get(), metrics.queued.get())
    }

    #[test]
    fn who_comes_first_is_served_first_and_one_too_many_is_sent_away() {
        let admission = admission(1, 2);
        let first = enter(&admission).now_or_never().unwrap().unwrap();
        let (mut second, mut third) = (enter(&admission), enter(&admission));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(gauges(&admission), (1, 2));
        let full = enter(&admission).now_or_never().unwrap().unwrap_err();
        assert_eq!(full.retry_after, Duration::from_secs(1));
        drop(first);
        assert!((&mut third).now_or_never().is_none());
        let second = (&mut second).now_or_never().unwrap().unwrap();
        assert_eq!(gauges(&admission), (1, 1));
        drop(second);
        assert!((&mut third).now_or_never().unwrap().is_ok());
        assert_eq!(gauges(&admission), (0, 0));
    }

    #[test]
    fn who_gives_up_waiting_frees_the_place() {
        let admission = admission(1, 1);
        let first = enter(&admission).now_or_never().unwrap().unwrap();
        let mut second = enter(&admission);
        assert!((&mut second).now_or_never().is_none());
        assert!(enter(&admission).now_or_never().unwrap().is_err());
        drop(second);
        assert_eq!(gauges(&admission), (1, 0));
        let mut third = enter(&admission);
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().unwrap().is_ok());
    }
}
