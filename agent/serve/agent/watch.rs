//! A run as messages of a stream.

use glm_agent_model::Delta;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::super::{chat::Envelope, words::Words};
use crate::{
    Event, EventKind, Observer, Run, StopReason,
    citation::{Citing, Piece, Source},
    event::CallId,
};

/// Tells what happens as it happens.
pub(super) struct Watch {
    out: UnboundedSender<Value>,
    envelope: Envelope,
    words: Words,
    citing: Citing,
    numbers: Numbers,
    /// The answer is to have a form, which its words have only as a whole.
    holds: bool,
}

impl Watch {
    /// Watches a run in a session of which `past` has happened. Whether its answer
    /// `has_form` tells if words can be shown as they come.
    pub fn new(
        has_form: bool,
        envelope: &Envelope,
        out: UnboundedSender<Value>,
        past: &[Event],
    ) -> Self {
        let mut citing = Citing::default();
        past.iter().for_each(|event| citing.saw(event));
        Self {
            out,
            envelope: envelope.clone(),
            words: Words::of_answer(Vec::new()),
            citing,
            numbers: Numbers::default(),
            holds: has_form,
        }
    }

    /// The end of the run: an answer in a form comes now.
    pub fn finish(mut self, run: &Run) -> Numbers {
        if self.holds {
            self.holds = false;
            self.say(&run.answer);
        }
        self.end_of_turn();
        self.numbers
    }

    fn say(&mut self, text: &str) {
        if !self.holds {
            let words = self.words.push(text);
            let pieces = self.citing.push(&words);
            self.pass_on(&pieces);
        }
    }

    fn end_of_turn(&mut self) {
        let rest = self.words.finish();
        let mut pieces = self.citing.push(&rest);
        pieces.extend(self.citing.finish().pieces);
        self.pass_on(&pieces);
    }

    fn pass_on(&mut self, pieces: &[Piece]) {
        let text: String = pieces.iter().map(|piece| self.numbers.add(piece)).collect();
        if !text.is_empty() {
            self.send(self.envelope.chunk(json!({ "content": text }), None));
        }
    }

    fn send(&self, chunk: Value) {
        // The client may have left: the run is being cancelled then.
        let _ = self.out.send(chunk);
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event) {
        self.citing.saw(event);
        match &event.kind {
            EventKind::ModelTurn { .. } => self.end_of_turn(),
            // What was said so far is no part of the answer, and cites for itself.
            EventKind::ToolCallRequested { .. } => self.numbers.marks.clear(),
            _ => {}
        }
        if let Some(told) = told(event) {
            self.send(self.envelope.beside(json!({ "event": told })));
        }
    }

    fn delta(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(text) => self.say(text),
            Delta::Reasoning(text) => {
                self.send(
                    self.envelope
                        .chunk(json!({ "reasoning_content": text }), None),
                );
            }
            Delta::Call { .. } | Delta::Arguments(_) | Delta::Finished(_) => {}
        }
    }

    fn progress(&mut self, call: &CallId, text: &str) {
        let progress = json!({"call": call, "text": text});
        self.send(self.envelope.beside(json!({ "progress": progress })));
    }
}

/// An event as clients are told of it; others are the server's own affair: its
/// instructions, its setup, and what tools keep for themselves.
fn told(event: &Event) -> Option<Value> {
    match &event.kind {
        EventKind::ToolCallRequested { .. }
        | EventKind::ToolResult { .. }
        | EventKind::Rejected { .. }
        | EventKind::Denied { .. }
        | EventKind::ApprovalRequested { .. }
        | EventKind::AnswerRejected { .. }
        | EventKind::Compacted { .. }
        | EventKind::RunEnded { .. } => {}
        EventKind::SessionStarted { .. }
        | EventKind::ToolsChanged { .. }
        | EventKind::UserMessage { .. }
        | EventKind::ModelTurn { .. }
        | EventKind::Approved { .. }
        | EventKind::Resumed => return None,
    }
    let mut told = serde_json::to_value(event).ok()?;
    let fields = told.as_object_mut()?;
    fields.shift_remove("replay");
    if let EventKind::RunEnded {
        reason: StopReason::Failed,
        ..
    } = &event.kind
    {
        // It may name what is behind this server. The error that follows tells what is
        // for clients.
        fields.shift_remove("error");
    }
    Some(told)
}

/// How a run ended, as its event tells it.
pub(super) fn ended(run: &Run) -> Value {
    let ended = EventKind::RunEnded {
        answer: run.answer.clone(),
        reason: run.reason,
        error: run.error.clone(),
        usage: run.usage,
        cost: run.cost,
        steps: run.steps,
        pending: run.pending.clone(),
        sources: run.sources.clone(),
        unknown_marks: run.unknown_marks.clone(),
        session: run.session.clone(),
    };
    serde_json::to_value(ended).unwrap_or_default()
}

/// Numbers in the place of an answer's marks: `[1]`, and `[?]` for one that was never
/// shown.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Characters so far.
    length: usize,
    /// Where a number begins and ends, and which.
    marks: Vec<(usize, usize, u32)>,
}

impl Numbers {
    /// A piece of the answer as it is sent.
    pub fn add(&mut self, piece: &Piece) -> String {
        let mut text = String::new();
        match piece {
            Piece::Words(words) | Piece::Code(words) => {
                text.push_str(words);
                self.length += words.chars().count();
            }
            Piece::Mark { numbers, .. } => {
                for number in numbers {
                    let written = number.map_or("[?]".to_owned(), |number| format!("[{number}]"));
                    let begin = self.length;
                    self.length += written.chars().count();
                    self.marks
                        .extend(number.map(|number| (begin, self.length, number)));
                    text.push_str(&written);
                }
            }
        }
        text
    }

    /// OpenAI's annotations: where the answer cites which of its sources.
    pub fn annotations(&self, sources: &[Source]) -> Vec<Value> {
        let annotation = |(begin, end, number): &(usize, usize, u32)| {
            let source = sources.iter().find(|source| source.number == *number)?;
            Some(json!({
                "type": "url_citation",
                "url_citation": {
                    "start_index": begin,
                    "end_index": end,
                    "title": source.title,
                    "url": source.url,
                },
            }))
        };
        self.marks.iter().filter_map(annotation).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use glm_agent_model::Usage;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn why_a_run_failed_is_not_told_in_the_words_of_the_log() {
        let ended = |reason| {
            let kind = EventKind::RunEnded {
                answer: String::new(),
                reason,
                error: Some("cannot reach http://inner".to_owned()),
                usage: Usage::default(),
                cost: None,
                steps: 1,
                pending: Vec::new(),
                sources: Vec::new(),
                unknown_marks: Vec::new(),
                session: "s".to_owned(),
            };
            let event = Event {
                seq: 0,
                time: Timestamp::UNIX_EPOCH,
                kind,
            };
            told(&event).unwrap()
        };
        assert!(ended(StopReason::Failed).get("error").is_none());
        // What consent is needed for is the client's affair.
        let waits = ended(StopReason::ApprovalNeeded);
        assert!(waits.get("error").is_some());
    }
}
