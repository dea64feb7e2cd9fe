//! A session in the order in which people read it: what was said, what was called for
//! it, and what came of that. Events tell of one call in several places.

use std::collections::HashMap;

use glm_agent_model::{Finish, Segment, Usage};
use glm_agent_tools::{Artifact, ToolOutput};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    Event, EventKind, Status, StopReason,
    citation::{Cited, Citing, in_one_line},
    event::{Cause, Summarist, is_by_user},
    state::answer_of,
};

/// Longest title, in characters.
const TITLE: usize = 80;

/// A session, read.
#[derive(Debug, Default)]
pub(super) struct Transcript<'e> {
    /// How its conversation began, if it did.
    pub started: Option<Started<'e>>,
    /// When its first and its last event happened.
    pub span: Option<Span>,
    pub exchanges: Vec<Exchange<'e>>,
    /// Of all replies and summaries.
    pub usage: Usage,
    /// What they cost, where the model has a price.
    pub cost: Option<f64>,
    pub replies: usize,
    pub calls: usize,
    /// How the last run ended; `None` while it goes on.
    pub outcome: Option<StopReason>,
}

#[derive(Debug)]
pub(super) struct Started<'e> {
    pub session: &'e str,
    pub model: &'e str,
    pub profile: &'e str,
    pub system: Option<&'e str>,
    pub tools: Vec<&'e str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    pub fn took(self) -> SignedDuration {
        self.to.duration_since(self.from).max(SignedDuration::ZERO)
    }
}

/// A message of the user's and everything up to the next.
#[derive(Debug)]
pub(super) struct Exchange<'e> {
    pub message: Option<&'e str>,
    /// The pictures that go with it.
    pub images: &'e [Artifact],
    /// The JSON Schema that the answer must fit.
    pub schema: Option<&'e Value>,
    pub items: Vec<Item<'e>>,
}

