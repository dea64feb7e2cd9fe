//! The session that a request goes on with.
//!
//! A client reaches the sessions that it began, and no others: not those of other
//! keys, nor those that were begun at the command line.

use glm_agent_model::{Finish, Segment, Usage};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    super::{error::Refusal, keys::Client},
    request::AgentRequest,
};
use crate::{Agent, Error, Event, EventKind, Session, StopReason, driver::Driver};
use axum::http::StatusCode;

/// Where a session's setup says which client began it.
const CLIENT: &str = "client";

/// A session, and the agent as it is for one request in it.
pub(super) struct Opened {
    pub agent: Agent,
    pub session: Session,
}

/// Opens the session of a request, or begins one.
pub(super) fn open(
    agent: &Agent,
    client: Client,
    request: &AgentRequest,
) -> Result<Opened, Refusal> {
    let name = request.session.as_deref();
    if name.is_some() && !agent.keeps_sessions() {
        let message = "this server keeps no sessions: send all messages of the conversation";
        return Err(Refusal::param("metadata.session", message));
    }
    if let Some(name) = name.filter(|name| agent.has_session(name)) {
        check_owner(agent, client, name)?;
    }
    let mut agent = agent.clone();
    agent.sampling = request.sampling;
    agent.max_tokens = request.max_tokens.unwrap_or(agent.max_tokens);
    if let Some(choice) = &request.tool_choice {
        agent.tool_choice.clone_from(choice);
    }
    if let Some(schema) = &request.answer_schema {
        agent.answer_schema = Some(schema.clone());
    }
    let own = agent.system.take().into_iter();
    let system: Vec<String> = own.chain(request.system.clone()).collect();
    agent.system = Some(system.join("\n\n")).filter(|system| !system.is_empty());
    agent.setup = Some(setup(agent.setup.take(), client));
    let mut session = agent.session(name)?;
    if session.events().is_empty() {
        remember(&agent, &mut session, &request.past)?;
    }
    Ok(Opened { agent, session })
}

/// The setup of a session that this client begins.
fn setup(setup: Option<Value>, client: Client) -> Value {
    let mut setup = setup.unwrap_or_else(|| json!({}));
    if let Some(setup) = setup.as_object_mut() {
        setup.insert(CLIENT.to_owned(), client.name().into());
    }
    setup
}

/// A session is there for whoever began it.
pub(super) fn check_owner(agent: &Agent, client: Client, name: &str) -> Result<(), Refusal> {
    let none = || {
        let message = format!("there is no session `{name}`");
        Refusal::request(StatusCode::NOT_FOUND, message)
    };
    let events = match agent.read_session(name) {
        Ok(events) => events,
        Err(Error::NoSession { .. } | Error::BadSessionName { .. }) => return Err(none()),
        Err(error) => return Err(error.into()),
    };
    match owner(&events) {
        Some(owner) if owner == client.name() => Ok(()),
        _ => Err(none()),
    }
}

fn owner(events: &[Event]) -> Option<&str> {
    events.iter().find_map(|event| match &event.kind {
        EventKind::SessionStarted { setup, .. } => setup.as_ref()?.get(CLIENT)?.as_str(),
        _ => None,
    })
}

/// Has a new session begin with what its client says was said before.
fn remember(agent: &Agent, session: &mut Session, past: &[(String, String)]) -> Result<(), Error> {
    if past.is_empty() {
        return Ok(());
    }
    Driver::new(agent, session, &mut (), CancellationToken::new()).take_up()?;
    for (words, answer) in past {
        session.append(EventKind::UserMessage {
            content: words.clone(),
            images: Vec::new(),
            answer_schema: None,
        })?;
        session.append(EventKind::ModelTurn {
            segments: vec![Segment::text(answer)],
            errors: Vec::new(),
            raw: String::new(),
            finish: Finish::Stop,
            usage: Usage::default(),
            cost: None,
            limit: None,
            result_chars: None,
        })?;
        let id = session.id().to_owned();
        session.append(EventKind::RunEnded {
            answer: answer.clone(),
            reason: StopReason::Answered,
            error: None,
            usage: Usage::default(),
            cost: None,
            steps: 1,
            pending: Vec::new(),
            sources: Vec::new(),
            unknown_marks: Vec::new(),
            session: id,
        })?;
    }
    Ok(())
}
