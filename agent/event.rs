//! The events of a session: the only thing that is stored, and what everything
//! else is computed from.
//!
//! The JSON form below is also what `glm run --json` prints;
//! `schemas/session_event.json` describes it. Fields may be added; a change that old
//! readers cannot take raises [`SCHEMA`], and logs of every version are read.

use glm_agent_model::{Finish, Segment, ToolSpec, Usage};
use glm_agent_tools::{Artifact, ToolOutput};
use jiff::Timestamp;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::citation::Source;

/// Version of the events' form, written where a conversation begins. Since 2, calls
/// can be [rejected](EventKind::Rejected) and the tools can change; since 3, the
/// conversation can be [compacted](EventKind::Compacted), runs can be
/// [gone on with](EventKind::Resumed), and answers can be asked for in a form.
pub const SCHEMA: u32 = 3;

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Position in the session, from 0.
    pub seq: u64,
    /// When it happened.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// The JSON Schema of a line with an event, whichever version wrote it.
    pub fn schema() -> Value {
        schema_for!(Self).to_value()
    }
}

/// What can happen in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A conversation begins: the first event of its session, unless the user made
    /// calls there before.
    SessionStarted {
        /// Version of the events' form.
        schema: u32,
        /// The session's id.
        session: String,
        /// Name of the model.
        model: String,
        /// Name of the model family's format.
        profile: String,
        /// The user's own instructions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<String>,
        /// The tools on offer.
        tools: Vec<ToolSpec>,
        /// The day it began, as `YYYY-MM-DD` in local time, where the model is
        /// told the date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        date: Option<String>,
        /// Whether the model was told to reply without thinking first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        skip_thoughts: bool,
        /// How the program that began it was set up, so that it can be set up again:
        /// that program's affair.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        setup: Option<Value>,
    },
    /// Other tools are on offer from here on.
    ToolsChanged {
        /// All of them, as the model is told.
        tools: Vec<ToolSpec>,
    },
    /// A task or question; it starts a run.
    UserMessage {
        /// The user's words.
        content: String,
        /// Pictures that the user shows with them, among the session's files.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<Artifact>,
        /// The JSON Schema that the answer must fit, where one was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_schema: Option<Value>,
    },
    /// The model wrote a whole reply.
    ModelTurn {
        /// Its parts in order.
        segments: Vec<Segment>,
        /// What could not be read; the model is told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<String>,
        /// The text as generated.
        raw: String,
        /// Why it ended.
        finish: Finish,
        /// Tokens read and written for it.
        usage: Usage,
        /// What it cost, where the model has a price, in that price's currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<f64>,
        /// The limit because of which this reply was asked for without tools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<StopReason>,
        /// Characters of each result that the model was shown at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result_chars: Option<usize>,
    },
    /// The model's answer is not what the user's message asks for: not JSON, or not
    /// of its schema. The model is told, and may repair it.
    AnswerRejected {
        /// The words the model reads.
        reason: String,
    },
    /// From here on the model is shown less: a brief in the place of earlier events,
    /// and shorter results. The events stay.
    Compacted {
        /// The first event that the model is still shown as it was, by its `seq`.
        from: u64,
        /// What the model reads in the place of those before: the task, a summary of
        /// what happened, and the facts that must not be lost.
        brief: String,
        /// Characters of each earlier result that the model is shown at most.
        result_chars: usize,
        /// Why it was done.
        cause: Cause,
        /// Who wrote the summary.
        summary_by: Summarist,
        /// Tokens of the prompt before.
        tokens_before: u64,
        /// Tokens of the prompt after.
        tokens_after: u64,
        /// Tokens read and written for the summary.
        usage: Usage,
        /// What that cost, where the model has a price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<f64>,
    },
    /// Another process goes on with a run that the last one left in the middle.
    Resumed,
    /// A call waits for somebody's consent.
    ApprovalRequested {
        /// Which call.
        id: CallId,
        /// Why consent is needed.
        reason: String,
    },
    /// Consent was given.
    Approved {
        /// Which call.
        id: CallId,
        /// The arguments, where whoever consented changed them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<Value>,
        /// The consent holds for all calls of this tool in the session, for as long
        /// as it does not make a difference that text from outside came in.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        always: bool,
    },
    /// A call cannot be made as the model wrote it: no tool has its name, or the
    /// arguments do not fit. The model is told, and may repair it.
    Rejected {
        /// Which call.
        id: CallId,
        /// The tool's name as the model wrote it.
        name: String,
        /// The arguments as the model wrote them.
        arguments: Value,
        /// The words the model reads.
        reason: String,
    },
    /// A call will not run: a person or a rule said no. The model is told.
    Denied {
        /// Which call.
        id: CallId,
        /// The words the model reads.
        reason: String,
    },
    /// A call is about to run. On disk before it does.
    ToolCallRequested {
        /// Which call.
        id: CallId,
        /// The tool.
        name: String,
        /// The arguments that it runs with: those that the model wrote, harmless
        /// slips put right, or what whoever consented made of them.
        arguments: Value,
        /// The rule that allows what otherwise would need consent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowed_by: Option<String>,
    },
    /// A call came to an end.
    ToolResult {
        /// Which call.
        id: CallId,
        /// The tool.
        name: String,
        /// How it ended.
        status: Status,
        /// The text comes from outside (a page, another machine): nobody
        /// vouches for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        outside: bool,
        /// What came of it: what the model reads, and the files that it made.
        #[serde(flatten)]
        output: ToolOutput,
    },
    /// The run that the last user message started is over.
    RunEnded {
        /// The answer: complete, or the best so far when a limit was reached.
        answer: String,
        /// Why it ended.
        reason: StopReason,
        /// What went wrong, when something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Tokens read and written in the run.
        usage: Usage,
        /// What they cost, where the model has a price, in that price's currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<f64>,
        /// Replies the model wrote in the run.
        steps: u32,
        /// The calls that wait for somebody, when that is why the run ended: it
        /// goes on once they are answered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending: Vec<CallId>,
        /// The pages that the answer cites, in the order of first use.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sources: Vec<Source>,
        /// The answer's marks, as it has them, of what was never shown.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown_marks: Vec<String>,
        /// The session's id.
        session: String,
    },
}