#[derive(Debug)]
pub(super) enum Item<'e> {
    Reply(Reply<'e>),
    /// A call that the user made.
    ByHand(Call<'e>),
    /// Other tools were offered.
    Tools(Vec<&'e str>),
    /// The answer was not in the form that was asked for.
    Rejected(&'e str),
    Compacted(Compaction<'e>),
    /// Another process goes on.
    Resumed,
    End(End<'e>),
}

#[derive(Debug)]
pub(super) struct Reply<'e> {
    /// Its event.
    pub seq: u64,
    pub span: Span,
    pub thoughts: Vec<&'e str>,
    pub words: Cited,
    pub calls: Vec<Call<'e>>,
    pub errors: &'e [String],
    /// The text as generated, where it could not be read.
    pub raw: Option<&'e str>,
    pub finish: Finish,
    pub usage: Usage,
    pub limit: Option<StopReason>,
}

#[derive(Debug)]
pub(super) struct Call<'e> {
    pub id: String,
    pub name: &'e str,
    /// The arguments as they were written.
    pub arguments: &'e Value,
    /// Those that it ran with, if they are others.
    pub ran_with: Option<&'e Value>,
    pub span: Option<Span>,
    pub decisions: Vec<Decision<'e>>,
    pub result: Option<Outcome<'e>>,
}

#[derive(Debug)]
pub(super) enum Decision<'e> {
    Asked(&'e str),
    Approved { always: bool, changed: bool },
    AllowedBy(&'e str),
    Denied(&'e str),
    Rejected(&'e str),
}

#[derive(Debug)]
pub(super) struct Outcome<'e> {
    pub status: Status,
    pub outside: bool,
    pub output: &'e ToolOutput,
}

#[derive(Debug)]
pub(super) struct Compaction<'e> {
    /// What the model reads from there on in the place of what was before.
    pub brief: &'e str,
    cause: Cause,
    by: Summarist,
    tokens: (u64, u64),
}

#[derive(Debug)]
pub(super) struct End<'e> {
    pub reason: StopReason,
    pub error: Option<&'e str>,
}

impl<'e> Transcript<'e> {
    pub fn of(events: &'e [Event]) -> Self {
        let mut reader = Reader::default();
        for event in events {
            reader.read(event);
        }
        let mut transcript = reader.transcript;
        let spans = events.first().zip(events.last());
        transcript.span = spans.map(|(first, last)| Span {
            from: first.time,
            to: last.time,
        });
        transcript
    }

    /// What the session is about: the first words of its user.
    pub fn title(&self) -> String {
        let first = self.exchanges.iter().find_map(|exchange| exchange.message);
        first
            .map(title_of)
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| "Session".to_owned())
    }
}

/// The first line of a message that holds words, cut where it is long.
pub(super) fn title_of(message: &str) -> String {
    let lines = message.lines().map(in_one_line);
    let line = lines
        .into_iter()
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    if line.chars().count() <= TITLE {
        return line;
    }
    let head: String = line.chars().take(TITLE - 1).collect();
    format!("{}…", head.trim_end())
}

#[derive(Default)]
struct Reader<'e> {
    transcript: Transcript<'e>,
    citing: Citing,
    last: Option<Timestamp>,
    calls: u64,
    /// Where the calls are: exchange, item and place in it.
    places: HashMap<String, (usize, usize, usize)>,
}

impl<'e> Reader<'e> {
    fn read(&mut self, event: &'e Event) {
        self.citing.saw(event);
        let since = self.last.replace(event.time).unwrap_or(event.time);
        let now = event.time;
        match &event.kind {
            EventKind::SessionStarted {
                session,
                model,
                profile,
                system,
                tools,
                ..
            } => {
                self.transcript.started = Some(Started {
                    session,
                    model,
                    profile,
                    system: system.as_deref(),
                    tools: tools.iter().map(|tool| tool.name()).collect(),
                });
            }
            EventKind::ToolsChanged { tools } => {
                let names = tools.iter().map(|tool| tool.name()).collect();
                self.add(Item::Tools(names));
            }
            EventKind::UserMessage {
                content,
                images,
                answer_schema,
            } => {
                self.transcript.outcome = None;
                self.transcript.exchanges.push(Exchange {
                    message: Some(content),
                    images,
                    schema: answer_schema.as_ref(),
                    items: Vec::new(),
                });
            }
            EventKind::ModelTurn {
                segments,
                errors,
                raw,
                finish,
                usage,
                cost,
                limit,
                ..
            } => {
                self.spent(*usage, *cost);
                self.transcript.replies += 1;
                let thoughts = segments.iter().filter_map(|segment| match segment {
                    Segment::Reasoning { text } => Some(text.as_str()),
                    _ => None,
                });
                let reply = Reply {
                    seq: event.seq,
                    span: Span {
                        from: since,
                        to: now,
                    },
                    thoughts: thoughts.collect(),
                    words: self.citing.whole(&answer_of(segments)),
                    calls: self.written(segments, limit.is_some()),
                    errors,
                    raw: (!errors.is_empty()).then_some(raw),
                    finish: *finish,
                    usage: *usage,
                    limit: *limit,
                };
                let ids: Vec<_> = reply.calls.iter().map(|call| call.id.clone()).collect();
                let (exchange, item) = self.add(Item::Reply(reply));
                let places = ids.into_iter().enumerate();
                self.places
                    .extend(places.map(|(call, id)| (id, (exchange, item, call))));
            }
            EventKind::AnswerRejected { reason } => {
                self.add(Item::Rejected(reason));
            }
            EventKind::Compacted {
                brief,
                cause,
                summary_by,
                tokens_before,
                tokens_after,
                usage,
                cost,
                ..
            } => {
                self.spent(*usage, *cost);
                self.add(Item::Compacted(Compaction {
                    brief,
                    cause: *cause,
                    by: *summary_by,
                    tokens: (*tokens_before, *tokens_after),
                }));
            }
            EventKind::Resumed => {
                self.transcript.outcome = None;
                self.add(Item::Resumed);
            }
            EventKind::ApprovalRequested { id, reason } => {
                self.decided(id, Decision::Asked(reason));
            }
            EventKind::Approved {
                id,
                arguments,
                always,
            } => {
                let changed = arguments.is_some();
                self.transcript.outcome = None;
                self.decided(
                    id,
                    Decision::Approved {
                        always: *always,
                        changed,
                    },
                );
            }
            EventKind::Denied { id, reason } => self.decided(id, Decision::Denied(reason)),
            EventKind::Rejected { id, reason, .. } => self.decided(id, Decision::Rejected(reason)),
            EventKind::ToolCallRequested {
                id,
                name,
                arguments,
                allowed_by,
            } => {
                if is_by_user(id) {
                    self.by_hand(id, name, arguments);
                }
                if let Some(rule) = allowed_by {
                    self.decided(id, Decision::AllowedBy(rule));
                }
                if let Some(call) = self.call(id) {
                    call.span = Some(Span { from: now, to: now });
                    call.ran_with = Some(arguments).filter(|ran| *ran != call.arguments);
                }
            }
            EventKind::ToolResult {
                id,
                status,
                outside,
                output,
                ..
            } => {
                if let Some(call) = self.call(id) {
                    call.span = call.span.map(|span| Span { to: now, ..span });
                    call.result = Some(Outcome {
                        status: *status,
                        outside: *outside,
                        output,
                    });
                }
            }
            EventKind::RunEnded { reason, error, .. } => {
                self.transcript.outcome = Some(*reason);
                let error = error.as_deref();
                self.add(Item::End(End {
                    reason: *reason,
                    error,
                }));
            }
        }
    }

    fn spent(&mut self, usage: Usage, cost: Option<f64>) {
        let Transcript {
            usage: all,
            cost: whole,
            ..
        } = &mut self.transcript;
        *all += usage;
        if let Some(cost) = cost {
            *whole.get_or_insert_default() += cost;
        }
    }

    /// The calls of a reply. In one that was to do without tools, none counts.
    fn written(&mut self, segments: &'e [Segment], without_tools: bool) -> Vec<Call<'e>> {
        let calls = segments.iter().filter_map(|segment| match segment {
            Segment::Call(call) if !without_tools => Some(call),
            _ => None,
        });
        let calls = calls.map(|call| {
            self.calls += 1;
            call_of(format!("call_{}", self.calls), &call.name, &call.arguments)
        });
        let calls: Vec<_> = calls.collect();
        self.transcript.calls += calls.len();
        calls
    }

    fn by_hand(&mut self, id: &str, name: &'e str, arguments: &'e Value) {
        self.transcript.calls += 1;
        let call = call_of(id.to_owned(), name, arguments);
        let (exchange, item) = self.add(Item::ByHand(call));
        self.places.insert(id.to_owned(), (exchange, item, 0));
    }

    /// Adds an item, and returns where it is.
    fn add(&mut self, item: Item<'e>) -> (usize, usize) {
        let exchanges = &mut self.transcript.exchanges;
        if exchanges.is_empty() {
            exchanges.push(Exchange {
                message: None,
                images: &[],
                schema: None,
                items: Vec::new(),
            });
        }
        let place = exchanges.len() - 1;
        let items = exchanges.last_mut().map(|exchange| &mut exchange.items);
        let item = items.map_or(0, |items| {
            items.push(item);
            items.len() - 1
        });
        (place, item)
    }

    fn decided(&mut self, id: &str, decision: Decision<'e>) {
        if let Some(call) = self.call(id) {
            call.decisions.push(decision);
        }
    }

    fn call(&mut self, id: &str) -> Option<&mut Call<'e>> {
        let (exchange, item, call) = *self.places.get(id)?;
        match self
            .transcript
            .exchanges
            .get_mut(exchange)?
            .items
            .get_mut(item)?
        {
            Item::Reply(reply) => reply.calls.get_mut(call),
            Item::ByHand(call) => Some(call),
            Item::Tools(_)
            | Item::Rejected(_)
            | Item::Compacted(_)
            | Item::Resumed
            | Item::End(_) => None,
        }
    }
}

fn call_of<'e>(id: String, name: &'e str, arguments: &'e Value) -> Call<'e> {
    Call {
        id,
        name,
        arguments,
        ran_with: None,
        span: None,
        decisions: Vec::new(),
        result: None,
    }
}

impl Decision<'_> {
    /// What it says to people.
    pub fn text(&self) -> String {
        match self {
            Self::Asked(reason) => format!("needs consent: {reason}"),
            Self::Approved { always: true, .. } => {
                "approved, and so are later calls of this tool".to_owned()
            }
            Self::Approved { changed: true, .. } => "approved with other arguments".to_owned(),
            Self::Approved { .. } => "approved".to_owned(),
            Self::AllowedBy(rule) => format!("allowed by the rule {rule}"),
            Self::Denied(reason) => format!("did not run: {reason}"),
            Self::Rejected(reason) => format!("rejected: {reason}"),
        }
    }
}

