//! Many tasks, unattended, each in a session of its own.
//!
//! [`Task`]s come from a file, [`TaskResult`]s go to another, as they are had, and a
//! batch that was stopped or killed goes on where it was: a task that has a result is
//! not done again, and one whose result was not written any more has it in its
//! session's log, under a name that follows from the batch and the task.
//!
//! Past one machine, the tasks go through a [`Queue`] in PostgreSQL to [`Worker`]s.
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//!
//! use glm_agent::{Agent, batch::{Batch, Results, Task}, engine};
//!
//! # async fn f() -> Result<(), glm_agent::Error> {
//! let agent = Agent::builder()
//!     .engine(engine::load("smol-glm").await?)
//!     .sessions("sessions")
//!     .build()?;
//! let tasks = (1..=100).map(|n| Task::new(format!("task-{n}"), format!("What is {n} * {n}?")));
//! let mut results = Results::open(Path::new("results.jsonl"), false)?;
//! let batch = Batch::new(Arc::new(agent)).jobs(4);
//! let summary = batch.run(tasks.collect(), &mut results, &(), &Default::default()).await?;
//! println!("{} answered, {} failed", summary.answered, summary.failed);
//! # Ok(())
//! # }
//! ```

mod collect;
mod outcome;
mod queue;
mod results;
mod task;
mod work;
mod worker;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use glm_agent_model::Usage;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use outcome::{Status, TaskResult};
pub use queue::{Leased, Queue};
pub use results::{Results, Written};
pub use task::{Limits, Task, read};
use work::{Work, session_name};
pub use worker::Worker;

use crate::{Agent, Error, budget::Account};

/// Says which agent does a task.
pub trait Agents: Send + Sync {
    /// The agent for this task, which has the tools, the instructions and the limits
    /// that the task asks for.
    ///
    /// # Errors
    /// When the task asks for something that it cannot be given.
    fn agent(&self, task: &Task) -> Result<Arc<Agent>, Error>;
}

/// One agent for all tasks, which can ask for nothing of their own.
impl Agents for Arc<Agent> {
    fn agent(&self, task: &Task) -> Result<Arc<Agent>, Error> {
        let wants = [
            ("tools", task.tools.is_some()),
            ("instructions", task.system.is_some()),
            ("a schema", task.schema.is_some()),
            ("limits", !task.limits.is_empty()),
        ];
        match wants.into_iter().find(|(_, wants)| *wants) {
            None => Ok(Arc::clone(self)),
            Some((what, _)) => Err(Error::TaskRefused {
                id: task.id.clone(),
                what: format!("{what} of its own"),
            }),
        }
    }
}

/// Watches a batch.
pub trait Watcher: Send + Sync {
    /// A task is begun.
    fn begun(&self, _task: &Task) {}

    /// A result is on disk.
    fn done(&self, _result: &TaskResult) {}
}

/// Watches nothing.
impl Watcher for () {}

/// How a batch is done.
pub struct Batch {
    work: Arc<Work>,
    jobs: usize,
    max_failures: Option<u64>,
    account: Option<Arc<Account>>,
}

/// How a batch went.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Id of the batch.
    pub batch: String,
    /// Tasks that the batch has.
    pub tasks: u64,
    /// Those that had a result before.
    pub before: u64,
    /// Those among them that read otherwise now than when they were done.
    pub changed: u64,
    /// Tasks whose result is an answer, before and now, and so on.
    pub answered: u64,
    /// At a limit.
    pub limited: u64,
    /// Waiting for somebody.
    pub waiting: u64,
    /// Failed.
    pub failed: u64,
    /// Tasks without a result, because the batch was stopped.
    pub left: u64,
    /// Tokens read and written, now.
    pub usage: Usage,
    /// What they cost, where the model has a price.
    pub cost: Option<f64>,
    /// How long it took, in seconds, now.
    pub seconds: f64,
    /// More tasks failed than was allowed.
    pub gave_up: bool,
    /// All that the tasks may spend together was spent.
    pub spent: bool,
}

impl Summary {
    /// Takes in one more result.
    fn add(&mut self, result: &TaskResult) {
        self.left = self.left.saturating_sub(1);
        self.count(result.status);
        self.usage += result.usage;
        self.cost = work::add(self.cost, result.cost);
    }

