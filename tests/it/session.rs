//! Sessions on disk: continued, stopped, killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::glm::{Glm, of_type, parse};

const WAIT: &str = "[[tools]]\nname = \"wait\"\ndescription = \"Waits\"\n\
    command = [\"sleep\", \"600\"]\nparameters = { type = \"object\", properties = {} }\n";

/// Starts a run whose tool, `wait`, does not end, and returns when the call has begun. What
/// the model says then is for a run that goes on.
pub fn stuck(glm: &Glm, tools: &str, then: &str) -> Child {
    glm.file("tools.toml", tools);
    let engine = glm.script(&["wait\n{}", then]);
    let mut child = glm
        .command(&[
            "run",
            "Wait",
            "--json",
            "--engine",
            &engine,
            "--tools",
            "./tools.toml",
            "--session",
            "s",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let called = lines.any(|line| line.unwrap().contains("tool_call_requested"));
    assert!(called, "the run ended before its call");
    child
}

fn log(glm: &Glm) -> Vec<Value> {
    let output = glm.run(&["session", "show", "s", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    parse(&output.stdout)
}

#[test]
fn a_session_goes_on_where_it_was() {
    let glm = Glm::new();
    let engine = glm.script(&["\nHello Ada.", "\nAda."]);
    for (task, answer) in [("I am Ada.", "Hello Ada.\n"), ("Who am I?", "Ada.\n")] {
        let output = glm.run(&[
            "run",
            task,
            "--engine",
            &engine,
            "--tools",
            "none",
            "--session",
            "s",
        ]);
        assert_eq!(output.stdout, answer, "{output:?}");
    }
    assert_eq!(of_type(&log(&glm), "user_message").len(), 2);
    assert!(glm.run(&["session", "list"]).stdout.contains("\ns  "));
    let shown = glm.run(&["session", "show", "s"]).stdout;
    assert_eq!(shown, "› I am Ada.\nHello Ada.\n› Who am I?\nAda.\n");
}

#[test]
fn kill_9_in_the_middle_of_a_run_leaves_a_session_that_loads_and_goes_on() {
    let glm = Glm::new();
    let mut child = stuck(&glm, WAIT, "\nBack again.");
    child.kill().unwrap();
    child.wait().unwrap();
    let before = log(&glm);
    assert_eq!(before.last().unwrap()["type"], "tool_call_requested");

    let engine = glm.script(&["", "\nBack again."]);
    let output = glm.run(&[
        "run",
        "Still there?",
        "--engine",
        &engine,
        "--tools",
        "./tools.toml",
        "--session",
        "s",
        "--quiet",
    ]);
    assert_eq!(output.stdout, "Back again.\n", "{output:?}");
    let after = log(&glm);
    assert_eq!(after[..before.len()], before);
    let ends: Vec<_> = of_type(&after, "run_ended")
        .iter()
        .map(|e| e["reason"].clone())
        .collect();
    assert_eq!(ends, [json!("interrupted"), json!("answered")]);
}

#[test]
fn ctrl_c_ends_the_run_and_the_log_says_so() {
    let glm = Glm::new();
    let mut child = stuck(&glm, WAIT, "\nBack again.");
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(log(&glm).last().unwrap()["reason"], "interrupted");
}

#[test]
fn a_second_process_on_a_session_is_told() {
    let glm = Glm::new();
    let mut child = stuck(&glm, WAIT, "\nBack again.");
    let output = glm.run(&[
        "run",
        "Me too",
        "--engine",
        &glm.script(&["\nNo."]),
        "--session",
        "s",
    ]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(1), "error: session `s` is open in another process\n")
    );
}

#[test]
fn there_is_no_such_session() {
    let output = Glm::new().run(&["session", "show", "nobody"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(2),
            "error: there is no session `nobody`\nhint: `glm session list` shows them\n"
        )
    );
}

/// Runs a task in a session of this name.
fn say(glm: &Glm, session: &str, task: &str, replies: &[&str]) {
    let engine = glm.script(replies);
    let mut args = vec!["run", task, "--engine", &engine, "--tools", "none"];
    args.extend(["--session", session]);
    let output = glm.run(&args);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn sessions_are_listed_with_what_they_are_about() {
    let glm = Glm::new();
    assert_eq!(glm.run(&["session", "list"]).stdout, "");
    say(&glm, "first", "Say hello\nto Ada", &["\nHello Ada."]);
    say(&glm, "second", "Count", &["\nOne."]);
    say(&glm, "first", "Again", &["", "\nHello again."]);
    let damaged = glm.folder().join("data/sessions/third");
    std::fs::create_dir_all(&damaged).unwrap();
    std::fs::write(damaged.join("events.jsonl"), "{}\n").unwrap();

    let output = glm.run(&["session", "list"]);
    let columns = |line: &str| -> Vec<String> {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let lines: Vec<_> = output.stdout.lines().map(columns).collect();
    assert_eq!(
        lines[0],
        ["ID", "STARTED", "LAST", "MODEL", "TURNS", "OUTCOME", "TASK"]
    );
    assert_eq!(lines[1][0], "third");
    assert_eq!(lines[1][2], "damaged");
    let [second, first] = &lines[2..] else {
        panic!("{output:?}")
    };
    assert_eq!(
        (second[0].as_str(), &second[3..]),
        (
            "second",
            &["scripted", "1", "answered", "Count"].map(String::from)[..]
        )
    );
    assert_eq!(
        (first[0].as_str(), &first[3..]),
        (
            "first",
            &["scripted", "2", "answered", "Say hello to Ada"].map(String::from)[..]
        )
    );

    let json: Value =
        serde_json::from_str(&glm.run(&["session", "list", "--json"]).stdout).unwrap();
    assert_eq!(json[2]["id"], "first");
    assert_eq!(
        (
            &json[2]["messages"],
            &json[2]["replies"],
            &json[2]["outcome"]
        ),
        (&json!(2), &json!(2), &json!("answered"))
    );
    assert!(
        json[0]["error"].as_str().unwrap().starts_with("line 1: "),
        "{json}"
    );
}

#[test]
fn sessions_are_removed_all_or_none() {
    let glm = Glm::new();
    for session in ["a", "b"] {
        say(&glm, session, "Hello", &["\nHi."]);
    }
    let output = glm.run(&["session", "rm", "a", "nobody"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(2), ""),
        "{output:?}"
    );
    assert!(glm.folder().join("data/sessions/a").exists());
    assert_eq!(glm.run(&["session", "rm", "a", "b"]).code, Some(0));
    assert_eq!(glm.run(&["session", "list"]).stdout, "");
    let mut child = stuck(&glm, WAIT, "\nBack again.");
    let output = glm.run(&["session", "rm", "s"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(1), "error: session `s` is open in another process\n")
    );
    assert_eq!(log(&glm).last().unwrap()["type"], "tool_call_requested");
}

#[test]
fn a_fork_begins_as_the_other_did_and_goes_its_own_way() {
    let glm = Glm::new();
    say(&glm, "s", "I am Ada.", &["\nHello Ada."]);
    say(&glm, "s", "Who am I?", &["", "\nAda."]);
    std::fs::write(glm.folder().join("data/sessions/s/files/a.txt"), "kept").unwrap();
    let before = log(&glm);
    let output = glm.run(&["session", "fork", "s", "--at", "4", "--name", "t"]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("t\n", Some(0)),
        "{output:?}"
    );
    let forked = parse(&glm.run(&["session", "show", "t", "--json"]).stdout);
    let mut expected = before[..4].to_vec();
    expected[0]["session"] = json!("t");
    expected[3]["session"] = json!("t");
    assert_eq!(forked, expected);
    let copy = glm.folder().join("data/sessions/t/files/a.txt");
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "kept");

    say(&glm, "t", "And?", &["", "\nAnd on."]);
    assert_eq!(log(&glm), before);
    let all = glm.run(&["session", "fork", "s"]);
    let id = all.stdout.trim();
    assert_eq!(
        parse(&glm.run(&["session", "show", id, "--json"]).stdout).len(),
        before.len()
    );

    for (args, error) in [
        (
            vec!["s", "--at", "0"],
            "error: session `s` has 7 events; a fork begins with 1 to 7 of them, not 0\n",
        ),
        (
            vec!["s", "--at", "8"],
            "error: session `s` has 7 events; a fork begins with 1 to 7 of them, not 8\n",
        ),
        (
            vec!["s", "--name", "t"],
            "error: there is a session `t` already\nhint: choose another name\n",
        ),
    ] {
        let args: Vec<_> = ["session", "fork"].into_iter().chain(args).collect();
        let output = glm.run(&args);
        assert_eq!((output.code, output.stderr.as_str()), (Some(2), error));
    }
}

#[test]
fn past_sessions_are_found_by_their_words() {
    let glm = Glm::new();
    say(
        &glm,
        "s",
        "What is the tallest tower?",
        &["\nThe Burj Khalifa."],
    );
    say(&glm, "t", "Count", &["\nOne tower of babel."]);
    let found = |words: &[&str]| -> Value {
        let args: Vec<_> = ["session", "search", "--json"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        serde_json::from_str(&glm.run(&args).stdout).unwrap()
    };
    let places = |found: &Value| -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found = found.as_array().unwrap().iter();
        found
            .map(|p| (text(&p["session"]), text(&p["by"]), text(&p["excerpt"])))
            .collect()
    };
    let user = (
        "s".to_owned(),
        "user".to_owned(),
        "What is the tallest tower?".to_owned(),
    );
    let model = (
        "t".to_owned(),
        "assistant".to_owned(),
        "One tower of babel.".to_owned(),
    );
    assert_eq!(places(&found(&["TOWER"])), [user.clone(), model]);
    assert_eq!(places(&found(&["tower", "what"])), [user]);
    let nothing = glm.run(&["session", "search", "nowhere"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    let shown = glm.run(&["session", "search", "burj"]).stdout;
    assert!(
        shown.starts_with("s\n  ") && shown.ends_with("  assistant: The Burj Khalifa.\n"),
        "{shown}"
    );
}