impl Compaction<'_> {
    /// What it says to people.
    pub fn text(&self) -> String {
        let why = match self.cause {
            Cause::Window => "The conversation outgrew the model's window",
            Cause::Asked => "The conversation was compacted as asked",
        };
        let (before, after) = self.tokens;
        format!("{why}: {}", shorter(self.by, before, after))
    }
}

/// What the model reads after a compaction, as people say it.
pub(super) fn shorter(by: Summarist, before: u64, after: u64) -> String {
    let what = match by {
        Summarist::Model => "the model's summary",
        Summarist::Rule => "a short list",
    };
    format!(
        "the model now reads {what} in the place of earlier turns: {after} tokens, not {before}"
    )
}

/// An amount of money, in the currency of the model's price.
pub(super) fn money(amount: f64) -> String {
    // Prices are per million tokens: single replies cost fractions of a cent.
    let text = format!("{amount:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Call<'_> {
    /// How it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let refused = |decision: &Decision<'_>| {
            matches!(decision, Decision::Denied(_) | Decision::Rejected(_))
        };
        match &self.result {
            Some(outcome) => match outcome.status {
                Status::Ok => "ok",
                Status::Failed => "failed",
                Status::Error => "error",
            },
            None if self.decisions.iter().any(refused) => "refused",
            None if self.span.is_some() => "running",
            None => "waiting",
        }
    }

    /// The source code or text that it takes, or its arguments as JSON.
    pub fn text_of(arguments: &Value) -> String {
        match arguments {
            Value::String(text) => text.trim_matches('\n').to_owned(),
            other => format!("{other:#}"),
        }
    }
}