    fn count(&mut self, status: Status) {
        let count = match status {
            Status::Answered => &mut self.answered,
            Status::Limited => &mut self.limited,
            Status::Waiting => &mut self.waiting,
            Status::Failed => &mut self.failed,
        };
        *count += 1;
    }

    /// Results there are.
    pub fn results(&self) -> u64 {
        self.answered + self.limited + self.waiting + self.failed
    }
}

impl Batch {
    /// A batch whose tasks are done by these agents: one task after the other, with
    /// two more attempts where an engine or a network fails.
    pub fn new(agents: impl Agents + 'static) -> Self {
        Self {
            work: Arc::new(Work::new(agents)),
            jobs: 1,
            max_failures: None,
            account: None,
        }
    }

    /// How many tasks are done at the same time, one at least.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// How often a task is tried again after a failure that time may mend.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.with_work(|work| work.retries = retries)
    }

    /// How long the first such attempt waits; each one after it waits twice as long
    /// as the one before, a minute at most.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        self.with_work(|work| work.pause = pause)
    }

    /// After how many failed tasks no other is begun.
    #[must_use]
    pub fn max_failures(mut self, failures: u64) -> Self {
        self.max_failures = Some(failures);
        self
    }

    /// What all tasks may spend together: once a limit is reached, no other is begun.
    /// The agents must count on the [same account](crate::AgentBuilder::account).
    #[must_use]
    pub fn account(mut self, account: Arc<Account>) -> Self {
        self.account = Some(account);
        self
    }

    fn with_work(mut self, change: impl FnOnce(&mut Work)) -> Self {
        // Nobody else has it before the batch runs.
        if let Some(work) = Arc::get_mut(&mut self.work) {
            change(work);
        }
        self
    }

    /// Does the tasks that have no result yet. When `stop` is cancelled, those that
    /// run are finished and no other is begun.
    ///
    /// # Errors
    /// When a result cannot be written. What goes wrong with a task is in its result.
    pub async fn run(
        &self,
        tasks: Vec<Task>,
        results: &mut Results,
        watcher: &dyn Watcher,
        stop: &CancellationToken,
    ) -> Result<Summary, Error> {
        let begun = Instant::now();
        let mut summary = results.summary(&tasks);
        let mut todo = tasks.into_iter();
        let mut running = JoinSet::new();
        let mut failures = 0;
        loop {
            let account = self.account.as_ref();
            summary.spent = account.is_some_and(|account| account.exceeded().is_some());
            let is_over = stop.is_cancelled() || summary.gave_up || summary.spent;
            while running.len() < self.jobs && !is_over {
                let Some(task) = todo.find(|task| results.get(&task.id).is_none()) else {
                    break;
                };
                watcher.begun(&task);
                let (work, batch) = (Arc::clone(&self.work), results.batch().to_owned());
                let (anew, stop) = (results.is_anew(), stop.clone());
                running.spawn(async move {
                    let lease = CancellationToken::new();
                    work.task(&batch, &task, anew, &stop, &lease).await
                });
            }
            match running.join_next().await {
                None => break,
                Some(Ok(Some(result))) => {
                    results.add(&result)?;
                    summary.add(&result);
                    failures += u64::from(result.status == Status::Failed);
                    summary.gave_up = self.max_failures.is_some_and(|most| failures >= most);
                    watcher.done(&result);
                }
                Some(Ok(None)) => {}
                Some(Err(error)) => tracing::warn!("a task was given up: {error}"),
            }
        }
        summary.seconds = begun.elapsed().as_secs_f64();
        if summary.left == 0 {
            results.complete()?;
        }
        Ok(summary)
    }
}

impl Results {
    /// How a batch of these tasks stands.
    pub fn summary(&self, tasks: &[Task]) -> Summary {
        let mut summary = Summary {
            batch: self.batch().to_owned(),
            tasks: tasks.len() as u64,
            ..Summary::default()
        };
        for task in tasks {
            let Some(written) = self.get(&task.id) else {
                summary.left += 1;
                continue;
            };
            summary.before += 1;
            summary.count(written.status);
            let name = session_name(self.batch(), task);
            let is_same = |session: &String| session.starts_with(&name);
            summary.changed += u64::from(!written.session.as_ref().is_none_or(is_same));
        }
        summary
    }
}
