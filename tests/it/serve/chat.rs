//! A model by OpenAI's own clients, for Python and for Node.

use serde_json::{Value, json};

use super::server::{Server, node, python};
use crate::glm::Glm;

/// What the steps lead to, which is the same for both clients.
fn both(server: &Server, steps: &Value) -> Vec<Value> {
    let python = python(&server.url(), None, steps);
    let node = node(&server.url(), None, steps);
    for (index, (python, node)) in python.iter().zip(&node).enumerate() {
        // Each puts a prefix of its own before an error's message.
        assert_eq!(without(python), without(node), "{}", steps[index]);
    }
    assert_eq!(python.len(), node.len());
    python
}

fn without(outcome: &Value) -> Value {
    let mut outcome = outcome.clone();
    if let Some(error) = outcome.get("error") {
        // Their names for errors differ.
        assert!(error.as_str().unwrap().ends_with("Error"), "{error}");
        outcome["error"] = json!(true);
    }
    outcome
}

fn weather() -> Value {
    json!([{"type": "function", "function": {
        "name": "get_weather",
        "description": "Current weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }}])
}

fn user(words: &str) -> Value {
    json!({"role": "user", "content": words})
}

fn ask(more: Value) -> Value {
    let mut request = json!({"model": "scripted", "messages": [user("How is the weather?")]});
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

const TWO_CALLS: &str = "\nLet me look.<|assistant|>get_weather\n{\"city\": \"Oslo\"}\
                         <|assistant|>get_weather\n{\"city\": \"Roma\"}<|observation|>";

#[test]
fn words_come_whole_and_as_they_are_written() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\nIt is sunny,\nand warm.\n<|user|>"], &[]);
    let parts = json!([{"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "How is the weather?"}]}]);
    let outcomes = both(
        &server,
        &json!([
            {"do": "chat", "request": ask(json!({}))},
            {"do": "stream", "request": ask(json!({"stream_options": {"include_usage": true}}))},
            {"do": "stream", "request": ask(json!({"messages": parts}))},
            {"do": "chat", "request": ask(json!({"stop": [",\n", "warm"]}))},
            {"do": "stream", "request": ask(json!({"stop": "and"}))},
        ]),
    );
    let [whole, stream, plain, stopped, stopped_stream] = outcomes.as_slice() else {
        panic!("{outcomes:#?}");
    };
    assert_eq!(whole["content"], "It is sunny,\nand warm.");
    assert_eq!(
        (&whole["finish"], &whole["id"]),
        (&json!("stop"), &json!("chatcmpl-"))
    );
    assert_eq!(whole["model"], "scripted");
    let usage = &whole["usage"];
    let total =
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], total);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
    for streamed in [stream, plain] {
        assert_eq!(streamed["content"], whole["content"]);
        assert_eq!(streamed["streamed"], whole["content"]);
        assert!(streamed["pieces"].as_u64().unwrap() > 4, "{streamed}");
        assert_eq!(streamed["finish"], "stop");
    }
    assert_eq!(&stream["usage"], usage);
    assert_eq!(plain["usage"], Value::Null);
    assert_eq!(
        (&stopped["content"], &stopped["finish"]),
        (&json!("It is sunny"), &json!("stop"))
    );
    assert_eq!(stopped_stream["streamed"], "It is sunny,");
}

#[test]
fn calls_go_out_and_their_results_come_back() {
    let glm = Glm::new();
    let server = Server::start(&glm, &[TWO_CALLS, "\nCold, and warm.<|user|>"], &[]);
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}});
    let conversation = json!([
        user("How is the weather?"),
        {"role": "assistant", "content": "Let me look.", "tool_calls": [
            call("a", "{\"city\": \"Oslo\"}"), call("b", "{\"city\":\"Roma\"}"),
        ]},
        {"role": "tool", "tool_call_id": "b", "content": "22 degrees"},
        {"role": "tool", "tool_call_id": "a", "content": "-3 degrees"},
    ]);
    let tools = weather();
    let outcomes = both(
        &server,
        &json!([
            {"do": "chat", "request": ask(json!({"tools": tools}))},
            {"do": "stream", "request": ask(json!({"tools": tools, "tool_choice": "required"}))},
            {"do": "stream", "request": ask(json!({"tools": tools, "parallel_tool_calls": false}))},
            {"do": "chat", "request": ask(json!({"tools": tools, "tool_choice": "none"}))},
            {"do": "chat", "request": ask(json!({"tools": tools, "messages": conversation}))},
            {"do": "chat", "request": ask(json!({}))},
        ]),
    );
    let [whole, stream, one, none, answer, untold] = outcomes.as_slice() else {
        panic!("{outcomes:#?}");
    };
    let call = |city: &str| {
        let arguments = format!("{{\"city\":\"{city}\"}}");
        json!({"name": "get_weather", "arguments": arguments, "has_id": true})
    };
    for outcome in [whole, stream] {
        assert_eq!(outcome["content"], "Let me look.");
        assert_eq!(outcome["calls"], json!([call("Oslo"), call("Roma")]));
        assert_eq!(outcome["finish"], "tool_calls");
    }
    assert_eq!(one["calls"], json!([call("Oslo")]));
    assert_eq!(one["finish"], "tool_calls");
    assert_eq!(
        (&none["calls"], &none["finish"]),
        (&json!([]), &json!("stop"))
    );
    assert_eq!(
        (&answer["content"], &answer["finish"]),
        (&json!("Cold, and warm."), &json!("stop"))
    );
    // Only the name of a tool on offer makes a call.
    assert_eq!(
        (&untold["content"], &untold["calls"]),
        (&json!("Let me look."), &json!([]))
    );
}

#[test]
fn tools_that_take_raw_text_are_offered_by_their_type() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["python\nprint(\"a\\n\")<|observation|>"], &[]);
    let outcomes = both(
        &server,
        &json!([
            {"do": "chat", "request": ask(json!({"tools": [{"type": "python"}]}))},
            {"do": "stream", "request": ask(json!({"tools": [{"type": "python"}]}))},
        ]),
    );
    for outcome in outcomes {
        let call = &outcome["calls"][0];
        assert_eq!(call["name"], "python");
        let text: String = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(text, "print(\"a\\n\")");
    }
}

