//! Servers on the command line: flags, settings, keys, replay and the doctor.

use serde_json::json;

use super::{Answer, Server, completed, delta, ended, piece_of};
use crate::{
    glm::{Glm, parse},
    run::ADDER,
};

const MODEL: &str = "glm-4-9b-chat";
const CALL: &str = "add\n{\"a\": 2, \"b\": 3}";

/// What a command printed, without the server's address.
fn shown(text: &str, server: &Server) -> String {
    text.replace(&server.url, "http://server")
}

#[test]
fn a_session_with_a_server_is_replayed_without_it() {
    let message = || {
        let function = json!({"name": "add", "arguments": "{\"a\": 2, \"b\": \"3\"}"});
        let call = json!({"tool_calls": [{"index": 0, "id": "a", "function": function}]});
        let words = json!({"content": "<think>Easy.</think>5."});
        [
            Answer::Stream(vec![delta(call), ended("tool_calls")]),
            Answer::Stream(vec![delta(words), ended("stop")]),
        ]
    };
    for server in [
        Server::vllm(MODEL, [completed(CALL), completed("\n5.")]),
        Server::plain("other", message()),
    ] {
        let glm = Glm::new();
        glm.file("tools.json", ADDER);
        let run = [
            "run",
            "What is 2 + 3?",
            "--engine",
            &server.url,
            "--tools",
            "./tools.json",
            "--session",
            "s",
            "--quiet",
        ];
        assert_eq!(glm.run(&run).stdout, "5.\n");
        drop(server);
        let output = glm.run(&["replay", "s"]);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
}

#[test]
fn a_key_is_sent_and_stands_nowhere() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    glm.file("key", "s3cret-of-ada\n");
    glm.file(
        "glm.toml",
        "[remote]\nkey_file = 'key'\nretries = 0\nheaders = { X-Team = { env = 'TEAM' } }\nbody = { user = 'ada' }\n",
    );
    let refused = Answer::Whole(
        403,
        vec![],
        json!({"error": {"message": "s3cret-of-ada of t3am-of-ada may not"}}).to_string(),
    );
    let server = Server::vllm(MODEL, [completed(CALL), refused]);
    let output = glm
        .command(&[
            "run",
            "What is 2 + 3?",
            "--engine",
            &server.url,
            "--tools",
            "./tools.json",
            "--session",
            "s",
            "--verbose",
            "--json",
        ])
        .env("TEAM", "t3am-of-ada")
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.headers["authorization"], "Bearer s3cret-of-ada");
    assert_eq!(asked.headers["x-team"], "t3am-of-ada");
    assert_eq!(asked.body["user"], "ada");
    let log = glm.folder().join("data/sessions/s/events.jsonl");
    let everything = format!("{output:?}{}", std::fs::read_to_string(log).unwrap());
    assert!(
        everything.contains("[key] of [key] may not"),
        "{everything}"
    );
    for secret in ["s3cret-of-ada", "t3am-of-ada"] {
        assert!(!everything.contains(secret), "{everything}");
    }
}

#[test]
fn several_servers_are_named_by_flag_variable_or_file() {
    let well = || Server::vllm(MODEL, [completed("\nHi.")]);
    let dead = "http://127.0.0.1:9";
    let run = ["run", "Hi", "--tools", "none", "--quiet", "--ephemeral"];
    for way in 0..3 {
        let (glm, server) = (Glm::new(), well());
        let mut command = glm.command(&run);
        match way {
            0 => command.args(["--engine", dead, "--engine", &server.url]),
            1 => command.env("GLM_ENGINE", format!("{dead},{}", server.url)),
            _ => {
                glm.file(
                    "glm.toml",
                    &format!("engine = ['{dead}', '{}']\n", server.url),
                );
                &mut command
            }
        };
        let output = command.output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "Hi.\n",
            "{output:?}"
        );
    }
}

#[test]
fn the_doctor_tells_of_a_server() {
    let glm = Glm::new();
    let call = "get_weather\n{\"city\": \"Paris\"}";
    let server = Server::vllm(MODEL, [completed(call)]);
    let output = glm.run(&["doctor", "--engine", &server.url]);
    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!(shown(&output.stdout, &server));
    // Its JSON is of the same form as that of other checks.
    let server = Server::vllm(MODEL, [completed("\nI do not know.")]);
    let output = glm.run(&["doctor", "--json", "--engine", &server.url]);
    let report = parse(&output.stdout.replace('\n', " ")).remove(0);
    assert_eq!(report["ok"], true);
    let last = report["checks"].as_array().unwrap().last().unwrap().clone();
    insta::assert_json_snapshot!(last);
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_server() {
    let glm = Glm::new();
    let output = glm.run(&["doctor", "--engine", "http://127.0.0.1:9"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    insta::assert_snapshot!(output.stdout);
    let models =
        json!({"data": [{"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "vllm"}]});
    let server = Server::new([("/v1/models", models)], []);
    let output = glm.run(&["doctor", "--engine", &server.url]);
    insta::assert_snapshot!(shown(&output.stdout, &server));
}

#[test]
fn what_broke_off_ends_the_run_with_a_clear_error() {
    let glm = Glm::new();
    glm.file("tools.json", ADDER);
    let server = Server::vllm(MODEL, [Answer::Stream(vec![piece_of("add\n{\"a\": 2")])]);
    let output = glm.run(&[
        "run",
        "What is 2 + 3?",
        "--engine",
        &server.url,
        "--tools",
        "./tools.json",
        "--ephemeral",
        "--quiet",
    ]);
    assert_eq!((output.stdout.as_str(), output.code), ("", Some(1)));
    insta::assert_snapshot!(shown(&output.stderr, &server));
}

#[test]
fn an_engine_that_is_none_is_refused() {
    let glm = Glm::new();
    for (engine, part) in [
        ("remote", "there is no engine `remote`"),
        (
            "http://ada:secret@127.0.0.1:9/v1",
            "`…@127.0.0.1:9/v1` cannot be used as an engine",
        ),
    ] {
        let output = glm.run(&["run", "Hi", "--engine", engine, "--tools", "none"]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(part), "{output:?}");
        assert!(!output.stderr.contains("secret"), "{output:?}");
    }
}
