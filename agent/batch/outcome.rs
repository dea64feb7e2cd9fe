//! Results: what came of a task.

use glm_agent_model::Usage;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Run, StopReason, citation::Source};

/// What came of a task. Its JSON form is one line of the file that `glm batch`
/// writes; `schemas/batch_result.json` describes it. Fields may be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskResult {
    /// The task's id
    pub id: String,

    /// Whether it was done
    pub status: Status,

    /// The answer: complete, or as far as it came
    pub answer: String,

    /// The pages that the answer cites, in the order of first use
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,

    /// Why the run ended
    pub reason: StopReason,

    /// What went wrong, when something did
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,

    /// Tokens read and written, by all attempts
    pub usage: Usage,

    /// What they cost, where the model has a price, in that price's currency
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,

    /// Replies that the model wrote, in the last attempt
    pub steps: u32,

    /// How often the task was begun from the start
    pub attempts: u32,

    /// How long the last attempt took, in seconds, from its first event to its last
    pub seconds: f64,

    /// Id of the last attempt's session; null where none was kept
    pub session: Option<String>,

    /// Id of the batch, the same in all of its results
    pub batch: String,
}

/// Whether a task was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The model gave its answer
    Answered,
    /// A limit was reached; the answer is the best so far
    Limited,
    /// A call waits for somebody: `glm session resume SESSION` goes on
    Waiting,
    /// Something went wrong
    Failed,
}

impl From<StopReason> for Status {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Answered => Self::Answered,
            StopReason::ApprovalNeeded | StopReason::ResultNeeded => Self::Waiting,
            limit if limit.is_limit() => Self::Limited,
            _ => Self::Failed,
        }
    }
}

impl TaskResult {
    /// The JSON Schema of a line with a result.
    pub fn schema() -> Value {
        schema_for!(Self).to_value()
    }

    /// What came of a run.
    pub(super) fn of_run(batch: &str, id: &str, run: Run) -> Self {
        Self {
            id: id.to_owned(),
            status: run.reason.into(),
            answer: run.answer,
            sources: run.sources,
            reason: run.reason,
            error: run.error,
            usage: run.usage,
            cost: run.cost,
            steps: run.steps,
            attempts: 1,
            seconds: 0.0,
            session: Some(run.session),
            batch: batch.to_owned(),
        }
    }

    /// That a task could not be done.
    pub(super) fn failed(batch: &str, id: &str, error: String) -> Self {
        Self {
            id: id.to_owned(),
            status: Status::Failed,
            answer: String::new(),
            sources: Vec::new(),
            reason: StopReason::Failed,
            error: Some(error),
            usage: Usage::default(),
            cost: None,
            steps: 0,
            attempts: 0,
            seconds: 0.0,
            session: None,
            batch: batch.to_owned(),
        }
    }
}