#[test]
fn texts_are_continued() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\nupon a time,\nthere was.<|user|>"], &[]);
    let text = |more: Value| {
        let mut request = json!({"model": "scripted", "prompt": "Once"});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    };
    let outcomes = both(
        &server,
        &json!([
            {"do": "complete", "request": text(json!({"max_tokens": 20, "stop": "there"}))},
            {"do": "stream_text", "request": text(json!({"prompt": ["Once"]}))},
            {"do": "complete", "request": text(json!({"prompt": [1, 2]}))},
            {"do": "complete", "request": text(json!({"prompt": ["a", "b"]}))},
            {"do": "complete", "request": text(json!({"echo": true}))},
        ]),
    );
    let [whole, stream, tokens, two, echo] = outcomes.as_slice() else {
        panic!("{outcomes:#?}");
    };
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["text"], "\nupon a time,\n");
    assert_eq!(stream["text"], "\nupon a time,\nthere was.");
    assert_eq!(stream["finish"], "stop");
    assert!(stream["pieces"].as_u64().unwrap() > 3, "{stream}");
    for (refused, param) in [
        (tokens, Value::Null),
        (two, json!("prompt")),
        (echo, json!("echo")),
    ] {
        assert_eq!(
            (&refused["status"], &refused["param"]),
            (&json!(400), &param),
            "{refused}"
        );
    }
}

#[test]
fn models_are_listed() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\nHi.<|user|>"], &[]);
    let steps = json!([{"do": "models"}, {"do": "model", "id": "scripted"}, {"do": "model", "id": "gpt-9"}]);
    let outcomes = both(&server, &steps);
    assert_eq!(outcomes[0][0], outcomes[1]);
    assert_eq!(outcomes[1]["id"], "scripted");
    assert_eq!(outcomes[1]["max_model_len"], 131_072);
    assert_eq!(
        (&outcomes[2]["status"], &outcomes[2]["code"]),
        (&json!(404), &json!("model_not_found"))
    );
}

