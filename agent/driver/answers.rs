//! Calls that wait for a person: for consent, or for the result of a tool that
//! is run elsewhere.

use async_trait::async_trait;
use glm_agent_tools::{Tool, ToolOutput, text};
use jiff::Timestamp;
use serde_json::Value;

use super::Driver;
use crate::{
    Error,
    event::{CallId, Event, EventKind, Status, StopReason},
    state::{Pending, PlannedCall, Step},
};

/// Somebody who can answer calls that wait.
#[async_trait]
pub trait Approver: Send + Sync {
    /// The answer to one call; `None` when nobody is there. The run then ends, and
    /// goes on when the call is answered ([`Agent::answer`](crate::Agent::answer)).
    async fn answer(&self, call: &Pending) -> Option<Answer>;
}

/// Nobody to ask: a run that needs somebody ends.
#[async_trait]
impl Approver for () {
    async fn answer(&self, _call: &Pending) -> Option<Answer> {
        None
    }
}

/// An answer to a call that waits.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Run it.
    Approve,
    /// Run it, and all calls of this tool that would need consent for the same
    /// reason in this session.
    ApproveAlways,
    /// Run it with these arguments instead; the model is told.
    ApproveWith(Value),
    /// Do not run it, and tell the model this.
    Deny(String),
    /// It was run elsewhere, with this result.
    Result(ToolOutput),
}

