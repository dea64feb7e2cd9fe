//! Sessions of the default model, recorded once and replayed without it.
//!
//! `tests/data/cassettes/record.sh` records them again.

use std::{fs, path::Path};

use glm_agent::{
    Agent, Error, Event, EventKind, Session, Tool,
    model::{Segment, ToolSpec},
    replay::recorded,
    tools::manifest,
};
use serde_json::json;

use crate::{
    glm::{Glm, Output},
    published::EVENT,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cassettes");
const NAMES: [&str; 5] = ["arithmetic", "dialogue", "limit", "page", "words"];

/// A `glm` that has all cassettes as sessions.
fn with_cassettes() -> Glm {
    let glm = Glm::new();
    for name in NAMES {
        let folder = glm.folder().join("data/sessions").join(name);
        fs::create_dir_all(&folder).unwrap();
        let cassette = Path::new(FOLDER).join(format!("{name}.jsonl"));
        fs::copy(cassette, folder.join("events.jsonl")).unwrap();
    }
    glm
}

fn events(glm: &Glm, name: &str) -> Vec<Event> {
    Session::read(&glm.folder().join("data/sessions"), name).unwrap()
}

#[test]
fn each_cassette_is_of_the_default_model_and_replays_exactly() {
    let glm = with_cassettes();
    let mut found: Vec<_> = fs::read_dir(FOLDER)
        .unwrap()
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".jsonl").map(str::to_owned)
        })
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
    for name in NAMES {
        let events = events(&glm, name);
        assert!(events.iter().any(
            |event| matches!(&event.kind, EventKind::SessionStarted { model, .. } if model == "smol-glm")
        ));
        assert!(events.iter().all(|event| EVENT.is_valid(&json!(event))));
        assert_eq!(
            glm.run(&["replay", name]),
            Output {
                stdout: format!("{} events, and all came out the same\n", events.len()),
                stderr: String::new(),
                code: Some(0),
            },
            "{name}"
        );
    }
}

/// A cassette is evidence only as long as a change of what it holds is noticed.
#[test]
fn a_cassette_in_which_anything_else_was_written_does_not_replay() {
    let glm = with_cassettes();
    for name in NAMES {
        let log = glm
            .folder()
            .join("data/sessions")
            .join(name)
            .join("events.jsonl");
        let lines = fs::read_to_string(&log).unwrap();
        let answer = events(&glm, name)
            .into_iter()
            .rev()
            .find_map(|event| match event.kind {
                EventKind::ModelTurn { segments, .. } => match segments.into_iter().next_back() {
                    Some(Segment::Text { text }) => Some(text),
                    _ => None,
                },
                _ => None,
            });
        // The text as generated says otherwise.
        let text = format!("\"text\":{}", json!(answer.unwrap()));
        fs::write(&log, lines.replace(&text, "\"text\":\"Else.\"")).unwrap();
        let output = glm.run(&["replay", name]);
        assert_eq!(output.code, Some(1), "{name}: {output:?}");
        assert!(
            output
                .stderr
                .contains("comes out otherwise than in the log"),
            "{output:?}"
        );
    }
}

/// The cassette's model, with these tools and instructions.
async fn again(glm: &Glm, tools: Vec<Tool>, system: Option<&str>) -> Result<String, Error> {
    let events = events(glm, "words");
    let task = events.iter().find_map(|event| match &event.kind {
        EventKind::UserMessage { content, .. } => Some(content.clone()),
        _ => None,
    });
    let mut builder = Agent::builder().engine(recorded(&events)?).tools(tools);
    if let Some(system) = system {
        builder = builder.system(system);
    }
    let run = builder.build()?.run(&task.unwrap()).await?;
    Ok(run.answer)
}

fn example_tools() -> Vec<Tool> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tools.toml");
    manifest::load(Path::new(path)).unwrap()
}

#[tokio::test]
async fn the_tools_of_today_bring_the_recorded_model_to_its_answer() {
    let glm = with_cassettes();
    let answer = again(&glm, example_tools(), None).await.unwrap();
    let ended = events(&glm, "words").pop().unwrap();
    assert!(matches!(ended.kind, EventKind::RunEnded { answer: then, .. } if then == answer));
}

#[tokio::test]
async fn a_request_that_differs_from_the_cassette_fails_with_a_diff() {
    let glm = with_cassettes();
    let other_system = again(&glm, example_tools(), Some("Be brief.")).await;
    let mut other_schema = example_tools();
    let last = other_schema.pop().unwrap();
    let ToolSpec::Function { function } = last.spec() else {
        panic!("{:?} is no function", last.spec());
    };
    let described = json!(function.object())
        .to_string()
        .replace("Count", "Number");
    let spec = ToolSpec::Function {
        function: serde_json::from_str(&described).unwrap(),
    };
    other_schema.push(Tool::external(spec));
    let other_schema = again(&glm, other_schema, None).await;
    let errors = [other_system, other_schema].map(|answer| answer.unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n---\n"));
}
