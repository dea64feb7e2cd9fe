//! Spans of sessions in which things happen that a first run has not.

use glm_agent_tools::{Effects, Tool, ToolContext};
use opentelemetry::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Agent, Answer, Budget, Mode, Session, budget::Price, engine::Scripted};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u32,
}

/// An agent whose tool may do anything, and whose model has a price.
fn agent(replies: &[&str], mode: Mode, steps: u32) -> Agent {
    let double = |args: Number, _: ToolContext| async move { Ok((args.n * 2).to_string()) };
    let double = Tool::new("double", "Doubles", double).effects(Effects {
        host: true,
        ..Effects::default()
    });
    Agent::builder()
        .engine(Scripted::new(replies.iter().copied()).unwrap())
        .tool(double)
        .policy(mode)
        .budget(Budget {
            steps,
            ..Budget::default()
        })
        .price(Price {
            prompt: 1.0,
            cached: None,
            completion: 2.0,
        })
        .build()
        .unwrap()
}

fn of(session: &Session) -> Vec<SpanData> {
    let setup = Setup {
        content: true,
        ..Setup::default()
    };
    spans("s", session.events(), &Arc::new(setup))
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    let mut attributes = span.attributes.iter();
    let found = attributes.find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.clone())
}

#[tokio::test]
async fn sessions_of_one_name_have_ids_of_their_own() {
    let agent = agent(&["\nHi."], Mode::Ask, 10);
    let mut session = agent.session(None).unwrap();
    agent.say(&mut session, "Hi.").await.unwrap();
    let ids = |events: &[Event]| -> Vec<_> {
        let spans = spans("s", events, &Arc::default()).into_iter();
        let contexts = spans.map(|span| span.span_context);
        contexts.map(|of| (of.trace_id(), of.span_id())).collect()
    };
    let mut events = session.events().to_vec();
    let before = ids(&events);
    assert_eq!(ids(&events), before);
    events[0].time = events[0].time.checked_add(Duration::from_secs(1)).unwrap();
    let after = ids(&events);
    assert_eq!((before.len(), after.len()), (2, 2));
    for (one, other) in before.into_iter().zip(after) {
        assert!(one.0 != other.0 && one.1 != other.1);
    }
}

#[tokio::test]
async fn a_denial_goes_on_with_a_run_whose_spans_tell_of_their_own_part() {
    let agent = agent(&["double\n{\"n\": 1}", "\nNo."], Mode::Ask, 10);
    let mut session = agent.session(None).unwrap();
    agent.say(&mut session, "Double 1.").await.unwrap();
    let answer = vec![("call_1".to_owned(), Answer::Deny("no".to_owned()))];
    agent
        .answer(&mut session, answer, &mut (), CancellationToken::new())
        .await
        .unwrap();
    let spans = of(&session);
    let runs = named(&spans, "invoke_agent glm");
    assert_eq!(runs.len(), 2);
    let follows = &runs[1].links.links[0].span_context;
    assert_eq!(follows.span_id(), runs[0].span_context.span_id());
    assert_eq!(runs[1].events.events[0].name, "glm.call.denied");
    let costs = session
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::ModelTurn { cost, .. } => cost,
            _ => None,
        });
    let costs: Vec<f64> = costs.collect();
    assert_eq!(costs.len(), 2);
    for (run, cost) in runs.into_iter().zip(costs) {
        assert_eq!(attribute(run, "glm.cost"), Some(Value::F64(cost)));
        assert_eq!(attribute(run, "glm.steps"), Some(Value::I64(1)));
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_ends_when_the_user_goes_on() {
    let agent = agent(&["double\n{\"n\": 1}", "\nBye."], Mode::Ask, 10);
    let mut session = agent.session(None).unwrap();
    agent.say(&mut session, "Double 1.").await.unwrap();
    agent.say(&mut session, "Bye.").await.unwrap();
    let spans = of(&session);
    let runs = named(&spans, "invoke_agent glm");
    let reasons: Vec<_> = runs
        .iter()
        .map(|run| attribute(run, "glm.stop_reason"))
        .collect();
    let reason = |word: &'static str| Some(Value::from(word));
    assert_eq!(
        reasons,
        [reason("approval_needed"), None, reason("answered")]
    );
    let traces: Vec<_> = runs.iter().map(|run| run.span_context.trace_id()).collect();
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[1], traces[2]);
}

#[tokio::test]
async fn calls_that_do_not_count_have_no_names() {
    let replies = [
        "double\n{\"n\": 1}",
        // At the limit.
        "\nTwo.<|assistant|>double\n{\"n\": 2}",
        "double\n{\"n\": 3}",
        "\nSix.",
    ];
    let agent = agent(&replies, Mode::Auto, 1);
    let mut session = agent.session(None).unwrap();
    agent.say(&mut session, "Double 1 and 2.").await.unwrap();
    agent.say(&mut session, "And 3?").await.unwrap();
    let spans = of(&session);
    let said = named(&spans, "chat scripted").into_iter().map(|span| {
        let said = attribute(span, "gen_ai.output.messages").unwrap();
        let said: serde_json::Value = serde_json::from_str(&said.as_str()).unwrap();
        let mut parts = said[0]["parts"].as_array().unwrap().iter();
        let call = parts.find(|part| part["type"] == "tool_call");
        call.map(|call| call["id"].clone())
    });
    let said: Vec<_> = said.flatten().collect();
    let call = |name: &str| serde_json::Value::from(name);
    assert_eq!(
        said,
        [call("call_1"), serde_json::Value::Null, call("call_2")]
    );
    let made = named(&spans, "execute_tool double").into_iter();
    let made: Vec<_> = made
        .map(|span| attribute(span, "gen_ai.tool.call.id").unwrap().to_string())
        .collect();
    assert_eq!(made, ["call_1", "call_2"]);
}
