//! The log's published form: its schema, and logs that older versions wrote.

use std::fs;

use glm_agent::{Event, Session, StopReason, state::State};
use serde_json::{Value, json};

use crate::{
    collector::Collector,
    glm::{Glm, of_type, parse},
    published::{EVENT, published},
    run::ADDER,
};

/// Logs as each version wrote them: versions 1 and 2 by hand after their types and what
/// their tests recorded, 3 by `glm` itself.
const VERSIONS: [u32; 3] = [1, 2, 3];

#[test]
fn the_schema_of_a_line_is_published() {
    published("session_event", &Event::schema());
}

#[test]
fn what_is_no_event_does_not_fit_the_schema() {
    let line = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let head = r#""seq": 0, "time": "2026-11-28T22:38:20Z", "type""#;
    assert!(EVENT.is_valid(&line(&format!("{{{head}: \"resumed\"}}"))));
    for wrong in [
        format!("{{{head}: \"ended\"}}"),
        format!("{{{head}: \"approved\"}}"),
        format!("{{{head}: \"denied\", \"id\": \"call_1\", \"reason\": 1}}"),
        r#"{"seq": -1, "time": "2026-11-28T22:38:20Z", "type": "resumed"}"#.to_owned(),
        r#"{"seq": 0, "type": "resumed"}"#.to_owned(),
    ] {
        assert!(!EVENT.is_valid(&line(&wrong)), "{wrong}");
    }
}

/// A `glm` that has the log of a version as a session, and what it needs to go on.
fn with_log(version: u32, replies: &[&str]) -> (Glm, String, Vec<Value>) {
    let glm = Glm::new();
    let name = format!("schema-{version}");
    let log = format!(
        "{}/tests/data/sessions/{name}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    glm.file("tools.json", ADDER);
    glm.script(replies);
    let log = fs::read_to_string(log).unwrap();
    let log = log.replace("/home/ada", &glm.folder().display().to_string());
    let folder = glm.folder().join("data/sessions").join(&name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("events.jsonl"), &log).unwrap();
    (glm, name, parse(&log))
}

#[test]
fn a_log_of_every_version_is_read_whole() {
    for version in VERSIONS {
        let (glm, name, lines) = with_log(version, &[]);
        let started = of_type(&lines, "session_started");
        assert_eq!(started[0]["schema"], version);
        for line in &lines {
            assert!(EVENT.is_valid(line), "{line}");
        }
        // Nothing that was written is lost or changed by reading.
        let shown = glm.run(&["session", "show", &name, "--json"]);
        assert_eq!(parse(&shown.stdout), lines, "{shown:?}");
        let events = Session::read(&glm.folder().join("data/sessions"), &name).unwrap();
        let state = State::fold(&events);
        assert!(!state.is_running());
        let waiting: Vec<_> = state.pending().into_iter().map(|call| call.id).collect();
        let expected: &[&str] = if version == 2 { &["call_4"] } else { &[] };
        assert_eq!(waiting, expected);
    }
}

#[test]
fn a_log_of_every_version_is_shown_and_exported() {
    for version in VERSIONS {
        let (glm, name, lines) = with_log(version, &[]);
        let exported = |form: &str| {
            let output = glm.run(&["session", "export", &name, form]);
            assert_eq!(output.code, Some(0), "{output:?}");
            output.stdout
        };
        assert_eq!(parse(&exported("--json")), lines);
        let page = exported("--html");
        for message in of_type(&lines, "user_message") {
            let words = message["content"].as_str().unwrap();
            assert!(page.contains(words), "{words}");
        }
        let shown = glm.run(&["session", "show", &name]);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        insta::assert_snapshot!(
            format!("schema_{version}"),
            format!("{}\n---\n{}", exported("--md"), shown.stdout)
        );
    }
}

#[test]
fn a_log_of_every_version_is_sent_as_traces() {
    let mut told = Vec::new();
    for version in VERSIONS {
        let (glm, name, lines) = with_log(version, &[]);
        let collector = Collector::start();
        let output = glm.run(&["session", "export", &name, "--otlp", collector.url()]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let spans = collector.spans();
        for (operation, event) in [
            ("invoke_agent", "run_ended"),
            ("chat", "model_turn"),
            ("execute_tool", "tool_result"),
        ] {
            let is_one = |span: &&Value| span["attributes"]["gen_ai.operation.name"] == operation;
            let count = spans.iter().filter(is_one).count();
            assert_eq!(count, of_type(&lines, event).len(), "{name}: {operation}");
        }
        let mut ids: Vec<_> = spans
            .iter()
            .map(|span| span["spanId"].to_string())
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), spans.len());
        let notes = spans.iter().filter_map(|span| span["events"].as_array());
        for note in notes.flatten() {
            told.push(json!([version, note["name"], note["attributes"]]).to_string());
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_log_of_every_version_is_gone_on_with() {
    for version in VERSIONS {
        // A script goes on after the replies that there were.
        let (glm, name, lines) = with_log(version, &[]);
        let before = of_type(&lines, "model_turn").len();
        let mut replies = vec![""; before];
        replies.push("\nStill here.");
        let engine = glm.script(&replies);
        let mut args = vec!["run", "Are you there?", "--session", &name, "--json"];
        args.extend(["--engine", &engine, "--tools", "./tools.json"]);
        let events = glm.events(&args);
        let end = events.last().unwrap();
        assert_eq!(end["answer"], "Still here.");
        assert_eq!(end["session"], name.as_str());
        let shown = parse(&glm.run(&["session", "show", &name, "--json"]).stdout);
        assert_eq!(shown[..lines.len()], lines);
        assert_eq!(shown[lines.len()..], events);
    }
}

#[test]
fn a_call_that_waits_in_an_older_log_is_answered() {
    let mut replies = vec![""; 6];
    replies.push("\nIt is 2.");
    let (glm, name, _) = with_log(2, &replies);
    let output = glm.run(&["session", "resume", &name, "--approve", "call_4", "--json"]);
    let events = parse(&output.stdout);
    assert_eq!(
        of_type(&events, "tool_result")[0]["text"],
        "2",
        "{output:?}"
    );
    assert_eq!(events.last().unwrap()["answer"], "It is 2.");
    let root = glm.folder().join("data/sessions");
    let summary = Session::summaries(&root).unwrap().remove(0);
    assert_eq!(summary.outcome, Some(StopReason::Answered));
}

#[test]
fn older_logs_are_replayed() {
    for version in [2, 3] {
        let (glm, name, lines) = with_log(version, &[]);
        let output = glm.run(&["replay", &name]);
        let all = format!("{} events, and all came out the same\n", lines.len());
        assert_eq!(
            (output.stdout, output.code),
            (all, Some(0)),
            "{}",
            output.stderr
        );
    }
}
