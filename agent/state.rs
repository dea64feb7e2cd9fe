//! The agent loop as a pure state machine: events in, the next step out.
//!
//! Nothing here reads a clock, a file or a network. [`State::fold`] computes
//! where a session stands from its events alone, [`State::next`] says what to
//! do about it, and [`crate::driver`] does it.

use std::time::Duration;

use glm_agent_model::{Finish, Segment, ToolCall, ToolChoice, Usage};
use glm_agent_tools::Effects;
use jiff::Timestamp;

use crate::{
    budget::{Budget, Spent},
    event::{CallId, Event, EventKind, StopReason, is_by_user},
    policy::{Policy, Verdict},
};

/// Replies in a row that could not be read before the run is given up.
const MALFORMED_LIMIT: u32 = 3;
/// The same call this many times in a row is stopped.
const REPEAT_LIMIT: u32 = 3;

/// Where a session stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    started: bool,
    run: Option<Run>,
    calls_so_far: u64,
    outside: bool,
}

/// The run in progress.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    since: Timestamp,
    steps: u32,
    usage: Usage,
    turn: Option<Turn>,
    malformed: u32,
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

#[derive(Debug, Clone, PartialEq)]
struct PendingCall {
    id: CallId,
    call: ToolCall,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Written,
    AwaitsConsent,
    Approved,
    Running,
    Over,
}

/// A call with its id.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCall {
    /// The call's name in the log.
    pub id: CallId,
    /// What the model wrote.
    pub call: ToolCall,
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
    Refuse(Vec<(CallId, String)>),
    /// Ask somebody for consent to these calls, giving the reason.
    AwaitApproval(Vec<(PlannedCall, String)>),
    /// Run these calls.
    CallTools(Vec<PlannedCall>),
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
    pub policy: Policy,
    /// Whether a run may or must call tools. A call that must be made is asked
    /// for in the run's first reply, and again while none could be read.
    pub tool_choice: &'a ToolChoice,
    /// What the tool of this name touches.
    pub effects: &'a dyn Fn(&str) -> Effects,
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

    /// Whether a run is in progress.
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// When the run in progress is out of time, if its budget limits that.
    pub fn deadline(&self, budget: &Budget) -> Option<Timestamp> {
        let since = self.run.as_ref()?.since;
        since.checked_add(budget.time?).ok()
    }

    /// Takes in one more event.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::SessionStarted { .. } => self.started = true,
            EventKind::UserMessage { .. } => {
                self.run = Some(Run {
                    since: event.time,
                    steps: 0,
                    usage: Usage::default(),
                    turn: None,
                    malformed: 0,
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
                let calls = self.pending(segments, limit.is_some());
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
            EventKind::ApprovalRequested { id, .. } => self.move_to(id, Stage::AwaitsConsent),
            EventKind::Approved { id } => self.move_to(id, Stage::Approved),
            EventKind::Denied { id, .. } => {
                self.count_repeats(id);
                self.move_to(id, Stage::Over);
            }
            EventKind::ToolCallRequested { id, .. } => self.move_to(id, Stage::Running),
            EventKind::ToolResult { id, outside, .. } => {
                self.outside |= *outside && !is_by_user(id);
                self.count_repeats(id);
                self.move_to(id, Stage::Over);
            }
            EventKind::RunEnded { .. } => self.run = None,
        }
    }

    /// What to do next.
    pub fn next(&self, rules: &Rules<'_>) -> Step {
        let Some(run) = &self.run else {
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

    /// What is left to do for the calls of the last reply, if anything.
    fn next_for_calls(&self, run: &Run, turn: &Turn, rules: &Rules<'_>) -> Option<Step> {
        let mut refused = Vec::new();
        let mut asked = Vec::new();
        let mut planned = Vec::new();
        let mut last_call = run.last_call.clone();
        for pending in turn.calls.iter().filter(|c| c.stage != Stage::Over) {
            let plan = PlannedCall {
                id: pending.id.clone(),
                call: pending.call.clone(),
            };
            if *rules.tool_choice == ToolChoice::None {
                let reason =
                    "this call was not run: no tool may be called; answer without".to_owned();
                refused.push((plan.id, reason));
                continue;
            }
            let times = repeats(&mut last_call, &pending.call);
            if times > REPEAT_LIMIT {
                refused.push((
                    plan.id,
                    format!(
                        "this call was not run: it is the same call as the {REPEAT_LIMIT} before \
                         it, and its result will be the same; use what you have"
                    ),
                ));
                continue;
            }
            let effects = (rules.effects)(&pending.call.name);
            match (pending.stage, rules.policy.judge(effects, self.outside)) {
                (Stage::Approved | Stage::Running, _) | (_, Verdict::Run) => planned.push(plan),
                (_, Verdict::Ask(reason)) => asked.push((plan, reason)),
                (_, Verdict::Deny(reason)) => refused.push((plan.id, reason)),
            }
        }
        if !refused.is_empty() {
            Some(Step::Refuse(refused))
        } else if !asked.is_empty() {
            Some(Step::AwaitApproval(asked))
        } else if !planned.is_empty() {
            Some(Step::CallTools(planned))
        } else {
            None
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
        let calls = run.turn.iter().flat_map(|turn| &turn.calls);
        let mut events: Vec<EventKind> = calls
            .filter(|call| call.stage != Stage::Over)
            .map(|call| EventKind::Denied {
                id: call.id.clone(),
                reason: if call.stage == Stage::Running {
                    "the run was stopped during this call; it may have taken effect".to_owned()
                } else {
                    "the run was stopped before this call".to_owned()
                },
            })
            .collect();
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

    /// The event that ends the run with this outcome.
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
            session: session.to_owned(),
        }
    }

    /// The calls of a reply with their ids. A reply that was to do without
    /// tools has none that count.
    fn pending(&mut self, segments: &[Segment], without_tools: bool) -> Vec<PendingCall> {
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

    fn count_repeats(&mut self, id: &str) {
        let Some(call) = self.find(id).map(|pending| pending.call.clone()) else {
            return;
        };
        if let Some(run) = &mut self.run {
            repeats(&mut run.last_call, &call);
        }
    }
}

impl Run {
    fn spent(&self, now: Timestamp) -> Spent {
        Spent {
            steps: self.steps,
            usage: self.usage,
            time: Duration::try_from(now.duration_since(self.since)).unwrap_or_default(),
        }
    }
}

/// How many times in a row `call` has now been made, itself included.
fn repeats(last: &mut Option<(ToolCall, u32)>, call: &ToolCall) -> u32 {
    let times = match last {
        Some((same, times)) if same == call => *times + 1,
        _ => 1,
    };
    *last = Some((call.clone(), times));
    times
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
