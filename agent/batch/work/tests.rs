#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use glm_agent_model::{
    Conversation, Delta, Engine, Error as ModelError, Profile, Request, engine::scripted::Scripted,
};
use glm_agent_tools::{Tool, ToolContext};
use serde_json::Value;

use super::*;
use crate::{
    Answer, Budget,
    batch::{Batch, Results, Status, Summary},
    budget::Account,
};

/// Breaks down some times before it works.
struct Unreliable {
    inner: Scripted,
    failures: AtomicU32,
}

impl Unreliable {
    fn new(failures: u32, replies: &[&str]) -> Self {
        Self {
            inner: Scripted::new(replies.iter().copied()).unwrap(),
            failures: AtomicU32::new(failures),
        }
    }
}

#[async_trait]
impl Engine for Unreliable {
    fn model(&self) -> &str {
        self.inner.model()
    }

    fn profile(&self) -> &Profile {
        self.inner.profile()
    }

    fn context_length(&self) -> usize {
        self.inner.context_length()
    }

    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, ModelError> {
        self.inner.count_tokens(conversation)
    }

    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, ModelError>>, ModelError> {
        let left = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match left {
            Err(_) => self.inner.generate(request).await,
            Ok(_) => Err(ModelError::Inference {
                model: "unreliable".to_owned(),
                action: "cannot go on",
                reason: "it is busy".to_owned(),
            }),
        }
    }
}

const CALL: &str = "post\n{}";

/// An agent with a tool that tells its calls.
fn agent(root: &Path, engine: Unreliable, idempotent: bool) -> (Arc<Agent>, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let tool = Tool::new("post", "Posts", move |_: Value, _: ToolContext| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok("posted") }
    });
    let agent = Agent::builder()
        .engine(engine)
        .tool(tool.idempotent(idempotent))
        .sessions(root.join("sessions"))
        .build()
        .unwrap();
    (Arc::new(agent), calls)
}

async fn run(root: &Path, agent: &Arc<Agent>, anew: bool, tasks: Vec<Task>) -> Summary {
    let mut results = Results::open(&root.join("results.jsonl"), anew).unwrap();
    Batch::new(Arc::clone(agent))
        .pause(Duration::ZERO)
        .run(tasks, &mut results, &(), &CancellationToken::new())
        .await
        .unwrap()
}

fn results(root: &Path) -> Vec<TaskResult> {
    let text = std::fs::read_to_string(root.join("results.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The log of a session as a crash would leave it: cut after so many events.
fn cut(root: &Path, session: &str, events: usize) {
    let log = root.join("sessions").join(session).join("events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    let kept: Vec<&str> = text.lines().take(events).collect();
    std::fs::write(&log, kept.join("\n") + "\n").unwrap();
}

/// Takes the results back, as if they had never been written.
fn forget(root: &Path, batch: &str) {
    std::fs::write(root.join("results.jsonl"), "").unwrap();
    std::fs::write(root.join("results.jsonl.batch"), batch).unwrap();
}

#[tokio::test]
async fn what_time_may_mend_is_tried_again_in_a_new_session() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, _) = agent(root, Unreliable::new(2, &["\nHello."]), true);
    run(root, &agent, false, vec![Task::new("a", "Hi")]).await;
    let result = results(root).remove(0);
    assert_eq!(
        (result.status, result.answer.as_str(), result.attempts),
        (Status::Answered, "Hello.", 3)
    );
    assert!(result.session.unwrap().ends_with("-3"));
}

#[tokio::test]
async fn after_the_last_attempt_the_task_has_failed_until_it_is_asked_for_again() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, _) = agent(root, Unreliable::new(3, &["\nHello."]), true);
    let tasks = || vec![Task::new("a", "Hi")];
    let summary = run(root, &agent, false, tasks()).await;
    assert_eq!((summary.failed, summary.left), (1, 0));
    let failed = results(root).remove(0);
    assert_eq!(
        failed.error.as_deref(),
        Some("`unreliable` cannot go on: it is busy")
    );

    let summary = run(root, &agent, false, tasks()).await;
    assert_eq!((summary.before, summary.failed), (1, 1));
    let summary = run(root, &agent, true, tasks()).await;
    assert_eq!((summary.before, summary.answered), (0, 1));
    assert_eq!(results(root).remove(0).attempts, 4);
}

#[tokio::test]
async fn a_task_that_is_done_again_has_its_retries_again() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, _) = agent(root, Unreliable::new(5, &["\nHello."]), true);
    let tasks = || vec![Task::new("a", "Hi")];
    assert_eq!(run(root, &agent, false, tasks()).await.failed, 1);
    assert_eq!(run(root, &agent, true, tasks()).await.answered, 1);
    assert_eq!(results(root).remove(0).attempts, 6);
}

#[tokio::test]
async fn a_task_is_done_again_also_when_that_was_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, _) = agent(root, Unreliable::new(3, &["\nHello."]), true);
    let tasks = || vec![Task::new("a", "Hi")];
    assert_eq!(run(root, &agent, false, tasks()).await.failed, 1);
    // The program ends when the old result is gone, and no new one is there.
    drop(Results::open(&root.join("results.jsonl"), true).unwrap());
    assert_eq!(run(root, &agent, true, tasks()).await.answered, 1);
}

