//! Calls that the user makes, without a model.

use std::time::Duration;

use glm_agent_model::ToolCall;
use glm_agent_tools::{Registry, ToolContext, ToolError, ToolOutput};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Observer, Session,
    agent::resume_tools,
    calls::{Calls, News},
    event::{EventKind, next_user_call},
    state::PlannedCall,
};

/// Calls a tool in a session, as a model would, but beside the conversation: the
/// model is not shown the call, while what it does to the tool's state (Python's
/// variables, files) holds for both. The log has it, so that the state can be
/// brought back.
///
/// # Errors
/// When the session's log cannot be written. What is wrong with the call is the
/// inner error.
pub async fn call_by_hand(
    registry: &Registry,
    session: &mut Session,
    call: ToolCall,
    observer: &mut dyn Observer,
    cancel: CancellationToken,
) -> Result<Result<ToolOutput, ToolError>, Error> {
    resume_tools(registry, session).await;
    let id = next_user_call(session.events());
    let event = session.append(EventKind::ToolCallRequested {
        id: id.clone(),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
        allowed_by: None,
    })?;
    observer.event(&event);
    let cx = ToolContext {
        cancel,
        session: session.id().to_owned(),
        directory: session.files(),
        ..ToolContext::default()
    };
    let planned = PlannedCall {
        id,
        call,
        allowed_by: None,
    };
    let mut calls = Calls::new(registry, vec![planned], cx, 1, Duration::ZERO);
    while let Some(news) = calls.next().await {
        match news {
            News::Said(id, text) => observer.progress(&id, &text),
            News::Ended(ended) => {
                let result = ended.result.clone();
                let event = session.append(ended.into_event(registry))?;
                observer.event(&event);
                return Ok(result);
            }
        }
    }
    Err(Error::Unended {
        id: session.id().to_owned(),
    })
}
