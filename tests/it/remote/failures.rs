//! Servers that fail: each is a clear error or a safe retry, and no call is made twice.

use std::time::Duration;

use glm_agent::engine::{Key, RemoteOptions, Template, Timeouts};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Answer, Calls, Part, Server, agent, completed, delta, options, piece_of, run, said};

const MODEL: &str = "glm-4-9b-chat";
const CALL: &str = "get_weather\n{\"city\": \"Kiel\"}";
const WORDS: &str = "\nIt is 21 degrees.";

fn status(status: u16, body: &str) -> Answer {
    Answer::Whole(status, vec![], body.into())
}

fn wait(status: u16, seconds: &str) -> Answer {
    Answer::Whole(status, vec![("retry-after", seconds.into())], String::new())
}

/// An address at which nothing listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_dead_server_is_named() {
    let dead = nowhere();
    let (run, _) = run(RemoteOptions::new([dead.clone()])).await;
    let error = run.unwrap_err().to_string().replace(&dead, "http://dead");
    insta::assert_snapshot!(error);
}

#[tokio::test]
async fn another_server_stands_in_for_a_dead_one() {
    let alive = Server::vllm(MODEL, [completed(CALL), completed(WORDS)]);
    let options = RemoteOptions {
        urls: vec![nowhere(), alive.url.clone()],
        ..options(&[])
    };
    let (run, calls) = run(options).await;
    assert_eq!(
        (run.unwrap().answer.as_str(), calls),
        ("It is 21 degrees.", 1)
    );
}

#[tokio::test]
async fn what_time_may_mend_is_tried_again() {
    for failure in [
        status(500, "oops"),
        status(502, "<html><title>Bad Gateway</title></html>"),
        wait(429, "0"),
        wait(503, "0"),
        Answer::Stream(vec![Part::Cut]),
        Answer::Stream(vec![]),
        Answer::Stream(vec![piece_of(""), Part::Cut]),
        Answer::Stream(vec![Part::Event(
            json!({"error": {"message": "overloaded", "code": 503}}),
        )]),
    ] {
        let shown = format!("{failure:?}");
        let server = Server::vllm(MODEL, [failure, completed(CALL), completed(WORDS)]);
        let (run, calls) = run(options(&[&server])).await;
        assert_eq!(run.unwrap().answer, "It is 21 degrees.", "{shown}");
        assert_eq!((server.asked().len(), calls), (3, 1), "{shown}");
    }
}

