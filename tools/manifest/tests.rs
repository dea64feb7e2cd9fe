#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::load;
use crate::{Effects, Progress, Registry, Secrets, ToolContext, ToolError, ToolOutput};

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
        "jail = false",
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
    let registry = script(folder.path(), text, "timeout = 3\njail = false");
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
        ("[1]".to_owned(), "tool `1`, field `name`"),
        ("7".to_owned(), "neither a list of tools"),
        (r#"{"tools": [], "more": 1}"#.to_owned(), "`more`"),
        (r#"[{"type": "python"}]"#.to_owned(), "--tools python"),
        (r#"[{"type": "web"}]"#.to_owned(), "field `type`"),
        (
            r#"[{"function": {}}]"#.to_owned(),
            "field `name`: is missing",
        ),
        (
            tool(r#""x": 1"#),
            "tool `t`, field `x`: there is no such field",
        ),
        (
            tool(r#""command": ["a"], "netwrok": true"#),
            "field `netwrok`: there is no such field; did you mean `network`?",
        ),
        (tool(r#""comand": ["a"]"#), "did you mean `command`?"),
        (
            tool(r#""wasm": "a", "network": true"#),
            "field `network`: it goes with `command` only",
        ),
        (
            tool(r#""command": ["a"], "wasm": "a""#),
            "give one of `command`, `wasm` and `http`",
        ),
        (tool(r#""timeout": "1""#), "tool `t`, field `timeout`"),
        (tool(r#""effects": ["read"]"#), "tool `t`, field `effects`"),
        (
            tool(r#""command": ["a"], "directory": "none""#),
            "tool `t`, field `directory`",
        ),
        (
            tool(r#""parameters": {"city": {"type": "string"}}"#),
            "below `properties`",
        ),
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

/// A manifest with the sandbox's own test program.
fn wasm(folder: &Path, kind: &str, more: &str) -> Registry {
    let file = format!(
        "{}/../sandbox/tests/data/program/{kind}.wasm",
        env!("CARGO_MANIFEST_DIR")
    );
    fs::copy(file, folder.join("tool.wasm")).unwrap();
    let path = folder.join("tools.toml");
    let text = format!(
        "[[tools]]\nname = \"t\"\ndescription = \"d\"\nwasm = \"tool.wasm\"\n\
         parameters = {{ type = \"object\" }}\n{more}"
    );
    fs::write(&path, text).unwrap();
    Registry::new(load(&path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_program_in_webassembly_gets_its_arguments_on_stdin() {
    for kind in ["component", "module"] {
        let folder = tempfile::tempdir().unwrap();
        let registry = wasm(folder.path(), kind, "memory = 16\ntimeout = 5");
        let output = call(&registry, json!({"text": "ü"})).await;
        assert_eq!(output, Ok(ToolOutput::from("{\"text\":\"ü\"}")), "{kind}");
        let effects = registry.get("t").unwrap().declared_effects();
        assert_eq!(effects, Effects::default());
    }
}

#[tokio::test]
async fn what_became_of_a_program_in_webassembly_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let registry = wasm(folder.path(), "module", "memory = 16\ntimeout = 1");
    for (wanted, said) in [
        ("fail", "it is wrong\nthe program failed: exit status: 3"),
        ("loop", "the program was stopped at its time limit of 1 s"),
    ] {
        let expected = ToolOutput {
            text: said.into(),
            failed: true,
            ..ToolOutput::default()
        };
        assert_eq!(
            call(&registry, json!({ "try": wanted })).await,
            Ok(expected)
        );
    }
    let output = call(&registry, json!({"try": "grow"})).await.unwrap();
    let complaint = "the program ran out of memory: its limit is 16 MiB";
    assert!(
        output.failed && output.text.ends_with(complaint),
        "{output:?}"
    );
    let cx = ToolContext {
        directory: Some(folder.path().join("files")),
        ..ToolContext::default()
    };
    let output = registry.call("t", json!({"try": "write"}), cx).await;
    assert_eq!(output, Ok(ToolOutput::from("true")));
    assert_eq!(fs::read(folder.path().join("files/x")).unwrap(), b"written");
}

#[test]
fn a_file_that_is_no_program_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.json");
    let manifest = json!({"tools": [{"name": "t", "description": "d", "wasm": "tools.json"}]});
    fs::write(&path, manifest.to_string()).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(
        error.contains("field `wasm`") && error.contains("hint: build it for WASI"),
        "{error}"
    );
}

/// What functions in other forms are read as.
fn declared(manifest: Value) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("functions.json");
    fs::write(&path, manifest.to_string()).unwrap();
    let tools = load(&path).unwrap();
    assert!(tools.iter().all(crate::Tool::is_external));
    tools.iter().map(|tool| json!(tool.spec())).collect()
}

#[test]
fn lists_of_functions_are_read_as_they_are() {
    let function = json!({
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": false,
        },
        "description": "Current weather",
        "name": "get_weather",
        "strict": true,
    });
    let nested = json!({"type": "function", "function": function});
    for whole in [json!([nested]), json!({"tools": [nested]})] {
        assert_eq!(declared(whole), std::slice::from_ref(&nested));
    }

    let spec = |parameters: Value| {
        let function = json!({"name": "f", "description": "", "parameters": parameters});
        json!({"type": "function", "function": function})
    };
    let nothing = json!({"type": "object", "properties": {}});
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    for (entry, parameters) in [
        (json!({"name": "f"}), &nothing),
        (json!({"name": "f", "parameters": null}), &nothing),
        (json!({"name": "f", "parameters": {}}), &nothing),
        (
            json!({"type": "function", "name": "f", "parameters": schema, "strict": true}),
            &schema,
        ),
        (json!({"name": "f", "input_schema": schema}), &schema),
        (json!({"name": "f", "inputSchema": schema}), &schema),
        (
            json!({"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}),
            &schema,
        ),
    ] {
        assert_eq!(
            declared(json!([entry])),
            [spec(parameters.clone())],
            "{entry}"
        );
    }
}

#[test]
fn types_of_other_languages_are_named_as_in_json_schema() {
    let given = json!({
        "type": "dict",
        "properties": {
            "type": {"type": "float", "default": {"type": "dict"}},
            "point": {"type": "tuple", "items": {"type": "int"}},
            "anything": {"type": "any", "description": "d"},
            "nested": {"type": "HashMap", "properties": {"x": {"type": "String"}}},
        },
    });
    let read = declared(json!([{"name": "f", "parameters": given}]));
    let expected = json!({
        "type": "object",
        "properties": {
            "type": {"type": "number", "default": {"type": "dict"}},
            "point": {"type": "array", "items": {"type": "integer"}},
            "anything": {"description": "d"},
            "nested": {"type": "object", "properties": {"x": {"type": "string"}}},
        },
    });
    assert_eq!(read[0]["function"]["parameters"], expected);
}

#[test]
fn a_function_may_say_how_it_runs_inside_or_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("functions.json");
    let more = json!({
        "command": ["true"], "timeout": 7, "effects": ["reads"], "outside": true,
        "idempotent": true, "secrets": ["KEY"],
    });
    let mut inside = json!({"name": "f", "description": "d"});
    inside
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let inside = json!({"type": "function", "function": inside});
    let mut beside = more;
    beside["function"] = json!({"name": "f", "description": "d"});
    for entry in [inside, beside] {
        fs::write(&path, json!([entry]).to_string()).unwrap();
        let tool = load(&path).unwrap().remove(0);
        let expected = json!({"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}});
        assert_eq!(json!(tool.spec())["function"], expected);
        assert_eq!(tool.time_limit(), Duration::from_secs(7));
        let reads = Effects {
            reads: true,
            ..Effects::default()
        };
        assert_eq!(tool.declared_effects(), reads);
        assert!(tool.is_outside() && tool.is_idempotent() && !tool.is_external());
        assert_eq!(tool.secrets(), ["KEY"]);
    }
}

#[tokio::test]
async fn a_command_gets_its_secrets_and_does_not_tell_them() {
    let folder = tempfile::tempdir().unwrap();
    let registry = script(
        folder.path(),
        "echo \"${#KEY} $KEY\"",
        "secrets = [\"KEY\"]",
    );
    let registry = registry.with_secrets(Secrets::from([("KEY", "s3cr3t")]));
    assert_eq!(
        call(&registry, json!({})).await,
        Ok(ToolOutput::from("6 [secret KEY]"))
    );
    let missing = registry.with_secrets(Secrets::from([]));
    assert!(matches!(
        call(&missing, json!({})).await,
        Err(ToolError::User(reason)) if reason.contains("KEY")
    ));
}

#[tokio::test]
async fn a_command_runs_in_the_directory_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    let registry = script(folder.path(), "basename $PWD", "directory = \"below\"");
    assert_eq!(
        call(&registry, json!({})).await,
        Ok(ToolOutput::from("below"))
    );
}

#[tokio::test]
async fn whatever_a_command_does_with_its_streams_the_call_ends() {
    let folder = tempfile::tempdir().unwrap();
    let long = json!({"text": "x".repeat(1 << 20)});
    for (text, said) in [
        ("exec 0<&-; echo ignored", "ignored"),
        ("printf '\\000\\377\\001a\\303'", "\u{fffd}a\u{fffd}"),
        // It leaves one behind that holds the streams.
        ("sleep 600 & echo done", "done"),
        ("exec 1>&- 2>&-; exec true", ""),
    ] {
        for more in ["", "jail = false"] {
            let registry = script(folder.path(), text, more);
            let output = call(&registry, long.clone()).await;
            assert_eq!(output, Ok(ToolOutput::from(said)), "{text} {more}");
        }
    }
    let registry = script(folder.path(), "head -c 5000000 /dev/zero | tr '\\0' x", "");
    let output = call(&registry, json!({})).await.unwrap();
    assert!(
        output.text.len() <= crate::text::CAP,
        "{}",
        output.text.len()
    );
    let dropped = "[... 3951424 more bytes left out ...]";
    assert!(output.text.ends_with(dropped), "{}", output.text);
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (program, more) in [
        ("no-such-program", ""),
        ("./gone.sh", ""),
        ("no-such-program", "jail = false"),
    ] {
        let path = folder.path().join("tools.toml");
        let text = format!(
            "[[tools]]\nname = \"t\"\ndescription = \"d\"\ncommand = [\"{program}\"]\n{more}"
        );
        fs::write(&path, text).unwrap();
        let registry = Registry::new(load(&path).unwrap()).unwrap();
        let Err(ToolError::User(said)) = call(&registry, json!({})).await else {
            panic!("{program} ran")
        };
        let name = program.trim_start_matches("./");
        assert!(
            said.starts_with("cannot run `") && said.contains(name),
            "{said}"
        );
    }
}
