//! Prompts longer than the model's context, on a tiny random checkpoint whose
//! context has 2048 tokens and whose tokens are bytes.

use std::path::Path;

use serde_json::json;

use crate::glm::{Glm, Output, of_type, parse};

/// A `glm` whose cache holds the checkpoint of this folder of `tests/data` as
/// `tiny`, imported with `options`.
pub fn with_tiny(folder: &str, options: &[&str]) -> Glm {
    let glm = Glm::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = data.join(folder);
    let folder = folder.to_str().unwrap();
    let import = ["model", "import", folder, "--name", "tiny"];
    let imported = run(&glm, &[&import[..], options].concat());
    assert_eq!(imported.code, Some(0), "{imported:?}");
    glm
}

pub fn run(glm: &Glm, args: &[&str]) -> Output {
    let cache = glm.folder().join("cache");
    let mut command = glm.command(args);
    Output::of(command.env("GLM_CACHE_DIR", cache).output().unwrap())
}

fn say(glm: &Glm, task: &str) -> Output {
    let args = [
        "run",
        task,
        "--model",
        "tiny",
        "--tools",
        "none",
        "--temperature",
        "0",
        "--max-tokens",
        "8",
        "--session",
        "s",
        "--quiet",
    ];
    run(glm, &args)
}

fn too_long(tokens: usize) -> Output {
    Output {
        stdout: String::new(),
        stderr: format!(
            "error: the prompt has {tokens} tokens and the model's context 2048\nhint: begin a new session, or offer fewer or shorter tools and texts\n"
        ),
        code: Some(2),
    }
}

#[test]
fn a_task_over_the_limit_is_refused_with_both_numbers() {
    let glm = with_tiny("parity", &[]);
    // [gMASK] <sop> <|user|> \n, the task, <|assistant|>.
    assert_eq!(say(&glm, &"a".repeat(3000)), too_long(3005));
}

fn log(glm: &Glm) -> Vec<serde_json::Value> {
    let shown = run(glm, &["session", "show", "s", "--json"]);
    assert_eq!((shown.stderr.as_str(), shown.code), ("", Some(0)));
    parse(&shown.stdout)
}

#[test]
fn a_session_that_outgrows_the_window_is_compacted_and_keeps_what_was_said() {
    let glm = with_tiny("parity", &[]);
    let first = say(&glm, &"a".repeat(1000));
    // A random model answers until it is cut off.
    assert_eq!(first.code, Some(3), "{first:?}");
    let before = log(&glm);
    let second = say(&glm, &"b".repeat(1500));
    assert_eq!(second.code, Some(3), "{second:?}");
    let after = log(&glm);
    assert_eq!(after[..before.len()], before);
    let compacted = of_type(&after, "compacted");
    assert_eq!(compacted.len(), 1, "{after:?}");
    assert!(compacted[0]["tokens_before"].as_u64() > Some(2048));
    let turns = of_type(&after, "model_turn");
    assert_eq!(turns.len(), 2);
    assert_eq!(
        turns[1]["usage"]["prompt_tokens"],
        compacted[0]["tokens_after"]
    );
}

#[test]
fn a_message_that_never_fits_is_refused_and_keeps_what_was_said() {
    let glm = with_tiny("parity", &[]);
    let first = say(&glm, &"a".repeat(1000));
    // A random model answers until it is cut off.
    assert_eq!(first.code, Some(3), "{first:?}");
    let before = log(&glm);

    let second = say(&glm, &"b".repeat(2100));
    let tokens = second.stderr.split_whitespace().nth(4).unwrap();
    assert_eq!(second, too_long(tokens.parse().unwrap()));
    let after = log(&glm);
    assert_eq!(after[..before.len()], before);
    let end = after.last().unwrap();
    assert_eq!(
        (
            &end["type"],
            &end["reason"],
            &end["usage"]["completion_tokens"]
        ),
        (&json!("run_ended"), &json!("failed"), &json!(0))
    );
    assert_eq!(
        format!("error: {}\n", end["error"].as_str().unwrap()),
        second.stderr
    );
    assert_eq!(of_type(&after, "model_turn").len(), 1);
    let said: Vec<_> = of_type(&after, "user_message")
        .into_iter()
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(said, [json!("a".repeat(1000)), json!("b".repeat(2100))]);

    // What the hint says to do works.
    let new = run(
        &glm,
        &[
            "run",
            "Hi",
            "--model",
            "tiny",
            "--tools",
            "none",
            "--max-tokens",
            "8",
            "--quiet",
        ],
    );
    assert_eq!(new.code, Some(3), "{new:?}");
}