#[tokio::test]
async fn what_fails_every_time_is_given_up() {
    let server = Server::vllm(
        MODEL,
        vec![status(500, r#"{"error": {"message": "no memory"}}"#); 3],
    );
    let (run, _) = run(options(&[&server])).await;
    insta::assert_snapshot!(said(&run.unwrap_err(), &[&server]));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn what_is_refused_is_not_asked_again() {
    let mut errors = String::new();
    for refusal in [
        status(
            400,
            r#"{"error": {"message": "This model's maximum context length is 8192 tokens."}}"#,
        ),
        status(
            401,
            r#"{"error": {"message": "Incorrect API key provided"}}"#,
        ),
        status(
            404,
            r#"{"object": "error", "message": "The model does not exist."}"#,
        ),
        status(422, r#"{"detail": "Unexpected fields"}"#),
        wait(429, "3600"),
    ] {
        let server = Server::vllm(MODEL, [refusal]);
        let (run, _) = run(options(&[&server])).await;
        errors += &format!("{}\n\n", said(&run.unwrap_err(), &[&server]));
        assert_eq!(server.asked().len(), 1);
    }
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn a_reply_that_breaks_off_in_a_call_is_an_error_and_no_call() {
    let begun = || vec![piece_of("get_weather\n"), piece_of("{\"city\": \"Ki")];
    let message = || {
        let function = json!({"name": "get_weather", "arguments": "{\"city\": \"Ki"});
        vec![delta(
            json!({"tool_calls": [{"index": 0, "id": "a", "function": function}]}),
        )]
    };
    let mut errors = String::new();
    for (model, parts) in [(MODEL, begun()), ("other", message())] {
        for end in [
            vec![Part::Cut],
            vec![],
            vec![Part::Raw("data: [DONE]\n\n")],
            vec![Part::Raw("data: <html>\n\n")],
            vec![Part::Event(
                json!({"error": {"message": "the engine died"}}),
            )],
            vec![Part::Event(
                json!({"choices": [{"text": "", "delta": {}, "finish_reason": "abort"}]}),
            )],
        ] {
            let server = Server::vllm(model, [Answer::Stream([parts.clone(), end].concat())]);
            let (run, calls) = run(options(&[&server])).await;
            errors += &format!("{}\n\n", said(&run.unwrap_err(), &[&server]));
            assert_eq!((server.asked().len(), calls), (1, 0));
        }
    }
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn words_that_break_off_are_not_said_twice() {
    let server = Server::vllm(
        MODEL,
        [Answer::Stream(vec![piece_of("\nIt is"), Part::Cut])],
    );
    let (run, _) = run(options(&[&server])).await;
    insta::assert_snapshot!(said(&run.unwrap_err(), &[&server]));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn another_format_is_shown_shortened() {
    let html = "<!doctype html>\n<html><head><title>Sign in</title></head></html>";
    let json = |text: &str| {
        Answer::Whole(
            200,
            vec![("content-type", "application/json".into())],
            text.into(),
        )
    };
    let mut errors = String::new();
    for other in [
        Answer::Whole(200, vec![("content-type", "text/html".into())], html.into()),
        json(r#"{"result": "hello"}"#),
        json(""),
        json(r#"{"error": "model is not loaded"}"#),
        Answer::Stream(vec![Part::Event(json!({"result": "x".repeat(1000)}))]),
        Answer::Stream(vec![Part::Raw("data: hello\n\n")]),
    ] {
        let server = Server::vllm(MODEL, [other]);
        let (run, _) = run(options(&[&server])).await;
        errors += &format!("{}\n\n", said(&run.unwrap_err(), &[&server]));
    }
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn an_address_that_is_no_api_is_named() {
    let server = Server::new([("/v1/models", json!({"hello": "world"}))], []);
    let (run, _) = run(options(&[&server])).await;
    insta::assert_snapshot!(said(&run.unwrap_err(), &[&server]));
}

#[tokio::test]
async fn who_is_too_slow_is_left() {
    let timeouts = Timeouts {
        first: Duration::from_millis(300),
        between: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let mut errors = String::new();
    for parts in [
        vec![Part::Hang],
        vec![piece_of("get_weather\n{"), Part::Hang],
    ] {
        let server = Server::vllm(MODEL, [Answer::Stream(parts)]);
        let options = RemoteOptions {
            timeouts,
            ..options(&[&server])
        };
        let (run, calls) = run(options).await;
        errors += &format!("{}\n\n", said(&run.unwrap_err(), &[&server]));
        assert_eq!((server.asked().len(), calls), (1, 0));
    }
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn a_role_is_no_beginning_of_a_reply() {
    let role = delta(json!({"role": "assistant", "content": ""}));
    let server = Server::plain("other", [Answer::Stream(vec![role, Part::Hang])]);
    let options = RemoteOptions {
        timeouts: Timeouts {
            first: Duration::from_millis(300),
            ..Timeouts::default()
        },
        ..options(&[&server])
    };
    let (run, _) = run(options).await;
    let error = run.unwrap_err().to_string();
    assert!(error.contains("0.3 s to begin a reply"), "{error}");
}

#[tokio::test]
async fn of_two_servers_the_other_goes_on_when_one_fails() {
    let failing = || vec![status(500, ""); 3];
    let throttled = || vec![wait(429, "3600")];
    let well = || vec![completed(CALL), completed(WORDS)];
    // Whichever is asked first.
    for (one, other) in [
        (failing(), well()),
        (well(), failing()),
        (throttled(), well()),
        (well(), throttled()),
    ] {
        let servers = [Server::vllm(MODEL, one), Server::vllm(MODEL, other)];
        let (run, calls) = run(options(&[&servers[0], &servers[1]])).await;
        assert_eq!(
            (run.unwrap().answer.as_str(), calls),
            ("It is 21 degrees.", 1)
        );
        // Who failed rests.
        let asked = servers
            .iter()
            .map(|server| server.asked().len())
            .sum::<usize>();
        assert!(asked <= 3, "{asked}");
    }
}

#[tokio::test]
async fn a_key_goes_to_its_server_and_nowhere_else() {
    let other = Server::vllm(MODEL, []);
    let leads = Answer::Whole(
        307,
        vec![(
            "location",
            format!("{}/v1/completions?key=s3cret-of-ada", other.url),
        )],
        String::new(),
    );
    let server = Server::vllm(MODEL, [leads]);
    let options = RemoteOptions {
        key: Some(Key::new("s3cret-of-ada\n")),
        ..options(&[&server])
    };
    assert!(!format!("{options:?}").contains("s3cret"));
    let (run, _) = run(options).await;
    let sent = server.asked().remove(0).headers;
    assert_eq!(sent["authorization"], "Bearer s3cret-of-ada");
    assert_eq!(other.asked().len(), 0);
    insta::assert_snapshot!(said(&run.unwrap_err(), &[&server, &other]));
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_give_it_away() {
    let repeated = r#"{"error": {"message": "Bearer s3cret-of-ada is no key here"}}"#;
    let server = Server::vllm(MODEL, [status(401, repeated)]);
    let options = RemoteOptions {
        key: Some(Key::new("s3cret-of-ada")),
        ..options(&[&server])
    };
    let (run, _) = run(options).await;
    insta::assert_snapshot!(said(&run.unwrap_err(), &[&server]));
}

#[tokio::test]
async fn a_reply_may_have_the_key_in_its_words() {
    let server = Server::vllm("ollama", [completed("\nimport ollama")]);
    let options = RemoteOptions {
        key: Some(Key::new("ollama")),
        profile: Some("glm4".into()),
        template: Template::Ours,
        ..options(&[&server])
    };
    let (run, _) = run(options).await;
    assert_eq!(run.unwrap().answer, "import ollama");
}

#[tokio::test]
async fn a_redirection_within_the_server_is_followed() {
    let within = Answer::Whole(
        307,
        vec![("location", "/v1/completions".into())],
        String::new(),
    );
    let server = Server::vllm(MODEL, [within, completed(CALL), completed(WORDS)]);
    let (run, calls) = run(options(&[&server])).await;
    assert_eq!(
        (run.unwrap().answer.as_str(), calls),
        ("It is 21 degrees.", 1)
    );
}

#[tokio::test]
async fn whoever_stops_closes_the_connection() {
    let hanging = Answer::Stream(vec![piece_of("\nIt"), Part::Hang]);
    let server = Server::vllm(MODEL, [hanging]);
    let agent = agent(options(&[&server]), &Calls::default()).await.unwrap();
    let mut session = agent.session(None).unwrap();
    let stop = CancellationToken::new();
    let stopped = async {
        while server.open() == 0 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let mut nobody = ();
    let said = agent.say_watched(&mut session, "Hi", &mut nobody, stop.clone());
    let (run, ()) = tokio::join!(said, stopped);
    assert_eq!(run.unwrap().reason, glm_agent::StopReason::Interrupted);
    while server.open() > 0 {
        tokio::task::yield_now().await;
    }
}
