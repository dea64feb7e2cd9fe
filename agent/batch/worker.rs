//! A worker: does the tasks of a queue, beside others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Agents, Queue, TaskResult, Watcher, queue::Leased, work::Work};
use crate::Error;

/// How long a worker without work waits before it looks for some again, and one
/// that cannot reach the queue before it tries again.
const NAP: Duration = Duration::from_secs(1);

/// Workers that may begin a task without finishing it.
const TRIES: u32 = 5;

/// Does the tasks of a queue.
pub struct Worker {
    queue: Queue,
    work: Arc<Work>,
    name: String,
    jobs: usize,
    lease: Duration,
    drains: bool,
}

impl Worker {
    /// A worker whose tasks are done by these agents, one after the other.
    pub fn new(queue: Queue, agents: impl Agents + 'static) -> Self {
        Self {
            queue,
            work: Arc::new(Work::new(agents)),
            name: format!("process {}", std::process::id()),
            jobs: 1,
            lease: Duration::from_secs(60),
            drains: false,
        }
    }

    /// What the queue calls it, for people who look.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How many tasks are done at the same time, one at least.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// How long after its last sign of life others may take its tasks: a minute by
    /// default. It gives signs three times as often.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// How often a task is tried again after a failure that time may mend.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        if let Some(work) = Arc::get_mut(&mut self.work) {
            work.retries = retries;
        }
        self
    }

    /// Has it end when the queue has no task without a result.
    #[must_use]
    pub fn drains(mut self, drains: bool) -> Self {
        self.drains = drains;
        self
    }

    /// Works until `stop` is cancelled, and then finishes what it is at. A queue that
    /// cannot be reached is waited for.
    pub async fn run(&self, watcher: &Arc<dyn Watcher>, stop: &CancellationToken) {
        let held = Arc::new(Held::default());
        let beat = tokio::spawn(beat(self.queue.clone(), Arc::clone(&held), self.lease));
        let mut running = JoinSet::new();
        loop {
            let is_idle = match self.take(&mut running, &held, watcher, stop).await {
                Ok(is_idle) => is_idle,
                Err(error) => {
                    tracing::warn!("{error}");
                    true
                }
            };
            let is_over = stop.is_cancelled() || (self.drains && is_idle && self.is_empty().await);
            if running.is_empty() && is_over {
                break;
            }
            tokio::select! {
                _ = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep(NAP), if is_idle || running.is_empty() => {}
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
        beat.abort();
    }

    /// Begins as many tasks as it can; `true` when there were fewer.
    async fn take(
        &self,
        running: &mut JoinSet<()>,
        held: &Arc<Held>,
        watcher: &Arc<dyn Watcher>,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        let room = self.jobs.saturating_sub(running.len());
        if room == 0 || stop.is_cancelled() {
            return Ok(false);
        }
        let leased = self.queue.lease(&self.name, room, self.lease).await?;
        let is_idle = leased.len() < room;
        for leased in leased {
            let lost = held.add(&leased.lease);
            let job = Job {
                queue: self.queue.clone(),
                work: Arc::clone(&self.work),
                held: Arc::clone(held),
                watcher: Arc::clone(watcher),
            };
            let stop = stop.clone();
            running.spawn(async move { job.run(leased, &stop, &lost).await });
        }
        Ok(is_idle)
    }

    async fn is_empty(&self) -> bool {
        match self.queue.left().await {
            Ok(left) => left == 0,
            Err(error) => {
                tracing::warn!("{error}");
                false
            }
        }
    }
}

/// One task of a worker's.
struct Job {
    queue: Queue,
    work: Arc<Work>,
    held: Arc<Held>,
    watcher: Arc<dyn Watcher>,
}

impl Job {
    async fn run(self, leased: Leased, stop: &CancellationToken, lost: &CancellationToken) {
        let Leased {
            batch, task, begun, ..
        } = &leased;
        let result = if *begun > TRIES {
            let error = format!(
                "{TRIES} workers began the task and none of them finished it: it may be what \
                 ended them\nhint: `--retry-failed` does it again"
            );
            Some(TaskResult::failed(batch, &task.id, error))
        } else {
            self.watcher.begun(task);
            let work = &self.work;
            work.task(batch, task, leased.anew, stop, lost).await
        };
        match result {
            Some(result) => self.hand_in(&leased, &result).await,
            None if lost.is_cancelled() => {
                tracing::warn!("task `{}` went to another worker", task.id);
            }
            None => {
                if let Err(error) = self.queue.release(&leased).await {
                    tracing::warn!("{error}");
                }
            }
        }
        self.held.end(&leased.lease);
    }

    /// Writes the result, however long the queue cannot be reached, unless the task
    /// is another worker's by then.
    async fn hand_in(&self, leased: &Leased, result: &TaskResult) {
        loop {
            match self.queue.finish(leased, result).await {
                Ok(true) => return self.watcher.done(result),
                Ok(false) => {
                    let id = &leased.task.id;
                    return tracing::warn!(
                        "the result of task `{id}` is dropped: another worker has the task"
                    );
                }
                Err(error) => tracing::warn!("{error}"),
            }
            // Even if the lease is over by then, nobody need have taken the task.
            tokio::time::sleep(NAP).await;
        }
    }
}

/// The leases of a worker: when each was renewed, and what stops its task.
#[derive(Default)]
struct Held(Mutex<HashMap<String, (Instant, CancellationToken)>>);

impl Held {
    fn add(&self, lease: &str) -> CancellationToken {
        let lost = CancellationToken::new();
        self.lock()
            .insert(lease.to_owned(), (Instant::now(), lost.clone()));
        lost
    }

    fn end(&self, lease: &str) {
        self.lock().remove(lease);
    }

    fn all(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Takes in what comes of renewing these leases, for which it waits no longer than
    /// `limit`: while nothing is heard of the queue, they end.
    async fn renew(
        &self,
        asked: &[String],
        renewing: impl Future<Output = Result<Vec<String>, Error>>,
        limit: Duration,
    ) {
        match timeout(limit, renewing).await {
            Ok(Ok(renewed)) => self.renewed(asked, &renewed),
            Ok(Err(error)) => tracing::warn!("{error}"),
            Err(_) => tracing::warn!("the queue does not answer: leases are not renewed"),
        }
    }

    /// Takes in which of the leases that were asked for were renewed.
    fn renewed(&self, asked: &[String], renewed: &[String]) {
        let mut held = self.lock();
        for lease in asked {
            if let Some((since, lost)) = held.get_mut(lease) {
                if renewed.contains(lease) {
                    *since = Instant::now();
                } else {
                    lost.cancel();
                }
            }
        }
    }

    /// Stops the tasks whose leases are over, as far as this clock tells.
    fn expire(&self, time: Duration) {
        for (since, lost) in self.lock().values() {
            if since.elapsed() > time {
                lost.cancel();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives signs of life.
async fn beat(queue: Queue, held: Arc<Held>, lease: Duration) {
    let third = lease / 3;
    loop {
        tokio::time::sleep(third).await;
        // First, because the next sign may wait for as long again.
        held.expire(lease);
        let leases = held.all();
        if leases.is_empty() {
            continue;
        }
        let renewing = queue.renew(&leases, lease);
        held.renew(&leases, renewing, third).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_that_does_not_answer_costs_the_leases() {
        let held = Held::default();
        let lost = held.add("a");
        let limit = Duration::from_millis(10);
        held.renew(&held.all(), std::future::pending(), limit).await;
        assert!(!lost.is_cancelled());
        held.expire(limit);
        assert!(lost.is_cancelled());
    }
}
