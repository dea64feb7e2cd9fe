//! One task: its attempts, each in a session of its own.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use glm_agent_model::Usage;
use glm_agent_tools::python::Limits;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Agents, Task, TaskResult};
use crate::{
    Agent, Error, Event, EventKind, Run, Session, StopReason,
    files::{self, Gathered},
    state::State,
};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The tool that sees a session's files.
const PYTHON: &str = "python";

/// How tasks are done.
pub(crate) struct Work {
    pub agents: Box<dyn Agents>,
    /// More attempts after a failure that time may mend.
    pub retries: u32,
    /// Before the first of them.
    pub pause: Duration,
}

impl Work {
    /// Two more attempts, the first after a second.
    pub fn new(agents: impl Agents + 'static) -> Self {
        Self {
            agents: Box::new(agents),
            retries: 2,
            pause: Duration::from_secs(1),
        }
    }
}

/// The name of the session of a task's first attempt; those of others have their
/// number behind it. It is another one when the task says something else.
pub(crate) fn session_name(batch: &str, task: &Task) -> String {
    let json = serde_json::to_vec(task).unwrap_or_default();
    let hash = format!("{:x}", Sha256::digest(json));
    let id = task.id.chars().take(40);
    let id: String = id
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("batch-{batch}-{id}-{}", hash.get(..12).unwrap_or(&hash))
}

fn attempt_name(first: &str, number: u32) -> String {
    match number {
        1 => first.to_owned(),
        _ => format!("{first}-{number}"),
    }
}

/// What a session's log says of an attempt.
enum Past {
    /// It was not begun.
    Blank,
    /// The program ended in the middle of it.
    CutOff,
    /// It came to an end.
    Ended(Run),
    /// Nothing that could be gone on with.
    Lost,
}

impl Past {
    fn of(session: &Session) -> Self {
        let has_files = session.files().is_some_and(|files| {
            // A copy of the task's files that was cut off is no place for another.
            std::fs::read_dir(files).is_ok_and(|mut entries| entries.next().is_some())
        });
        match Run::last_of(session) {
            Some(run) if run.reason != StopReason::Interrupted => Self::Ended(run),
            Some(_) => Self::Lost,
            None if State::fold(session.events()).is_running() => Self::CutOff,
            None if session.events().is_empty() && !has_files => Self::Blank,
            None => Self::Lost,
        }
    }
}

/// All attempts of a task so far.
#[derive(Default)]
struct Tally {
    attempts: u32,
    /// Those that count against the retries.
    failures: u32,
    usage: Usage,
    cost: Option<f64>,
}

impl Tally {
    /// Takes in an attempt, whose failure may be forgiven.
    fn add(&mut self, events: &[Event], forgives: bool) {
        for event in events {
            match &event.kind {
                EventKind::ModelTurn { usage, cost, .. }
                | EventKind::Compacted { usage, cost, .. } => {
                    self.usage += *usage;
                    self.cost = add(self.cost, *cost);
                }
                EventKind::RunEnded {
                    reason: StopReason::Failed,
                    ..
                } if !forgives => self.failures += 1,
                _ => {}
            }
        }
    }
}

/// The sum of what is known.
pub(crate) fn add(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (None, None) => None,
        _ => Some(one.unwrap_or_default() + other.unwrap_or_default()),
    }
}

