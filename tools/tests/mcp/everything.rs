//! `@modelcontextprotocol/server-everything`, which shows what a server can do.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use glm_agent_tools::{Effects, Progress, Registry, Source, ToolContext, ToolError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{Connected, npm};

fn stdio() -> Value {
    json!({"command": "node", "args": [npm::server("server-everything"), "stdio"]})
}

/// The same server over HTTP, until this is dropped.
struct OverHttp {
    process: Child,
    url: String,
}

impl OverHttp {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("node")
            .args([
                npm::server("server-everything"),
                "streamableHttp".to_owned(),
            ])
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            process,
            url: format!("http://127.0.0.1:{port}/mcp"),
        }
    }
}

impl Drop for OverHttp {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What is the same over both transports.
async fn calls(config: Value) {
    let server = Connected::to(config).await;
    assert_eq!(
        server
            .call("s__echo", json!({"message": "hello"}))
            .await
            .unwrap()
            .text,
        "Echo: hello"
    );
    assert_eq!(
        server
            .call("s__get-sum", json!({"a": "2", "b": 3}))
            .await
            .unwrap()
            .text,
        "The sum of 2 and 3 is 5."
    );
    let error = server.call("s__get-sum", json!({"a": "two", "b": 3})).await;
    assert_eq!(
        error,
        Err(ToolError::Model(
            "wrong arguments for `s__get-sum`\n- `a`: expected a number, got \"two\"".into()
        ))
    );

    let weather = server.call("s__get-structured-content", json!({"location": "Chicago"}));
    let weather = weather.await.unwrap();
    let json = weather.json.unwrap();
    assert_eq!(json["conditions"], "Light rain / drizzle");
    assert_eq!(serde_json::from_str::<Value>(&weather.text).unwrap(), json);

    let image = server.call("s__get-tiny-image", json!({})).await.unwrap();
    let [artifact] = image.artifacts.as_slice() else {
        panic!("{image:?}")
    };
    assert_eq!(artifact.media_type, "image/png");
    let kept = std::fs::read(server.folder.path().join("files").join(&artifact.name)).unwrap();
    assert!(kept.starts_with(b"\x89PNG"));
    assert_eq!(kept.len() as u64, artifact.size);
    assert!(image.text.contains(&artifact.name), "{}", image.text);

    let listed = server
        .call("s__list_resources", json!({}))
        .await
        .unwrap()
        .text;
    let uri = "demo://resource/dynamic/text/{resourceId}";
    assert!(listed.contains(uri), "{listed}");
    let read = json!({"uri": uri.replace("{resourceId}", "7")});
    let read = server.call("s__read_resource", read).await.unwrap();
    assert!(read.text.contains("Resource 7"), "{}", read.text);
    let missing = server
        .call("s__read_resource", json!({"uri": "demo://nothing"}))
        .await;
    assert!(matches!(missing, Err(ToolError::Model(_))), "{missing:?}");

    let prompts = server.server.prompts().await.unwrap();
    let with_arguments = prompts
        .iter()
        .find(|prompt| prompt.name == "args-prompt")
        .unwrap();
    let names: Vec<_> = with_arguments
        .arguments
        .iter()
        .map(|argument| (argument.name.as_str(), argument.required))
        .collect();
    assert_eq!(names, [("city", true), ("state", false)]);
    let city = [("city".to_owned(), "Oslo".to_owned())].into();
    let text = server.server.prompt("args-prompt", city).await.unwrap();
    assert_eq!(text, "What's weather in Oslo?");
    let wrong = server
        .server
        .prompt("args-prompt", Default::default())
        .await;
    assert!(wrong.unwrap_err().to_string().contains("city"));
    server.server.close().await;
    let closed = server.call("s__echo", json!({"message": "hello"})).await;
    assert_eq!(closed, Err(ToolError::User("`s` was closed".into())));
}

#[tokio::test]
async fn over_stdio() {
    calls(stdio()).await;
}

#[tokio::test]
async fn over_http() {
    let server = OverHttp::start();
    calls(json!({"url": server.url, "type": "http"})).await;
}

#[tokio::test]
async fn effects_come_from_what_the_server_says_of_its_tools() {
    let server = Connected::to(stdio()).await;
    let registry = server.registry();
    let effects = |name: &str| registry.get(name).unwrap().declared_effects();
    let reads = Effects {
        reads: true,
        ..Effects::default()
    };
    assert_eq!(effects("s__get-env"), reads);
    assert_eq!(effects("s__list_resources"), reads);
    assert_eq!(
        effects("s__toggle-simulated-logging"),
        Effects {
            writes: true,
            ..reads
        }
    );
    assert!(
        server
            .server
            .tools()
            .iter()
            .all(glm_agent_tools::Tool::is_outside)
    );
    let seen = server.call("s__get-env", json!({})).await.unwrap().text;
    assert!(seen.contains("\"PATH\""), "{seen}");
    assert!(!seen.contains("CARGO_MANIFEST_DIR"), "{seen}");
    let only = Connected::to({
        let mut config = stdio();
        config["tools"] = json!(["echo"]);
        config
    })
    .await;
    let names: Vec<_> = only
        .server
        .tools()
        .iter()
        .map(|t| t.name().to_owned())
        .collect();
    assert_eq!(names, ["s__echo"]);
}

#[tokio::test]
async fn progress_is_told_and_a_cancelled_call_ends() {
    let server = Connected::to(stdio()).await;
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let cx = ToolContext {
        progress: Progress::new(move |text| heard.lock().unwrap().push_str(text)),
        ..server.context()
    };
    let arguments = json!({"duration": 0.4, "steps": 4});
    let registry = server.registry();
    let name = "s__trigger-long-running-operation";
    let output = registry.call(name, arguments, cx).await.unwrap();
    assert_eq!(
        output.text,
        "Long running operation completed. Duration: 0.4 seconds, Steps: 4."
    );
    let said = said.lock().unwrap().clone();
    assert!(said.contains("2 of 4\n3 of 4\n4 of 4\n"), "{said}");

    let cancel = CancellationToken::new();
    let cx = ToolContext {
        cancel: cancel.clone(),
        ..server.context()
    };
    let endless = registry.call(name, json!({"duration": 600, "steps": 600}), cx);
    let (result, ()) = tokio::join!(endless, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    });
    assert_eq!(
        result,
        Err(ToolError::Model(format!("`{name}` was cancelled")))
    );
    let after = server
        .call("s__echo", json!({"message": "still here"}))
        .await;
    assert_eq!(after.unwrap().text, "Echo: still here");
}

