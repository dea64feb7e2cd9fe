//! Logs that come out the same, and logs that do not.

use glm_agent_model::Segment;
use glm_agent_tools::{Citation, ToolOutput};
use serde_json::json;

use super::*;
use crate::{Agent, Budget, Mode, Session, ToolContext, ToolError, engine::Scripted};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u32,
}

fn doubling() -> Tool {
    Tool::new(
        "double",
        "Doubles",
        |args: Number, _: ToolContext| async move {
            match args.n {
                13 => Err(ToolError::Model("not that one".into())),
                n => Ok((n * 2).to_string()),
            }
        },
    )
}

/// A session with these messages and replies.
async fn held(messages: &[&str], replies: &[&str], budget: Budget) -> Session {
    let agent = Agent::builder()
        .engine(Scripted::new(replies.iter().copied()).unwrap())
        .tool(doubling())
        .budget(budget)
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    for message in messages {
        agent.say(&mut session, message).await.unwrap();
    }
    session
}

/// A session in which all sorts of things happen.
async fn eventful() -> Session {
    let replies = [
        // Two calls, one of which slips; a wrong one; one that fails.
        "double\n{\"n\": 1}<|assistant|>double\n{\"n\": \"2\"}",
        "double\n{\"m\": 1}",
        "double\n{\"n\": 13}",
        "duble\n{\"n\": 1}",
        "\nIt is 2 and 4.",
        "double\n{\"n\": 5}",
        "double\n{\"n\": 5}",
        "double\n{\"n\": 5}",
        "double\n{\"n\": 5}",
        "\nTen.",
        "double\n{\"n\": 6",
        "\nNo more.",
    ];
    let messages = ["Double 1 and 2.", "Again?", "And 6?"];
    held(&messages, &replies, Budget::default()).await
}

#[tokio::test]
async fn what_was_recorded_comes_out_the_same() {
    let session = eventful().await;
    let kinds: Vec<_> = session.events().iter().map(|e| &e.kind).collect();
    // The session is worth its name.
    assert!(
        kinds
            .iter()
            .any(|k| matches!(k, EventKind::Rejected { .. }))
    );
    assert!(kinds.iter().any(|k| matches!(k, EventKind::Denied { .. })));
    assert_eq!(replay(session.events()).await.unwrap(), None);
    for cut in 0..session.events().len() {
        assert_eq!(replay(&session.events()[..cut]).await.unwrap(), None);
    }
}

