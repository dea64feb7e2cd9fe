//! The default model behind the API.

use serde_json::{Value, json};

use super::server::{Server, python};
use crate::{
    glm::Glm,
    remote::llama_cpp::{done, expected},
};

const MODEL: &str = "smol-glm";

fn ask(more: Value) -> Value {
    let mut request = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "What is the code of Dana's locker?"}],
        "tools": [{"type": "function", "function": {
            "name": "locker_code",
            "description": "The code of a locker",
            "parameters": {
                "type": "object",
                "properties": {"owner": {"type": "string", "description": "Name of the locker's owner"}},
                "required": ["owner"],
            },
        }}],
        "max_tokens": 100,
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

#[test]
fn it_calls_tools_keeps_to_forms_and_continues_texts() {
    let glm = Glm::new();
    let server = Server::local(&glm, &["--temperature", "0"]);
    let schema = json!({
        "type": "object",
        "properties": {"town": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
        "required": ["town", "people"],
        "additionalProperties": false,
    });
    let form = json!({"type": "json_schema", "json_schema": {"name": "town", "schema": schema}});
    let text = |prompt: Value, more: Value| {
        let mut request =
            json!({"model": MODEL, "prompt": prompt, "max_tokens": 8, "temperature": 0});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    };
    let long = "word ".repeat(20_000);
    let outcomes = python(
        &server.url(),
        None,
        &json!([
            {"do": "chat", "request": ask(json!({}))},
            {"do": "stream", "request": ask(json!({}))},
            {"do": "chat", "request": ask(json!({"tool_choice": "required"}))},
            {"do": "chat", "request": ask(json!({"tool_choice": "none"}))},
            {"do": "chat", "request": ask(json!({"tools": [], "response_format": form}))},
            {"do": "chat", "request": ask(json!({"max_tokens": 1, "tools": []}))},
            {"do": "complete", "request": text(json!("The capital of France is"), json!({}))},
            {"do": "stream_text", "request": text(json!("The capital of France is"), json!({}))},
            {"do": "complete", "request": text(json!([100, 200, 300]), json!({"max_tokens": 2}))},
            {"do": "complete", "request": text(json!([4_000_000_000_u32]), json!({}))},
            {"do": "chat", "request": ask(json!({"messages": [{"role": "user", "content": long}]}))},
        ]),
    );
    let [
        chat,
        stream,
        required,
        none,
        formed,
        cut,
        text,
        streamed,
        tokens,
        unknown,
        long,
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:#?}");
    };
    let call =
        json!([{"name": "locker_code", "arguments": "{\"owner\":\"Dana\"}", "has_id": true}]);
    for called in [chat, stream, required] {
        assert_eq!(
            (&called["calls"], &called["finish"]),
            (&call, &json!("tool_calls")),
            "{called}"
        );
    }
    assert_eq!(none["calls"], json!([]));
    let answer: Value = serde_json::from_str(formed["content"].as_str().unwrap()).unwrap();
    assert!(
        answer["town"].is_string() && answer["people"].is_i64(),
        "{answer}"
    );
    assert_eq!(
        (&cut["finish"], &cut["usage"]["completion_tokens"]),
        (&json!("length"), &json!(1))
    );
    assert_eq!(text["text"], streamed["text"]);
    assert!(!text["text"].as_str().unwrap().contains("<|"), "{text}");
    assert_eq!(tokens["usage"]["prompt_tokens"], 3);
    assert_eq!(unknown["status"], 400, "{unknown}");
    assert_eq!(long["code"], "context_length_exceeded", "{long}");
}

#[test]
fn a_program_that_it_serves_makes_the_same_calls_as_one_with_the_model_in_it() {
    let home = Glm::new();
    let server = Server::local(&home, &[]);
    let (glm, tasks) = expected();
    assert_eq!(done(&glm, &server.url(), &tasks), tasks);
}
