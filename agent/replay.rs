//! A session run again from its log: without model, tools, network or clock.
//!
//! What came from outside is taken from the log: what the user said and decided, what a
//! client says was replied before, the text that the model generated, what tools
//! returned, policy's verdicts, and when time or money ran out. All else is worked out
//! again, and must be as it is in the log: how the generated text is read, which calls are planned with which
//! arguments, which are refused and why, in which order, and how runs end. What the
//! model was asked goes through [`Recorded`].

use std::fmt;

use futures::StreamExt;
use glm_agent_model::{
    Delta, Engine, Finish, Profile, Reply, Request, Sampling, ToolChoice, ToolSpec,
    engine::recorded::{Exchange, Recorded, differences},
};
use glm_agent_tools::{Registry, Tool};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    answer::Form,
    budget::Budget,
    citation,
    event::{CallId, Event, EventKind, StopReason, is_by_user},
    policy::{Facts, Verdict},
    state::{Refusal, Rules, State, Step},
    view::view,
};

/// Characters of a result that is shown where an old log does not tell: GLM-4-9B's.
const RESULT_CHARS: usize = 131_072 / 4 * 3;

/// What came out otherwise than it is in the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The event's position in the log.
    pub seq: u64,
    /// The event, as it is in the log.
    pub logged: EventKind,
    /// What came out; `None` where nothing could happen there, or what happened is
    /// none of the machine's steps.
    pub replayed: Option<EventKind>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |kind: &EventKind| {
            serde_json::to_string_pretty(kind).unwrap_or_else(|error| error.to_string())
        };
        let replayed = self.replayed.as_ref().map(written).unwrap_or_default();
        write!(
            f,
            "event {} comes out otherwise than in the log (-: logged, +: now)\n{}",
            self.seq,
            differences(&written(&self.logged), &replayed)
        )
    }
}

/// The model's replies in a session, as an engine.
///
/// # Errors
/// When the log names a profile that there is not.
pub fn recorded(events: &[Event]) -> Result<Recorded, Error> {
    let (model, profile) = named(events)?;
    let mut result_chars = RESULT_CHARS;
    let mut exchanges = Vec::new();
    for (position, event) in events.iter().enumerate() {
        if let EventKind::ModelTurn {
            result_chars: chars,
            ..
        } = &event.kind
        {
            result_chars = chars.unwrap_or(RESULT_CHARS);
        }
        exchanges.extend(exchange(events.get(..position).unwrap_or_default(), event));
    }
    // The agent shows as much of a result as was shown then.
    let context = result_chars / 3 * 4;
    Ok(Recorded::new(model, profile, context, exchanges))
}

/// The model's name, and its format.
fn named(events: &[Event]) -> Result<(&str, &'static Profile), Error> {
    let started = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::SessionStarted { model, profile, .. } => {
            Some((model.as_str(), profile.as_str()))
        }
        _ => None,
    });
    let (model, profile) = started.unwrap_or(("recorded", "glm4"));
    Ok((model, Profile::by_name(profile)?))
}

/// What the model was shown before it wrote this reply, if the event is one.
fn exchange(past: &[Event], event: &Event) -> Option<Exchange> {
    let EventKind::ModelTurn {
        segments,
        errors,
        raw,
        finish,
        usage,
        result_chars,
        ..
    } = &event.kind
    else {
        return None;
    };
    Some(Exchange {
        conversation: view(past, result_chars.unwrap_or(RESULT_CHARS)),
        reply: Reply {
            segments: segments.clone(),
            errors: errors.clone(),
            raw: raw.clone(),
            finish: *finish,
            usage: *usage,
        },
    })
}

/// Runs a session again; `None` if it came out as it is in the log.
///
/// # Errors
/// When the log cannot be run again at all: it names an unknown profile, or tools
/// that nothing could be called by.
pub async fn replay(events: &[Event]) -> Result<Option<Difference>, Error> {
    let (model, profile) = named(events)?;
    let mut state = State::default();
    let mut registry = Registry::default();
    let mut form = None;
    for (position, event) in events.iter().enumerate() {
        let (past, rest) = events.split_at(position);
        let moment = Moment {
            model,
            profile,
            registry: &registry,
            form: form.as_ref(),
            state: &state,
            past,
            rest,
        };
        if !moment.replays(event).await? {
            return Ok(Some(Difference {
                seq: event.seq,
                logged: event.kind.clone(),
                replayed: moment.instead(event).await?,
            }));
        }
        if let EventKind::SessionStarted { tools, .. } | EventKind::ToolsChanged { tools } =
            &event.kind
        {
            registry = declared(tools)?;
        }
        state.apply(event);
        form = match state.answer_schema() {
            Some(schema) => {
                Some(Form::new(schema).map_err(|reason| Error::AnswerSchema { reason })?)
            }
            None => None,
        };
    }
    Ok(None)
}