#[tokio::test]
async fn limits_come_out_the_same() {
    let calls: Vec<String> = (0..4).map(|n| format!("double\n{{\"n\": {n}}}")).collect();
    for budget in [
        Budget {
            steps: 2,
            ..Budget::default()
        },
        Budget {
            tool_calls: Some(1),
            ..Budget::default()
        },
        Budget {
            tokens: Some(1),
            ..Budget::default()
        },
    ] {
        let mut replies: Vec<&str> = calls.iter().map(String::as_str).collect();
        let last = match (budget.tool_calls, budget.tokens) {
            (None, None) | (Some(_), _) => 2,
            _ => 1,
        };
        replies[last] = "\nSo far.";
        let session = held(&["Double."], &replies, budget).await;
        let Some(EventKind::RunEnded { reason, answer, .. }) =
            session.events().last().map(|event| &event.kind)
        else {
            unreachable!("{:?}", session.events().last())
        };
        assert!(reason.is_limit() && answer == "So far.", "{reason:?}");
        assert_eq!(replay(session.events()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_run_that_waited_comes_out_the_same() {
    let acting = doubling().effects(glm_agent_tools::Effects {
        host: true,
        ..Default::default()
    });
    let agent = Agent::builder()
        .engine(Scripted::new(["double\n{\"n\": 1}", "\nTwo.", "\nBye."]).unwrap())
        .tool(acting)
        .policy(Mode::Ask)
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    agent.say(&mut session, "Double 1.").await.unwrap();
    assert_eq!(replay(session.events()).await.unwrap(), None);
    let answer = vec![("call_1".to_owned(), crate::Answer::Approve)];
    let stop = CancellationToken::new;
    agent
        .answer(&mut session, answer, &mut (), stop())
        .await
        .unwrap();
    agent.say(&mut session, "Bye.").await.unwrap();
    assert_eq!(replay(session.events()).await.unwrap(), None);
}

#[tokio::test]
async fn a_reply_that_was_cut_off_before_it_began_comes_out_the_same() {
    let session = held(&["Hi."], &["\nHello."], Budget::default()).await;
    let mut events = session.events().to_vec();
    let mut cut_off = events[2].clone();
    if let EventKind::ModelTurn {
        segments,
        raw,
        finish,
        usage,
        ..
    } = &mut cut_off.kind
    {
        segments.clear();
        raw.clear();
        (*finish, *usage) = (Finish::Cancelled, Default::default());
    }
    events.insert(2, cut_off);
    let out_of_time = StopReason::TimeLimit;
    for event in &mut events {
        match &mut event.kind {
            EventKind::ModelTurn { limit, finish, .. } if *finish == Finish::Stop => {
                *limit = Some(out_of_time);
            }
            EventKind::RunEnded { reason, steps, .. } => (*reason, *steps) = (out_of_time, 2),
            _ => {}
        }
    }
    assert_eq!(replay(&events).await.unwrap(), None);
}

#[tokio::test]
async fn what_a_client_says_was_replied_before_comes_out_the_same() {
    let session = held(&["Hi.", "Bye."], &["\nHello.", "\nBye."], Budget::default()).await;
    let mut events = session.events().to_vec();
    // As a server writes it: the words as they are, whatever a model would have to write.
    let words = " Hello【1】. ".to_owned();
    if let EventKind::ModelTurn { segments, raw, .. } = &mut events[2].kind {
        (*segments, *raw) = (vec![Segment::text(&words)], String::new());
    }
    if let EventKind::RunEnded { answer, .. } = &mut events[3].kind {
        *answer = words;
    }
    assert_eq!(replay(&events).await.unwrap(), None);
}

#[tokio::test]
async fn what_answers_cite_comes_out_the_same() {
    let page = |_: Number, _: ToolContext| async move {
        Ok(ToolOutput {
            text: "It is sunny.".into(),
            citations: vec![Citation {
                mark: "7".into(),
                title: "Weather".into(),
                url: "https://w.test/".into(),
            }],
            ..ToolOutput::default()
        })
    };
    let agent = Agent::builder()
        .engine(Scripted::new(["look\n{\"n\": 1}", "\nSunny【7†source】【8†source】."]).unwrap())
        .tool(Tool::new("look", "Looks", page))
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let run = agent.say(&mut session, "How is it?").await.unwrap();
    assert_eq!(run.sources.len(), 1);
    assert_eq!(run.unknown_marks, ["【8†source】"]);
    let mut events = session.events().to_vec();
    assert_eq!(replay(&events).await.unwrap(), None);
    let Some(EventKind::RunEnded { sources, .. }) = events.last_mut().map(|event| &mut event.kind)
    else {
        unreachable!("{events:?}")
    };
    sources.clear();
    assert!(replay(&events).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_changed_in_the_log_is_shown() {
    let session = eventful().await;
    let changed = |of: &dyn Fn(&mut EventKind) -> bool| {
        let mut events = session.events().to_vec();
        assert!(events.iter_mut().any(|event| of(&mut event.kind)));
        events
    };
    let arguments_of_call = changed(&|kind| match kind {
        EventKind::ToolCallRequested { arguments, .. } => {
            *arguments = json!({"n": 7});
            true
        }
        _ => false,
    });
    let difference = replay(&arguments_of_call).await.unwrap().unwrap();
    assert_eq!(
        difference.to_string(),
        "event 3 comes out otherwise than in the log (-: logged, +: now)\n\
         \x20   \"name\": \"double\",\n    \"arguments\": {\n-     \"n\": 7\n+     \"n\": 1\n    }\n  }"
    );
    let answer = changed(&|kind| match kind {
        EventKind::RunEnded { answer, .. } => {
            answer.push('!');
            true
        }
        _ => false,
    });
    assert!(replay(&answer).await.unwrap().is_some());
    let reading = changed(&|kind| match kind {
        EventKind::ModelTurn { segments, .. } => {
            segments.truncate(1);
            true
        }
        _ => false,
    });
    assert!(replay(&reading).await.unwrap().is_some());
    let refusal = changed(&|kind| match kind {
        EventKind::Rejected { reason, .. } => {
            reason.push('?');
            true
        }
        _ => false,
    });
    assert!(replay(&refusal).await.unwrap().is_some());
    let mut events = session.events().to_vec();
    events.remove(4);
    assert!(replay(&events).await.unwrap().is_some());
}

#[tokio::test]
async fn a_recording_is_an_engine_that_wants_to_be_asked_the_same() {
    let session = eventful().await;
    let agent = |system: Option<&str>| {
        let builder = Agent::builder()
            .engine(recorded(session.events()).unwrap())
            .tool(doubling());
        match system {
            Some(system) => builder.system(system),
            None => builder,
        }
        .build()
        .unwrap()
    };
    let again = agent(None);
    let mut second = again.session(None).unwrap();
    for message in ["Double 1 and 2.", "Again?", "And 6?"] {
        again.say(&mut second, message).await.unwrap();
    }
    let segments = |events: &[Event]| -> Vec<Vec<Segment>> {
        let turns = events.iter().filter_map(|event| match &event.kind {
            EventKind::ModelTurn { segments, .. } => Some(segments.clone()),
            _ => None,
        });
        turns.collect()
    };
    assert_eq!(segments(second.events()), segments(session.events()));

    let error = agent(Some("Be brief.")).run("Double 1 and 2.").await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("request 1 is not the one that was recorded (-), but (+):\n"),
        "{error}"
    );
    assert!(error.contains("\n+ <|system|>\n+ Be brief."), "{error}");
}
