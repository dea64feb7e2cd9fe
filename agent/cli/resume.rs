//! `glm session resume`: goes on with a run that waits for somebody, or that was killed.

use std::path::Path;

use anyhow::anyhow;
use glm_agent::{
    Answer, Event, EventKind, Pending, Session, StopReason, paths, session::Summary, state::State,
};
use serde_json::Value;

use crate::{
    args::{AgentArgs, ResumeArgs},
    consent::{Consent, refusal},
    exit::Failure,
    run::{self, Input},
    servers,
    settings::Settings,
    setup,
};

/// Stands for every call that waits.
const ALL: &str = "all";

/// Answers calls, and runs on.
pub async fn resume(args: ResumeArgs, settings: &Settings) -> Result<u8, Failure> {
    let root = paths::sessions_dir()?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => last_open(&root)?,
    };
    let events = Session::read(&root, &id)?;
    let state = State::fold(&events);
    let pending = if state.is_running() {
        state.under_way()
    } else {
        state.pending()
    };
    let answers = answers(&args, &pending)?;
    if pending.is_empty() && !state.is_running() {
        return Err(glm_agent::Error::NothingPending { id }.into());
    }
    let agent = recorded(&id, &events)?;
    let (builder, servers) = setup::agent(&agent, settings, args.report.quiet).await?;
    let agent = builder.approver(Consent).build()?;
    let mut session = agent.session(Some(&id))?;
    let input = Input::Answers(answers);
    let done = run::watched(&agent, &mut session, input, &args.report, args.color).await;
    servers::close(servers).await;
    done
}

/// The flags with which a session was begun.
pub fn recorded(id: &str, events: &[Event]) -> Result<AgentArgs, Failure> {
    let setup = events.iter().find_map(|event| match &event.kind {
        EventKind::SessionStarted { setup, .. } => setup.clone(),
        _ => None,
    });
    let agent = AgentArgs::from_record(&setup.unwrap_or_default());
    Ok(agent.map_err(|reason| anyhow!("cannot set up session `{id}` again: {reason}"))?)
}

/// Of the sessions whose run waits for somebody or was cut off, the one that was active
/// last. A run that another process has in hand is neither.
fn last_open(root: &Path) -> Result<String, Failure> {
    let is_open = |summary: &Summary| match summary.outcome {
        Some(reason) => matches!(
            reason,
            StopReason::ApprovalNeeded | StopReason::ResultNeeded
        ),
        None => summary.messages > 0 && summary.error.is_none(),
    };
    for summary in Session::summaries(root)?.into_iter().rev().filter(is_open) {
        if !Session::is_in_use(root, &summary.id)? {
            return Ok(summary.id);
        }
    }
    Err(glm_agent::Error::NothingWaits.into())
}

/// What the flags say to the calls that wait.
fn answers(args: &ResumeArgs, pending: &[Pending]) -> Result<Vec<(String, Answer)>, Failure> {
    let mut answers = Vec::new();
    let mut answer = |named: &str, answer: Answer| {
        if named == ALL {
            let of_consent = pending.iter().filter(|call| call.reason.is_some());
            answers.extend(of_consent.map(|call| (call.id.clone(), answer.clone())));
        } else {
            answers.push((named.to_owned(), answer));
        }
    };
    let arguments = args.arguments.as_deref().map(arguments).transpose()?;
    if arguments.is_some() && (args.approve.len() != 1 || args.approve.iter().any(|c| c == ALL)) {
        return Err(Failure::usage(anyhow!(
            "`--arguments` goes with the `--approve` of one call"
        )));
    }
    for call in &args.approve {
        answer(
            call,
            match &arguments {
                Some(arguments) => Answer::ApproveWith(arguments.clone()),
                None if args.always => Answer::ApproveAlways,
                None => Answer::Approve,
            },
        );
    }
    let why = refusal(args.message.as_deref().unwrap_or_default());
    for call in &args.deny {
        answer(call, Answer::Deny(why.clone()));
    }
    for result in &args.result {
        let (call, text) = result.split_once('=').ok_or_else(|| {
            Failure::usage(anyhow!("`--result {result}` is not of the form CALL=TEXT"))
        })?;
        answer(call, Answer::Result(text.into()));
    }
    Ok(answers)
}

/// JSON, or the text of a tool that takes text.
fn arguments(text: &str) -> Result<Value, Failure> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return Ok(Value::String(text.to_owned()));
    }
    serde_json::from_str(text)
        .map_err(|error| Failure::usage(anyhow!("the arguments are not JSON: {error}")))
}