#[tokio::test]
async fn a_result_that_was_not_written_is_taken_from_the_sessions_log() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let engine = Unreliable::new(0, &[CALL, "\nDone."]);
    let (agent, calls) = agent(root, engine, true);
    let tasks = || vec![Task::new("a", "Post")];
    run(root, &agent, false, tasks()).await;
    let before = results(root);
    forget(root, &before[0].batch);
    run(root, &agent, false, tasks()).await;
    assert_eq!(results(root), before);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

/// A task whose session was cut off when its call was about to run.
async fn cut_off(root: &Path, idempotent: bool) -> (Arc<Agent>, Arc<AtomicU32>, TaskResult) {
    let (agent, calls) = agent(root, Unreliable::new(0, &[CALL, "\nDone."]), idempotent);
    let tasks = || vec![Task::new("a", "Post")];
    run(root, &agent, false, tasks()).await;
    let before = results(root).remove(0);
    // Session, message, reply, call.
    cut(root, before.session.as_deref().unwrap(), 4);
    forget(root, &before.batch);
    run(root, &agent, false, tasks()).await;
    let after = results(root).remove(0);
    assert_eq!(after.session, before.session);
    (agent, calls, after)
}

#[tokio::test]
async fn a_task_that_was_cut_off_goes_on_in_its_session() {
    let root = tempfile::tempdir().unwrap();
    let (_, calls, result) = cut_off(root.path(), true).await;
    assert_eq!(
        (result.status, result.answer.as_str()),
        (Status::Answered, "Done.")
    );
    assert_eq!((calls.load(Ordering::Relaxed), result.attempts), (2, 1));
}

#[tokio::test]
async fn a_call_that_may_have_been_made_waits_for_somebody() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, calls, result) = cut_off(root, false).await;
    assert_eq!(result.status, Status::Waiting, "{result:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // Once somebody has answered, the result is to be had.
    let mut session = agent.session(result.session.as_deref()).unwrap();
    let answer = vec![("call_1".to_owned(), Answer::Deny("it was made".to_owned()))];
    agent
        .answer(&mut session, answer, &mut (), CancellationToken::new())
        .await
        .unwrap();
    drop(session);
    run(root, &agent, true, vec![Task::new("a", "Post")]).await;
    let result = results(root).remove(0);
    assert_eq!(
        (result.status, result.answer.as_str()),
        (Status::Answered, "Done.")
    );
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn tasks_can_have_a_limit_together() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let account = Arc::new(Account::new(Budget {
        tokens: Some(1),
        ..Budget::UNLIMITED
    }));
    let agent = Agent::builder()
        .engine(Scripted::new(["\nHello."]).unwrap())
        .account(Arc::clone(&account))
        .sessions(root.join("sessions"))
        .build()
        .unwrap();
    let mut results = Results::open(&root.join("results.jsonl"), false).unwrap();
    let tasks = vec![Task::new("a", "Hi"), Task::new("b", "Hi")];
    let summary = Batch::new(Arc::new(agent))
        .account(account)
        .run(tasks, &mut results, &(), &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(
        (summary.answered, summary.left, summary.spent),
        (1, 1, true)
    );
}

#[tokio::test]
async fn a_task_that_asks_for_what_it_cannot_have_fails_alone() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (agent, _) = agent(root, Unreliable::new(0, &["\nHello."]), true);
    let mut own = Task::new("a", "Hi");
    own.tools = Some(vec!["python".to_owned()]);
    let mut files = Task::new("b", "Hi");
    files.files = vec!["data.csv".into()];
    run(root, &agent, false, vec![own, files, Task::new("c", "Hi")]).await;
    let errors: Vec<_> = results(root).into_iter().map(|r| (r.id, r.error)).collect();
    let error = |text: &str| Some(text.to_owned());
    assert_eq!(
        errors,
        [
            (
                "a".to_owned(),
                error("the task `a` asks for tools of its own, which it cannot be given here")
            ),
            (
                "b".to_owned(),
                error(
                    "the task `b` asks for files, which only the tool `python` sees, which it cannot be given here"
                )
            ),
            ("c".to_owned(), None),
        ]
    );
}

/// Breaks while it makes an agent.
struct Broken;

impl Agents for Broken {
    fn agent(&self, _task: &Task) -> Result<Arc<Agent>, Error> {
        std::panic::panic_any("out of paper")
    }
}

#[tokio::test]
async fn what_breaks_costs_its_task_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let mut written = Results::open(&root.path().join("results.jsonl"), false).unwrap();
    let summary = Batch::new(Broken)
        .run(
            vec![Task::new("a", "Post"), Task::new("b", "Post")],
            &mut written,
            &(),
            &CancellationToken::new(),
        )
        .await
        .unwrap();
    assert_eq!(summary.failed, 2);
    let error = results(root.path()).remove(0).error.unwrap();
    assert_eq!(error, "the program broke: out of paper");
}

#[test]
fn a_session_is_named_after_its_batch_and_task() {
    let mut task = Task::new("Sales/März 2026", "Hi");
    let name = session_name("0123456789ab", &task);
    assert!(
        name.starts_with("batch-0123456789ab-Sales-M-rz-2026-"),
        "{name}"
    );
    assert_eq!(session_name("0123456789ab", &task), name);
    task.task = "Hi again".to_owned();
    assert_ne!(session_name("0123456789ab", &task), name);
}