/// Tools that can be checked against, and not called.
fn declared(specs: &[ToolSpec]) -> Result<Registry, Error> {
    let tools = specs.iter().cloned().map(Tool::external).collect();
    Ok(Registry::new(tools)?)
}

/// Where the replay stands.
struct Moment<'a> {
    model: &'a str,
    profile: &'static Profile,
    registry: &'a Registry,
    form: Option<&'a Form>,
    state: &'a State,
    past: &'a [Event],
    rest: &'a [Event],
}

impl Moment<'_> {
    /// Whether the event can come next, and is what it would be now.
    async fn replays(&self, event: &Event) -> Result<bool, Error> {
        let kind = &event.kind;
        if self.is_input(kind) {
            return Ok(true);
        }
        if self.instead(event).await?.as_ref() == Some(kind) {
            return Ok(true);
        }
        Ok(self.closes_with(event).as_ref() == Some(kind))
    }

    /// Whether the event comes from outside, and may come now.
    fn is_input(&self, kind: &EventKind) -> bool {
        let is_running = self.state.is_running();
        let is_awaited = |id: &CallId| self.state.is_awaited(id);
        let is_under_way = |id: &CallId| self.state.under_way().iter().any(|call| call.id == *id);
        match kind {
            EventKind::ToolCallRequested { id, .. } => is_by_user(id),
            EventKind::ToolResult { id, .. } => is_by_user(id) || is_under_way(id),
            EventKind::SessionStarted { .. }
            | EventKind::ToolsChanged { .. }
            | EventKind::Compacted { .. } => true,
            // Who goes on talking gives up the calls that wait.
            EventKind::UserMessage { .. } => {
                let last = self.past.last().map(|event| &event.kind);
                !is_running || matches!(last, Some(EventKind::Denied { .. }))
            }
            EventKind::Resumed => is_running,
            EventKind::Approved { id, .. } => is_awaited(id) || is_under_way(id),
            EventKind::Denied { id, .. } => is_awaited(id) && !is_running,
            EventKind::ModelTurn { .. } => is_running && is_told(kind),
            EventKind::RunEnded { .. } => self.past.last().is_some_and(|last| is_told(&last.kind)),
            _ => false,
        }
    }

    /// What happens next, as far as the machine decides it; of several events that may
    /// come in any order, the one that the log has.
    async fn instead(&self, event: &Event) -> Result<Option<EventKind>, Error> {
        let step = self.state.next(&Rules {
            budget: &Budget::UNLIMITED,
            shared: self.limit(),
            judge: &|id, _, _| self.verdict(id),
            answer: &|answer| match self.form {
                Some(form) => form.check(answer),
                None => Ok(answer.to_owned()),
            },
            tool_choice: &ToolChoice::Auto,
            check: &|call| self.registry.check(&call.name, call.arguments.clone()),
            facts: &|_, _| Facts::default(),
            now: event.time,
        });
        Ok(match step {
            Step::AwaitUser => None,
            Step::Generate { limit, .. } => self.turn(event, limit).await?,
            Step::Refuse(calls) => calls.into_iter().next().map(Refusal::into_event),
            Step::RejectAnswer(reason) => Some(EventKind::AnswerRejected { reason }),
            Step::AwaitApproval(calls) => match &event.kind {
                EventKind::RunEnded { reason, error, .. } => self.pauses_with(*reason, error),
                // An answer by somebody who was asked.
                EventKind::Denied { id, .. } if calls.iter().any(|(call, _)| call.id == *id) => {
                    Some(event.kind.clone())
                }
                kind => {
                    let named = id_of(kind);
                    let found = calls.iter().find(|(call, _)| Some(&call.id) == named);
                    let asked = found.or_else(|| calls.first()).cloned();
                    asked.map(|(call, reason)| EventKind::ApprovalRequested {
                        id: call.id,
                        reason,
                    })
                }
            },
            Step::CallTools(calls) | Step::AwaitResults(calls) => match &event.kind {
                EventKind::RunEnded { reason, error, .. } => self.pauses_with(*reason, error),
                kind => {
                    let named = id_of(kind);
                    let found = calls.iter().find(|call| Some(&call.id) == named);
                    found.or_else(|| calls.first()).map(|call| call.requested())
                }
            },
            Step::Done(outcome) => Some(self.cited(self.state.end(outcome, &self.session()))),
        })
    }

    /// What the model's reply is read as now, if the event is one.
    async fn turn(
        &self,
        event: &Event,
        limit: Option<StopReason>,
    ) -> Result<Option<EventKind>, Error> {
        let EventKind::ModelTurn {
            cost, result_chars, ..
        } = &event.kind
        else {
            return Ok(None);
        };
        // This one alone: a reply that was cut off before it began was to the same
        // conversation as the next.
        let exchanges: Vec<Exchange> = exchange(self.past, event).into_iter().collect();
        let request = Request {
            conversation: view(self.past, result_chars.unwrap_or(RESULT_CHARS)),
            sampling: Sampling::default(),
            max_tokens: 1,
            tool_choice: ToolChoice::Auto,
            answer_schema: None,
            cancel: CancellationToken::new(),
        };
        let engine = Recorded::new(self.model, self.profile, 0, exchanges);
        let mut stream = engine.generate(request).await?;
        while let Some(delta) = stream.next().await {
            if let Delta::Finished(reply) = delta? {
                return Ok(Some(EventKind::ModelTurn {
                    segments: reply.segments,
                    errors: if reply.finish == Finish::Cancelled {
                        Vec::new()
                    } else {
                        reply.errors
                    },
                    raw: reply.raw,
                    finish: reply.finish,
                    usage: reply.usage,
                    cost: *cost,
                    limit,
                    result_chars: *result_chars,
                }));
            }
        }
        Err(Error::Unfinished {
            model: self.model.to_owned(),
        })
    }

    /// What comes next if the run was stopped or broke here, as the log may say.
    fn closes_with(&self, event: &Event) -> Option<EventKind> {
        let (reason, error) = match &event.kind {
            EventKind::RunEnded {
                reason: reason @ (StopReason::Interrupted | StopReason::Failed),
                error,
                ..
            } => (*reason, error.clone()),
            EventKind::Denied { .. } => (StopReason::Interrupted, None),
            _ => return None,
        };
        let kinds = self.state.close(reason, error, &self.session());
        kinds.into_iter().next().map(|kind| self.cited(kind))
    }

    fn pauses_with(&self, reason: StopReason, error: &Option<String>) -> Option<EventKind> {
        let error = error.clone().unwrap_or_default();
        let waits = matches!(
            reason,
            StopReason::ApprovalNeeded | StopReason::ResultNeeded
        );
        waits.then(|| self.cited(self.state.pause(reason, error, &self.session())))
    }

    /// The end of a run with what its answer cites.
    fn cited(&self, mut kind: EventKind) -> EventKind {
        citation::add_references(&mut kind, self.past);
        kind
    }

    /// The limit because of which the next reply was asked for without tools.
    fn limit(&self) -> Option<StopReason> {
        self.rest.iter().find_map(|event| match &event.kind {
            EventKind::ModelTurn { limit, .. } => Some(*limit),
            EventKind::RunEnded { .. } => Some(None),
            _ => None,
        })?
    }

    /// What was said of a call, as what became of it tells.
    fn verdict(&self, call: &CallId) -> Verdict {
        let verdict = self.rest.iter().find_map(|event| match &event.kind {
            EventKind::ToolCallRequested { id, allowed_by, .. } if id == call => {
                Some(Verdict::Run(allowed_by.clone()))
            }
            EventKind::ApprovalRequested { id, reason } if id == call => {
                Some(Verdict::Ask(reason.clone()))
            }
            EventKind::Denied { id, reason } if id == call => Some(Verdict::Deny(reason.clone())),
            EventKind::Approved { id, .. } if id == call => Some(Verdict::Ask(String::new())),
            EventKind::RunEnded { pending, .. } if pending.contains(call) => {
                Some(Verdict::Ask(String::new()))
            }
            _ => None,
        });
        verdict.unwrap_or(Verdict::Run(None))
    }

    /// The id that runs' ends name.
    fn session(&self) -> String {
        let all = self.past.iter().chain(self.rest);
        let named = all.rev().find_map(|event| match &event.kind {
            EventKind::RunEnded { session, .. } => Some(session.clone()),
            _ => None,
        });
        named.unwrap_or_default()
    }
}

/// Whether it is a reply of before a conversation came here, as its client tells: it was
/// never generated.
fn is_told(kind: &EventKind) -> bool {
    match kind {
        EventKind::ModelTurn { segments, raw, .. } => raw.is_empty() && !segments.is_empty(),
        _ => false,
    }
}

/// The call that an event is about.
fn id_of(kind: &EventKind) -> Option<&CallId> {
    match kind {
        EventKind::ApprovalRequested { id, .. }
        | EventKind::Approved { id, .. }
        | EventKind::Rejected { id, .. }
        | EventKind::Denied { id, .. }
        | EventKind::ToolCallRequested { id, .. }
        | EventKind::ToolResult { id, .. } => Some(id),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