impl Work {
    /// Does a task, or finds that it was done. `None` when it was stopped before it
    /// had a result: by `calm` between two attempts, by `stop` at any time.
    ///
    /// With `anew`, an attempt that failed before is no result, and takes none of the
    /// retries away.
    pub async fn task(
        &self,
        batch: &str,
        task: &Task,
        anew: bool,
        calm: &CancellationToken,
        stop: &CancellationToken,
    ) -> Option<TaskResult> {
        let doing = AssertUnwindSafe(self.attempts(batch, task, anew, calm, stop));
        let error = match doing.catch_unwind().await {
            Ok(Ok(result)) => return result,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                format!("the program broke: {}", text.unwrap_or_default())
            }
        };
        Some(TaskResult::failed(batch, &task.id, error))
    }

    async fn attempts(
        &self,
        batch: &str,
        task: &Task,
        anew: bool,
        calm: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<Option<TaskResult>, Error> {
        let agent = self.agents.agent(task)?;
        let first = session_name(batch, task);
        let mut tally = Tally::default();
        // The last session there is may hold the result.
        let mut number = 1;
        while agent.has_session(&attempt_name(&first, number + 1)) {
            tally.add(&agent.read_session(&attempt_name(&first, number))?, anew);
            number += 1;
        }
        loop {
            tally.attempts = number;
            let mut session = match agent.session(Some(&attempt_name(&first, number))) {
                Err(Error::SessionInUse { .. }) => {
                    // A worker on this machine that lost its lease has not noticed yet.
                    number += 1;
                    continue;
                }
                session => session?,
            };
            let (outcome, is_past) = match Past::of(&session) {
                Past::Blank => (attempt(&agent, &mut session, task, stop).await, false),
                Past::CutOff => (go_on(&agent, &mut session, stop).await, false),
                Past::Ended(run) => (Ok(run), true),
                Past::Lost => {
                    tally.add(session.events(), anew);
                    number += 1;
                    continue;
                }
            };
            tally.add(session.events(), anew && is_past);
            let is_next = match &outcome {
                // What another model began, this one begins from the start.
                Err(Error::OtherModel { .. }) => {
                    number += 1;
                    continue;
                }
                Ok(run) if run.reason == StopReason::Interrupted => return Ok(None),
                Ok(run) if is_past && run.reason == StopReason::Failed => {
                    // The log does not tell whether time may mend it.
                    anew || tally.failures <= self.retries
                }
                Ok(_) => false,
                Err(error) => error.is_transient() && tally.failures <= self.retries,
            };
            if !is_next {
                return Ok(Some(result(batch, task, &session, outcome, &tally)));
            }
            number += 1;
            if is_past {
                continue;
            }
            if let Err(error) = &outcome {
                tracing::debug!("task `{}` is tried again: {error}", task.id);
            }
            let doublings = tally.failures.saturating_sub(1).min(16);
            let pause = self.pause.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = calm.cancelled() => return Ok(None),
                () = stop.cancelled() => return Ok(None),
            }
        }
    }
}

/// Does the task in a session that nothing was done in.
async fn attempt(
    agent: &Agent,
    session: &mut Session,
    task: &Task,
    stop: &CancellationToken,
) -> Result<Run, Error> {
    let refused = |what: String| Error::TaskRefused {
        id: task.id.clone(),
        what,
    };
    let mut words = task
        .words()
        .map_err(|name| refused(format!("the variable `{name}`")))?;
    let gathered = gathered(agent, task)?;
    if !gathered.is_empty() {
        let folder = session.make_files()?;
        let brought = gathered.copy_into(&folder, &Limits::default())?;
        words = format!("{}\n\n{words}", files::note(&brought));
    }
    let run = agent
        .say_watched(session, &words, &mut (), stop.clone())
        .await;
    agent.close(session).await;
    run
}

/// Goes on with an attempt in its session. A call that may have been made, and may
/// not be made twice, then waits for somebody.
async fn go_on(
    agent: &Agent,
    session: &mut Session,
    stop: &CancellationToken,
) -> Result<Run, Error> {
    let run = agent
        .answer(session, Vec::new(), &mut (), stop.clone())
        .await;
    agent.close(session).await;
    run
}

fn gathered(agent: &Agent, task: &Task) -> Result<Gathered, Error> {
    if !task.files.is_empty() && agent.tools().get(PYTHON).is_none() {
        return Err(Error::TaskRefused {
            id: task.id.clone(),
            what: format!("files, which only the tool `{PYTHON}` sees"),
        });
    }
    files::gather(&task.files)
}

fn result(
    batch: &str,
    task: &Task,
    session: &Session,
    outcome: Result<Run, Error>,
    tally: &Tally,
) -> TaskResult {
    let result = match outcome {
        Ok(run) => TaskResult::of_run(batch, &task.id, run),
        Err(error) => {
            let failed = TaskResult::failed(batch, &task.id, error.to_string());
            let steps = Run::last_of(session).map_or(0, |run| run.steps);
            TaskResult { steps, ..failed }
        }
    };
    let (first, last) = (session.events().first(), session.events().last());
    let took = first.zip(last).map(|(first, last)| last.time - first.time);
    TaskResult {
        usage: tally.usage,
        cost: tally.cost,
        attempts: tally.attempts,
        seconds: took.map_or(0.0, |time| time.as_secs_f64()),
        session: session.is_kept().then(|| session.id().to_owned()),
        ..result
    }
}

#[cfg(test)]
mod tests;
