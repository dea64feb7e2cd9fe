//! Replies in both modes, and what is asked for them.

use std::sync::{Arc, Mutex};

use glm_agent::{
    Agent, Observer,
    engine::{self, RemoteOptions, Template},
    model::{Delta, Engine, ToolChoice},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Answer, Calls, Part, Server, agent, completed, delta, ended, options, run};

/// A call as a message, in parts.
fn called(arguments: &[&str]) -> Answer {
    let first = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "get_weather", "arguments": ""}});
    let mut parts = vec![
        delta(json!({"role": "assistant", "content": null, "reasoning_content": "Kiel, then."})),
        delta(json!({"tool_calls": [first]})),
    ];
    parts.extend(
        arguments.iter().map(|part| {
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
        }),
    );
    parts.push(ended("tool_calls"));
    Answer::Stream(parts)
}

fn answered(words: &str) -> Answer {
    Answer::Stream(vec![
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": words})),
        ended("stop"),
        Part::Event(json!({"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 6}})),
        Part::Raw("data: [DONE]\n\n"),
    ])
}

#[tokio::test]
async fn prompts_made_here_are_what_the_family_was_trained_on() {
    let server = Server::vllm(
        "THUDM/glm-4-9b-chat",
        [
            completed("get_weather\n{\"city\": \"Kiel\"}"),
            completed("\nIt is 21 degrees."),
        ],
    );
    let (run, calls) = run(options(&[&server])).await;
    let run = run.unwrap();
    assert_eq!((run.answer.as_str(), calls), ("It is 21 degrees.", 1));
    let usage = json!({"prompt_tokens": 200, "cached_tokens": 128, "completion_tokens": 20});
    assert_eq!(serde_json::to_value(run.usage).unwrap(), usage);
    assert_eq!(server.asked()[0].path, "/v1/completions");
    let asked: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    insta::assert_json_snapshot!(asked);
}

#[tokio::test]
async fn messages_and_calls_go_to_a_server_that_makes_prompts() {
    let server = Server::plain(
        "some-model",
        [
            called(&["{\"city\":", " \"Kiel\"}"]),
            answered("It is 21 degrees."),
        ],
    );
    let (run, calls) = run(options(&[&server])).await;
    assert_eq!(
        (run.unwrap().answer.as_str(), calls),
        ("It is 21 degrees.", 1)
    );
    assert_eq!(server.asked()[0].path, "/v1/chat/completions");
    let asked: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    insta::assert_json_snapshot!(asked);
}

#[tokio::test]
async fn a_reply_in_one_piece_is_read_as_well() {
    let whole = |message: Value| {
        let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]});
        Answer::Whole(
            200,
            vec![("content-type", "application/json".into())],
            body.to_string(),
        )
    };
    let function = json!({"name": "get_weather", "arguments": "{\"city\": \"Kiel\"}"});
    let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "a", "function": function}]});
    let server = Server::plain(
        "some-model",
        [
            whole(call),
            whole(json!({"role": "assistant", "content": "Warm."})),
        ],
    );
    let (run, calls) = run(options(&[&server])).await;
    let run = run.unwrap();
    assert_eq!((run.answer.as_str(), calls), ("Warm.", 1));
    // Nobody said how many tokens there were.
    assert!(run.usage.prompt_tokens > 0 && run.usage.completion_tokens > 0);
}

/// What was shown, one kind a line.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<String>>);

impl Observer for Shown {
    fn delta(&mut self, delta: &Delta) {
        let line = match delta {
            Delta::Text(text) => format!("text {text:?}\n"),
            Delta::Reasoning(text) => format!("thought {text:?}\n"),
            Delta::Call { name } => format!("call {name}\n"),
            Delta::Arguments(text) => format!("arguments {text:?}\n"),
            Delta::Finished(_) => "finished\n".to_owned(),
        };
        self.0.lock().unwrap().push_str(&line);
    }
}

#[tokio::test]
async fn parts_are_shown_as_they_come() {
    let server = Server::plain(
        "some-model",
        [called(&["{\"city\":", " \"Kiel\"}"]), answered("Warm.")],
    );
    let agent = agent(options(&[&server]), &Calls::default()).await.unwrap();
    let mut session = agent.session(None).unwrap();
    let mut shown = Shown::default();
    let said = agent.say_watched(
        &mut session,
        "How warm?",
        &mut shown,
        CancellationToken::new(),
    );
    said.await.unwrap();
    let shown = shown.0.lock().unwrap().clone();
    assert_eq!(
        shown,
        "thought \"Kiel, then.\"\ncall get_weather\narguments \"{\\\"city\\\":\"\n\
         arguments \" \\\"Kiel\\\"}\"\nfinished\ntext \"Warm.\"\nfinished\n"
    );
}

