//! Events as a person at a terminal wants to see them.

use std::{io::Write, path::PathBuf};

use glm_agent_model::Delta;
use glm_agent_tools::{Artifact, text::size};
use serde_json::Value;

use crate::{Event, EventKind, Observer, Status, state::answer_of};

/// How many lines of a result, and how many of its files, are shown.
const RESULT_LINES: usize = 12;
/// How many characters of one line are shown.
const LINE_CHARS: usize = 160;

/// Colours, or their absence. They only repeat what the signs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether escape sequences may be written.
    pub color: bool,
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

    fn result(&mut self, status: Status, text: &str) {
        let sign = if status == Status::Ok { "✓" } else { "✗" };
        let lines: Vec<&str> = text.lines().collect();
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
            self.line(&self.style.dim(&format!("  {sign} (no output)")));
        } else if lines.len() > RESULT_LINES {
            let more = format!("    … {} more lines", lines.len() - RESULT_LINES);
            self.line(&self.style.dim(&more));
        }
    }

    fn artifacts(&mut self, artifacts: &[Artifact]) {
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
            self.line(&self.style.dim(&format!("    … {more} more files")));
        }
    }
}

impl<W: Write + Send> Observer for Terminal<W> {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ToolCallRequested {
                name, arguments, ..
            } => {
                let head = format!("● {}", self.style.bold(name));
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
            EventKind::ToolResult { status, output, .. } => {
                self.result(*status, &output.text);
                self.artifacts(&output.artifacts);
            }
            EventKind::Denied { reason, .. } => self.result(Status::Error, reason),
            EventKind::UserMessage { content } if self.words == Words::Whole => {
                let shown = format!("› {}", printable(content));
                self.line(&self.style.bold(&shown));
            }
            EventKind::ModelTurn {
                segments, errors, ..
            } => {
                if self.words == Words::Whole {
                    let words = answer_of(segments);
                    if !words.is_empty() {
                        self.line(&printable(&words));
                    }
                } else if !self.at_line_start {
                    self.write("\n");
                }
                for error in errors {
                    let line = format!("  ✗ {}", printable(error));
                    self.line(&self.style.red(&line));
                }
            }
            EventKind::SessionStarted { .. }
            | EventKind::UserMessage { .. }
            | EventKind::ApprovalRequested { .. }
            | EventKind::Approved { .. }
            | EventKind::RunEnded { .. } => {}
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
        let text = printable(text);
        let text = if self.at_line_start {
            text.trim_start_matches('\n')
        } else {
            &text
        };
        if thought && !text.is_empty() {
            self.write(&self.style.dim(text));
        } else {
            self.write(text);
        }
    }
}

/// Text without what a terminal would obey: control characters but for
/// newlines and tabs.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
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
mod tests {
    use glm_agent_tools::ToolOutput;
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_and_results_are_shown_and_escapes_are_not_obeyed() {
        let mut out = Vec::new();
        let mut terminal = Terminal::conversation(&mut out, Style { color: false });
        for kind in [
            EventKind::ToolCallRequested {
                id: "call_1".into(),
                name: "python".into(),
                arguments: json!("x = 1\nprint(x)"),
            },
            EventKind::ToolResult {
                id: "call_1".into(),
                name: "python".into(),
                status: Status::Ok,
                outside: false,
                output: ToolOutput::from("1\x1b[2J"),
            },
            EventKind::Denied {
                id: "call_2".into(),
                reason: "no".into(),
            },
        ] {
            terminal.event(&Event {
                seq: 0,
                time: jiff::Timestamp::UNIX_EPOCH,
                kind,
            });
        }
        terminal.delta(&Delta::Text("\nOne.".into()));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "● python\n  │ x = 1\n  │ print(x)\n  ✓ 1[2J\n  ✗ no\nOne."
        );
    }

    fn result(artifacts: Vec<Artifact>) -> Event {
        Event {
            seq: 0,
            time: jiff::Timestamp::UNIX_EPOCH,
            kind: EventKind::ToolResult {
                id: "call_1".into(),
                name: "python".into(),
                status: Status::Ok,
                outside: false,
                output: ToolOutput {
                    text: "done".into(),
                    artifacts,
                    ..ToolOutput::default()
                },
            },
        }
    }

    fn artifact(name: &str, size: u64) -> Artifact {
        Artifact {
            name: name.into(),
            media_type: "image/png".into(),
            size,
        }
    }

    #[test]
    fn files_are_listed_and_lead_to_the_folder() {
        let files = vec![artifact("figure-1.png", 28_000), artifact("a\x1b[2J b", 3)];
        let mut out = Vec::new();
        let mut terminal = Terminal::progress(&mut out, Style::default());
        terminal.event(&result(files.clone()));
        let mut terminal = terminal.with_links("/s/files".into());
        terminal.event(&result(files));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  ✓ done\n    \
             figure-1.png  image/png  28 KB\n    \
             a[2J b  image/png  3 B\n  \
             ✓ done\n    \
             \x1b]8;;file:///s/files/figure-1.png\x1b\\figure-1.png\x1b]8;;\x1b\\  image/png  28 KB\n    \
             \x1b]8;;file:///s/files/a%1B[2J%20b\x1b\\a[2J b\x1b]8;;\x1b\\  image/png  3 B\n"
        );
    }

    #[test]
    fn of_many_files_the_first_are_listed() {
        let mut out = Vec::new();
        let mut terminal = Terminal::progress(&mut out, Style::default());
        terminal.event(&result(
            (0..14).map(|n| artifact(&n.to_string(), 1)).collect(),
        ));
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.ends_with("    11  image/png  1 B\n    … 2 more files\n"),
            "{out}"
        );
    }

    #[test]
    fn thoughts_are_set_apart() {
        let mut out = Vec::new();
        let mut terminal = Terminal::conversation(&mut out, Style { color: true });
        terminal.delta(&Delta::Reasoning("Two".into()));
        terminal.delta(&Delta::Reasoning(" it is.".into()));
        terminal.delta(&Delta::Text("\nTwo.".into()));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\x1b[2mTwo\x1b[0m\x1b[2m it is.\x1b[0m\n\nTwo."
        );
    }
}