#[test]
fn an_answer_has_the_form_that_is_asked_for() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\n{\"temp\": 21}<|user|>"], &[]);
    let schema = json!({"type": "object", "properties": {"temp": {"type": "number"}}});
    let form = |kind: Value| ask(json!({"response_format": kind}));
    let outcomes = both(
        &server,
        &json!([
            {"do": "chat", "request": ask(json!({}))},
            {"do": "chat", "request": form(json!({"type": "json_schema", "json_schema": {"name": "t", "strict": true, "schema": schema}}))},
            {"do": "chat", "request": form(json!({"type": "json_object"}))},
            {"do": "chat", "request": form(json!({"type": "json_schema", "json_schema": {"name": "t", "schema": {"type": "nonsense"}}}))},
        ]),
    );
    let [free, schema, object, wrong] = outcomes.as_slice() else {
        panic!("{outcomes:#?}");
    };
    let prompt = |outcome: &Value| outcome["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!(schema["content"], "{\"temp\": 21}");
    // The model is told the schema.
    assert!(prompt(schema) > prompt(free) + 10, "{schema}");
    assert_eq!(prompt(object), prompt(free));
    assert_eq!(wrong["param"], "response_format.json_schema.schema");
    assert_eq!(wrong["status"], 400);
}

#[test]
fn what_is_wrong_is_said_in_openais_form() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\nHi.<|user|>"], &[]);
    let cases = [
        (
            ask(json!({"model": "gpt-9"})),
            404,
            json!("model"),
            json!("model_not_found"),
        ),
        (
            ask(json!({"n": 2})),
            400,
            json!("n"),
            json!("unsupported_value"),
        ),
        (
            ask(json!({"messages": []})),
            400,
            json!("messages"),
            Value::Null,
        ),
        (
            ask(json!({"temperature": 9})),
            400,
            json!("temperature"),
            Value::Null,
        ),
        (
            ask(json!({"tool_choice": "required"})),
            400,
            json!("tool_choice"),
            Value::Null,
        ),
        (
            ask(
                json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]}),
            ),
            400,
            json!("messages[0].content[0]"),
            json!("unsupported_content"),
        ),
        (
            ask(json!({"messages": [user(&"word ".repeat(200_000))]})),
            400,
            json!("messages"),
            json!("context_length_exceeded"),
        ),
        // The script has one reply.
        (
            ask(json!({"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]})),
            500,
            Value::Null,
            Value::Null,
        ),
    ];
    let steps: Vec<Value> = cases
        .iter()
        .flat_map(|(request, ..)| {
            ["chat", "stream"].map(|what| json!({"do": what, "request": request}))
        })
        .collect();
    let outcomes = both(&server, &json!(steps));
    for ((request, status, param, code), outcomes) in cases.iter().zip(outcomes.chunks(2)) {
        for outcome in outcomes {
            let told = (&outcome["status"], &outcome["param"], &outcome["code"]);
            let request = request.to_string();
            assert_eq!(
                told,
                (&json!(status), param, code),
                "{:.200}: {outcome}",
                request
            );
        }
    }
}

#[test]
fn what_could_not_be_read_as_a_call_is_passed_on() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["get_weather\n{\"city\": <|observation|>"], &[]);
    let request = ask(json!({"tools": weather()}));
    let steps = json!([{"do": "chat", "request": request}, {"do": "stream", "request": request}]);
    let outcomes = both(&server, &steps);
    for outcome in &outcomes {
        assert_eq!(outcome["content"], "get_weather\n{\"city\":");
        assert_eq!(
            (&outcome["calls"], &outcome["finish"]),
            (&json!([]), &json!("stop"))
        );
    }
    let errors = outcomes[1]["glm"][0]["errors"].to_string();
    assert!(errors.contains("get_weather"), "{errors}");
}
