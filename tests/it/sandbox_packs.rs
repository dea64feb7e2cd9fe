//! `glm sandbox`: what is asked and said before anything is fetched.

use serde_json::{Value, json};

use crate::glm::{Glm, Output};

/// Runs the command with an empty cache, and without a Python that could fetch.
fn run(glm: &Glm, args: &[&str]) -> Output {
    let output = glm
        .command(args)
        .env("GLM_CACHE_DIR", glm.folder().join("cache"))
        .env("GLM_PYTHON", glm.folder().join("python"))
        .output()
        .unwrap();
    let mut output = Output::of(output);
    let folder = glm.folder().display().to_string();
    output.stderr = output.stderr.replace(&folder, "DIR");
    output
}

#[test]
fn nothing_is_here_at_first() {
    let glm = Glm::new();
    let listed = run(&glm, &["sandbox", "list"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(listed.stdout);
    let listed = run(&glm, &["sandbox", "list", "--json"]);
    let guests: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    let sizes: Vec<Value> = guests
        .iter()
        .map(|g| json!([g["name"], g["size"]]))
        .collect();
    assert_eq!(
        sizes,
        [json!(["standard", null]), json!(["scientific", null])]
    );
}

#[test]
fn what_an_installation_takes_is_said_and_nobody_can_consent() {
    let output = run(&Glm::new(), &["sandbox", "install", "scientific"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(4), ""));
    insta::assert_snapshot!(output.stderr);
}

#[test]
fn with_consent_it_begins_and_says_what_is_missing() {
    let output = run(&Glm::new(), &["sandbox", "install", "scientific", "--yes"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    let (step, error) = output.stderr.split_once('\n').unwrap();
    assert!(
        step.contains("98 MB") && step.contains("Apache-2.0"),
        "{step}"
    );
    assert!(
        error.starts_with("error: cannot start `DIR/python`"),
        "{error}"
    );
}

#[test]
fn what_is_not_here_cannot_be_removed() {
    assert_eq!(
        run(&Glm::new(), &["sandbox", "remove", "scientific"]),
        Output {
            stdout: String::new(),
            stderr: "error: the scientific pack is not installed\nhint: `glm sandbox list` shows \
                     what is\n"
                .into(),
            code: Some(2),
        }
    );
}
