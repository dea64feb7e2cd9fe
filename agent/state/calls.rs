//! What becomes of the calls of a reply, one after the other: checked, judged,
//! run, answered.

use glm_agent_model::{ToolCall, ToolChoice};
use serde_json::Value;

use super::{Rules, Run, State, Step, Turn};
use crate::{
    event::{CallId, EventKind},
    policy::{Circumstances, Verdict},
};

/// The same call this many times in a row is stopped.
const REPEAT_LIMIT: u32 = 3;
/// Times in a row that a tool's call may be wrong: the first, and its repairs.
const TRIES: u32 = 3;
/// Calls of one reply that are made.
const CALLS: usize = 64;

/// A call without a result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PendingCall {
    pub id: CallId,
    /// As the model wrote it.
    pub call: ToolCall,
    pub stage: Stage,
    /// The arguments with which it ran when the process ended that made it.
    pub interrupted: Option<Value>,
    /// Whether it was made, be it by a process that ended.
    pub made: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    Written,
    /// For this reason.
    AwaitsConsent(String),
    /// With these arguments in the place of the model's.
    Approved(Option<Value>),
    /// With these arguments.
    Running(Value),
    Over,
}

/// A call with its id.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCall {
    /// The call's name in the log.
    pub id: CallId,
    /// What runs: the model's call with harmless slips put right, or what whoever
    /// consented made of it.
    pub call: ToolCall,
    /// The rule that allows what otherwise would need consent.
    pub allowed_by: Option<String>,
}

impl PlannedCall {
    /// The event that the call is about to run.
    pub fn requested(&self) -> EventKind {
        EventKind::ToolCallRequested {
            id: self.id.clone(),
            name: self.call.name.clone(),
            arguments: self.call.arguments.clone(),
            allowed_by: self.allowed_by.clone(),
        }
    }
}

/// A call that will not run, as things stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The call's name in the log.
    pub id: CallId,
    /// What the model is told.
    pub reason: String,
    /// The call, where it cannot run as it was written, and the model may repair it.
    pub misfit: Option<Box<ToolCall>>,
}

impl Refusal {
    /// The event that tells of it.
    pub fn into_event(self) -> EventKind {
        let Self { id, reason, misfit } = self;
        match misfit {
            None => EventKind::Denied { id, reason },
            Some(call) => EventKind::Rejected {
                id,
                name: call.name,
                arguments: call.arguments,
                reason,
            },
        }
    }
}

/// A call that waits for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// The call's name in the log.
    pub id: CallId,
    /// The call.
    pub call: ToolCall,
    /// Why consent is needed; `None` for a call that wants its result.
    pub reason: Option<String>,
}

impl PendingCall {
    /// What is wanted of somebody, if anything is.
    pub fn awaited(&self) -> Option<Pending> {
        let (arguments, reason) = match &self.stage {
            Stage::AwaitsConsent(reason) => {
                let arguments = self.interrupted.as_ref().unwrap_or(&self.call.arguments);
                (arguments, Some(reason.clone()))
            }
            Stage::Running(arguments) => (arguments, None),
            Stage::Written | Stage::Approved(_) | Stage::Over => return None,
        };
        Some(Pending {
            id: self.id.clone(),
            call: ToolCall {
                name: self.call.name.clone(),
                arguments: arguments.clone(),
            },
            reason,
        })
    }

    /// The call as it was last made, if it has no result.
    pub fn under_way(&self) -> Option<Pending> {
        let arguments = match &self.stage {
            Stage::Over => None,
            Stage::Running(arguments) => Some(arguments),
            _ => self.interrupted.as_ref(),
        };
        arguments.map(|arguments| Pending {
            id: self.id.clone(),
            call: ToolCall {
                name: self.call.name.clone(),
                arguments: arguments.clone(),
            },
            reason: Some("the program ended during this call".to_owned()),
        })
    }

    fn refused(&self, reason: String) -> Refusal {
        Refusal {
            id: self.id.clone(),
            reason,
            misfit: None,
        }
    }
}

/// How often in a row the calls of each tool were wrong: once a reply, however
/// many calls of it the reply has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Repairs(Vec<Wrong>);

#[derive(Debug, Clone, PartialEq)]
struct Wrong {
    name: String,
    times: u32,
    /// The last reply in which one was.
    step: u32,
}

impl Repairs {
    /// A call of this name was wrong in the reply of this number.
    pub fn count(&mut self, name: &str, step: u32) {
        let times = self.times_with(name, step);
        self.succeeded(name);
        self.0.push(Wrong {
            name: name.to_owned(),
            times,
            step,
        });
    }

    /// A call of this name was made.
    pub fn succeeded(&mut self, name: &str) {
        self.0.retain(|wrong| wrong.name != name);
    }

    /// How often calls of this name were wrong, one in this reply included.
    fn times_with(&self, name: &str, step: u32) -> u32 {
        let before = self.0.iter().find(|wrong| wrong.name == name);
        before.map_or(1, |wrong| wrong.times + u32::from(wrong.step != step))
    }
}

