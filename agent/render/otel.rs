//! Spans of OpenTelemetry, by its [conventions for generative AI].
//!
//! A run is a span `invoke_agent`; below it, each reply of the model is a span `chat`
//! and each call of a tool a span `execute_tool`. What else happens in a run, such as
//! consent or a compaction, is an event of its span. All of it is computed from the
//! session's events, times and ids included: a session that is exported again gives
//! the same spans. Attributes that the conventions do not know begin with `glm.`.
//!
//! What was said, and what tools were given and returned, is left out unless
//! [`Setup::content`] asks for it.
//!
//! [conventions for generative AI]: https://opentelemetry.io/docs/specs/semconv/gen-ai/

mod attributes;
mod content;
mod exporter;
mod settings;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use glm_agent_model::{Sampling, Usage};
use jiff::Timestamp;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Event as Note, Link, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sha2::{Digest, Sha256};

use crate::event::{CallId, Event, EventKind, StopReason, Summarist, is_by_user};
use attributes::{Attributes, word};

pub use exporter::{Exporter, send};
pub use settings::{Settings, parent};

/// What the conventions call the agent.
const AGENT: &str = "glm";

static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder("glm-agent")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
});

/// What spans tell that events do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Who computes the replies, as `gen_ai.provider.name` has it.
    pub provider: String,
    /// The model's server by host and port, where it is another process.
    pub server: Option<(String, u16)>,
    /// How tokens are chosen.
    pub sampling: Option<Sampling>,
    /// The longest reply, in tokens.
    pub max_tokens: Option<usize>,
    /// Whether spans hold what was said, and what tools were given and returned.
    pub content: bool,
    /// The span of another program below which runs are.
    pub parent: Option<SpanContext>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            provider: "glm_agent".to_owned(),
            server: None,
            sampling: None,
            max_tokens: None,
            content: false,
            parent: None,
        }
    }
}

/// The spans of a whole session, in the order in which they ended. A run that is not
/// over has none yet.
pub fn spans(session: &str, events: &[Event], setup: &Arc<Setup>) -> Vec<SpanData> {
    let mut trace = Trace::new(session, setup);
    let pasts = (1..=events.len()).filter_map(|count| events.get(..count));
    pasts.flat_map(|past| trace.apply(past)).collect()
}

/// Makes spans of a session's events, one event after the other.
#[derive(Debug)]
pub struct Trace {
    session: String,
    /// What ids are made of.
    identity: String,
    setup: Arc<Setup>,
    model: String,
    system: Option<String>,
    /// When the last event happened.
    before: Option<Timestamp>,
    /// Calls that the model has written, but for those that do not count.
    written: usize,
    run: Option<Run>,
    /// The last run's span, which one that is gone on with follows.
    last: Option<SpanContext>,
    calls: HashMap<CallId, Call>,
}

/// A run in progress.
#[derive(Debug)]
struct Run {
    context: SpanContext,
    begun: Timestamp,
    follows: Option<SpanContext>,
    input: Option<String>,
    is_json: bool,
    usage: Usage,
    /// What it cost, where the model has a price.
    cost: Option<f64>,
    /// Replies the model wrote.
    steps: u64,
    notes: Vec<Note>,
}

/// A call under way.
#[derive(Debug)]
struct Call {
    seq: u64,
    begun: Timestamp,
    name: String,
    arguments: Option<String>,
}

/// A span, before it is known whose child it is.
struct Draft {
    name: String,
    kind: SpanKind,
    begun: Timestamp,
    ended: Timestamp,
    attributes: Attributes,
    status: Status,
}

impl Trace {
    /// Of a session without events.
    pub fn new(session: &str, setup: &Arc<Setup>) -> Self {
        Self {
            session: session.to_owned(),
            identity: String::new(),
            setup: Arc::clone(setup),
            model: String::new(),
            system: None,
            before: None,
            written: 0,
            run: None,
            last: None,
            calls: HashMap::new(),
        }
    }

    /// Of a session with these events, whose spans are known.
    pub fn after(session: &str, events: &[Event], setup: &Arc<Setup>) -> Self {
        let mut trace = Self::new(session, setup);
        for count in 1..=events.len() {
            trace.apply(events.get(..count).unwrap_or_default());
        }
        trace
    }

