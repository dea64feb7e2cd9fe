//! `glm replay`: sessions that come out the same, differences, and going on live.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    glm::{Glm, Output, of_type, parse},
    run::ADDER,
};

/// A session `s` with a run that calls a tool, and one that does not.
fn held() -> Glm {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let engine = glm.script(&[
        "add\n{\"a\": 2, \"b\": \"3\"}",
        "\nThe sum is 5.",
        "\nYou are welcome.",
    ]);
    for task in ["What is 2 + 3?", "Thanks."] {
        let output = glm.run(&[
            "run",
            task,
            "--quiet",
            "--engine",
            &engine,
            "--tools",
            "./tools.json",
            "--session",
            "s",
        ]);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    glm
}

fn log_of(glm: &Glm, session: &str) -> PathBuf {
    glm.folder()
        .join("data/sessions")
        .join(session)
        .join("events.jsonl")
}

#[test]
fn a_session_is_replayed_without_its_tools_and_its_model() {
    let glm = held();
    for name in ["tools.json", "replies.jsonl"] {
        std::fs::remove_file(glm.folder().join(name)).unwrap();
    }
    assert_eq!(
        glm.run(&["replay", "s"]),
        Output {
            stdout: "10 events, and all came out the same\n".into(),
            stderr: String::new(),
            code: Some(0),
        }
    );
}

#[test]
fn what_comes_out_otherwise_is_shown_and_fails() {
    let glm = held();
    let path = log_of(&glm, "s");
    let log = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, log.replace("\"b\":3", "\"b\":4")).unwrap();
    assert_eq!(
        glm.run(&["replay", "s"]),
        Output {
            stdout: String::new(),
            stderr: "error: event 3 comes out otherwise than in the log (-: logged, +: now)\n\
                     \x20     \"a\": 2,\n-     \"b\": 4\n+     \"b\": 3\n    }\n  }\n"
                .replace("\x20     \"a\"", "    \"arguments\": {\n      \"a\""),
            code: Some(1),
        }
    );
}

#[test]
fn programs_read_the_outcome_as_json() {
    let glm = held();
    let outcome = |glm: &Glm| {
        let output = glm.run(&["replay", "s", "--json"]);
        (parse(&output.stdout).remove(0), output.code)
    };
    let same = json!({"events": 10, "difference": null});
    assert_eq!(outcome(&glm), (same, Some(0)));
    let path = log_of(&glm, "s");
    let log = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, log.replace("\"answer\":\"The", "\"answer\":\"A")).unwrap();
    let (other, code) = outcome(&glm);
    let difference = &other["difference"];
    assert_eq!(
        (
            &difference["seq"],
            &difference["logged"]["answer"],
            &difference["replayed"]["answer"],
            code
        ),
        (
            &json!(6),
            &json!("A sum is 5."),
            &json!("The sum is 5."),
            Some(1)
        )
    );
}

#[test]
fn a_session_that_is_not_there_cannot_be_replayed() {
    let glm = Glm::new();
    let output = glm.run(&["replay", "nothing"]);
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: there is no session `nothing`\nhint: `glm session list` shows them\n",
            Some(2)
        )
    );
}

#[test]
fn a_session_goes_on_live_from_the_middle_in_a_session_of_its_own() {
    let glm = held();
    let before = std::fs::read(log_of(&glm, "s")).unwrap();
    glm.script(&["add\n{\"a\": 2, \"b\": 3}", "\nFive, this time."]);
    let output = glm.run(&["replay", "s", "--from", "5"]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("Five, this time.\n", Some(0)),
        "{output:?}"
    );
    let new = output.stderr.lines().next().unwrap();
    let new = new.strip_prefix("session ").unwrap();
    let events = parse(&glm.run(&["session", "show", new, "--json"]).stdout);
    let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "session_started",
            "user_message",
            "model_turn",
            "tool_call_requested",
            "tool_result",
            "resumed",
            "model_turn",
            "run_ended",
        ]
    );
    assert_eq!(events[0]["session"], *new);
    assert_eq!(glm.run(&["replay", new, "--quiet"]).code, Some(0));
    // The old one is as it was.
    assert_eq!(std::fs::read(log_of(&glm, "s")).unwrap(), before);
}

#[test]
fn a_message_is_said_again() {
    let glm = held();
    glm.script(&["", "", "\nNot at all."]);
    let output = glm.run(&["replay", "s", "--from", "7", "--json"]);
    let events = parse(&output.stdout);
    assert_eq!(of_type(&events, "user_message")[0]["content"], "Thanks.");
    assert_eq!(events.last().unwrap()["answer"], "Not at all.");
}

#[test]
fn nothing_goes_on_where_nothing_was_under_way() {
    let glm = held();
    for from in ["0", "10", "99"] {
        let output = glm.run(&["replay", "s", "--from", from]);
        assert_eq!(output.code, Some(2), "{output:?}");
        let start = format!("error: nothing goes on from event {from} of session `s`\n");
        assert!(output.stderr.starts_with(&start), "{output:?}");
    }
    let sessions = glm.run(&["session", "list", "--json"]).stdout;
    let sessions: serde_json::Value = serde_json::from_str(&sessions).unwrap();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
}

#[test]
fn an_older_log_is_replayed_too() {
    let glm = held();
    let path = log_of(&glm, "s");
    let log = std::fs::read_to_string(&path).unwrap();
    let older: String = log
        .lines()
        .map(|line| {
            let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields = event.as_object_mut().unwrap();
            fields.shift_remove("result_chars");
            if fields.contains_key("schema") {
                fields.insert("schema".into(), json!(2));
            }
            format!("{event}\n")
        })
        .collect();
    std::fs::write(&path, older).unwrap();
    assert_eq!(glm.run(&["replay", "s", "--quiet"]).code, Some(0));
}
