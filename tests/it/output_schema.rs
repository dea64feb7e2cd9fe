//! Answers in a form.

use glm_agent::{Agent, Error, Tool, ToolContext, engine::Scripted};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::glm::{Glm, Output, of_type, parse};

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {"city": {"type": "string"}, "temp": {"type": "number"}},
    "required": ["city", "temp"]
}"#;

fn ask(glm: &Glm, replies: &[&str], flags: &[&str]) -> Output {
    glm.file("schema.json", SCHEMA);
    let engine = glm.script(replies);
    let args = [
        "run",
        "How warm is Kiel?",
        "--engine",
        &engine,
        "--tools",
        "none",
        "--output-schema",
        "schema.json",
    ];
    glm.run(&[&args[..], flags].concat())
}

#[test]
fn stdout_holds_json_of_the_schema_and_nothing_else() {
    let glm = Glm::new();
    let reply = "\n```json\n{\"city\": \"Kiel\", \"temp\": \"9\"}\n```";
    assert_eq!(
        ask(&glm, &[reply], &["--quiet"]),
        Output {
            stdout: "{\"city\":\"Kiel\",\"temp\":9}\n".into(),
            stderr: String::new(),
            code: Some(0),
        }
    );
}

#[test]
fn an_answer_that_does_not_fit_is_returned_to_the_model_with_the_reason() {
    let glm = Glm::new();
    let replies = [
        "\nIt is 9 degrees.",
        "\n{\"city\": \"Kiel\"}",
        "\n{\"city\": \"Kiel\", \"temp\": 9}",
    ];
    let events = parse(&ask(&glm, &replies, &["--json"]).stdout);
    let rejected: Vec<_> = of_type(&events, "answer_rejected")
        .iter()
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        rejected,
        [
            "error: the answer is not JSON: expected value at line 1 column 1\n\
             answer again, with JSON and nothing else",
            "error: the answer does not fit its schema\n- `temp`: expected a number, got nothing",
        ]
    );
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(of_type(&events, "user_message")[0]["answer_schema"], schema);
    assert_eq!(
        events.last().unwrap()["answer"],
        "{\"city\":\"Kiel\",\"temp\":9}"
    );
}

#[test]
fn an_answer_that_never_fits_fails_the_run_with_the_reason() {
    let glm = Glm::new();
    let wrong = "\n{\"city\": \"Kiel\"}";
    assert_eq!(
        ask(&glm, &[wrong, wrong, wrong], &["--quiet"]),
        Output {
            stdout: String::new(),
            stderr: "error: the answer does not fit its schema\n- `temp`: expected a number, got \
                     nothing\n"
                .into(),
            code: Some(1),
        }
    );
}

#[test]
fn a_schema_that_is_none_is_refused_before_anything_else() {
    for (schema, message) in [
        ("{", "error: the schema `schema.json` is not JSON: EOF"),
        (
            "{\"type\": \"nonsense\"}",
            "error: the answer's schema cannot be used: \"nonsense\" is not",
        ),
    ] {
        let glm = Glm::new();
        let engine = glm.script(&["\nHi"]);
        glm.file("schema.json", schema);
        let output = glm.run(&[
            "run",
            "Hi",
            "--engine",
            &engine,
            "--tools",
            "none",
            "--output-schema",
            "schema.json",
        ]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.starts_with(message), "{output:?}");
    }
}

/// Weather as a program wants it.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Weather {
    /// Name of the city
    city: String,
    /// In degrees Celsius
    temp: f64,
}

#[tokio::test]
async fn a_task_can_be_answered_with_a_value_of_a_type() {
    let look = Tool::new("look", "Looks outside", |_: Value, _: ToolContext| async {
        Ok(json!({"temp": 9.5}))
    });
    let agent = |replies: &[&str]| {
        Agent::builder()
            .engine(Scripted::new(replies.iter().copied()).unwrap())
            .tool(look.clone())
            .build()
            .unwrap()
    };
    let right = agent(&["look\n{}", "\n{\"city\": \"Kiel\", \"temp\": 9.5}"]);
    let weather: Weather = right.run_typed("How warm is Kiel?").await.unwrap();
    let expected = Weather {
        city: "Kiel".into(),
        temp: 9.5,
    };
    assert_eq!(weather, expected);

    let wrong = agent(&["\nNine.", "\nNine.", "\nNine."]);
    let error = wrong.run_typed::<Weather>("How warm?").await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("there is no answer: the answer is not JSON"),
        "{error}"
    );
}
