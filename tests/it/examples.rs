//! Each example runs as it is.

use std::{path::PathBuf, process::Command};

use crate::glm::{Glm, Output, parse};

/// An example that keeps its sessions where this `glm` does. Cargo builds the examples
/// before it runs the tests.
pub fn example(glm: &Glm, name: &str) -> Command {
    let mut path = PathBuf::from(env!("CARGO_BIN_EXE_glm"));
    path.pop();
    let mut command = Command::new(path.join("examples").join(name));
    command.env("GLM_DATA_DIR", glm.folder().join("data"));
    command
}

#[test]
fn custom_tool_answers_from_its_tools_result() {
    let output = example(&Glm::new(), "custom_tool").output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains("QX-7731"), "{answer}");
}

#[test]
fn the_tools_of_the_manifest_are_on_offer_and_run() {
    let glm = Glm::new();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tools.toml");
    let listed = glm.run(&["tools", "list", "--json", "--tools", manifest]);
    let specs: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let names: Vec<_> = specs.as_array().unwrap().iter().collect();
    let names: Vec<_> = names.iter().map(|s| &s["function"]["name"]).collect();
    assert_eq!(names, ["forecast", "word_count"]);
    let arguments = r#"{"text": "three short words"}"#;
    let counted = glm.run(&[
        "tools",
        "call",
        "word_count",
        arguments,
        "--tools",
        manifest,
    ]);
    assert_eq!((counted.stdout.as_str(), counted.code), ("3\n", Some(0)));
    // Wrong arguments do not leave this machine.
    let arguments = r#"{"latitude": 91, "longitude": "7.5"}"#;
    let wrong = glm.run(&["tools", "call", "forecast", arguments, "--tools", manifest]);
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong
            .stderr
            .contains("`latitude`: expected at most 90, got 91"),
        "{wrong:?}"
    );
}

#[test]
fn automate_prints_a_result_for_each_task() {
    let glm = Glm::new();
    let output = example(&glm, "automate").output().unwrap();
    let results = parse(&String::from_utf8(output.stdout).unwrap());
    let found: Vec<_> = results
        .iter()
        .map(|r| (r["id"].as_str().unwrap(), r["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("product", "answered"),
            ("sum", "answered"),
            ("greeting", "answered")
        ]
    );
    assert!(
        results[0]["answer"].as_str().unwrap().contains("1517"),
        "{results:?}"
    );
    assert!(
        results[1]["answer"].as_str().unwrap().contains("2125"),
        "{results:?}"
    );
}

#[test]
fn repl_keeps_the_conversation() {
    let glm = Glm::new();
    let lines = "What is 6 * 7? Use python.\nHello!\n";
    let Output {
        stdout: shown,
        code,
        ..
    } = Output::of_reader(&mut example(&glm, "repl"), lines);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("✓ 42\n"), "{shown}");
}