#[tokio::test]
async fn a_tool_that_must_be_called_is_asked_for_in_both_ways() {
    for (template, expected) in [
        (Template::Ours, json!(["get_weather\n", {"json": "schema"}])),
        (
            Template::Server,
            json!({"type": "function", "function": {"name": "get_weather"}}),
        ),
    ] {
        let first = match template {
            Template::Ours => completed("{\"city\": \"Kiel\"}"),
            _ => called(&["{\"city\": \"Kiel\"}"]),
        };
        let then = match template {
            Template::Ours => completed("\nWarm."),
            _ => answered("Warm."),
        };
        let server = Server::vllm("glm-4-9b-chat", [first, then]);
        let options = RemoteOptions {
            template,
            ..options(&[&server])
        };
        let calls = Calls::default();
        let agent = Agent::builder()
            .engine(engine::remote(options).await.unwrap())
            .tool(calls.weather())
            .tool_choice(ToolChoice::Tool("get_weather".into()))
            .build()
            .unwrap();
        assert_eq!(
            agent.run("How warm is Kiel?").await.unwrap().answer,
            "Warm."
        );
        assert_eq!(calls.count(), 1);
        let asked = server.asked().remove(0).body;
        let found = match template {
            Template::Ours => {
                let prompt = asked["prompt"].as_str().unwrap();
                assert_eq!(asked["structured_outputs"]["json"]["type"], "object");
                let begun = prompt.rsplit("<|assistant|>").next().unwrap();
                json!([begun, {"json": "schema"}])
            }
            _ => asked["tool_choice"].clone(),
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn an_answer_in_a_form_is_held_to_it_by_the_server() {
    let schema =
        json!({"type": "object", "properties": {"temp": {"type": "number"}}, "required": ["temp"]});
    for (model, reply, place) in [
        (
            "glm-4-9b-chat",
            completed("{\"temp\": 21}"),
            "/structured_outputs/json",
        ),
        (
            "other",
            answered("{\"temp\": 21}"),
            "/response_format/json_schema/schema",
        ),
    ] {
        let server = Server::vllm(model, [reply]);
        let agent = Agent::builder()
            .engine(engine::remote(options(&[&server])).await.unwrap())
            .answer_schema(schema.clone())
            .build()
            .unwrap();
        assert_eq!(
            agent.run("How warm is it?").await.unwrap().answer,
            "{\"temp\":21}"
        );
        assert_eq!(server.asked()[0].body.pointer(place), Some(&schema));
    }
}

#[tokio::test]
async fn what_the_server_says_of_its_window_holds() {
    let server = Server::vllm("glm-4-9b-chat", []);
    let engine = engine::remote(options(&[&server])).await.unwrap();
    assert_eq!(
        (engine.context_length(), engine.profile().name()),
        (8192, "glm4")
    );
    let engine = engine::remote(RemoteOptions {
        context: Some(1000),
        profile: Some("glm4-hf".into()),
        ..options(&[&server])
    });
    let engine = engine.await.unwrap();
    assert_eq!(
        (engine.context_length(), engine.profile().name()),
        (1000, "glm4-hf")
    );
}

#[tokio::test]
async fn requests_at_the_same_time_go_to_different_servers() {
    let model = "glm-4-9b-chat";
    let hanging = || vec![Answer::Stream(vec![super::piece_of("\nIt"), Part::Hang]); 4];
    let servers = [
        Server::vllm(model, hanging()),
        Server::vllm(model, hanging()),
    ];
    let engine = engine::remote(options(&[&servers[0], &servers[1]]))
        .await
        .unwrap();
    let agent = Arc::new(Agent::builder().engine(engine).build().unwrap());
    let stop = CancellationToken::new();
    let mut runs = Vec::new();
    for _ in 0..4 {
        let (agent, stop) = (Arc::clone(&agent), stop.clone());
        runs.push(tokio::spawn(async move {
            let mut session = agent.session(None).unwrap();
            agent
                .say_watched(&mut session, "Hi", &mut (), stop)
                .await
                .unwrap()
        }));
    }
    while servers.iter().map(Server::open).sum::<usize>() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(servers.map(|server| server.asked().len()), [2, 2]);
    stop.cancel();
    for run in runs {
        run.await.unwrap();
    }
}
