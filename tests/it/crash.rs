//! Runs that are killed, wherever, and gone on with: they come to the same answer.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use glm_agent::{
    Agent, Answer, Effects, Error, EventKind, Run, StopReason, Tool, ToolContext, engine::Scripted,
    event::Event, replay,
};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    glm::{Glm, Output, of_type, parse},
    run::ADDER,
    session::stuck,
};

#[derive(Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

/// A tool that can be called twice, and one whose calls count.
fn tools(paid: &Arc<AtomicUsize>) -> Vec<Tool> {
    let double = |args: Number, _: ToolContext| async move { Ok((args.n * 2).to_string()) };
    let paid = Arc::clone(paid);
    let pay = move |args: Number, _: ToolContext| {
        let paid = Arc::clone(&paid);
        async move {
            paid.fetch_add(1, Ordering::SeqCst);
            Ok(format!("paid {}", args.n))
        }
    };
    vec![
        Tool::new("double", "Doubles", double).idempotent(true),
        Tool::new("pay", "Pays", pay).effects(Effects {
            writes: true,
            ..Effects::default()
        }),
    ]
}

const REPLIES: [&str; 5] = [
    "\nI see.<|assistant|>double\n{\"n\": 1}<|assistant|>double\n{\"n\": 2}<|assistant|>pay\n{\"n\": 3}",
    "double\n{\"m\": 1}",
    "double\n{\"n\": 4}<|assistant|>pay\n{\"n\": 5}",
    "pay\n{\"n\": \"6\"}",
    "\nDone: 2, 4, 8, and 14 paid.",
];
const TASK: &str = "Double 1, 2 and 4, and pay 3, 5 and 6.";
const ANSWER: &str = "Done: 2, 4, 8, and 14 paid.";

fn agent(root: &Path, paid: &Arc<AtomicUsize>) -> Agent {
    Agent::builder()
        .engine(Scripted::new(REPLIES).unwrap())
        .tools(tools(paid))
        .sessions(root)
        .build()
        .unwrap()
}