impl Outcome<'_> {
    /// Everything that the model read of it.
    pub fn text(&self) -> String {
        let texts = std::iter::once(&self.output.text)
            .chain(self.output.more.iter().map(|seen| &seen.text));
        texts
            .map(|text| text.trim_end())
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

/// Why a run ended, as people say it.
pub(super) fn ending(reason: Option<StopReason>) -> &'static str {
    match reason {
        None => "unfinished",
        Some(StopReason::Answered) => "answered",
        Some(StopReason::StepLimit) => "limit of steps reached",
        Some(StopReason::TokenLimit) => "limit of tokens reached",
        Some(StopReason::PromptTokenLimit) => "limit of tokens read reached",
        Some(StopReason::CompletionTokenLimit) => "limit of tokens written reached",
        Some(StopReason::TotalTokenLimit) => "limit of all tokens reached",
        Some(StopReason::ToolCallLimit) => "limit of calls reached",
        Some(StopReason::CostLimit) => "limit of cost reached",
        Some(StopReason::TimeLimit) => "time limit reached",
        Some(StopReason::ApprovalNeeded) => "waits for consent",
        Some(StopReason::ResultNeeded) => "waits for a result",
        Some(StopReason::Interrupted) => "interrupted",
        Some(StopReason::Failed) => "failed",
    }
}

/// A number of things, such as `1 reply` and `2 replies`.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A duration as people write it, such as `1.2 s`.
pub(super) fn duration(took: SignedDuration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or_default();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 => format!("{:.1} s", millis as f64 / 1000.0),
        10_000..60_000 => format!("{} s", (millis + 500) / 1000),
        60_000..3_600_000 => format!("{} min {} s", millis / 60_000, millis / 1000 % 60),
        3_600_000..86_400_000 => {
            format!("{} h {} min", millis / 3_600_000, millis / 60_000 % 60)
        }
        _ => format!("{} d {} h", millis / 86_400_000, millis / 3_600_000 % 24),
    }
}

/// Text with names for the characters that would hide, move or turn round what stands
/// beside them.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || crate::citation::is_invisible(c) => {
                shown += &format!("⟨U+{:04X}⟩", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}