    /// Takes in the last of a session's events so far, and returns the spans that it
    /// ends.
    pub fn apply(&mut self, events: &[Event]) -> Vec<SpanData> {
        let Some((event, past)) = events.split_last() else {
            return Vec::new();
        };
        if past.is_empty() {
            // A name can be used again, when its session is gone or on another machine.
            self.identity = format!("{}, begun {}", self.session, event.time);
        }
        let given_up = self.give_up(event);
        self.take_up(event);
        let span = self.end(event, past);
        self.before = Some(event.time);
        given_up.into_iter().chain(span).collect()
    }

    /// The span of a run that waited for somebody, if with this event the user goes on
    /// without an answer: the denials that say so went on with it.
    fn give_up(&mut self, event: &Event) -> Option<SpanData> {
        let is_next = matches!(event.kind, EventKind::UserMessage { .. });
        let run = self.run.take_if(|_| is_next)?;
        Some(self.ended(event, run))
    }

    /// Begins what the event begins.
    fn take_up(&mut self, event: &Event) {
        match &event.kind {
            EventKind::SessionStarted { model, system, .. } => {
                self.model.clone_from(model);
                self.system.clone_from(system);
            }
            EventKind::UserMessage {
                content,
                answer_schema,
                ..
            } => {
                self.last = None;
                self.begin(event);
                if let Some(run) = &mut self.run {
                    run.input = Some(content.clone());
                    run.is_json = answer_schema.is_some();
                }
            }
            kind if self.run.is_none() && goes_on(kind) => self.begin(event),
            _ => {}
        }
        if let EventKind::ToolCallRequested {
            id,
            name,
            arguments,
            ..
        } = &event.kind
        {
            let call = Call {
                seq: event.seq,
                begun: event.time,
                name: name.clone(),
                arguments: self.setup.content.then(|| arguments.to_string()),
            };
            self.calls.insert(id.clone(), call);
        }
        if let (Some(run), Some(note)) = (&mut self.run, attributes::note(event)) {
            run.notes.push(note);
        }
    }

    fn begin(&mut self, event: &Event) {
        self.run = Some(Run {
            context: self.context(event.seq, self.last.as_ref()),
            begun: event.time,
            follows: self.last.take(),
            input: None,
            is_json: false,
            usage: Usage::default(),
            cost: None,
            steps: 0,
            notes: Vec::new(),
        });
    }

    /// The span that the event ends.
    fn end(&mut self, event: &Event, past: &[Event]) -> Option<SpanData> {
        match &event.kind {
            EventKind::ModelTurn { usage, cost, .. } => {
                self.count(usage, *cost);
                if let Some(run) = &mut self.run {
                    run.steps += 1;
                }
                let draft = self.reply(event, past)?;
                Some(self.child(event.seq, draft))
            }
            EventKind::Compacted {
                usage,
                cost,
                summary_by,
                ..
            } => {
                self.count(usage, *cost);
                let draft = self.chat(event, usage);
                let is_reply = *summary_by == Summarist::Model;
                is_reply.then(|| self.child(event.seq, draft))
            }
            EventKind::ToolResult { id, .. } | EventKind::Denied { id, .. } => {
                let is_denied = matches!(event.kind, EventKind::Denied { .. });
                let call = self.calls.remove(id);
                // A call that was denied is one only if it was stopped in the middle.
                if is_denied && call.is_none() {
                    return None;
                }
                let seq = call.as_ref().map_or(event.seq, |call| call.seq);
                let draft = self.call(event, call);
                let span = self.child(seq, draft);
                Some(if is_by_user(id) { alone(span) } else { span })
            }
            EventKind::RunEnded { .. } => {
                let run = self.run.take()?;
                self.last = Some(run.context.clone());
                Some(self.ended(event, run))
            }
            _ => None,
        }
    }

    fn count(&mut self, usage: &Usage, cost: Option<f64>) {
        if let Some(run) = &mut self.run {
            run.usage += *usage;
            if let Some(cost) = cost {
                *run.cost.get_or_insert_default() += cost;
            }
        }
    }

