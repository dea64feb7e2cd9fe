//! What the model is shown once a conversation outgrows its window: a brief in the
//! place of the beginning, and the latest turns as they were.
//!
//! A [`Compacted`](EventKind::Compacted) event says where the model's view begins
//! and what stands before that; [`view()`](crate::view()) makes the conversation of
//! it. Nothing is deleted: this module only computes such an event.

use glm_agent_model::{Conversation, prompt::arguments_text};
use glm_agent_tools::Artifact;
use jiff::Timestamp;

use crate::{
    Error,
    event::{CallId, Cause, Event, EventKind, Summarist, is_by_user},
    state::answer_of,
    view::{form, shorten, view},
};

/// How often everything is halved at most to make it fit.
const HALVINGS: usize = 6;
/// The share of the window that each summary, and each of the pinned messages, may
/// have.
const SHARE: usize = 8;
/// Characters of a message, a call or an answer in a summary by rule.
const LINE: usize = 120;
/// Files, and decisions of the user's, that are told at most.
const FACTS: usize = 20;

/// What asks a model for a summary, which it reads itself later on.
pub(crate) const ASK: &str = "The conversation is getting too long. Write down what you will need \
to go on with it, because you will read only that. Use these headings, with short lines below each: \
Goal, Done, Facts (names, numbers and addresses exactly as they were), Open. Call no tool and write \
nothing else.";

/// A view that fits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The first event that is shown as it was.
    pub from: u64,
    /// Characters of the summary, and of each pinned message.
    pub room: usize,
    /// Characters of each result.
    pub result_chars: usize,
    /// What stands in the place of the events before, with a summary by rule.
    pub brief: String,
    /// Tokens of the prompt that comes of it.
    pub tokens: usize,
}

/// What a view is measured with.
pub(crate) struct Window<'a> {
    /// Tokens of prompt and reply together.
    pub tokens: usize,
    /// Characters of each result that is shown at most as things are.
    pub result_chars: usize,
    /// Tokens of a prompt.
    pub count: &'a dyn Fn(&Conversation) -> Result<usize, Error>,
}

impl Window<'_> {
    /// How long a summary may be in a window of so many tokens.
    pub fn summary_tokens(window: usize) -> usize {
        (window / SHARE).max(1)
    }

    /// The view that shows as much as fits into `target` tokens, or the smallest there
    /// is. `None` when nothing can be left out.
    ///
    /// # Errors
    /// When tokens cannot be counted.
    pub fn plan(&self, events: &[Event], target: usize) -> Result<Option<Plan>, Error> {
        let cuts = cuts(events);
        let Some(last) = cuts.last() else {
            return Ok(None);
        };
        // Tokens have three characters or so; what is counted is the outcome.
        let room = self.tokens / SHARE * 3;
        let tried = |from: u64, halvings: usize| {
            let room = room >> halvings;
            let result_chars = self.result_chars >> halvings;
            let brief = brief(events, from, &digest(events, from, room), room);
            self.measured(events, from, brief, room, result_chars)
        };
        // The later the view begins, the smaller it is.
        let (mut low, mut high) = (0, cuts.len());
        let mut best = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            let Some(from) = cuts.get(middle) else {
                break;
            };
            let plan = tried(*from, 0)?;
            if plan.tokens <= target {
                high = middle;
                best = Some(plan);
            } else {
                low = middle + 1;
            }
        }
        if best.is_some() {
            return Ok(best);
        }
        let mut smallest: Option<Plan> = None;
        for halvings in 0..=HALVINGS {
            let plan = tried(*last, halvings)?;
            let is_enough = plan.tokens <= target;
            if smallest.as_ref().is_none_or(|s| plan.tokens < s.tokens) {
                smallest = Some(plan);
            }
            if is_enough {
                break;
            }
        }
        Ok(smallest)
    }

    /// The same view with other words for the summary.
    ///
    /// # Errors
    /// When tokens cannot be counted.
    pub fn with_summary(
        &self,
        events: &[Event],
        plan: &Plan,
        summary: &str,
    ) -> Result<Plan, Error> {
        let brief = brief(events, plan.from, summary, plan.room);
        self.measured(events, plan.from, brief, plan.room, plan.result_chars)
    }

    fn measured(
        &self,
        events: &[Event],
        from: u64,
        brief: String,
        room: usize,
        result_chars: usize,
    ) -> Result<Plan, Error> {
        let mut plan = Plan {
            from,
            room,
            result_chars,
            brief,
            tokens: 0,
        };
        let event = Event {
            seq: events.last().map_or(0, |event| event.seq + 1),
            time: Timestamp::UNIX_EPOCH,
            kind: EventKind::Compacted {
                from,
                brief: plan.brief.clone(),
                result_chars,
                cause: Cause::Window,
                summary_by: Summarist::Rule,
                tokens_before: 0,
                tokens_after: 0,
                usage: glm_agent_model::Usage::default(),
                cost: None,
            },
        };
        let conversation = view(events.iter().chain([&event]), self.result_chars);
        plan.tokens = (self.count)(&conversation)?;
        Ok(plan)
    }
}

/// Where a view may begin: at a message or a reply behind where it begins now.
/// Before each of them, every call has its result.
fn cuts(events: &[Event]) -> Vec<u64> {
    let now = events.iter().rev().find_map(|event| match event.kind {
        EventKind::Compacted { from, .. } => Some(from),
        _ => None,
    });
    let is_turn = |event: &&Event| {
        matches!(
            event.kind,
            EventKind::UserMessage { .. } | EventKind::ModelTurn { .. }
        )
    };
    let turns = events.iter().filter(is_turn).map(|event| event.seq);
    match now {
        Some(now) => turns.filter(|seq| *seq > now).collect(),
        None => turns.skip(1).collect(),
    }
}

