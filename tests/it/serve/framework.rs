//! An agent framework that knows nothing of this program, with its model here.

use std::process::Command;

use serde_json::json;

use super::server::{Server, drive};
use crate::{cache, glm::Glm, venv};

fn task(server: &Server, model: &str, stream: bool) -> serde_json::Value {
    let mut command = Command::new(venv::python());
    command.arg(cache::source("data/agent_client.py"));
    let plan = json!({
        "url": server.url(),
        "model": model,
        "task": "What is the code of Dana's locker?",
        "stream": stream,
    });
    drive(&mut command, &plan).remove(0)
}

#[test]
fn it_calls_its_tools() {
    let glm = Glm::new();
    let replies = [
        "locker_code\n{\"owner\": \"Dana\"}<|observation|>",
        "\nThe code is Dana-4711.<|user|>",
    ];
    let server = Server::start(&glm, &replies, &[]);
    let expected = json!({"answer": "The code is Dana-4711.", "calls": ["Dana"]});
    assert_eq!(task(&server, "scripted", false), expected);
    assert_eq!(task(&server, "scripted", true), expected);
}

#[cfg(feature = "local")]
#[test]
fn it_calls_its_tools_with_a_real_model() {
    let glm = Glm::new();
    let server = Server::local(&glm, &["--temperature", "0"]);
    let done = task(&server, "smol-glm", false);
    assert_eq!(done["calls"], json!(["Dana"]), "{done}");
    let answer = done["answer"].as_str().unwrap();
    assert!(answer.contains("4711"), "{answer}");
}
