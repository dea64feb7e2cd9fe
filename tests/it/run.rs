//! `glm run`: answers, events, limits and exit codes, with scripted replies.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::json;

use crate::glm::{Glm, Output, of_type, parse, stable};

/// A tool that adds, as a command.
pub const ADDER: &str = r#"{"tools": [{
    "name": "add",
    "description": "Adds two numbers",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"]
    },
    "command": ["python3", "-c", "import json, sys; x = json.load(sys.stdin); print(x['a'] + x['b'])"]
}]}"#;

#[test]
fn a_task_is_answered_from_a_tools_result_and_the_events_tell_it_all() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let engine = glm.script(&["add\n{\"a\": 2, \"b\": \"3\"}", "\nThe sum is 5."]);
    let events = glm.events(&[
        "run",
        "What is 2 + 3?",
        "--json",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
    ]);
    insta::assert_json_snapshot!(stable(&events));
}

#[test]
fn stdout_holds_the_answer_and_nothing_else() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let engine = glm.script(&["add\n{\"a\": 2, \"b\": 3}", "\nThe sum is 5."]);
    let output = glm.run(&[
        "run",
        "2 + 3?",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
    ]);
    assert_eq!(
        output,
        Output {
            stdout: "The sum is 5.\n".into(),
            stderr: "● add {\"a\":2,\"b\":3}\n  ✓ 5\n".into(),
            code: Some(0),
        }
    );
}

#[test]
fn what_a_call_prints_is_shown_while_it_runs_and_once() {
    let glm = Glm::new();
    glm.file(
        "tools.toml",
        "[[tools]]\nname = \"count\"\ndescription = \"Counts\"\n\
         command = [\"sh\", \"-c\", \"echo one; while [ ! -e seen ]; do sleep 0.01; done; echo two\"]\n\
         parameters = { type = \"object\", properties = {} }\n",
    );
    let engine = glm.script(&["count\n{}", "\nDone."]);
    let mut child = glm
        .command(&[
            "run",
            "Count",
            "--engine",
            &engine,
            "--tools",
            "./tools.toml",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("one") {
        assert_ne!(stderr.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    glm.file("seen", "");
    stderr.read_to_string(&mut shown).unwrap();
    assert_eq!(shown, "● count {}\n    one\n    two\n  ✓\n");
    let output = Output::of(child.wait_with_output().unwrap());
    assert_eq!((output.stdout.as_str(), output.code), ("Done.\n", Some(0)));
}

#[test]
fn the_answer_goes_to_a_file_too() {
    let glm = Glm::new();
    let engine = glm.script(&["\nHello."]);
    let output = glm.run(&[
        "run", "Hi", "--engine", &engine, "--tools", "none", "-o", "out.txt",
    ]);
    assert_eq!(output.stdout, "Hello.\n");
    let written = std::fs::read_to_string(glm.folder().join("out.txt")).unwrap();
    assert_eq!(written, "Hello.\n");
}

#[test]
fn a_task_given_as_an_argument_never_reads_stdin() {
    let glm = Glm::new();
    let engine = glm.script(&["\nHello."]);
    // The pipe stays open for as long as the child lives.
    let mut child = glm
        .command(&["run", "Hi", "--engine", &engine, "--tools", "none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = child.stdin.take().unwrap();
    let output = Output::of(child.wait_with_output().unwrap());
    drop(pipe);
    assert_eq!((output.stdout.as_str(), output.code), ("Hello.\n", Some(0)));
}

#[test]
fn a_dash_reads_the_task_from_stdin() {
    let glm = Glm::new();
    let task = glm.file("task.txt", "What is up?");
    let engine = glm.script(&["\nHello."]);
    let output = glm
        .command(&["run", "-", "--json", "--engine", &engine, "--tools", "none"])
        .stdin(std::fs::File::open(task).unwrap())
        .output()
        .unwrap();
    let events = parse(&Output::of(output).stdout);
    assert_eq!(
        of_type(&events, "user_message")[0]["content"],
        "What is up?"
    );
}

#[test]
fn at_the_step_limit_the_model_gets_a_last_word() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let call = |n: u32| format!("add\n{{\"a\": {n}, \"b\": 1}}");
    let engine = glm.script(&[&call(1), &call(2), "\nAs far as I know, 3."]);
    let output = glm.run(&[
        "run",
        "Add",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
        "--max-steps",
        "2",
        "--quiet",
    ]);
    assert_eq!(
        output,
        Output {
            stdout: "As far as I know, 3.\n".into(),
            stderr: "note: stopped at the limit of steps; this is the best answer so far\n\
                     hint: --max-steps N\n"
                .into(),
            code: Some(3),
        }
    );
}

#[test]
fn a_time_limit_cuts_a_slow_tool_and_asks_for_a_last_word() {
    let glm = Glm::new();
    glm.file(
        "tools.toml",
        "[[tools]]\nname = \"wait\"\ndescription = \"Waits\"\ncommand = [\"sleep\", \"600\"]\n\
         parameters = { type = \"object\", properties = {} }\n",
    );
    let engine = glm.script(&["wait\n{}", "\nI could not wait."]);
    let output = glm.run(&[
        "run",
        "Wait",
        "--engine",
        &engine,
        "--tools",
        "./tools.toml",
        "--timeout",
        "1",
        "--quiet",
    ]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("I could not wait.\n", Some(3))
    );
}

#[test]
fn wrong_arguments_come_back_to_the_model_before_the_tool_runs() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let engine = glm.script(&[
        "add\n{\"a\": \"many\"}",
        "add\n{\"a\": 1, \"b\": 1}",
        "\nTwo.",
    ]);
    let events = glm.events(&[
        "run",
        "1 + 1?",
        "--json",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
    ]);
    let rejected: Vec<_> = of_type(&events, "rejected")
        .iter()
        .map(|e| (e["arguments"].clone(), e["reason"].as_str().unwrap()))
        .collect();
    let reason = "error: wrong arguments for `add`\n- `b`: expected a number, got nothing\n\
                  - `a`: expected a number, got \"many\"";
    assert_eq!(rejected, [(json!({"a": "many"}), reason)]);
    let results: Vec<_> = of_type(&events, "tool_result")
        .iter()
        .map(|e| e["status"].clone())
        .collect();
    assert_eq!(results, [json!("ok")]);
}

#[test]
fn the_same_call_over_and_over_is_stopped() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let call = "add\n{\"a\": 1, \"b\": 1}";
    let engine = glm.script(&[call, call, call, call, "\nTwo."]);
    let events = glm.events(&[
        "run",
        "1 + 1?",
        "--json",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
    ]);
    assert_eq!(of_type(&events, "tool_result").len(), 3);
    assert_eq!(of_type(&events, "denied").len(), 1);
}
