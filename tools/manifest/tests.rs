#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Progress, Registry, ToolContext, ToolError, ToolOutput};

/// A manifest with one tool that runs a shell script.
fn script(folder: &Path, script: &str, more: &str) -> Registry {
    let path = folder.join("tools.toml");
    let script = toml::Value::from(script);
    let text = format!(
        "[[tools]]\nname = \"t\"\ndescription = \"d\"\ncommand = [\"sh\", \"-c\", {script}]\n{more}"
    );
    fs::write(&path, text).unwrap();
    Registry::new(load(&path).unwrap()).unwrap()
}

async fn call(registry: &Registry, arguments: Value) -> Result<ToolOutput, ToolError> {
    registry.call("t", arguments, ToolContext::default()).await
}

#[tokio::test]
async fn arguments_come_on_stdin_and_stdout_is_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(
        folder.path(),
        "cat; pwd >&2",
        "parameters = { type = \"object\" }",
    );
    let output = call(&registry, json!({"text": "ü"})).await;
    assert_eq!(output, Ok(ToolOutput::from("{\"text\":\"ü\"}")));
}

#[tokio::test]
async fn a_program_that_fails_shows_what_it_printed() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(folder.path(), "echo out; echo err >&2; exit 3", "");
    let expected = ToolOutput {
        text: "out\nerr\nthe command failed: exit status: 3".into(),
        failed: true,
        ..ToolOutput::default()
    };
    assert_eq!(call(&registry, json!({})).await, Ok(expected));
}

#[tokio::test]
async fn what_a_program_prints_is_passed_on_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    // It goes on when it has been heard.
    let registry = script(
        folder.path(),
        "echo 1; while [ ! -e heard ]; do sleep 0.01; done; printf '\\033[1m2'",
        "",
    );
    let heard = Arc::new(Mutex::new(String::new()));
    let progress = Progress::new({
        let (heard, file) = (Arc::clone(&heard), folder.path().join("heard"));
        move |text| {
            heard.lock().unwrap().push_str(text);
            fs::write(&file, "").unwrap();
        }
    });
    let cx = ToolContext {
        progress,
        ..ToolContext::default()
    };
    let output = registry.call("t", json!({}), cx).await;
    assert_eq!(output, Ok(ToolOutput::from("1\n2")));
    assert_eq!(*heard.lock().unwrap(), "1\n2");
}

#[tokio::test]
async fn the_environment_is_closed_but_for_what_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(
        folder.path(),
        "env | cut -d= -f1 | grep CARGO_ | sort",
        "env = [\"CARGO_PKG_NAME\"]",
    );
    assert_eq!(
        call(&registry, json!({})).await,
        Ok(ToolOutput::from("CARGO_PKG_NAME"))
    );
}

#[tokio::test]
async fn at_its_limit_a_program_is_killed_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let text = "sleep 600 & echo $! > started; wait";
    let registry = script(folder.path(), text, "timeout = 3");
    assert!(matches!(
        call(&registry, json!({})).await,
        Err(ToolError::Model(_))
    ));
    let child = fs::read_to_string(&started).unwrap();
    let process = PathBuf::from(format!("/proc/{}", child.trim()));
    // The kernel may take a moment to bury it; a zombie counts as dead.
    let dead = || {
        let stat = fs::read_to_string(process.join("stat"));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    };
    while !dead() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cancelled_call_returns() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(folder.path(), "sleep 600", "");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cx = ToolContext {
        cancel,
        ..ToolContext::default()
    };
    assert!(registry.call("t", json!({}), cx).await.is_err());
}

#[tokio::test]
async fn a_program_beside_the_manifest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hello.sh");
    fs::write(&program, "echo hello").unwrap();
    let path = folder.path().join("tools.json");
    let manifest = json!({"tools": [{
        "name": "t", "description": "d", "command": ["sh", "./hello.sh"],
    }]});
    fs::write(&path, manifest.to_string()).unwrap();
    let registry = Registry::new(load(&path).unwrap()).unwrap();
    assert_eq!(
        call(&registry, json!({})).await,
        Ok(ToolOutput::from("hello"))
    );
}

#[test]
fn what_is_wrong_with_a_manifest_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.json");
    let tool =
        |rest: &str| format!(r#"{{"tools": [{{"name": "t", "description": "d", {rest}}}]}}"#);
    for (text, reason) in [
        ("{".to_owned(), "line 1"),
        ("{}".to_owned(), "missing field `tools`"),
        (tool(r#""x": 1"#), "unknown field `x`"),
        (tool(r#""timeout": 1"#), "missing field `command`"),
        (tool(r#""command": []"#), "tool `t`, field `command`"),
        (
            tool(r#""command": ["a"], "timeout": 0"#),
            "tool `t`, field `timeout`",
        ),
        (
            tool(r#""command": ["a"], "timeout": -1"#),
            "tool `t`, field `timeout`",
        ),
        (
            tool(r#""command": ["a"], "env": ["A=1"]"#),
            "tool `t`, field `env`",
        ),
        (
            tool(r#""command": ["a"], "parameters": {"type": "string"}"#),
            "tool `t`, field `parameters`",
        ),
        (
            tool(r#""command": ["a"], "parameters": {"type": 7}"#),
            "tool `t`, field `parameters`",
        ),
    ] {
        fs::write(&path, &text).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("tools.json"),
            "{text}: {error}"
        );
    }
}

#[tokio::test]
async fn long_input_may_be_ignored_and_long_output_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(folder.path(), "yes | head -c 5000000", "");
    let output = call(&registry, json!({"a": "x".repeat(1 << 20)}))
        .await
        .unwrap();
    assert!(output.text.len() <= crate::text::CAP);
    assert!(
        output.text.ends_with("more bytes left out ...]"),
        "{}",
        output.text
    );
}