    /// A reply, whatever it is for.
    fn chat(&self, event: &Event, usage: &Usage) -> Draft {
        let mut attributes = Attributes::of("chat");
        attributes.asked(&self.setup, &self.model, &self.session);
        attributes.text("gen_ai.response.model", &self.model);
        attributes.usage(usage);
        Draft {
            name: format!("chat {}", self.model),
            kind: match self.setup.server {
                Some(_) => SpanKind::Client,
                None => SpanKind::Internal,
            },
            begun: self.before.unwrap_or(event.time),
            ended: event.time,
            attributes,
            status: Status::Unset,
        }
    }

    fn reply(&mut self, event: &Event, past: &[Event]) -> Option<Draft> {
        let EventKind::ModelTurn {
            segments,
            errors,
            finish,
            usage,
            cost,
            limit,
            result_chars,
            ..
        } = &event.kind
        else {
            return None;
        };
        let mut draft = self.chat(event, usage);
        // A reply at a limit was to do without calls: those that it has got no names.
        let counts = limit.is_none();
        let attributes = &mut draft.attributes;
        let is_json = self.run.as_ref().is_some_and(|run| run.is_json);
        attributes.output_type(is_json);
        let reason = content::finish_reason(segments, *finish);
        attributes.texts("gen_ai.response.finish_reasons", &[reason]);
        attributes.cost(*cost);
        if let Some(limit) = limit {
            attributes.text("glm.limit", &word(limit));
        }
        if self.setup.content {
            let chars = result_chars.unwrap_or(usize::MAX);
            let input = content::input(past, chars, self.written);
            attributes.text("gen_ai.input.messages", &input);
            let output = content::output(segments, reason, counts.then_some(self.written));
            attributes.text("gen_ai.output.messages", &output);
        }
        if counts {
            self.written += content::calls(segments);
        }
        if !errors.is_empty() {
            let told = self.setup.content.then(|| errors.join("; "));
            draft.fail("malformed_reply", told);
        }
        Some(draft)
    }

    fn call(&self, event: &Event, call: Option<Call>) -> Draft {
        let (id, named, said) = match &event.kind {
            EventKind::ToolResult {
                id, name, output, ..
            } => (id.as_str(), name.as_str(), output.text.as_str()),
            EventKind::Denied { id, reason } => (id.as_str(), "", reason.as_str()),
            _ => ("", "", ""),
        };
        let call = call.unwrap_or_else(|| Call {
            seq: event.seq,
            begun: self.before.unwrap_or(event.time),
            name: named.to_owned(),
            arguments: None,
        });
        let mut attributes = Attributes::of("execute_tool");
        attributes.text("gen_ai.conversation.id", &self.session);
        attributes.text("gen_ai.tool.name", &call.name);
        attributes.text("gen_ai.tool.call.id", id);
        attributes.text("gen_ai.tool.type", "function");
        let told = self.setup.content.then(|| said.to_owned());
        if let Some(arguments) = &call.arguments {
            attributes.text("gen_ai.tool.call.arguments", arguments);
        }
        if let Some(told) = &told {
            attributes.text("gen_ai.tool.call.result", told);
        }
        let mut draft = Draft {
            name: format!("execute_tool {}", call.name),
            kind: SpanKind::Internal,
            begun: call.begun,
            ended: event.time,
            attributes,
            status: Status::Unset,
        };
        match &event.kind {
            EventKind::ToolResult { status, .. } => {
                use crate::event::Status;
                match status {
                    Status::Ok => {}
                    Status::Failed => draft.fail("tool_failed", told),
                    Status::Error => draft.fail("tool_error", told),
                }
            }
            _ => draft.fail("cancelled", told),
        }
        draft
    }