#[tokio::test]
async fn a_server_that_is_killed_during_a_call_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let number = folder.path().join("pid");
    let server = Connected::to(json!({
        "command": "sh",
        "args": ["-c", "echo $$ > \"$NUMBER\"; exec node \"$0\" stdio", npm::server("server-everything")],
        "env": {"NUMBER": number},
    }))
    .await;
    let registry = server.registry();
    let name = "s__trigger-long-running-operation";
    let arguments = json!({"duration": 600, "steps": 600});
    // The registry would make the call again, which does no harm here.
    let tool = registry.get(name).unwrap();
    let (result, ()) = tokio::join!(tool.invoke(arguments, server.context()), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let number = std::fs::read_to_string(&number).unwrap();
        let killed = Command::new("kill").args(["-9", number.trim()]).status();
        assert!(killed.unwrap().success());
    });
    let Err(ToolError::Transient(message)) = result else {
        panic!("{result:?}")
    };
    assert!(
        message.starts_with("`s` ended during the call: its process ended (signal: 9 (SIGKILL))"),
        "{message}"
    );
    let version = server.server.version();
    let after = server.call("s__echo", json!({"message": "back"})).await;
    assert_eq!(after.unwrap().text, "Echo: back");
    while server.server.version() == version {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        Registry::new(server.server.tools())
            .unwrap()
            .get(name)
            .is_some()
    );
}