/// Why a conversation was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It took too much of the model's window.
    Window,
    /// Somebody asked for it.
    Asked,
}

/// Who wrote a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Summarist {
    /// The model, in words of its own.
    Model,
    /// A rule: each message, call and answer in a line.
    Rule,
}

/// Names one call within its session: `call_1`, `call_2`, … in the order in
/// which the model wrote them; `user_1`, `user_2`, … those that the user made
/// beside the conversation, which the model is not shown.
pub type CallId = String;

const USER_CALL: &str = "user_";

/// The id of the next call that the user makes.
pub fn next_user_call(events: &[Event]) -> CallId {
    let made = events.iter().filter(
        |event| matches!(&event.kind, EventKind::ToolCallRequested { id, .. } if is_by_user(id)),
    );
    format!("{USER_CALL}{}", made.count() + 1)
}

/// Whether the user made the call, beside the conversation.
pub fn is_by_user(call: &str) -> bool {
    call.starts_with(USER_CALL)
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The tool ran, and what it ran succeeded.
    Ok,
    /// The tool ran, and what it ran failed: an exception, an exit code.
    Failed,
    /// The tool did not run, or could not give a result.
    Error,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model gave its answer.
    Answered,
    /// The limit on replies was reached.
    StepLimit,
    /// The reply was cut off at the limit on its length.
    TokenLimit,
    /// The limit on the tokens of all prompts was reached.
    PromptTokenLimit,
    /// The limit on the tokens of all replies was reached.
    CompletionTokenLimit,
    /// The limit on tokens, read and written, was reached.
    TotalTokenLimit,
    /// The limit on calls was reached.
    ToolCallLimit,
    /// The limit on cost was reached.
    CostLimit,
    /// The limit on time was reached.
    TimeLimit,
    /// Consent was needed and nobody could give it. The run goes on when it is
    /// given or refused.
    ApprovalNeeded,
    /// A tool that is run elsewhere was called, and nobody gave its result. The
    /// run goes on when it is given.
    ResultNeeded,
    /// The user stopped it.
    Interrupted,
    /// Something broke; the event's `error` says what.
    Failed,
}

impl StopReason {
    /// Whether a limit was reached.
    pub fn is_limit(self) -> bool {
        match self {
            Self::StepLimit
            | Self::TokenLimit
            | Self::PromptTokenLimit
            | Self::CompletionTokenLimit
            | Self::TotalTokenLimit
            | Self::ToolCallLimit
            | Self::CostLimit
            | Self::TimeLimit => true,
            Self::Answered
            | Self::ApprovalNeeded
            | Self::ResultNeeded
            | Self::Interrupted
            | Self::Failed => false,
        }
    }
}