/// What the model reads in the place of the events before `from`: the first task,
/// the summary, the files that there are, what the user decided about calls, and
/// what is being worked at.
pub(crate) fn brief(events: &[Event], from: u64, summary: &str, room: usize) -> String {
    let before = || events.iter().filter(|event| event.seq < from);
    let mut tasks = before().filter_map(|event| match &event.kind {
        EventKind::UserMessage {
            content,
            answer_schema,
            ..
        } => Some((content.trim(), answer_schema)),
        _ => None,
    });
    let Some(first) = tasks.next() else {
        return String::new();
    };
    let last = tasks.next_back();
    let mut text = shorten(first.0, room, None);
    text.push_str("\n\n[What came after this is shown in short.\n");
    text.push_str(summary.trim());
    for fact in facts(before()) {
        text.push('\n');
        text.push_str(&fact);
    }
    text.push(']');
    // A run that begins before the view is gone on with.
    let kept = events.iter().find(|event| event.seq >= from);
    if kept.is_some_and(|event| !matches!(event.kind, EventKind::UserMessage { .. })) {
        if let Some((task, _)) = last {
            text.push_str("\n\n");
            text.push_str(&shorten(task, room, None));
        }
        let (_, schema) = last.unwrap_or(first);
        text.push_str(&schema.as_ref().map(form).unwrap_or_default());
    }
    text
}

/// What must not be lost, whoever writes the summary.
fn facts<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let mut files: Vec<&str> = Vec::new();
    let mut asked: Vec<&CallId> = Vec::new();
    let mut calls: Vec<(&CallId, &str)> = Vec::new();
    let mut decisions: Vec<String> = Vec::new();
    let name_of = |calls: &[(&CallId, &str)], id| {
        let found = calls.iter().rev().find(|(call, _)| *call == id);
        found.map_or_else(String::new, |(_, name)| format!(" of `{name}`"))
    };
    for event in events {
        match &event.kind {
            EventKind::ToolCallRequested { id, name, .. } => calls.push((id, name)),
            EventKind::ToolResult { output, .. } => {
                let made = output.artifacts.iter().map(|file| file.name.as_str());
                for name in made.filter(|name| !Artifact::is_output(name)) {
                    files.retain(|known| *known != name);
                    files.push(name);
                }
            }
            EventKind::ApprovalRequested { id, .. } => asked.push(id),
            EventKind::Approved {
                id, always: true, ..
            } => decisions.push(format!(
                "The user allowed the call {id} and all later ones of its tool"
            )),
            EventKind::Denied { id, reason } if asked.contains(&id) => decisions.push(format!(
                "The call {id}{}: {}",
                name_of(&calls, id),
                line(reason)
            )),
            _ => {}
        }
    }
    let mut facts = Vec::new();
    if !files.is_empty() {
        let latest = files.len().saturating_sub(FACTS);
        let names = files.split_off(latest).join(", ");
        facts.push(format!("Files made so far, in /mnt/data: {names}"));
    }
    let latest = decisions.len().saturating_sub(FACTS);
    facts.extend(decisions.split_off(latest));
    facts
}

/// A summary by rule: a line for each message, call and answer before `from`, but for
/// the first message; of too many lines, the first and the latest.
pub(crate) fn digest(events: &[Event], from: u64, chars: usize) -> String {
    let mut lines = Vec::new();
    let mut messages = 0;
    for event in events.iter().filter(|event| event.seq < from) {
        match &event.kind {
            EventKind::UserMessage { content, .. } => {
                messages += 1;
                if messages > 1 {
                    lines.push(format!("- user: {}", line(content)));
                }
            }
            EventKind::ModelTurn { segments, .. } => {
                let words = answer_of(segments);
                if !words.is_empty() {
                    lines.push(format!("- you: {}", line(&words)));
                }
            }
            EventKind::ToolCallRequested {
                id,
                name,
                arguments,
                ..
            } if !is_by_user(id) => {
                lines.push(format!("- {name} {}", line(&arguments_text(arguments))));
            }
            EventKind::ToolResult { id, output, .. } if !is_by_user(id) => {
                lines.push(format!("  → {}", line(&output.text)));
            }
            _ => {}
        }
    }
    few(&lines, chars)
}

/// As many lines as fit: a quarter of the room for the first, the rest for the latest.
fn few(lines: &[String], chars: usize) -> String {
    let length = |line: &String| line.chars().count() + 1;
    if lines.iter().map(length).sum::<usize>() <= chars {
        return lines.join("\n");
    }
    let fitting = |lines: &mut dyn Iterator<Item = &String>, chars: usize| {
        let mut used = 0;
        lines
            .take_while(|line| {
                used += length(line);
                used <= chars
            })
            .count()
    };
    let head = fitting(&mut lines.iter(), chars / 4);
    let tail = fitting(&mut lines.iter().rev(), chars - chars / 4).min(lines.len() - head);
    let left_out = lines.len() - head - tail;
    let first = lines.iter().take(head).cloned();
    let latest = lines.iter().skip(lines.len() - tail).cloned();
    let note = (left_out > 0).then(|| format!("[… {left_out} lines left out …]"));
    let all: Vec<String> = first.chain(note).chain(latest).collect();
    all.join("\n")
}

/// The beginning of a text, on one line.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= LINE {
        return text;
    }
    let head: String = text.chars().take(LINE - 1).collect();
    format!("{head}…")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