impl State {
    /// What is left to do for the calls of the last reply, if anything.
    pub(super) fn next_for_calls(&self, run: &Run, turn: &Turn, rules: &Rules<'_>) -> Option<Step> {
        let mut refused = Vec::new();
        let mut asked = Vec::new();
        let mut planned = Vec::new();
        let mut last_call = run.last_call.clone();
        let budget = rules.budget.tool_calls;
        let mut left = budget.map(|limit| limit.saturating_sub(run.spent.tool_calls));
        for (position, pending) in turn.calls.iter().enumerate() {
            let times = repeats(&mut last_call, &pending.call);
            if pending.stage == Stage::Over {
                continue;
            }
            if let Some(reason) = not_made(position, times, rules) {
                refused.push(pending.refused(reason));
                continue;
            }
            let judged = self.judged(run, pending, rules);
            let is_wanted = matches!(&judged, Ok((_, Verdict::Run(_) | Verdict::Ask(_))));
            if is_wanted
                && !pending.made
                && let Some(left) = &mut left
            {
                if *left == 0 {
                    refused.push(pending.refused(over_budget(budget)));
                    continue;
                }
                *left -= 1;
            }
            match judged {
                Ok((call, Verdict::Run(_))) => planned.push(call),
                Ok((call, Verdict::Ask(reason))) => asked.push((call, reason)),
                Ok((_, Verdict::Deny(reason))) => refused.push(pending.refused(reason)),
                Err(misfit) => refused.push(misfit),
            }
        }
        if !refused.is_empty() {
            return Some(Step::Refuse(refused));
        }
        if !asked.is_empty() {
            return Some(Step::AwaitApproval(asked));
        }
        let is_external = |planned: &PlannedCall| {
            (rules.facts)(&planned.call.name, &planned.call.arguments).external
        };
        let (awaited, own): (Vec<_>, Vec<_>) = planned.into_iter().partition(is_external);
        if !own.is_empty() {
            Some(Step::CallTools(own))
        } else if !awaited.is_empty() {
            Some(Step::AwaitResults(awaited))
        } else {
            None
        }
    }

    /// The call as it would run, and whether it may.
    fn judged(
        &self,
        run: &Run,
        pending: &PendingCall,
        rules: &Rules<'_>,
    ) -> Result<(PlannedCall, Verdict), Refusal> {
        let planned = |arguments: Value, allowed_by: Option<String>| PlannedCall {
            id: pending.id.clone(),
            call: ToolCall {
                name: pending.call.name.clone(),
                arguments,
            },
            allowed_by,
        };
        if let Stage::Approved(Some(arguments)) | Stage::Running(arguments) = &pending.stage {
            return Ok((planned(arguments.clone(), None), Verdict::Run(None)));
        }
        if let Some(arguments) = &pending.interrupted {
            let verdict = match &pending.stage {
                Stage::Approved(_) => Verdict::Run(None),
                _ => self.verdict(pending, arguments, rules),
            };
            return Ok((planned(arguments.clone(), None), verdict));
        }
        let name = &pending.call.name;
        let arguments = (rules.check)(&pending.call).map_err(|misfit| {
            let mut reason = format!("error: {misfit}");
            if run.repairs.times_with(name, run.spent.steps) >= TRIES {
                reason.push_str(
                    "\nthis was the third such call and there is no further try: answer with what \
                     you have, and say what you could not find out",
                );
            }
            Refusal {
                misfit: Some(Box::new(pending.call.clone())),
                ..pending.refused(reason)
            }
        })?;
        if pending.stage == Stage::Approved(None) {
            return Ok((planned(arguments, None), Verdict::Run(None)));
        }
        let verdict = self.verdict(pending, &arguments, rules);
        let allowed_by = match &verdict {
            Verdict::Run(rule) => rule.clone(),
            Verdict::Ask(_) | Verdict::Deny(_) => None,
        };
        Ok((planned(arguments, allowed_by), verdict))
    }

    /// What policy says of a call with these arguments, as things stand.
    fn verdict(&self, pending: &PendingCall, arguments: &Value, rules: &Rules<'_>) -> Verdict {
        let name = &pending.call.name;
        (rules.judge)(
            &pending.id,
            &(rules.facts)(name, arguments),
            Circumstances {
                outside: self.outside,
                consented: self.consented.contains(&(name.clone(), self.outside)),
                interrupted: pending.interrupted.is_some(),
                known: &self.known,
            },
        )
    }
}

fn over_budget(limit: Option<u32>) -> String {
    format!(
        "this call was not run: {} calls may be made, and they were; answer with what you have",
        limit.unwrap_or_default()
    )
}

/// Why a call is not made whatever it says, if so.
fn not_made(position: usize, times: u32, rules: &Rules<'_>) -> Option<String> {
    let reason = if *rules.tool_choice == ToolChoice::None {
        "no tool may be called; answer without".to_owned()
    } else if times > REPEAT_LIMIT {
        format!(
            "it is the same call as the {REPEAT_LIMIT} before it, and its result will be the \
             same; use what you have"
        )
    } else if position >= CALLS {
        format!("a reply may make {CALLS} calls; make those that are left in the next")
    } else {
        return None;
    };
    Some(format!("this call was not run: {reason}"))
}

/// How many times in a row `call` has now been made, itself included.
pub(super) fn repeats(last: &mut Option<(ToolCall, u32)>, call: &ToolCall) -> u32 {
    let times = match last {
        Some((same, times)) if same == call => *times + 1,
        _ => 1,
    };
    *last = Some((call.clone(), times));
    times
}
