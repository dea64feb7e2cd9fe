//! The agent loop as a pure state machine: events in, the next step out.
//!
//! Nothing here reads a clock, a file or a network. [`State::fold`] computes
//! where a session stands from its events alone, [`State::next`] says what to
//! do about it, and [`crate::driver`] does it.

mod calls;

use std::{collections::BTreeSet, time::Duration};

use glm_agent_model::{Finish, Segment, ToolCall, ToolChoice, Usage};
use glm_agent_tools::{Misfit, ToolOutput};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    budget::{Budget, Spent},
    event::{Event, EventKind, StopReason, is_by_user},
    policy::{Facts, Known, Policy},
};
pub use calls::{Pending, PlannedCall, Refusal};
use calls::{PendingCall, Repairs, Stage, repeats};

/// Replies in a row that could not be read before the run is given up.
const MALFORMED_LIMIT: u32 = 3;

/// Where a session stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    run: Option<Run>,
    calls_so_far: u64,
    /// Text from outside has entered the conversation.
    outside: bool,
    known: Known,
    /// Tools whose calls the user consented to once and for all, each with whether
    /// text from outside had entered the conversation by then.
    consented: BTreeSet<(String, bool)>,
}

/// The run in progress.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    /// When it began; for a run that waited for somebody, later by that wait.
    since: Timestamp,
    /// When it began to wait for somebody, if it still does.
    paused: Option<Timestamp>,
    steps: u32,
    usage: Usage,
    turn: Option<Turn>,
    malformed: u32,
    repairs: Repairs,
    last_call: Option<(ToolCall, u32)>,
}

/// The last reply, until the next is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Turn {
    answer: String,
    errors: Vec<String>,
    finish: Finish,
    limit: Option<StopReason>,
    calls: Vec<PendingCall>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing, until the user speaks.
    AwaitUser,
    /// Ask the model for a reply; for a last one without tools when a limit
    /// was reached.
    Generate {
        /// That limit.
        limit: Option<StopReason>,
        /// Whether it may or must call tools.
        tool_choice: ToolChoice,
    },
    /// Tell the model that these calls will not run, and why.
    Refuse(Vec<Refusal>),
    /// Ask somebody for consent to these calls, giving the reason.
    AwaitApproval(Vec<(PlannedCall, String)>),
    /// Run these calls.
    CallTools(Vec<PlannedCall>),
    /// Have somebody give the results of these calls.
    AwaitResults(Vec<PlannedCall>),
    /// End the run.
    Done(Outcome),
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The answer, as far as there is one.
    pub answer: String,
    /// Why it ended.
    pub reason: StopReason,
    /// What went wrong, when something did.
    pub error: Option<String>,
}

/// What the machine must know beside the events.
pub struct Rules<'a> {
    /// What a run may spend.
    pub budget: &'a Budget,
    /// Which calls need consent.
    pub policy: &'a Policy,
    /// Whether a run may or must call tools. A call that must be made is asked
    /// for in the run's first reply, and again while none could be read.
    pub tool_choice: &'a ToolChoice,
    /// The arguments of a call in the form that its tool takes, if there is one.
    pub check: &'a dyn Fn(&ToolCall) -> Result<Value, Misfit>,
    /// What policy must know of a call with such arguments.
    pub facts: &'a dyn Fn(&str, &Value) -> Facts,
    /// The time it is.
    pub now: Timestamp,
}

