//! The agent loop as a pure state machine: events in, the next step out.
//!
//! Nothing here reads a clock, a file or a network. [`State::fold`] computes
//! where a session stands from its events alone, [`State::next`] says what to
//! do about it, and [`crate::driver`] does it.

mod calls;

use std::{collections::BTreeSet, time::Duration};

use glm_agent_model::{Finish, Segment, ToolCall, ToolChoice};
use glm_agent_tools::{Misfit, ToolOutput};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    budget::{Budget, Spent},
    event::{CallId, Event, EventKind, StopReason, is_by_user},
    policy::{Circumstances, Facts, Known, Verdict},
};
pub use calls::{Pending, PlannedCall, Refusal};
use calls::{PendingCall, Repairs, Stage, repeats};

/// Replies in a row that could not be read before the run is given up.
const MALFORMED_LIMIT: u32 = 3;
/// Times that an answer may be repaired which does not fit its schema.
const REPAIRS: u32 = 2;

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
    /// When it was last heard of.
    last: Timestamp,
    /// When it began to wait for somebody, if it still does.
    paused: Option<Timestamp>,
    /// All but the time.
    spent: Spent,
    /// The model has a price.
    is_priced: bool,
    answer_schema: Option<Value>,
    turn: Option<Turn>,
    malformed: u32,
    /// Answers that did not fit the schema.
    misfits: u32,
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
    /// Tell the model that its answer is not as asked for, and why.
    RejectAnswer(String),
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
    /// The limit that several runs have reached together, if any.
    pub shared: Option<StopReason>,
    /// Whether a call may run: what policy says.
    pub judge: &'a dyn Fn(&CallId, &Facts, Circumstances<'_>) -> Verdict,
    /// An answer in the form that the run's schema asks for, or what is wrong with it.
    pub answer: &'a dyn Fn(&str) -> Result<String, String>,
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

    /// The calls that were under way, or are, when another process left the run.
    pub fn under_way(&self) -> Vec<Pending> {
        let turn = self.run.as_ref().and_then(|run| run.turn.as_ref());
        let calls = turn.iter().flat_map(|turn| &turn.calls);
        calls.filter_map(PendingCall::under_way).collect()
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

    /// The JSON Schema that the answer of the run in progress must fit.
    pub fn answer_schema(&self) -> Option<&Value> {
        self.run.as_ref()?.answer_schema.as_ref()
    }

    /// How long the run in progress has taken, until it was last heard of.
    pub fn elapsed(&self) -> Duration {
        let run = self.run.as_ref();
        run.map(|run| run.spent(run.last).time).unwrap_or_default()
    }

    /// Takes in one more event.
    pub fn apply(&mut self, event: &Event) {
        self.take_in(event);
        if let Some(run) = &mut self.run {
            run.spent.add(&event.kind);
            run.last = event.time;
        }
    }

    fn take_in(&mut self, event: &Event) {
        match &event.kind {
            EventKind::SessionStarted { .. }
            | EventKind::ToolsChanged { .. }
            | EventKind::Compacted { .. } => {}
            EventKind::UserMessage {
                content,
                answer_schema,
                ..
            } => {
                self.known.user_said(content);
                self.run = Some(Run {
                    since: event.time,
                    last: event.time,
                    paused: None,
                    spent: Spent::default(),
                    is_priced: false,
                    answer_schema: answer_schema.clone(),
                    turn: None,
                    malformed: 0,
                    misfits: 0,
                    repairs: Repairs::default(),
                    last_call: None,
                });
            }
            EventKind::ModelTurn {
                segments,
                errors,
                finish,
                cost,
                limit,
                ..
            } => {
                let calls = self.written(segments, limit.is_some());
                if let Some(run) = &mut self.run {
                    run.is_priced |= cost.is_some();
                    run.malformed = if errors.is_empty() {
                        0
                    } else {
                        run.malformed + 1
                    };
                    // In the order in which they were asked for, whatever order they ended in.
                    for pending in run.turn.iter().flat_map(|turn| &turn.calls) {
                        repeats(&mut run.last_call, &pending.call);
                    }
                    run.turn = Some(Turn {
                        answer: answer_of(segments),
                        errors: errors.clone(),
                        finish: *finish,
                        limit: *limit,
                        calls,
                    });
                }
            }
            EventKind::AnswerRejected { .. } => {
                if let Some(run) = &mut self.run {
                    run.misfits += 1;
                    run.turn = None;
                }
            }
            EventKind::Resumed => {
                if let Some(run) = &mut self.run {
                    run.resumed(event.time);
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
                self.move_to(id, Stage::Over);
            }
            EventKind::Rejected { id, .. } => {
                self.go_on(event.time);
                if let Some(name) = self.find(id).map(|call| call.call.name.clone())
                    && let Some(run) = &mut self.run
                {
                    run.repairs.count(&name, run.spent.steps);
                }
                self.move_to(id, Stage::Over);
            }
            EventKind::ToolCallRequested { id, arguments, .. } => {
                if let Some(call) = self.find(id) {
                    call.stage = Stage::Running(arguments.clone());
                    call.interrupted = None;
                    call.made = true;
                }
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
                self.move_to(id, Stage::Over);
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
        let limit = run.limit(rules);
        let generate = || Step::Generate {
            limit,
            tool_choice: match rules.tool_choice {
                _ if limit.is_some() => ToolChoice::None,
                ToolChoice::Required | ToolChoice::Tool(_) if run.spent.steps > run.malformed => {
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
        if let Some(reason) = turn.limit {
            run.answered(turn, reason, rules)
        } else if turn.finish == Finish::Cancelled && limit.is_some() {
            generate()
        } else if turn.finish == Finish::Cancelled {
            turn.done(StopReason::Interrupted, None)
        } else if turn.finish == Finish::Length {
            run.answered(turn, StopReason::TokenLimit, rules)
        } else if turn.errors.is_empty() && turn.answer.is_empty() {
            turn.done(
                StopReason::Failed,
                Some("the model ended its reply without an answer or a call".to_owned()),
            )
        } else if turn.errors.is_empty() {
            run.answered(turn, StopReason::Answered, rules)
        } else if run.malformed < MALFORMED_LIMIT {
            generate()
        } else {
            turn.done(
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
        let run = self.run.as_ref();
        let spent = run.map(|run| run.spent).unwrap_or_default();
        let is_priced = run.is_some_and(|run| run.is_priced);
        EventKind::RunEnded {
            answer: outcome.answer,
            reason: outcome.reason,
            error: outcome.error,
            usage: spent.usage,
            cost: is_priced.then_some(spent.cost),
            steps: spent.steps,
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
                    interrupted: None,
                    made: false,
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
                (stage, None)
                    if matches!(stage, Stage::Running(_)) || call.interrupted.is_some() =>
                {
                    "the run was stopped during this call; it may have taken effect".to_owned()
                }
                _ => "the run was stopped before this call".to_owned(),
            },
        });
        denied.collect()
    }

    fn spent(&self, now: Timestamp) -> Spent {
        Spent {
            time: Duration::try_from(now.duration_since(self.since)).unwrap_or_default(),
            ..self.spent
        }
    }

    /// The limit that has been reached, if any: of this run, or of several together.
    fn limit(&self, rules: &Rules<'_>) -> Option<StopReason> {
        let own = rules.budget.exceeded(&self.spent(rules.now));
        let wants_more = || {
            let mut calls = self.turn.iter().flat_map(|turn| &turn.calls);
            let is_spent = |limit| self.spent.tool_calls >= limit;
            let is_over = rules.budget.tool_calls.is_some_and(is_spent) && calls.any(|c| !c.made);
            is_over.then_some(StopReason::ToolCallLimit)
        };
        own.or_else(wants_more).or(rules.shared)
    }

    /// What to do about a reply without calls.
    fn answered(&self, turn: &Turn, reason: StopReason, rules: &Rules<'_>) -> Step {
        if self.answer_schema.is_none() {
            return turn.done(reason, None);
        }
        let mut problem = match (rules.answer)(&turn.answer) {
            Ok(answer) => {
                return Step::Done(Outcome {
                    answer,
                    reason,
                    error: None,
                });
            }
            Err(problem) => problem,
        };
        if turn.finish == Finish::Length {
            problem.push_str("\nit was cut off because it was too long: be brief");
        }
        if turn.limit.is_none() && self.misfits < REPAIRS {
            return Step::RejectAnswer(format!("error: {problem}"));
        }
        let error = match turn.limit {
            Some(_) => format!("a limit was reached, and the last answer is no answer: {problem}"),
            None => problem,
        };
        // What does not fit is no answer.
        Step::Done(Outcome {
            answer: String::new(),
            reason: StopReason::Failed,
            error: Some(error),
        })
    }

    /// Calls that were under way when the last process ended may have taken effect,
    /// and the time since then does not count.
    fn resumed(&mut self, now: Timestamp) {
        self.since = self
            .since
            .saturating_add(now.duration_since(self.last))
            .unwrap_or(now);
        for call in self.turn.iter_mut().flat_map(|turn| &mut turn.calls) {
            if let Stage::Running(arguments) = &call.stage {
                call.interrupted = Some(arguments.clone());
                call.stage = Stage::Written;
            }
        }
    }
}

impl Turn {
    fn done(&self, reason: StopReason, error: Option<String>) -> Step {
        Step::Done(Outcome {
            answer: self.answer.clone(),
            reason,
            error,
        })
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