    /// The span of a run that is over.
    fn ended(&self, event: &Event, run: Run) -> SpanData {
        let mut attributes = Attributes::of("invoke_agent");
        attributes.text("gen_ai.agent.name", AGENT);
        attributes.asked(&self.setup, &self.model, &self.session);
        attributes.output_type(run.is_json);
        attributes.usage(&run.usage);
        let mut draft = Draft {
            name: format!("invoke_agent {AGENT}"),
            kind: SpanKind::Internal,
            begun: run.begun,
            ended: event.time,
            attributes,
            status: Status::Unset,
        };
        if let EventKind::RunEnded {
            answer,
            reason,
            error,
            ..
        } = &event.kind
        {
            let attributes = &mut draft.attributes;
            attributes.text("glm.stop_reason", &word(reason));
            attributes.number("glm.steps", run.steps);
            attributes.cost(run.cost);
            if self.setup.content {
                if let Some(system) = &self.system {
                    let parts = content::instructions(system);
                    attributes.text("gen_ai.system_instructions", &parts);
                }
                if let Some(input) = &run.input {
                    let said = content::message("user", input, None);
                    attributes.text("gen_ai.input.messages", &said);
                }
                let why = match reason {
                    StopReason::Failed => "error",
                    StopReason::TokenLimit => "length",
                    _ => "stop",
                };
                let said = content::message("assistant", answer, Some(why));
                attributes.text("gen_ai.output.messages", &said);
            }
            if *reason == StopReason::Failed {
                draft.fail("failed", error.clone().filter(|_| self.setup.content));
            }
        }
        let mut span = finished(run.context, draft);
        if let Some(parent) = &self.setup.parent {
            span.parent_span_id = parent.span_id();
            span.parent_span_is_remote = true;
        }
        span.events.events = run.notes;
        let follows = run.follows.map(|context| Link::new(context, Vec::new(), 0));
        span.links.links.extend(follows);
        span
    }

    /// A span of the run in progress, or of its own where there is none.
    fn child(&self, seq: u64, draft: Draft) -> SpanData {
        let run = self.run.as_ref().map(|run| &run.context);
        let mut span = finished(self.context(seq, run), draft);
        if let Some(run) = run {
            span.parent_span_id = run.span_id();
        }
        span
    }

    /// The identity of the span that begins with an event: of a trace of its own, unless
    /// it belongs to another.
    fn context(&self, seq: u64, of: Option<&SpanContext>) -> SpanContext {
        let [trace, span] = ["trace", "span"].map(|kind| {
            let text = format!("{kind} {seq} of {}", self.identity);
            Sha256::digest(text)
        });
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        trace_id
            .iter_mut()
            .zip(trace)
            .for_each(|(id, byte)| *id = byte);
        span_id
            .iter_mut()
            .zip(span)
            .for_each(|(id, byte)| *id = byte);
        let known = of.or(self.setup.parent.as_ref());
        SpanContext::new(
            known.map_or(TraceId::from_bytes(trace_id), SpanContext::trace_id),
            SpanId::from_bytes(span_id),
            known.map_or(TraceFlags::SAMPLED, SpanContext::trace_flags),
            false,
            known.map_or_else(TraceState::default, |known| known.trace_state().clone()),
        )
    }
}

impl Draft {
    fn fail(&mut self, kind: &'static str, told: Option<String>) {
        self.attributes.text("error.type", kind);
        self.status = Status::error(told.unwrap_or_default());
    }
}

/// Whether the event belongs to a run, so that one that was over goes on.
fn goes_on(kind: &EventKind) -> bool {
    match kind {
        EventKind::ToolCallRequested { id, .. }
        | EventKind::ToolResult { id, .. }
        | EventKind::Denied { id, .. } => !is_by_user(id),
        EventKind::Resumed
        | EventKind::ModelTurn { .. }
        | EventKind::ApprovalRequested { .. }
        | EventKind::Approved { .. } => true,
        EventKind::SessionStarted { .. }
        | EventKind::ToolsChanged { .. }
        | EventKind::UserMessage { .. }
        | EventKind::AnswerRejected { .. }
        | EventKind::Compacted { .. }
        | EventKind::Rejected { .. }
        | EventKind::RunEnded { .. } => false,
    }
}

/// What the user did beside the conversation is part of no run.
fn alone(span: SpanData) -> SpanData {
    SpanData {
        parent_span_id: SpanId::INVALID,
        ..span
    }
}

fn finished(context: SpanContext, draft: Draft) -> SpanData {
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: draft.kind,
        name: draft.name.into(),
        start_time: time(draft.begun),
        end_time: time(draft.ended),
        attributes: draft.attributes.into(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: draft.status,
        instrumentation_scope: SCOPE.clone(),
    }
}

fn time(time: Timestamp) -> SystemTime {
    let elapsed = Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH));
    SystemTime::UNIX_EPOCH + elapsed.unwrap_or_default()
}

impl From<Attributes> for Vec<KeyValue> {
    fn from(attributes: Attributes) -> Self {
        attributes.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