/// Goes on with a session of which this much of the log is left, as somebody would:
/// a call that may have taken effect is allowed, a task that was lost is said again.
async fn go_on(root: &Path, log: &[u8]) -> (Run, Vec<Event>) {
    let folder = root.join("s");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("events.jsonl"), log).unwrap();
    let paid = Arc::default();
    let agent = agent(root, &paid);
    let mut session = agent.session(Some("s")).unwrap();
    let has_task = session
        .events()
        .iter()
        .any(|event| matches!(event.kind, EventKind::UserMessage { .. }));
    let stop = CancellationToken::new;
    if !has_task {
        let run = agent.say(&mut session, TASK).await.unwrap();
        return (run, session.events().to_vec());
    }
    let mut answers = Vec::new();
    loop {
        match agent.answer(&mut session, answers, &mut (), stop()).await {
            Ok(run) if run.reason == StopReason::ApprovalNeeded => {
                let approved = run.pending.iter().map(|id| (id.clone(), Answer::Approve));
                answers = approved.collect();
            }
            Ok(run) => return (run, session.events().to_vec()),
            // The log was whole: there is an answer already.
            Err(Error::NothingPending { .. }) => {
                let Some(EventKind::RunEnded { answer, .. }) =
                    session.events().last().map(|event| event.kind.clone())
                else {
                    panic!("{:?}", session.events().last())
                };
                assert_eq!(answer, ANSWER);
                return (
                    Run {
                        answer,
                        reason: StopReason::Answered,
                        error: None,
                        usage: Default::default(),
                        cost: None,
                        steps: 0,
                        pending: vec![],
                        sources: vec![],
                        unknown_marks: vec![],
                        session: "s".into(),
                    },
                    session.events().to_vec(),
                );
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What came of each call, by the tool's words.
fn results(events: &[Event]) -> Vec<String> {
    let mut results: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ToolResult { id, output, .. } => Some((id.clone(), output.text.clone())),
            _ => None,
        })
        .collect();
    results.sort();
    let ids: Vec<_> = results.iter().map(|(id, _)| id.clone()).collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(ids, unique, "a call has two results");
    results.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn a_run_killed_at_any_byte_comes_to_the_same_answer() {
    let root = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    let agent = agent(root.path(), &paid);
    let mut session = agent.session(Some("whole")).unwrap();
    let run = agent.say(&mut session, TASK).await.unwrap();
    assert_eq!(run.answer, ANSWER);
    assert_eq!(paid.load(Ordering::SeqCst), 3);
    let expected = results(session.events());
    drop(session);
    let log = std::fs::read(root.path().join("whole/events.jsonl")).unwrap();

    // At the end of each event, and at bytes all over the log.
    let lines = log.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut points: Vec<usize> = lines.map(|(at, _)| at + 1).collect();
    points.push(0);
    let step = 7919;
    points.extend((1..=220).map(|n| n * step % log.len()));
    points.sort_unstable();
    points.dedup();
    assert!(points.len() >= 200, "{} points", points.len());
    for point in points {
        let home = tempfile::tempdir().unwrap();
        let (run, events) = go_on(home.path(), &log[..point]).await;
        assert_eq!(
            (run.answer.as_str(), run.reason),
            (ANSWER, StopReason::Answered),
            "cut at byte {point}"
        );
        assert_eq!(results(&events), expected, "cut at byte {point}");
        let difference = replay::replay(&events).await.unwrap();
        assert_eq!(difference, None, "cut at byte {point}");
    }
}

/// Cuts the log behind the request of the call that pays.
fn during_payment(log: &[u8]) -> Vec<u8> {
    let lines = log.split_inclusive(|byte| *byte == b'\n');
    let mut kept = Vec::new();
    for line in lines {
        kept.extend_from_slice(line);
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        if event["type"] == "tool_call_requested" && event["name"] == "pay" {
            return kept;
        }
    }
    panic!("nothing was paid")
}

#[tokio::test]
async fn what_may_have_taken_effect_is_asked_about_and_what_does_no_harm_is_not() {
    let root = tempfile::tempdir().unwrap();
    let paid = Arc::default();
    let agent = agent(root.path(), &paid);
    let mut session = agent.session(Some("s")).unwrap();
    agent.say(&mut session, TASK).await.unwrap();
    drop(session);
    let path = root.path().join("s/events.jsonl");
    let log = during_payment(&std::fs::read(&path).unwrap());
    std::fs::write(&path, &log).unwrap();

    let before = paid.load(Ordering::SeqCst);
    let stop = CancellationToken::new;
    let mut session = agent.session(Some("s")).unwrap();
    let run = agent.answer(&mut session, vec![], &mut (), stop()).await;
    let run = run.unwrap();
    assert_eq!(run.reason, StopReason::ApprovalNeeded);
    assert_eq!(run.pending, ["call_3"]);
    assert_eq!(paid.load(Ordering::SeqCst), before);
    // Killed while it waits, and then refused.
    drop(session);
    let mut session = agent.session(Some("s")).unwrap();
    let denied = vec![("call_3".to_owned(), Answer::Deny("it was paid".into()))];
    let run = agent.answer(&mut session, denied, &mut (), stop()).await;
    assert_eq!(run.unwrap().answer, ANSWER);
    // Only the two that come later.
    assert_eq!(paid.load(Ordering::SeqCst), before + 2);
}

/// A tool that adds and says that it can be called twice, one that does not, and a
/// call of each.
const MIXED: &str = r#"{"tools": [
    {"name": "look", "description": "Looks", "idempotent": true,
     "parameters": {"type": "object", "properties": {}},
     "command": ["sh", "-c", "echo seen"]},
    {"name": "act", "description": "Acts",
     "parameters": {"type": "object", "properties": {}},
     "command": ["sh", "-c", "echo acted"]}
]}"#;

