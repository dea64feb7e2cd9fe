//! The tool of `examples/custom_tool.rs`, called by scripted replies.

use glm_agent::{Agent, engine::Scripted, model::Message, view};

#[path = "../../examples/custom_tool.rs"]
#[expect(dead_code, reason = "its `main` is for people, and loads a model")]
pub mod example;

/// The answer of a model that replies like this, and what the tool told it before.
async fn run(replies: [&str; 2]) -> (String, String) {
    let agent = Agent::builder()
        .engine(Scripted::new(replies).unwrap())
        .tool(example::tool())
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let run = agent.say(&mut session, "Dana's code?").await.unwrap();
    let messages = view(session.events(), usize::MAX).messages;
    let told = messages.into_iter().find_map(|message| match message {
        Message::Observation { content, .. } => Some(content),
        _ => None,
    });
    (run.answer, told.unwrap())
}

#[tokio::test]
async fn the_model_is_told_the_code() {
    let call = "get_locker_code\n{\"owner\": \"Dana\"}";
    let done = run([call, "\nIt is QX-7731."]).await;
    assert_eq!(done, ("It is QX-7731.".into(), "QX-7731".into()));
}

#[tokio::test]
async fn the_model_is_told_what_is_wrong() {
    for (arguments, told) in [
        (r#"{"owner": "Bo"}"#, "Bo has no locker"),
        (
            r#"{"owner": ["Dana", "Omar"]}"#,
            "`owner`: expected a string",
        ),
        (
            r#"{"name": "Dana"}"#,
            "`owner`: expected a string, got nothing",
        ),
    ] {
        let call = format!("get_locker_code\n{arguments}");
        let done = run([call.as_str(), "\nI cannot tell."]).await;
        assert!(done.1.contains(told), "{done:?}");
    }
}

#[test]
fn it_is_short() {
    let lines = include_str!("../../examples/custom_tool.rs")
        .lines()
        .count();
    assert!(lines < 40, "{lines} lines");
}
