//! An agent behind OpenAI's API: its tools run on the server.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use super::{
    limits::until,
    server::{Answer, Server, node, python},
};
use crate::glm::{Glm, of_type, parse};

const TOOLS: &str = r#"
[[tools]]
name = "add"
description = "Add two numbers"
command = ["python3", "-c", "import json, sys; a = json.load(sys.stdin); print(a['a'] + a['b'])"]
[tools.parameters]
type = "object"
required = ["a", "b"]
[tools.parameters.properties]
a = { type = "integer" }
b = { type = "integer" }

[[tools]]
name = "wait"
description = "Wait"
command = ["sleep", "600"]
[tools.parameters]
type = "object"
properties = {}
"#;

const CALL: &str = "\nLet me add.<|assistant|>add\n{\"a\": 2, \"b\": 40}<|observation|>";

fn start(glm: &Glm, replies: &[&str], more: &[&str]) -> Server {
    glm.file("tools.toml", TOOLS);
    let agent = ["--agent", "--tools", "tools.toml"];
    Server::start(glm, replies, &[agent.as_slice(), more].concat())
}

fn user(words: &str) -> Value {
    json!({"role": "user", "content": words})
}

fn ask(words: &str) -> Value {
    json!({"model": "scripted", "messages": [user(words)]})
}

fn post(server: &Server, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    server.ask("POST", "/v1/chat/completions", &headers, &body.to_string())
}

