//! A batch whose tasks go through PostgreSQL to workers.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use glm_agent::{
    Agent,
    batch::{Leased, Queue, Results, Status, Task, TaskResult, Worker},
    engine::Scripted,
};
use serde_json::json;

use crate::{
    batch::{MOMENT, numbered, results, sessions_with, tasks},
    glm::{Glm, Output},
    postgres::{PASSWORD, Postgres},
    run::ADDER,
};

/// A worker on a machine of its own: with sessions of its own.
fn worker(glm: &Glm, server: &Postgres, machine: &str, flags: &[&str]) -> Command {
    let url = server.url();
    let engine = format!("scripted:{}", glm.folder().join("replies.jsonl").display());
    let mut command = glm.command(&[&["worker", "--engine", &engine], flags].concat());
    command
        .env("GLM_QUEUE", url)
        .env("GLM_DATA_DIR", data(glm, machine));
    command
}

fn data(glm: &Glm, machine: &str) -> PathBuf {
    glm.folder().join(machine)
}

fn collector(glm: &Glm, server: &Postgres) -> Command {
    glm.command(&[
        "batch",
        "tasks.jsonl",
        "--out",
        "results.jsonl",
        "--queue",
        &server.url(),
    ])
}

fn start(command: &mut Command) -> Child {
    command
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> Output {
    Output::of(child.wait_with_output().unwrap())
}

#[test]
fn a_batch_is_done_by_workers() {
    let (glm, server) = (Glm::new(), Postgres::start());
    glm.file("adder.json", ADDER);
    glm.script(&["add\n{\"a\": 2, \"b\": 3}", "\nThe sum is 5."]);
    tasks(
        &glm,
        &[
            json!({"id": "usual", "task": "2 + 3?"}),
            json!({"id": "chosen", "task": "2 + 3?", "tools": ["add"], "limits": {"steps": 1}}),
            json!({"id": "refused", "task": "2 + 3?", "tools": ["python"]}),
        ],
    );
    let collector = start(&mut collector(&glm, &server));
    // It comes before the tasks, or after them.
    let flags = ["--tools", "./adder.json", "-j", "2", "--lease", "5"];
    let worker = start(&mut worker(&glm, &server, "machine", &flags));
    let collected = end(collector);
    signal(&worker);
    let worked = end(worker);
    assert_eq!(worked.code, Some(0), "{worked:?}");
    assert_eq!(collected.code, Some(1), "{collected:?}");
    assert!(
        collected
            .stderr
            .contains("3 tasks: 1 answered, 1 stopped at a limit, 1 failed\n")
    );
    let by_id: BTreeMap<String, (String, Option<String>)> = results(&glm)
        .into_iter()
        .map(|r| serde_json::from_value::<TaskResult>(r).unwrap())
        .map(|r| (r.id, (r.answer, r.error)))
        .collect();
    let sum = ("The sum is 5.".to_owned(), None);
    let refused = "the task `refused` asks for the tool `python`, which it cannot be given here";
    assert_eq!(by_id["usual"], sum);
    assert_eq!(by_id["chosen"], sum);
    assert_eq!(by_id["refused"], (String::new(), Some(refused.to_owned())));
    // Nothing stays behind, and the password is told nowhere.
    assert_eq!(server.sql("SELECT count(*) FROM glm_agent.tasks"), "0\n");
    for output in [collected, worked] {
        assert!(!output.stderr.contains(PASSWORD), "{output:?}");
    }
    let logs = Command::new("grep")
        .args(["-r", PASSWORD])
        .arg(data(&glm, "machine"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(logs.stdout).unwrap(), "");
}

fn signal(child: &Child) {
    crate::batch::signal(child, "TERM");
}

#[test]
fn workers_and_the_server_die_at_random_and_nothing_is_lost_or_doubled() {
    const TASKS: usize = 120;
    let (glm, server) = (Glm::new(), Postgres::start());
    glm.file("moment.toml", &MOMENT.replace("0.02", "0.3"));
    glm.script(&["moment\n{}", "\nDone."]);
    tasks(&glm, &numbered(TASKS));
    let flags = [
        "--tools",
        "./moment.toml",
        "-j",
        "2",
        "--lease",
        "1",
        "--quiet",
    ];
    let machines = ["one", "two", "three"];
    let begin = |machine: &str| start(&mut worker(&glm, &server, machine, &flags));
    let mut collecting = start(&mut collector(&glm, &server));
    let mut workers: Vec<Child> = machines.iter().map(|machine| begin(machine)).collect();
    // A generator of its own, so that a run that fails can be had again.
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    for round in 0..12 {
        thread::sleep(Duration::from_millis(50 + random(250)));
        let victim = random(machines.len() as u64) as usize;
        workers[victim].kill().unwrap();
        workers[victim].wait().unwrap();
        workers[victim] = begin(machines[victim]);
        if round == 4 {
            collecting.kill().unwrap();
            collecting.wait().unwrap();
            collecting = start(&mut collector(&glm, &server));
        }
        if round == 8 {
            server.crash_and_recover();
        }
    }
    let collected = end(collecting);
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    assert_eq!(collected.code, Some(0), "{collected:?}");
    let results = results(&glm);
    let ids: HashSet<&str> = results.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!((results.len(), ids.len()), (TASKS, TASKS));
    assert_eq!(server.sql("SELECT count(*) FROM glm_agent.tasks"), "0\n");
    // Each result is that of a run which came to its end on one of the machines, and
    // on no machine did a task do so twice, whatever its attempts.
    let (mut ended, mut done) = (HashSet::new(), HashSet::new());
    for machine in machines {
        for session in sessions_with(&data(&glm, machine), "run_ended") {
            let task: Vec<&str> = session.splitn(6, '-').take(5).collect();
            assert!(done.insert((machine, task.join("-"))), "{session}");
            ended.insert((machine, session));
        }
    }
    for result in &results {
        assert_eq!(result["answer"], "Done.");
        let session = result["session"].as_str().unwrap().to_owned();
        assert!(
            machines
                .iter()
                .any(|machine| ended.contains(&(*machine, session.clone())))
        );
    }
}

/// A queue with one task.
async fn queue_of_one(server: &Postgres) -> Queue {
    let queue = Queue::open(&server.url()).await.unwrap();
    queue
        .add("b", &[Task::new("a", "Hi")], false)
        .await
        .unwrap();
    queue
}

async fn lease(queue: &Queue, seconds: u64) -> Option<Leased> {
    let leased = queue.lease("w", 8, Duration::from_secs(seconds)).await;
    leased.unwrap().pop()
}

fn answered(by: &str) -> TaskResult {
    let line = json!({
        "id": "a", "status": "answered", "answer": by, "reason": "answered", "steps": 1,
        "usage": {"prompt_tokens": 1, "completion_tokens": 1}, "attempts": 1, "seconds": 0.5,
        "session": null, "batch": "b",
    });
    serde_json::from_value(line).unwrap()
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_no_result() {
    let server = Postgres::start();
    let queue = queue_of_one(&server).await;
    // A lease of no time is over at once.
    let first = lease(&queue, 0).await.unwrap();
    let second = lease(&queue, 60).await.unwrap();
    assert_eq!((first.begun, second.begun), (1, 2));
    assert_eq!(lease(&queue, 60).await, None);
    let both = [first.lease.clone(), second.lease.clone()];
    let renewed = queue.renew(&both, Duration::from_secs(60)).await.unwrap();
    assert_eq!(renewed, std::slice::from_ref(&second.lease));

    assert!(!queue.finish(&first, &answered("first")).await.unwrap());
    assert!(queue.results("b").await.unwrap().is_empty());
    assert!(queue.finish(&second, &answered("second")).await.unwrap());
    // It may not have heard that it was written.
    assert!(queue.finish(&second, &answered("second")).await.unwrap());
    assert!(!queue.finish(&first, &answered("first")).await.unwrap());
    assert_eq!(queue.results("b").await.unwrap(), [answered("second")]);
    assert_eq!(
        (lease(&queue, 60).await, queue.left().await.unwrap()),
        (None, 0)
    );
    queue.collected("b", &["a".to_owned()]).await.unwrap();
    assert!(!queue.finish(&second, &answered("second")).await.unwrap());
}

#[tokio::test]
async fn a_task_that_is_given_back_is_anybodys() {
    let server = Postgres::start();
    let queue = queue_of_one(&server).await;
    let first = lease(&queue, 60).await.unwrap();
    queue.release(&first).await.unwrap();
    let second = lease(&queue, 60).await.unwrap();
    assert_eq!(second.begun, 1);
    assert_ne!(second.lease, first.lease);
    // What somebody has begun stays as it is, and all else is as it was added last.
    let changed = [Task::new("a", "Ho")];
    queue.add("b", &changed, false).await.unwrap();
    assert_eq!(queue.left().await.unwrap(), 1);
    queue.release(&second).await.unwrap();
    let third = lease(&queue, 60).await.unwrap();
    assert_eq!(third.task.task, "Hi");
    queue.release(&third).await.unwrap();
    queue.add("b", &changed, true).await.unwrap();
    let last = lease(&queue, 60).await.unwrap();
    assert_eq!((last.task.task.as_str(), last.anew), ("Ho", true));
}

#[tokio::test]
async fn a_result_of_a_task_that_was_taken_out_is_kept_and_not_counted() {
    let (server, folder) = (Postgres::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("results.jsonl");
    let mut results = Results::open(&file, false).unwrap();
    let batch = results.batch().to_owned();
    let queue = Queue::open(&server.url()).await.unwrap();
    let (gone, task) = (Task::new("gone", "Hi"), Task::new("a", "Hi"));
    let tasks = [gone, task.clone()];
    queue.add(&batch, &tasks, false).await.unwrap();
    for leased in queue.lease("w", 8, Duration::from_secs(60)).await.unwrap() {
        let result = TaskResult {
            id: leased.task.id.clone(),
            batch: batch.clone(),
            ..answered("w")
        };
        assert!(queue.finish(&leased, &result).await.unwrap());
    }
    let stop = Default::default();
    let summary = queue.run(vec![task], &mut results, &(), &stop).await;
    let summary = summary.unwrap();
    assert_eq!((summary.tasks, summary.answered, summary.left), (1, 1, 0));
    assert!(results.get("gone").is_some());
    assert_eq!(server.sql("SELECT count(*) FROM glm_agent.tasks"), "0\n");
}

#[tokio::test]
async fn a_task_that_ends_its_workers_is_given_up() {
    let server = Postgres::start();
    let queue = queue_of_one(&server).await;
    for _ in 0..5 {
        lease(&queue, 0).await.unwrap();
    }
    let agent = Agent::builder().engine(Scripted::new(["\nHello."]).unwrap());
    let agent = Arc::new(agent.build().unwrap());
    let worker = Worker::new(queue.clone(), agent).drains(true);
    worker.run(&(Arc::new(()) as _), &Default::default()).await;
    let result = queue.results("b").await.unwrap().remove(0);
    assert_eq!(
        (result.status, result.error.as_deref()),
        (
            Status::Failed,
            Some(
                "5 workers began the task and none of them finished it: it may be what ended \
                 them\nhint: `--retry-failed` does it again"
            )
        )
    );
}

#[test]
fn what_cannot_be_used_is_told_without_the_password() {
    let (glm, server) = (Glm::new(), Postgres::start());
    tasks(&glm, &numbered(1));
    let run = |url: &str, flags: &[&str]| {
        let args = [
            "batch",
            "tasks.jsonl",
            "--out",
            "results.jsonl",
            "--queue",
            url,
        ];
        let output = glm.run(&[&args, flags].concat());
        let stderr = output
            .stderr
            .replace(&server.url().replace(PASSWORD, "***"), "URL");
        (stderr, output.code)
    };
    let wrong = server.url().replace(PASSWORD, "wrong");
    assert_eq!(
        run(&wrong, &[]),
        (
            "error: cannot use the queue at URL: password authentication failed for user \"ada\"\n"
                .to_owned(),
            Some(1)
        )
    );
    let (stderr, code) = run("s3cret", &[]);
    assert!(
        stderr.starts_with("error: the queue must be an address of the form"),
        "{stderr}"
    );
    assert_eq!((stderr.contains("s3cret"), code), (false, Some(2)));
    let (stderr, code) = run(&server.url(), &["--model", "other"]);
    assert!(stderr.contains("cannot be used with"), "{stderr}");
    assert_eq!((stderr.contains(PASSWORD), code), (false, Some(2)));

    let (stderr, code) = {
        let mut worker = worker(&glm, &server, "machine", &["--drain"]);
        glm.script(&["\nHello."]);
        let output = Output::of(worker.output().unwrap());
        (output.stderr, output.code)
    };
    assert_eq!(
        (stderr.contains(PASSWORD), code),
        (false, Some(0)),
        "{stderr}"
    );
    server.sql("UPDATE glm_agent.version SET version = 99");
    assert_eq!(
        run(&server.url(), &[]),
        (
            "error: cannot use the queue at URL: its tables are those of a newer version (99, \
             this one knows 1)\n"
                .to_owned(),
            Some(1)
        )
    );
}
