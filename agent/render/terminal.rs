//! Events as a person at a terminal wants to see them.

mod live;

use std::{collections::HashMap, io::Write, path::PathBuf};

use glm_agent_model::Delta;
use glm_agent_tools::{
    Artifact, ToolOutput,
    text::{after, size},
};
use serde_json::Value;

use super::{sources, transcript::shorter};
use crate::{
    Event, EventKind, Observer, Status,
    citation::{Citing, Piece, References},
    event::{CallId, is_by_user},
    state::answer_of,
};
use live::Live;

/// How many lines of a result, and how many of its files, are shown.
const RESULT_LINES: usize = 12;
/// How many characters of one line are shown.
const LINE_CHARS: usize = 160;

/// Colours and links, or their absence. They only repeat what the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether colours may be written.
    pub color: bool,
    /// Whether links may be written (OSC 8).
    pub links: bool,
}

impl Style {
    /// What is secondary.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What stands out.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What went wrong.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Text that leads somewhere, if that is given.
    pub fn link(self, url: Option<&str>, text: &str) -> String {
        match url {
            Some(url) if self.links => {
                format!("\x1b]8;;{}\x1b\\{text}\x1b]8;;\x1b\\", printable(url))
            }
            _ => text.to_owned(),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Shows calls and results as they happen, and the model's words as it writes
/// them if asked to.
pub struct Terminal<W> {
    out: W,
    style: Style,
    words: Words,
    files: Option<PathBuf>,
    /// The calls that have no result yet, by their tools.
    open: Vec<(CallId, String)>,
    /// Several are open, or were since none was.
    several: bool,
    /// The call of which something was shown last.
    current: Option<CallId>,
    live: HashMap<CallId, Live>,
    citing: Citing,
    at_line_start: bool,
    /// What was written last is a thought.
    thinking: bool,
}

/// Which of the conversation's words are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    None,
    AsWritten,
    Whole,
}

impl<W: Write> Terminal<W> {
    /// Shows calls and results only: for a run whose answer goes elsewhere.
    pub fn progress(out: W, style: Style) -> Self {
        Self {
            out,
            style,
            words: Words::None,
            files: None,
            open: Vec::new(),
            several: false,
            current: None,
            live: HashMap::new(),
            citing: Citing::default(),
            at_line_start: true,
            thinking: false,
        }
    }

    /// Shows the model's words too, as they come.
    pub fn conversation(out: W, style: Style) -> Self {
        Self {
            words: Words::AsWritten,
            ..Self::progress(out, style)
        }
    }

    /// Shows a finished session: messages, calls, results and answers.
    pub fn transcript(out: W, style: Style) -> Self {
        Self {
            words: Words::Whole,
            ..Self::progress(out, style)
        }
    }

    /// Makes the names of files that calls made links into the session's folder,
    /// for terminals that can open them (OSC 8).
    #[must_use]
    pub fn with_links(mut self, folder: PathBuf) -> Self {
        self.files = Some(folder);
        self
    }

    /// What the session's earlier results showed can be cited.
    #[must_use]
    pub fn after(mut self, events: &[Event]) -> Self {
        events.iter().for_each(|event| self.citing.saw(event));
        self
    }

    /// A terminal that is gone must not end the run.
    fn write(&mut self, text: &str) {
        if let Some(last) = text.chars().last() {
            self.at_line_start = last == '\n';
        }
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        if let Err(error) = written {
            tracing::debug!("cannot write to the terminal: {error}");
        }
    }

    fn line(&mut self, text: &str) {
        if !self.at_line_start {
            self.write("\n");
        }
        self.write(&format!("{text}\n"));
    }

    fn call(&mut self, id: &CallId, name: &str, arguments: &Value) {
        self.open.push((id.clone(), name.to_owned()));
        self.several = self.open.len() > 1;
        self.current = Some(id.clone());
        let by_hand = if is_by_user(id) {
            self.style.dim(" · by hand")
        } else {
            String::new()
        };
        let head = format!("● {}{by_hand}", self.style.bold(name));
        match arguments {
            Value::String(text) => {
                self.line(&head);
                for line in text.trim().lines() {
                    self.line(&format!("  │ {}", printable(line)));
                }
            }
            other => {
                let arguments = printable(&other.to_string());
                self.line(&format!("{head} {}", cut(&arguments, LINE_CHARS)));
            }
        }
    }

    /// Words as they come.
    fn words(&mut self, text: &str) {
        let pieces = self.citing.push(text);
        let references = self.citing.references().clone();
        self.pieces(&pieces, &references);
    }

    /// Words with numbers for their marks.
    fn pieces(&mut self, pieces: &[Piece], references: &References) {
        let text = sources::words(pieces, &references.sources, self.style, printable);
        let text = if self.at_line_start {
            text.trim_start_matches('\n')
        } else {
            &text
        };
        self.write(text);
    }

    /// A reply is over: what is left of its words, and what they cite.
    fn end_of_words(&mut self) {
        let rest = self.citing.finish();
        self.pieces(&rest.pieces, &rest.references);
        if !self.at_line_start {
            self.write("\n");
        }
        self.references(&rest.references);
    }

    fn references(&mut self, references: &References) {
        for source in &references.sources {
            let line = format!("  {}", sources::line(source, self.style));
            self.line(&self.style.dim(&line));
        }
        if let Some(unknown) = sources::unknown(references) {
            self.line(&self.style.red(&format!("  {unknown}")));
        }
    }

    /// Says of which call the next lines are, where that is not clear.
    fn turn_to(&mut self, id: &CallId) {
        if self.current.as_ref() == Some(id) {
            return;
        }
        if let Some(live) = self
            .current
            .take()
            .and_then(|last| self.live.get_mut(&last))
        {
            live.break_line();
        }
        self.current = Some(id.clone());
        let of_several = |(open, _): &&(CallId, String)| self.several && open == id;
        if let Some((id, name)) = self.open.iter().find(of_several) {
            let heading = self.style.dim(&format!("  {id}: {name}"));
            self.line(&heading);
        }
    }

    /// What a call came to, but for what it printed while it ran.
    fn result(&mut self, id: &CallId, status: Status, output: &ToolOutput) {
        self.turn_to(id);
        let live = self.live.remove(id).unwrap_or_default();
        let left_out = live.left_out();
        if left_out > 0 {
            self.more(left_out, "lines");
        }
        let artifacts = &output.artifacts;
        let new = after(&live.said, &output.text).lines();
        let new: Vec<&str> = new.filter(|line| !is_list_of(line, artifacts)).collect();
        let nothing = if live.said.is_empty() && artifacts.is_empty() {
            "(no output)"
        } else {
            ""
        };
        self.outcome(status, &new, nothing);
        self.artifacts(artifacts);
        self.open.retain(|(open, _)| open != id);
        self.several &= !self.open.is_empty();
    }

    /// A sign, and lines or what stands for none.
    fn outcome(&mut self, status: Status, lines: &[&str], nothing: &str) {
        let sign = if status == Status::Ok { "✓" } else { "✗" };
        for (index, line) in lines.iter().take(RESULT_LINES).enumerate() {
            let lead = if index == 0 { sign } else { " " };
            let shown = cut(&printable(line), LINE_CHARS);
            let shown = format!("  {lead} {shown}");
            self.line(&if status == Status::Ok {
                self.style.dim(&shown)
            } else {
                self.style.red(&shown)
            });
        }
        if lines.is_empty() {
            let shown = format!("  {sign} {nothing}");
            self.line(&self.style.dim(shown.trim_end()));
        } else if lines.len() > RESULT_LINES {
            self.more(lines.len() - RESULT_LINES, "lines");
        }
    }

    /// Why a call does not run.
    fn refusal(&mut self, id: &CallId, reason: &str) {
        self.open.retain(|(open, _)| open != id);
        let lines: Vec<&str> = reason.lines().collect();
        self.outcome(Status::Error, &lines, "");
    }

    fn more(&mut self, count: usize, what: &str) {
        self.line(&self.style.dim(&format!("    … {count} more {what}")));
    }

    /// Lists files that a call made.
    pub fn artifacts(&mut self, artifacts: &[Artifact]) {
        for artifact in artifacts.iter().take(RESULT_LINES) {
            let name = cut(&printable(&artifact.name), LINE_CHARS);
            let folder = self.files.as_deref();
            let name = match folder.and_then(|folder| artifact.url(folder)) {
                Some(url) => format!("\x1b]8;;{url}\x1b\\{name}\x1b]8;;\x1b\\"),
                None => name,
            };
            let media_type = printable(&artifact.media_type);
            self.line(&format!(
                "    {name}  {media_type}  {}",
                size(artifact.size)
            ));
        }
        if let Some(more @ 1..) = artifacts.len().checked_sub(RESULT_LINES) {
            self.more(more, "files");
        }
    }
}

impl<W: Write + Send> Observer for Terminal<W> {
    fn event(&mut self, event: &Event) {
        self.citing.saw(event);
        match &event.kind {
            EventKind::ToolCallRequested {
                id,
                name,
                arguments,
                ..
            } => self.call(id, name, arguments),
            EventKind::ToolResult {
                id, status, output, ..
            } => self.result(id, *status, output),
            EventKind::Rejected {
                id,
                name,
                arguments,
                reason,
            } => {
                self.call(id, name, arguments);
                self.refusal(id, reason);
            }
            EventKind::Denied { id, reason } => self.refusal(id, reason),
            EventKind::UserMessage {
                content, images, ..
            } if self.words == Words::Whole => {
                let shown = format!("› {}", printable(content));
                self.line(&self.style.bold(&shown));
                self.artifacts(images);
            }
            EventKind::ModelTurn {
                segments, errors, ..
            } => {
                if self.words == Words::Whole {
                    let words = answer_of(segments);
                    self.words(&words);
                }
                self.end_of_words();
                for error in errors {
                    let line = format!("  ✗ {}", printable(error));
                    self.line(&self.style.red(&line));
                }
            }
            EventKind::AnswerRejected { reason } => {
                let lines: Vec<&str> = reason.lines().collect();
                self.outcome(Status::Error, &lines, "");
            }
            EventKind::Compacted {
                tokens_before,
                tokens_after,
                summary_by,
                ..
            } => {
                let shorter = shorter(*summary_by, *tokens_before, *tokens_after);
                self.line(&self.style.dim(&format!("· {shorter}")));
            }
            EventKind::Resumed => {
                // Nothing comes any more of the calls that were under way.
                self.open.clear();
                self.several = false;
                self.live.clear();
                self.line(&self.style.dim("· gone on with"));
            }
            EventKind::SessionStarted { .. }
            | EventKind::ToolsChanged { .. }
            | EventKind::UserMessage { .. }
            | EventKind::ApprovalRequested { .. }
            | EventKind::Approved { .. } => {}
            // After a reply that broke off.
            EventKind::RunEnded { .. } => self.end_of_words(),
        }
    }

    fn delta(&mut self, delta: &Delta) {
        if self.words != Words::AsWritten {
            return;
        }
        let (text, thought) = match delta {
            Delta::Text(text) => (text, false),
            Delta::Reasoning(text) => (text, true),
            _ => return,
        };
        // A thought ends where the words begin.
        if self.thinking && !thought {
            self.line("");
        }
        self.thinking = thought;
        if !thought {
            self.words(text);
            return;
        }
        let text = printable(text);
        let text = if self.at_line_start {
            text.trim_start_matches('\n')
        } else {
            &text
        };
        if !text.is_empty() {
            self.write(&self.style.dim(text));
        }
    }

    fn progress(&mut self, call: &CallId, text: &str) {
        self.turn_to(call);
        let live = self.live.entry(call.clone()).or_default();
        let is_new_line = live.is_new_line();
        let shown = live.push(text);
        if is_new_line && !shown.is_empty() && !self.at_line_start {
            self.write("\n");
        }
        let lines = shown.trim_end_matches('\n');
        let end = shown.strip_prefix(lines).unwrap_or_default();
        if !lines.is_empty() {
            self.write(&self.style.dim(lines));
        }
        self.write(end);
    }
}

/// Text without what a terminal would obey: control characters but for
/// newlines and tabs.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// Whether this is the line by which a model is told of files that are listed
/// below it anyway.
fn is_list_of(line: &str, artifacts: &[Artifact]) -> bool {
    let names = line.strip_prefix("files: ");
    names
        .zip(artifacts.first())
        .is_some_and(|(names, first)| names.starts_with(&first.name))
}

fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{head}…")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