impl State {
    /// The state after these events.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Whether a run is in progress, and does not wait for somebody.
    pub fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.paused.is_none())
    }

    /// The calls for which a run waits, if it does: they want consent or a result.
    pub fn pending(&self) -> Vec<Pending> {
        let paused = self.run.as_ref().filter(|run| run.paused.is_some());
        let calls = paused.and_then(|run| run.turn.as_ref());
        let calls = calls.iter().flat_map(|turn| &turn.calls);
        calls.filter_map(PendingCall::awaited).collect()
    }

    /// When the run in progress is out of time, if its budget limits that.
    pub fn deadline(&self, budget: &Budget) -> Option<Timestamp> {
        let since = self.run.as_ref()?.since;
        since.checked_add(budget.time?).ok()
    }

    /// Whether the log says already that this call waits for somebody.
    pub fn is_awaited(&self, id: &str) -> bool {
        let turn = self.run.as_ref().and_then(|run| run.turn.as_ref());
        let mut calls = turn.iter().flat_map(|turn| &turn.calls);
        calls.any(|call| call.id == id && call.awaited().is_some())
    }

    /// Whether nothing is left to do for this call but to run it, if that.
    pub fn is_settled(&self, id: &str) -> bool {
        let turn = self.run.as_ref().and_then(|run| run.turn.as_ref());
        let mut calls = turn.iter().flat_map(|turn| &turn.calls);
        calls.any(|call| call.id == id && matches!(call.stage, Stage::Approved(_) | Stage::Over))
    }

    /// Takes in one more event.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::SessionStarted { .. } | EventKind::ToolsChanged { .. } => {}
            EventKind::UserMessage { content } => {
                self.known.user_said(content);
                self.run = Some(Run {
                    since: event.time,
                    paused: None,
                    steps: 0,
                    usage: Usage::default(),
                    turn: None,
                    malformed: 0,
                    repairs: Repairs::default(),
                    last_call: None,
                });
            }
            EventKind::ModelTurn {
                segments,
                errors,
                finish,
                usage,
                limit,
                ..
            } => {
                let calls = self.written(segments, limit.is_some());
                if let Some(run) = &mut self.run {
                    run.steps += 1;
                    run.usage += *usage;
                    run.malformed = if errors.is_empty() {
                        0
                    } else {
                        run.malformed + 1
                    };
                    run.turn = Some(Turn {
                        answer: answer_of(segments),
                        errors: errors.clone(),
                        finish: *finish,
                        limit: *limit,
                        calls,
                    });
                }
            }
            EventKind::ApprovalRequested { id, reason } => {
                self.move_to(id, Stage::AwaitsConsent(reason.clone()));
            }
            EventKind::Approved {
                id,
                arguments,
                always,
            } => {
                self.go_on(event.time);
                if let Some(call) = self.find(id)
                    && *always
                {
                    let name = call.call.name.clone();
                    self.consented.insert((name, self.outside));
                }
                self.move_to(id, Stage::Approved(arguments.clone()));
            }
            EventKind::Denied { id, .. } => {
                self.go_on(event.time);
                self.settle(id);
            }
            EventKind::Rejected { id, .. } => {
                self.go_on(event.time);
                if let Some(name) = self.find(id).map(|call| call.call.name.clone())
                    && let Some(run) = &mut self.run
                {
                    run.repairs.count(&name, run.steps);
                }
                self.settle(id);
            }
            EventKind::ToolCallRequested { id, arguments, .. } => {
                self.move_to(id, Stage::Running(arguments.clone()));
            }
            EventKind::ToolResult {
                id,
                name,
                outside,
                output,
                ..
            } => {
                if is_by_user(id) {
                    return;
                }
                self.go_on(event.time);
                self.learn_addresses(id, *outside, output);
                self.outside |= *outside;
                if let Some(run) = &mut self.run {
                    run.repairs.succeeded(name);
                }
                self.settle(id);
            }
            EventKind::RunEnded {
                reason: StopReason::ApprovalNeeded | StopReason::ResultNeeded,
                ..
            } => {
                if let Some(run) = &mut self.run {
                    run.paused = Some(event.time);
                }
            }
            EventKind::RunEnded { .. } => self.run = None,
        }
    }

    /// The addresses in a result, as far as they are not the model's. Once text from
    /// outside may steer it, it could have Python print an address with a secret in
    /// it, or a tool repeat one.
    fn learn_addresses(&mut self, id: &str, outside: bool, output: &ToolOutput) {
        let is_steered = self.outside;
        if is_steered && !outside {
            return;
        }
        let written = match self.find(id) {
            Some(call) if is_steered => Known::written(&call.call.arguments),
            _ => Known::default(),
        };
        let texts = output.more.iter().map(|seen| &seen.text);
        let sources = output.citations.iter().map(|citation| &citation.url);
        for text in std::iter::once(&output.text).chain(texts).chain(sources) {
            self.known.add_but(text, &written);
        }
    }

    /// What to do next.
    pub fn next(&self, rules: &Rules<'_>) -> Step {
        let Some(run) = self.run.as_ref().filter(|run| run.paused.is_none()) else {
            return Step::AwaitUser;
        };
        let limit = rules.budget.exceeded(&run.spent(rules.now));
        let generate = || Step::Generate {
            limit,
            tool_choice: match rules.tool_choice {
                _ if limit.is_some() => ToolChoice::None,
                ToolChoice::Required | ToolChoice::Tool(_) if run.steps > run.malformed => {
                    ToolChoice::Auto
                }
                choice => choice.clone(),
            },
        };
        let Some(turn) = &run.turn else {
            return generate();
        };
        if let Some(step) = self.next_for_calls(run, turn, rules) {
            return step;
        }
        if !turn.calls.is_empty() {
            return generate();
        }
        let done = |reason, error| {
            Step::Done(Outcome {
                answer: turn.answer.clone(),
                reason,
                error,
            })
        };
        if let Some(reason) = turn.limit {
            done(reason, None)
        } else if turn.finish == Finish::Cancelled && limit.is_some() {
            generate()
        } else if turn.finish == Finish::Cancelled {
            done(StopReason::Interrupted, None)
        } else if turn.finish == Finish::Length {
            done(StopReason::TokenLimit, None)
        } else if turn.errors.is_empty() && turn.answer.is_empty() {
            done(
                StopReason::Failed,
                Some("the model ended its reply without an answer or a call".to_owned()),
            )
        } else if turn.errors.is_empty() {
            done(StopReason::Answered, None)
        } else if run.malformed < MALFORMED_LIMIT {
            generate()
        } else {
            done(
                StopReason::Failed,
                Some(format!(
                    "the model wrote {} replies in a row that could not be read; the last: {}",
                    run.malformed,
                    turn.errors.join("; ")
                )),
            )
        }
    }

    /// The events that bring a run to an end in the middle: every call gets a
    /// result, so that the conversation stays well-formed.
    pub fn close(
        &self,
        reason: StopReason,
        error: Option<String>,
        session: &str,
    ) -> Vec<EventKind> {
        let Some(run) = &self.run else {
            return Vec::new();
        };
        let mut events = run.unanswered();
        events.push(
            self.end(
                Outcome {
                    answer: run
                        .turn
                        .as_ref()
                        .map(|t| t.answer.clone())
                        .unwrap_or_default(),
                    reason,
                    error,
                },
                session,
            ),
        );
        events
    }

    /// The event that ends the run with this outcome, but for what its answer cites.
    pub fn end(&self, outcome: Outcome, session: &str) -> EventKind {
        let (usage, steps) = self
            .run
            .as_ref()
            .map(|run| (run.usage, run.steps))
            .unwrap_or_default();
        EventKind::RunEnded {
            answer: outcome.answer,
            reason: outcome.reason,
            error: outcome.error,
            usage,
            steps,
            pending: Vec::new(),
            sources: Vec::new(),
            unknown_marks: Vec::new(),
            session: session.to_owned(),
        }
    }

    /// The event by which the run stops to wait for somebody to answer calls.
    pub fn pause(&self, reason: StopReason, error: String, session: &str) -> EventKind {
        let answer = String::new();
        let error = Some(error);
        let mut kind = self.end(
            Outcome {
                answer,
                reason,
                error,
            },
            session,
        );
        let turn = self.run.as_ref().and_then(|run| run.turn.as_ref());
        let calls = turn.iter().flat_map(|turn| &turn.calls);
        if let EventKind::RunEnded { pending, .. } = &mut kind {
            let awaited = calls.filter_map(PendingCall::awaited);
            pending.extend(awaited.map(|call| call.id));
        }
        kind
    }

    /// The events that give up the calls for which a run waits, because the user
    /// went on without answering them.
    pub fn give_up(&self) -> Vec<EventKind> {
        let paused = self.run.as_ref().filter(|run| run.paused.is_some());
        paused.map(Run::unanswered).unwrap_or_default()
    }

    /// The calls of a reply with their ids. A reply that was to do without
    /// tools has none that count.
    fn written(&mut self, segments: &[Segment], without_tools: bool) -> Vec<PendingCall> {
        let mut pending = Vec::new();
        for segment in segments {
            if let Segment::Call(call) = segment
                && !without_tools
            {
                self.calls_so_far += 1;
                pending.push(PendingCall {
                    id: format!("call_{}", self.calls_so_far),
                    call: call.clone(),
                    stage: Stage::Written,
                });
            }
        }
        pending
    }

    fn find(&mut self, id: &str) -> Option<&mut PendingCall> {
        let turn = self.run.as_mut()?.turn.as_mut()?;
        turn.calls.iter_mut().find(|call| call.id == id)
    }

    fn move_to(&mut self, id: &str, stage: Stage) {
        if let Some(call) = self.find(id) {
            call.stage = stage;
        }
    }

    /// A call is over, one way or another.
    fn settle(&mut self, id: &str) {
        let Some(call) = self.find(id).map(|pending| pending.call.clone()) else {
            return;
        };
        if let Some(run) = &mut self.run {
            repeats(&mut run.last_call, &call);
        }
        self.move_to(id, Stage::Over);
    }

    /// Somebody answered: the wait does not count as time that the run took.
    fn go_on(&mut self, now: Timestamp) {
        if let Some(run) = &mut self.run
            && let Some(paused) = run.paused.take()
        {
            run.since = run
                .since
                .saturating_add(now.duration_since(paused))
                .unwrap_or(now);
        }
    }
}

impl Run {
    /// Denials of the calls that have no result yet.
    fn unanswered(&self) -> Vec<EventKind> {
        let calls = self.turn.iter().flat_map(|turn| &turn.calls);
        let open = calls.filter(|call| call.stage != Stage::Over);
        let denied = open.map(|call| EventKind::Denied {
            id: call.id.clone(),
            reason: match (&call.stage, self.paused) {
                (_, Some(_)) => "the user did not answer this call and went on".to_owned(),
                (Stage::Running(_), None) => {
                    "the run was stopped during this call; it may have taken effect".to_owned()
                }
                _ => "the run was stopped before this call".to_owned(),
            },
        });
        denied.collect()
    }

    fn spent(&self, now: Timestamp) -> Spent {
        Spent {
            steps: self.steps,
            usage: self.usage,
            time: Duration::try_from(now.duration_since(self.since)).unwrap_or_default(),
        }
    }
}

/// The words of a reply.
pub(crate) fn answer_of(segments: &[Segment]) -> String {
    let texts = segments.iter().filter_map(|segment| match segment {
        Segment::Text { text } => Some(text.trim()),
        Segment::Reasoning { .. } | Segment::Call(_) => None,
    });
    texts
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[cfg(test)]
mod tests;
