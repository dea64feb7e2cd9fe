//! Attributes of spans, and the events in them.

use glm_agent_model::Usage;
use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Event as Note};
use serde::Serialize;

use super::Setup;
use crate::event::{Event, EventKind};

/// What a span says of itself.
#[derive(Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    /// Of an operation.
    pub fn of(operation: &'static str) -> Self {
        let mut attributes = Self::default();
        attributes.text("gen_ai.operation.name", operation);
        attributes
    }

    pub fn text(&mut self, key: &'static str, value: &str) {
        self.0.push(KeyValue::new(key, value.to_owned()));
    }

    pub fn texts(&mut self, key: &'static str, values: &[&str]) {
        let values = values
            .iter()
            .map(|value| StringValue::from((*value).to_owned()));
        let array = Value::Array(Array::String(values.collect()));
        self.0.push(KeyValue::new(key, array));
    }

    /// Numbers that the protocol has no room for are given as its largest.
    pub fn number(&mut self, key: &'static str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.0.push(KeyValue::new(key, value));
    }

    /// What a reply, or all of a run's, is asked of and how.
    pub fn asked(&mut self, setup: &Setup, model: &str, session: &str) {
        self.text("gen_ai.provider.name", &setup.provider);
        self.text("gen_ai.conversation.id", session);
        self.text("gen_ai.request.model", model);
        if let Some(tokens) = setup.max_tokens {
            self.number("gen_ai.request.max_tokens", tokens as u64);
        }
        if let Some(sampling) = &setup.sampling {
            for (key, value) in [
                ("gen_ai.request.temperature", sampling.temperature),
                ("gen_ai.request.top_p", sampling.top_p),
            ] {
                self.0.push(KeyValue::new(key, value));
            }
            if let Some(seed) = sampling.seed {
                self.number("gen_ai.request.seed", seed);
            }
        }
        if let Some((host, port)) = &setup.server {
            self.text("server.address", host);
            self.number("server.port", u64::from(*port));
        }
    }

    /// What the answer is asked for as.
    pub fn output_type(&mut self, is_json: bool) {
        self.text("gen_ai.output.type", if is_json { "json" } else { "text" });
    }

    pub fn usage(&mut self, usage: &Usage) {
        self.number("gen_ai.usage.input_tokens", usage.prompt_tokens);
        self.number("gen_ai.usage.output_tokens", usage.completion_tokens);
        self.number("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens);
    }

    /// Money, in the currency of the model's price.
    pub fn cost(&mut self, cost: Option<f64>) {
        if let Some(cost) = cost {
            self.0.push(KeyValue::new("glm.cost", cost));
        }
    }
}

/// What an event says in its run's span, if it is told there.
pub(super) fn note(event: &Event) -> Option<Note> {
    let mut told = Attributes::default();
    let name = match &event.kind {
        EventKind::Compacted {
            cause,
            summary_by,
            tokens_before,
            tokens_after,
            ..
        } => {
            told.text("glm.compaction.cause", &word(cause));
            told.text("glm.compaction.summary_by", &word(summary_by));
            told.number("glm.compaction.tokens_before", *tokens_before);
            told.number("glm.compaction.tokens_after", *tokens_after);
            "glm.compaction"
        }
        EventKind::Resumed => "glm.resumed",
        EventKind::AnswerRejected { .. } => "glm.answer.rejected",
        EventKind::ApprovalRequested { id, .. } => {
            told.text("gen_ai.tool.call.id", id);
            "glm.approval.requested"
        }
        EventKind::Approved { id, .. } => {
            told.text("gen_ai.tool.call.id", id);
            "glm.approval.granted"
        }
        EventKind::Denied { id, .. } => {
            told.text("gen_ai.tool.call.id", id);
            "glm.call.denied"
        }
        EventKind::Rejected { id, name, .. } => {
            told.text("gen_ai.tool.call.id", id);
            told.text("gen_ai.tool.name", name);
            "glm.call.rejected"
        }
        EventKind::SessionStarted { .. }
        | EventKind::ToolsChanged { .. }
        | EventKind::UserMessage { .. }
        | EventKind::ModelTurn { .. }
        | EventKind::ToolCallRequested { .. }
        | EventKind::ToolResult { .. }
        | EventKind::RunEnded { .. } => return None,
    };
    Some(Note::new(name, super::time(event.time), told.0, 0))
}

/// A value that is a word, as the log has it.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
