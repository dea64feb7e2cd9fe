//! Runs that wait for somebody, in this process and the next.

use serde_json::{Value, json};

use crate::{
    glm::{Glm, Output, of_type, parse},
    run::ADDER,
};

const ADD: &str = "add\n{\"a\": 1, \"b\": 1}";

/// A session `s` that waits for consent to calls.
fn waiting(replies: &[&str]) -> Glm {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let engine = glm.script(replies);
    let args = [
        "run",
        "Add",
        "--quiet",
        "--session",
        "s",
        "--approve",
        "ask",
    ];
    let output = glm.run(&[&args[..], &["--tools", "./tools.json", "--engine", &engine]].concat());
    assert_eq!(output.code, Some(4), "{output:?}");
    glm
}

/// Resumes it from another folder, with the flags of before.
fn resume(glm: &Glm, answers: &[&str]) -> Output {
    let mut command = glm.command(&[&["session", "resume", "s"][..], answers].concat());
    command.current_dir("/");
    Output::of(command.output().unwrap())
}

fn events(glm: &Glm) -> Vec<Value> {
    parse(&glm.run(&["session", "show", "s", "--json"]).stdout)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| e["type"].as_str().unwrap()).collect()
}

#[test]
fn a_call_is_approved_in_another_process_and_the_run_goes_on() {
    let glm = waiting(&[ADD, "\nTwo."]);
    let ended = events(&glm).pop().unwrap();
    assert_eq!(
        (&ended["reason"], &ended["pending"]),
        (&json!("approval_needed"), &json!(["call_1"]))
    );
    let output = resume(&glm, &["--approve", "call_1", "--quiet"]);
    assert_eq!(
        output,
        Output {
            stdout: "Two.\n".into(),
            stderr: String::new(),
            code: Some(0),
        }
    );
    assert_eq!(
        kinds(&events(&glm)),
        [
            "session_started",
            "user_message",
            "model_turn",
            "approval_requested",
            "run_ended",
            "approved",
            "tool_call_requested",
            "tool_result",
            "model_turn",
            "run_ended",
        ]
    );
}

#[test]
fn a_call_is_denied_with_words_for_the_model() {
    let glm = waiting(&[ADD, "\nThen not."]);
    let output = resume(&glm, &["--deny", "call_1", "--message", "use your head"]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("Then not.\n", Some(0))
    );
    assert_eq!(
        of_type(&events(&glm), "denied")[0]["reason"],
        "the user did not allow this call: use your head"
    );
}

#[test]
fn a_call_is_run_with_other_arguments_if_they_fit() {
    let glm = waiting(&[ADD, "\nTen."]);
    let wrong = resume(&glm, &["--approve", "call_1", "--arguments", "{\"a\": 1}"]);
    assert_eq!(
        wrong,
        Output {
            stdout: String::new(),
            stderr: "error: the answer to `call_1` does not fit: wrong arguments for `add`\n\
                     - `b`: expected a number, got nothing\n"
                .into(),
            code: Some(2),
        }
    );
    let arguments = "{\"a\": 4, \"b\": \"6\"}";
    let output = resume(&glm, &["--approve", "call_1", "--arguments", arguments]);
    assert_eq!(output.stdout, "Ten.\n");
    let events = events(&glm);
    assert_eq!(of_type(&events, "tool_result")[0]["text"], "10");
    assert_eq!(
        of_type(&events, "approved")[0]["arguments"],
        json!({"a": 4, "b": 6})
    );
}

#[test]
fn several_calls_wait_together_and_one_consent_can_hold_for_all() {
    let two = format!("{ADD}<|assistant|>add\n{{\"a\": 2, \"b\": 2}}");
    let glm = waiting(&[&two, "add\n{\"a\": 3, \"b\": 3}", "\nDone."]);
    let ended = events(&glm).pop().unwrap();
    assert_eq!(ended["pending"], json!(["call_1", "call_2"]));
    let some = resume(&glm, &["--approve", "call_2"]);
    assert_eq!(some.code, Some(4), "{some:?}");
    let output = resume(&glm, &["--approve", "all", "--always"]);
    assert_eq!((output.stdout.as_str(), output.code), ("Done.\n", Some(0)));
    assert_eq!(of_type(&events(&glm), "tool_result").len(), 3);
}

#[test]
fn what_does_not_wait_cannot_be_answered() {
    let glm = waiting(&[ADD, "\nTwo."]);
    let before = events(&glm).len();
    for (answers, message, code) in [
        (
            &["--approve", "call_7"][..],
            "the call `call_7` does not wait for an answer; these do: call_1",
            2,
        ),
        (
            &["--result", "call_1=3"][..],
            "the answer to `call_1` does not fit: its tool runs here and gives the result itself",
            2,
        ),
        (
            &[][..],
            "calls wait for an answer: call_1\nhint: --approve CALL, --deny CALL or --result CALL=TEXT",
            4,
        ),
    ] {
        let output = resume(&glm, answers);
        assert_eq!(
            (output.stderr, output.code),
            (format!("error: {message}\n"), Some(code))
        );
    }
    assert_eq!(events(&glm).len(), before);
    assert_eq!(resume(&glm, &["--approve", "all"]).code, Some(0));
    let output = resume(&glm, &["--approve", "call_1"]);
    assert_eq!(output.code, Some(2), "{output:?}");
}

#[test]
fn who_goes_on_talking_gives_up_the_calls_that_wait() {
    let glm = waiting(&[ADD, "\nAll right."]);
    let engine = format!("scripted:{}", glm.folder().join("replies.jsonl").display());
    let args = ["run", "Never mind", "--quiet", "--session", "s"];
    let output = glm.run(&[&args[..], &["--tools", "./tools.json", "--engine", &engine]].concat());
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("All right.\n", Some(0))
    );
    assert_eq!(
        kinds(&events(&glm))[4..7],
        ["run_ended", "denied", "user_message"]
    );
}