/// The answer and the session.
fn answer(server: &Server, headers: &[(&str, &str)], body: &Value) -> (String, String) {
    let answer = post(server, headers, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let session = json["glm"]["session"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("glm-session"), Some(session.as_str()));
    let content = json["choices"][0]["message"]["content"].as_str();
    (content.unwrap().to_owned(), session)
}

fn events(glm: &Glm, session: &str) -> Vec<Value> {
    let shown = glm.run(&["session", "show", session, "--json"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    parse(&shown.stdout)
}

#[test]
fn a_run_is_answered_and_its_events_are_told() {
    let glm = Glm::new();
    let server = start(&glm, &[CALL, "\nIt is 42.<|user|>"], &[]);
    let mut usage = ask("2 + 40?");
    usage["stream_options"] = json!({"include_usage": true});
    let steps = json!([
        {"do": "chat", "request": ask("2 + 40?")},
        {"do": "stream", "request": usage},
    ]);
    for outcomes in [
        python(&server.url(), None, &steps),
        node(&server.url(), None, &steps),
    ] {
        let [whole, stream] = outcomes.as_slice() else {
            panic!("{outcomes:#?}");
        };
        assert_eq!(
            (&whole["content"], &whole["finish"]),
            (&json!("It is 42."), &json!("stop"))
        );
        assert_eq!(stream["content"], "Let me add.\n\nIt is 42.");
        assert_eq!(stream["streamed"], stream["content"]);
        assert_eq!(stream["usage"], whole["usage"]);
        let own = stream["glm"].as_array().unwrap();
        assert!(own[0]["session"].is_string(), "{own:?}");
        let told: Vec<_> = own
            .iter()
            .filter_map(|own| own["event"]["type"].as_str())
            .collect();
        assert_eq!(told, ["tool_call_requested", "tool_result", "run_ended"]);
        let event = |kind: &str| {
            own.iter().find(|own| own["event"]["type"] == kind).unwrap()["event"].clone()
        };
        assert_eq!(
            event("tool_call_requested")["arguments"],
            json!({"a": 2, "b": 40})
        );
        assert_eq!(event("tool_result")["text"].as_str().unwrap().trim(), "42");
        assert_eq!(event("run_ended")["reason"], "answered");
        // They are those of the log.
        let log = events(&glm, own[0]["session"].as_str().unwrap());
        assert_eq!(*log.last().unwrap(), event("run_ended"));
        assert_eq!(*of_type(&log, "tool_result")[0], event("tool_result"));
    }
}

#[test]
fn a_session_goes_on() {
    let glm = Glm::new();
    let replies = [
        CALL,
        "\nIt is 42.<|user|>",
        "\nYou are welcome.<|user|>",
        "\nBye.<|user|>",
    ];
    let server = start(&glm, &replies, &[]);
    let (first, session) = answer(&server, &[], &ask("2 + 40?"));
    assert_eq!(first, "It is 42.");
    let named = [("glm-session", session.as_str())];
    assert_eq!(
        answer(&server, &named, &ask("Thanks.")),
        ("You are welcome.".into(), session.clone())
    );
    let mut third = ask("Bye.");
    third["metadata"] = json!({"session": session});
    assert_eq!(
        answer(&server, &[], &third),
        ("Bye.".into(), session.clone())
    );
    let log = events(&glm, &session);
    let said: Vec<_> = of_type(&log, "user_message")
        .iter()
        .map(|event| event["content"].clone())
        .collect();
    assert_eq!(said, ["2 + 40?", "Thanks.", "Bye."]);
    // A client without sessions tells again what was said.
    let mut told = ask("");
    told["messages"] = json!([
        {"role": "system", "content": "Be brief."},
        user("2 + 40?"), {"role": "assistant", "content": "Hm."},
        user("Really?"), {"role": "assistant", "content": "It is 42."},
        user("Thanks."),
    ]);
    let (third, other) = answer(&server, &[], &told);
    assert_eq!(third, "You are welcome.");
    assert_ne!(other, session);
    let log = events(&glm, &other);
    assert_eq!(of_type(&log, "session_started")[0]["system"], "Be brief.");
    assert_eq!(of_type(&log, "run_ended").len(), 3);
}

#[test]
fn clients_reach_their_own_sessions_only() {
    let glm = Glm::new();
    glm.file("keys", "ada\nbob\n");
    let replies = ["\nHi.<|user|>", "\nAgain.<|user|>"];
    let server = start(&glm, &replies, &["--api-key-file", "keys"]);
    let engine = glm.script(&replies);
    let local = glm.run(&[
        "run",
        "Hi",
        "--session",
        "mine",
        "--engine",
        &engine,
        "--tools",
        "none",
    ]);
    assert_eq!(local.code, Some(0), "{local:?}");
    let ada = [("authorization", "Bearer ada")];
    let (_, session) = answer(&server, &ada, &ask("Hi"));
    let go_on = |key: &str, session: &str| {
        let key = format!("Bearer {key}");
        post(
            &server,
            &[("authorization", &key), ("glm-session", session)],
            &ask("And?"),
        )
    };
    assert_eq!(go_on("ada", &session).status, 200);
    for refused in [go_on("bob", &session), go_on("ada", "mine")] {
        assert_eq!(refused.status, 404);
        let message = refused.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.starts_with("there is no session"), "{message}");
    }
    assert_eq!(go_on("ada", "../mine").status, 400);
    // Nobody has left.
    let metrics = server.ask("GET", "/metrics", &ada, "").body;
    assert!(!metrics.contains("outcome=\"disconnected\""), "{metrics}");
}

#[test]
fn a_call_that_needs_consent_waits_for_whoever_runs_the_server() {
    let glm = Glm::new();
    let server = start(&glm, &[CALL, "\nIt is 42.<|user|>"], &["--approve", "ask"]);
    let refused = post(&server, &[], &ask("2 + 40?"));
    assert_eq!(refused.status, 403);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "approval_needed");
    let session = refused.header("glm-session").unwrap().to_owned();
    let hint = format!("hint: glm session resume {session}");
    assert!(
        error["message"].as_str().unwrap().contains(&hint),
        "{error}"
    );
    let mut streamed = ask("2 + 40?");
    streamed["stream"] = json!(true);
    let messages = post(&server, &[], &streamed).events();
    assert_eq!(messages.last().unwrap()["error"]["code"], "approval_needed");
    drop(server);
    let resumed = glm.run(&["session", "resume", &session, "--approve", "all"]);
    assert_eq!(
        (resumed.code, resumed.stdout.as_str()),
        (Some(0), "It is 42.\n")
    );
}

#[test]
fn who_leaves_ends_the_run_and_its_tools() {
    let glm = Glm::new();
    let server = start(
        &glm,
        &["wait\n{}<|observation|>", "\nDone.<|user|>"],
        &["--max-concurrent", "1"],
    );
    let gauge = || {
        let metrics = server.get("/metrics").body;
        metrics.contains("\nglm_requests_in_flight 0\n")
    };
    for stream in [true, false] {
        let mut body = ask("Wait.");
        body["stream"] = json!(stream);
        let name = format!("left-{stream}");
        body["metadata"] = json!({ "session": name });
        let body = body.to_string();
        let mut connection = TcpStream::connect(server.address()).unwrap();
        let (host, length) = (server.address(), body.len());
        write!(connection, "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let log = glm
            .folder()
            .join(format!("data/sessions/{name}/events.jsonl"));
        let log = || fs::read_to_string(&log).unwrap_or_default();
        until("the call is under way", || {
            log().contains("tool_call_requested")
        });
        if stream {
            let mut line = String::new();
            BufReader::new(connection.try_clone().unwrap())
                .read_line(&mut line)
                .unwrap();
            assert_eq!(line, "HTTP/1.1 200 OK\r\n");
        }
        assert!(!gauge());
        drop(connection);
        until("the run has ended", || log().contains("\"interrupted\""));
        until("the slot is free", gauge);
    }
}

#[test]
fn what_an_answer_cites_is_numbered() {
    let glm = Glm::new();
    fs::create_dir(glm.folder().join("docs")).unwrap();
    glm.file("docs/one.md", "# One\n\nA heron stands in the pond.");
    let replies = [
        "web_search\n{\"query\": \"heron pond\"}<|observation|>",
        "\nThey stand 【0†One†docs】, it says【9†source】.<|user|>",
    ];
    let more = ["--tools", "web_search", "--search", "local:docs"];
    let server = start(&glm, &replies, &more);
    let steps = json!([{"do": "chat", "request": ask("Herons?")}, {"do": "stream", "request": ask("Herons?")}]);
    for outcome in python(&server.url(), None, &steps) {
        assert_eq!(
            outcome["content"], "They stand [1], it says[?].",
            "{outcome}"
        );
        let annotations = outcome["annotations"].as_array().unwrap();
        // The helper for streams knows no annotations.
        if let Some(annotation) = annotations.first() {
            let citation = &annotation["url_citation"];
            assert_eq!(
                (&citation["start_index"], &citation["end_index"]),
                (&json!(11), &json!(14))
            );
            assert_eq!(citation["title"], "One");
            let url = citation["url"].as_str().unwrap();
            assert!(
                url.starts_with("file:///") && url.ends_with("docs/one.md"),
                "{url}"
            );
        }
    }
    let mut streamed = ask("Herons?");
    streamed["stream"] = json!(true);
    let messages = post(&server, &[], &streamed).events();
    let told = messages
        .iter()
        .find_map(|m| m["choices"][0]["delta"]["annotations"].as_array());
    assert_eq!(told.unwrap()[0]["url_citation"]["start_index"], 11);
}

#[test]
fn an_answer_in_a_form_comes_as_a_whole() {
    let glm = Glm::new();
    let server = start(&glm, &["\nfive<|user|>", "\n{\"sum\": \"5\"}<|user|>"], &[]);
    let schema =
        json!({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]});
    let mut request = ask("2 + 3?");
    request["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "sum", "schema": schema}});
    let steps = json!([{"do": "chat", "request": request}, {"do": "stream", "request": request}]);
    for outcome in python(&server.url(), None, &steps) {
        assert_eq!(outcome["content"], "{\"sum\":5}");
    }
    // The form may be the server's own.
    glm.file("sum.json", &schema.to_string());
    let replies = ["\nfive<|user|>", "\n{\"sum\": \"5\"}<|user|>"];
    let server = start(&glm, &replies, &["--output-schema", "sum.json"]);
    let steps = json!([{"do": "stream", "request": ask("2 + 3?")}]);
    let outcomes = python(&server.url(), None, &steps);
    assert_eq!(outcomes[0]["content"], "{\"sum\":5}");
}

#[test]
fn a_session_that_is_not_kept_is_not_named() {
    let glm = Glm::new();
    let replies = ["\nHi.<|user|>", "\nAgain.<|user|>"];
    let server = start(&glm, &replies, &["--ephemeral"]);
    let first = post(&server, &[], &ask("Hi"));
    assert_eq!(first.header("glm-session"), None);
    let own = &first.json()["glm"];
    assert!(own["session"].is_null() && own["run"].is_object(), "{own}");
    let mut streamed = ask("");
    streamed["stream"] = json!(true);
    streamed["messages"] = json!([
        user("Hi"), {"role": "assistant", "content": "Hi."}, user("And?"),
    ]);
    let messages = post(&server, &[], &streamed).events();
    let named = |message: &Value| message["glm"]["session"].is_string();
    assert!(!messages.iter().any(named), "{messages:?}");
    let words = |message: &Value| {
        let content = message["choices"][0]["delta"]["content"].as_str();
        content.unwrap_or_default().to_owned()
    };
    let said: String = messages.iter().map(words).collect();
    assert_eq!(said, "Again.");
}

#[test]
fn what_an_agent_cannot_be_asked_is_refused() {
    let glm = Glm::new();
    let server = start(&glm, &["\nHi.<|user|>"], &["--ephemeral"]);
    let with = |key: &str, value: Value| {
        let mut request = ask("Hi");
        request[key] = value;
        request
    };
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for (request, param) in [
        (with("tools", tool), "tools"),
        (with("stop", json!("x")), "stop"),
        (
            with("metadata", json!({"session": "x"})),
            "metadata.session",
        ),
        (
            with(
                "messages",
                json!([user("a"), {"role": "assistant", "content": "b"}]),
            ),
            "messages",
        ),
        (
            with(
                "tool_choice",
                json!({"type": "function", "function": {"name": "g"}}),
            ),
            "tool_choice",
        ),
    ] {
        let refused = post(&server, &[], &request);
        let param = json!(param);
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &param),
            "{request}"
        );
    }
    assert_eq!(post(&server, &[], &ask("Hi")).status, 200);
    let completion = server.post(
        "/v1/completions",
        &json!({"model": "scripted", "prompt": "x"}),
    );
    assert_eq!(completion.status, 400);
}
