//! The library as a program embeds it, with scripted replies.

use std::sync::Arc;

use glm_agent::{
    Agent, Artifact, Citation, EventKind, Session, StopReason, Tool, ToolContext, ToolError,
    ToolOutput, citation::Source, engine::Scripted, model::Message, view,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Barrier, watch};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// A tool that ends only when `all` calls of it run at the same time.
fn meeting(all: usize) -> Tool {
    let barrier = Arc::new(Barrier::new(all));
    Tool::new(
        "meet",
        "Meets the others",
        move |_: Nothing, _: ToolContext| {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok("met".to_owned())
            }
        },
    )
}

#[derive(Deserialize, JsonSchema)]
struct Number {
    n: u64,
}

/// A tool that ends only when `all` calls of it run at the same time, and then the
/// last call first.
fn reversing(all: u64) -> Tool {
    let barrier = Arc::new(Barrier::new(all as usize));
    let (ended, _) = watch::channel(all);
    Tool::new("meet", "d", move |args: Number, _: ToolContext| {
        let (barrier, ended) = (Arc::clone(&barrier), ended.clone());
        async move {
            barrier.wait().await;
            let mut left = ended.subscribe();
            left.wait_for(|left| *left == args.n + 1).await.unwrap();
            ended.send_replace(args.n);
            Ok(args.n.to_string())
        }
    })
}

#[tokio::test]
async fn the_calls_of_one_turn_run_at_the_same_time_and_come_back_in_order() {
    let calls: Vec<String> = (0..12).map(|n| format!("meet\n{{\"n\": {n}}}")).collect();
    let calls = calls.join("<|assistant|>");
    let agent = Agent::builder()
        .engine(Scripted::new([calls.as_str(), "\nAll met."]).unwrap())
        .tool(reversing(12))
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let run = agent.say(&mut session, "Meet").await.unwrap();
    assert_eq!(
        (run.answer.as_str(), run.reason),
        ("All met.", StopReason::Answered)
    );
    let messages = view(session.events(), 1000).messages;
    let seen: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            Message::Observation { content, .. } => content.parse::<u64>().ok(),
            _ => None,
        })
        .collect();
    assert_eq!(seen, (0..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn runs_of_different_sessions_share_an_agent() {
    let agent = Agent::builder()
        .engine(Scripted::new(["meet\n{}", "\nMet."]).unwrap())
        .tool(meeting(2))
        .build()
        .unwrap();
    let (one, two) = tokio::join!(agent.run("Meet"), agent.run("Meet"));
    assert_eq!(
        (one.unwrap().answer, two.unwrap().answer),
        ("Met.".into(), "Met.".into())
    );
}

#[tokio::test]
async fn a_tool_that_nobody_can_mend_ends_the_run_and_the_log_says_why() {
    let broken = Tool::new("broken", "Breaks", |_: Nothing, _: ToolContext| async {
        Err::<String, _>(ToolError::Fatal("the disk is gone".into()))
    });
    let agent = Agent::builder()
        .engine(Scripted::new(["broken\n{}"]).unwrap())
        .tool(broken)
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let error = agent.say(&mut session, "Break").await.unwrap_err();
    assert_eq!(error.to_string(), "tool `broken` failed: the disk is gone");
    let Some(EventKind::RunEnded { reason, error, .. }) = session.events().last().map(|e| &e.kind)
    else {
        panic!("{:?}", session.events().last())
    };
    assert_eq!(
        (*reason, error.as_deref()),
        (
            StopReason::Failed,
            Some("tool `broken` failed: the disk is gone")
        )
    );
}

#[tokio::test]
async fn a_tool_that_panics_is_an_observation() {
    let panics = Tool::new("panics", "Panics", |_: Nothing, _: ToolContext| async {
        assert!(std::env::args().count() == 0, "not today");
        Ok("unreachable".to_owned())
    });
    let agent = Agent::builder()
        .engine(Scripted::new(["panics\n{}", "\nIt broke."]).unwrap())
        .tool(panics)
        .build()
        .unwrap();
    assert_eq!(agent.run("Panic").await.unwrap().answer, "It broke.");
}

#[tokio::test]
async fn files_that_a_tool_makes_are_named_in_its_result() {
    let root = tempfile::tempdir().unwrap();
    let draw = |_: Nothing, cx: ToolContext| async move {
        let folder = cx.directory.expect("the session is kept");
        std::fs::write(folder.join("circle.svg"), "<svg/>")
            .map_err(|error| ToolError::User(error.to_string()))?;
        Ok(ToolOutput {
            artifacts: vec![Artifact {
                name: "circle.svg".into(),
                media_type: "image/svg+xml".into(),
                size: 6,
            }],
            ..ToolOutput::from("drawn")
        })
    };
    let agent = Agent::builder()
        .engine(Scripted::new(["draw\n{}", "\nDone."]).unwrap())
        .tool(Tool::new("draw", "Draws", draw))
        .sessions(root.path())
        .build()
        .unwrap();
    let mut session = agent.session(Some("s")).unwrap();
    agent.say(&mut session, "Draw").await.unwrap();
    assert!(session.files().unwrap().join("circle.svg").is_file());
    let logged = Session::read(root.path(), "s").unwrap();
    assert_eq!(logged, session.events());
    let result = logged
        .iter()
        .find(|event| matches!(event.kind, EventKind::ToolResult { .. }))
        .map(|event| serde_json::to_value(&event.kind).unwrap());
    assert_eq!(
        result,
        Some(json!({
            "type": "tool_result",
            "id": "call_1",
            "name": "draw",
            "status": "ok",
            "text": "drawn",
            "artifacts": [{"name": "circle.svg", "media_type": "image/svg+xml", "size": 6}],
        }))
    );
}

#[tokio::test]
async fn a_run_tells_what_its_answer_cites() {
    let look = Tool::new("look", "Looks", |_: Nothing, _: ToolContext| async {
        Ok(ToolOutput {
            citations: vec![Citation {
                mark: "0".into(),
                title: "Weather".into(),
                url: "https://w.test/".into(),
            }],
            ..ToolOutput::from("【0†Weather】 Sunny.")
        })
    });
    let replies = ["look\n{}", "\nSunny【0†Weather】 or not【5†source】."];
    let agent = Agent::builder()
        .engine(Scripted::new(replies).unwrap())
        .tool(look)
        .build()
        .unwrap();
    let run = agent.run("How is it?").await.unwrap();
    assert_eq!(run.answer, "Sunny【0†Weather】 or not【5†source】.");
    let source = Source {
        number: 1,
        mark: "0".into(),
        more_marks: vec![],
        title: "Weather".into(),
        url: "https://w.test/".into(),
    };
    assert_eq!(run.sources, [source]);
    assert_eq!(run.unknown_marks, ["【5†source】"]);
}