/// Runs until this many events are told, and kills the program.
fn killed_after(glm: &Glm, engine: &str, events: usize) {
    let mut child = glm
        .command(&[
            "run",
            "Look and act",
            "--json",
            "--engine",
            engine,
            "--tools",
            "./tools.json",
            "--session",
            "s",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.take(events).map_while(Result::ok).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told <= events);
}

#[test]
fn a_program_killed_after_any_event_goes_on_to_the_same_answer() {
    let glm = Glm::new();
    glm.file("tools.json", MIXED);
    let engine = glm.script(&[
        "look\n{}",
        "act\n{}<|assistant|>look\n{}",
        "\nLooked and acted.",
    ]);
    let whole = glm.events(&[
        "run",
        "Look and act",
        "--json",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
    ]);
    for events in 2..whole.len() {
        let glm = Glm::new();
        glm.file("tools.json", MIXED);
        killed_after(&glm, &engine, events);
        let resume = ["session", "resume", "s", "--quiet"];
        let mut output = glm.run(&resume);
        if output.code == Some(4) {
            output = glm.run(&[&resume[..], &["--approve", "all"]].concat());
        }
        let log = parse(&glm.run(&["session", "show", "s", "--json"]).stdout);
        match output.code {
            Some(0) => assert_eq!(output.stdout, "Looked and acted.\n", "after {events}"),
            // The end was written before the program could be killed.
            code => assert_eq!(
                (code, &log.last().unwrap()["reason"]),
                (Some(2), &json!("answered")),
                "after {events}: {output:?}"
            ),
        }
        assert_eq!(of_type(&log, "tool_result").len(), 3, "after {events}");
        let replayed = glm.run(&["replay", "s", "--quiet"]);
        assert_eq!(replayed.code, Some(0), "after {events}: {replayed:?}");
    }
}

#[test]
fn a_call_that_was_under_way_can_be_answered_at_once() {
    let glm = Glm::new();
    let tools = "[[tools]]\nname = \"wait\"\ndescription = \"Waits\"\n\
                 command = [\"sh\", \"-c\", \"test -e go || sleep 600; echo went\"]\n\
                 parameters = { type = \"object\", properties = {} }\n";
    let mut child = stuck(&glm, tools, "\nWent.");
    // While it runs, it is nobody else's.
    let last = ["session", "resume", "--last"];
    let busy = glm.run(&last);
    assert_eq!(
        (busy.stderr.lines().next(), busy.code),
        (
            Some("error: no session waits for an answer, and no run was cut off"),
            Some(2)
        )
    );
    child.kill().unwrap();
    child.wait().unwrap();
    glm.file("go", "");

    let wrong = glm.run(&["session", "resume", "s", "--approve", "call_9"]);
    assert_eq!(
        (wrong.stderr.as_str(), wrong.code),
        (
            "error: the call `call_9` does not wait for an answer; these do: call_1\n",
            Some(2)
        )
    );
    let output = glm.run(&[&last[..], &["--approve", "all"]].concat());
    assert_eq!(
        output,
        Output {
            stdout: "Went.\n".into(),
            stderr: "· gone on with\n● wait {}\n  ✓ went\n".into(),
            code: Some(0),
        }
    );
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_the_run_goes_on_later() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let long = format!("\n{}", "long ".repeat(3000));
    let engine = glm.script(&["add\n{\"a\": 1, \"b\": 2}", &long]);
    let args = [
        "run",
        "Add",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
        "--session",
        "s",
        "--quiet",
    ];
    let run = glm.command(&args);
    // No file may grow beyond 8 blocks of 512 bytes or 1024, which is what a program
    // meets where a disk is full; the signal that also comes is ignored.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(glm.folder())
        .stdin(Stdio::null());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = Output::of(limited.output().unwrap());
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .starts_with("error: cannot write the session log ")
            && output.stderr.contains("`glm session resume s` goes on"),
        "{output:?}"
    );
    let log = parse(&glm.run(&["session", "show", "s", "--json"]).stdout);
    assert_eq!(log.last().unwrap()["type"], "tool_result");

    let output = glm.run(&["session", "resume", "s", "--quiet"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with("long long"), "{output:?}");
    let after = parse(&glm.run(&["session", "show", "s", "--json"]).stdout);
    assert_eq!(after[..log.len()], log);
}
