//! `glm tools call`: tools without a model, alone and beside a conversation.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::glm::{Glm, Output, of_type, parse, stable};

fn call(glm: &Glm, code: &str, more: &[&str]) -> Output {
    let mut args = vec!["tools", "call", "python", code];
    args.extend(more);
    glm.run(&args)
}

fn output(stdout: &str, code: i32) -> Output {
    Output {
        stdout: stdout.into(),
        stderr: String::new(),
        code: Some(code),
    }
}

fn log(glm: &Glm) -> Vec<Value> {
    parse(&glm.run(&["session", "show", "s", "--json"]).stdout)
}

#[test]
fn a_session_keeps_variables_and_files_between_calls() {
    let glm = Glm::new();
    let keep = ["--session", "s"];
    let draw =
        "import random\nx = random.random()\nprint(x)\nopen('x.txt', 'w').write(str(x)) and None";
    let first = call(&glm, draw, &keep);
    assert_eq!(
        (first.code, first.stderr.as_str()),
        (
            Some(0),
            "    x.txt  text/plain  X B\n"
                .replace(
                    'X',
                    &(first.stdout.lines().next().unwrap().len()).to_string()
                )
                .as_str()
        )
    );
    let x = first.stdout.lines().next().unwrap();
    assert_eq!(call(&glm, "x / 0", &keep).code, Some(1));
    let second = call(&glm, "print(x)\nprint(open('x.txt').read())", &keep);
    assert_eq!(second, output(&format!("{x}\n{x}\n"), 0));
    assert_eq!(call(&glm, "x", &[]).code, Some(1));

    let shown = glm.run(&["session", "show", "s"]).stdout;
    assert!(
        shown.starts_with("● python · by hand\n  │ import random\n"),
        "{shown}"
    );
    let listed = glm.run(&["session", "list", "--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed[0]["id"], &listed[0]["messages"]),
        (&json!("s"), &json!(0))
    );
}

#[test]
fn a_look_into_a_conversation_is_not_part_of_it() {
    let glm = Glm::new();
    let run = |task: &str, replies: &[&str]| {
        let engine = glm.script(replies);
        glm.events(&["run", task, "--json", "--engine", &engine, "--session", "s"])
    };
    let first = ["python\nx = 41", "\nDone."];
    run("Start", &first);
    assert_eq!(
        call(&glm, "x += 1\nprint(x)", &["--session", "s"]),
        output("42\n", 0)
    );
    let next = [first[0], first[1], "python\nprint(x)", "\nIt is 42."];
    let events = run("Go on", &next);
    assert_eq!(of_type(&events, "tool_result")[0]["text"], "42");

    // The model read no more than without the call.
    let other = Glm::new();
    let engine = other.script(&next);
    for task in ["Start", "Go on"] {
        other.events(&["run", task, "--json", "--engine", &engine, "--session", "s"]);
    }
    let prompts = |glm: &Glm| -> Vec<Value> {
        let log = log(glm);
        let turns = of_type(&log, "model_turn").into_iter();
        turns
            .map(|turn| turn["usage"]["prompt_tokens"].clone())
            .collect()
    };
    assert_eq!(prompts(&glm), prompts(&other));
}

#[test]
fn a_conversation_can_begin_where_calls_were_made() {
    let glm = Glm::new();
    call(&glm, "x = 42", &["--session", "s"]);
    let engine = glm.script(&["python\nprint(x)", "\nIt is 42."]);
    let args = [
        "run",
        "What is x?",
        "--engine",
        &engine,
        "--session",
        "s",
        "--tools",
        "python",
        "--quiet",
    ];
    assert_eq!(glm.run(&args), output("It is 42.\n", 0));
    let mut events = log(&glm);
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        if event.contains_key("replay") {
            event.insert("replay".into(), json!("…"));
        }
    }
    insta::assert_json_snapshot!(stable(&events));
}

#[test]
fn code_comes_from_stdin_too() {
    let glm = Glm::new();
    let code = glm.file("code.py", "print(1)\n2");
    let ended = glm
        .command(&["tools", "call", "python", "-"])
        .stdin(fs::File::open(code).unwrap())
        .output()
        .unwrap();
    assert_eq!(Output::of(ended), output("1\n2\n", 0));
}

#[test]
fn output_comes_as_it_is_printed_and_once() {
    let glm = Glm::new();
    let code = "import os, time\nprint('one', end='')\nwhile not os.path.exists('seen'): time.sleep(0.01)\nprint(' two')\n6 * 7";
    let mut child = glm
        .command(&["tools", "call", "python", code, "--session", "s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut shown = String::from_utf8(stdout.fill_buf().unwrap().to_vec()).unwrap();
    stdout.consume(shown.len());
    assert_eq!(shown, "one");
    fs::write(glm.folder().join("data/sessions/s/files/seen"), "").unwrap();
    stdout.read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(shown, "one two\n42\nfiles: seen (0 bytes)\n");
}

#[test]
fn files_can_be_given_and_are_lost_without_a_session() {
    let glm = Glm::new();
    glm.file("in.txt", "in");
    let code = "text = open('in.txt').read()\nopen('out.txt', 'w').write(text * 2) and print(text)";
    assert_eq!(
        call(&glm, code, &["--file", "in.txt"]),
        Output {
            stdout: "in\nfiles: out.txt (4 bytes)\n".into(),
            stderr: "    out.txt  text/plain  4 B\nhint: `--session NAME` keeps files\n".into(),
            code: Some(0),
        }
    );
    assert!(!glm.folder().join("data").exists());
}

#[test]
fn a_tool_that_takes_too_long_is_stopped() {
    let glm = Glm::new();
    glm.file(
        "tools.toml",
        "[[tools]]\nname = \"wait\"\ndescription = \"Waits\"\ncommand = [\"sleep\", \"600\"]\n\
         parameters = { type = \"object\", properties = {} }\n",
    );
    let args = [
        "tools",
        "call",
        "wait",
        "{}",
        "--tools",
        "./tools.toml",
        "--timeout",
        "0.2",
    ];
    assert_eq!(
        glm.run(&args),
        Output {
            stdout: String::new(),
            stderr: "error: `wait` was stopped at its time limit of 0.2 s\n".into(),
            code: Some(1),
        }
    );
}