impl Driver<'_> {
    /// Goes on with a run that waits for somebody, or that another process left in the
    /// middle.
    pub(crate) async fn answer(mut self, answers: Vec<(CallId, Answer)>) -> Result<(), Error> {
        self.begin()?;
        self.agent.resume_tools(self.session).await;
        if self.state.is_running() {
            return self.go_on(answers).await;
        }
        let pending = self.state.pending();
        if pending.is_empty() {
            return Err(Error::NothingPending {
                id: self.session.id().to_owned(),
            });
        }
        // Only when all of them are fine does any count.
        for kind in self.events_of(&pending, answers)? {
            self.append(kind)?;
        }
        if let Some(call) = self.state.pending().first().cloned() {
            // Nothing was answered yet; somebody may be there to do so now.
            let answer = self.answer_from_approver(call.clone()).await?;
            let Some(kind) = answer else {
                return Err(Error::StillPending {
                    pending: pending.into_iter().map(|call| call.id).collect(),
                });
            };
            self.append(kind)?;
        }
        self.finish().await
    }

    /// Goes on with a run that was left in the middle. Calls that were under way run
    /// again if that does no harm; the others need consent, which `answers` may give.
    async fn go_on(mut self, answers: Vec<(CallId, Answer)>) -> Result<(), Error> {
        let now = Timestamp::now();
        let mut resumed = self.state.clone();
        resumed.apply(&Event {
            seq: self.session.events().len() as u64,
            time: now,
            kind: EventKind::Resumed,
        });
        let kinds = self.events_of(&resumed.under_way(), answers)?;
        let asked = match self.next(&resumed, now) {
            Step::AwaitApproval(calls) => calls,
            _ => Vec::new(),
        };
        self.append(EventKind::Resumed)?;
        for (PlannedCall { id, .. }, reason) in asked {
            self.append(EventKind::ApprovalRequested { id, reason })?;
        }
        for kind in kinds {
            self.append(kind)?;
        }
        self.finish().await
    }

    /// The events that tell of answers to calls that wait.
    fn events_of(
        &self,
        pending: &[Pending],
        answers: Vec<(CallId, Answer)>,
    ) -> Result<Vec<EventKind>, Error> {
        let event = |(id, answer)| {
            let call = pending.iter().find(|call| call.id == id);
            let call = call.ok_or_else(|| Error::NotPending {
                call: id,
                pending: pending.iter().map(|call| call.id.clone()).collect(),
            })?;
            self.event_of(call, answer)
        };
        answers.into_iter().map(event).collect()
    }

    /// Asks for consent to calls, one after the other.
    pub(super) async fn ask(&mut self, calls: Vec<(PlannedCall, String)>) -> Result<(), Error> {
        for (PlannedCall { id, call, .. }, reason) in &calls {
            if !self.state.is_awaited(id) {
                self.append(EventKind::ApprovalRequested {
                    id: id.clone(),
                    reason: reason.clone(),
                })?;
            }
            let pending = Pending {
                id: id.clone(),
                call: call.clone(),
                reason: Some(reason.clone()),
            };
            match self.answer_from_approver(pending).await? {
                Some(kind) => {
                    let always = matches!(kind, EventKind::Approved { always: true, .. });
                    self.append(kind)?;
                    if always {
                        // The consent may hold for the calls that are left.
                        return Ok(());
                    }
                }
                None if self.stop.is_cancelled() => return Ok(()),
                None => {
                    // Those behind it wait too, and can be answered together.
                    let waiting = calls
                        .iter()
                        .filter(|(call, _)| !self.state.is_settled(&call.id));
                    let waiting: Vec<_> = waiting.cloned().collect();
                    for (PlannedCall { id, .. }, reason) in waiting {
                        if !self.state.is_awaited(&id) {
                            self.append(EventKind::ApprovalRequested { id, reason })?;
                        }
                    }
                    let error = format!(
                        "the call of `{}` needs consent ({reason}), and nobody could be asked",
                        call.name
                    );
                    return self.pause(StopReason::ApprovalNeeded, error);
                }
            }
        }
        Ok(())
    }

    /// Asks for the results of calls that are run elsewhere.
    pub(super) async fn ask_for_results(&mut self, calls: Vec<PlannedCall>) -> Result<(), Error> {
        for call in &calls {
            if !self.state.is_awaited(&call.id) {
                self.append(call.requested())?;
            }
        }
        for PlannedCall { id, call, .. } in calls {
            let name = call.name.clone();
            let pending = Pending {
                id,
                call,
                reason: None,
            };
            match self.answer_from_approver(pending).await? {
                Some(kind) => self.append(kind)?,
                None if self.stop.is_cancelled() => return Ok(()),
                None => {
                    let error = format!(
                        "`{name}` was called, which is run elsewhere, and nobody gave its result"
                    );
                    return self.pause(StopReason::ResultNeeded, error);
                }
            }
        }
        Ok(())
    }

    /// What somebody says to a call, who is asked again while it makes no sense.
    ///
    /// It borrows mutably to be `Send`, as an observer need not be `Sync`.
    async fn answer_from_approver(
        &mut self,
        mut call: Pending,
    ) -> Result<Option<EventKind>, Error> {
        loop {
            let answer = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                answer = self.agent.approver.answer(&call) => answer,
            };
            let Some(answer) = answer else {
                return Ok(None);
            };
            match self.event_of(&call, answer) {
                Ok(kind) => return Ok(Some(kind)),
                Err(error @ Error::Answer { .. }) => call.reason = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The event that tells of an answer.
    fn event_of(&self, call: &Pending, answer: Answer) -> Result<EventKind, Error> {
        let wrong = |reason: String| Error::Answer {
            call: call.id.clone(),
            reason,
        };
        let id = call.id.clone();
        let approved = |arguments, always| EventKind::Approved {
            id: id.clone(),
            arguments,
            always,
        };
        let is_external = self.registry.get(&call.call.name);
        let is_external = is_external.is_some_and(Tool::is_external);
        let wants_result = self.state.is_awaited(&id) && call.reason.is_none();
        Ok(match answer {
            Answer::Deny(reason) => EventKind::Denied { id, reason },
            Answer::Result(output) if is_external => EventKind::ToolResult {
                id,
                name: call.call.name.clone(),
                status: if output.failed {
                    Status::Failed
                } else {
                    Status::Ok
                },
                outside: true,
                output: ToolOutput {
                    text: text::clean(&output.text, text::CAP),
                    ..output
                },
            },
            Answer::Result(_) => {
                return Err(wrong(
                    "its tool runs here and gives the result itself".to_owned(),
                ));
            }
            _ if wants_result => return Err(wrong("it wants a result".to_owned())),
            Answer::Approve => approved(None, false),
            Answer::ApproveAlways => approved(None, true),
            Answer::ApproveWith(arguments) => {
                let checked = self.registry.check(&call.call.name, arguments);
                let checked = checked.map_err(|misfit| wrong(misfit.to_string()))?;
                approved(Some(checked), false)
            }
        })
    }

    fn pause(&mut self, reason: StopReason, error: String) -> Result<(), Error> {
        let hint = if self.session.is_kept() {
            format!("\nhint: glm session resume {}", self.session.id())
        } else {
            "\nhint: a session that is kept can be resumed with an answer".to_owned()
        };
        let kind = self.state.pause(reason, error + &hint, self.session.id());
        self.append(kind)
    }
}
