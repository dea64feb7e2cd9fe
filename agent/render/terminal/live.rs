//! What calls print while they run, as lines under them.

use super::{LINE_CHARS, printable};

/// How many lines of a call are shown while it runs.
const LINES: usize = 200;

/// What a call has printed so far.
#[derive(Default)]
pub(super) struct Live {
    /// All of it.
    pub said: String,
    lines: usize,
    /// Characters of the line that is not over yet.
    column: usize,
    is_cut: bool,
}

impl Live {
    /// Takes in what was printed, and returns what to show of it: lines set under
    /// their call, cut where they are too long, and not too many of them.
    pub fn push(&mut self, text: &str) -> String {
        self.said.push_str(text);
        let mut shown = String::new();
        for piece in text.split_inclusive('\n') {
            let line = piece.trim_end_matches('\n');
            if self.lines < LINES {
                self.show(&printable(line), &mut shown);
            }
            if line.len() < piece.len() {
                if self.lines < LINES {
                    shown.push('\n');
                }
                self.lines += 1;
                self.break_line();
            }
        }
        shown
    }

    /// Whether a line begins.
    pub fn is_new_line(&self) -> bool {
        self.column == 0
    }

    /// Goes on in a new line, since the last was left.
    pub fn break_line(&mut self) {
        self.column = 0;
        self.is_cut = false;
    }

    /// How many lines were not shown.
    pub fn left_out(&self) -> usize {
        self.lines.saturating_sub(LINES)
    }

    fn show(&mut self, line: &str, shown: &mut String) {
        if self.column == 0 && !line.is_empty() {
            shown.push_str("    ");
        }
        for c in line.chars() {
            if self.is_cut {
                return;
            }
            self.is_cut = self.column == LINE_CHARS;
            shown.push(if self.is_cut { '…' } else { c });
            self.column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_pieces() {
        let mut live = Live::default();
        let shown = ["1\n2", "", "3", "\n\n4"].map(|piece| live.push(piece));
        assert_eq!(shown, ["    1\n    2", "", "3", "\n\n    4"]);
        assert_eq!((live.said.as_str(), live.left_out()), ("1\n23\n\n4", 0));
    }

    #[test]
    fn long_lines_are_cut_once() {
        let mut live = Live::default();
        let shown = live.push(&"x".repeat(LINE_CHARS - 1));
        assert_eq!(shown.len(), 4 + LINE_CHARS - 1);
        let shown = ["y", "z", "z", "\nnew"].map(|piece| live.push(piece));
        assert_eq!(shown, ["y", "…", "", "\n    new"]);
    }

    #[test]
    fn too_many_lines_are_counted() {
        let mut live = Live::default();
        let shown = live.push(&"x\n".repeat(LINES + 2));
        assert_eq!(shown.lines().count(), LINES);
        assert_eq!(live.left_out(), 2);
    }
}
