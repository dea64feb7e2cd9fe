//! Text without what a terminal would obey.

use std::{borrow::Cow, str::Chars};

/// Longest escape that is waited for when text comes in pieces, in bytes.
const HELD: usize = 4 << 10;

/// The text without escapes and control characters other than newline and tab.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => _ = skip_escape(&mut rest),
            '\u{9b}' => _ = skip_control_sequence(&mut rest),
            c if is_unprintable(c) => {}
            c => kept.push(c),
        }
    }
    kept.into()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Cleans a text that comes in pieces, as [`clean`](super::clean) cleans a whole
/// one: an escape may begin in one piece and end in the next.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// The beginning of an escape.
    held: String,
}

impl Cleaner {
    /// What can be shown now that this piece came.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let end = match unfinished(&self.held) {
            Some(begin) if self.held.len() - begin <= HELD => begin,
            _ => self.held.len(),
        };
        let rest = self.held.split_off(end);
        let whole = std::mem::replace(&mut self.held, rest);
        printable(&whole).into_owned()
    }

    /// What can be shown now that nothing more comes.
    pub fn finish(self) -> String {
        printable(&self.held).into_owned()
    }
}

/// Where an escape begins that may go on beyond the end of the text.
fn unfinished(text: &str) -> Option<usize> {
    let mut rest = text.chars();
    loop {
        let begin = text.len() - rest.as_str().len();
        let ended = match rest.next()? {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            _ => true,
        };
        if !ended {
            return Some(begin);
        }
    }
}

/// Skips what follows an ESC (ECMA-48), and says whether it was whole. An
/// incomplete sequence ends where printable text or the next escape begins, so
/// that it hides nothing.
fn skip_escape(rest: &mut Chars<'_>) -> bool {
    let mut string = rest.clone();
    match string.next() {
        Some('[') => {
            *rest = string;
            skip_control_sequence(rest)
        }
        // Operating system command and its kin: a string up to BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let after = string.clone();
            let (ended, whole) = match string.find(|c| c.is_control()) {
                Some('\u{7}' | '\u{9c}') => (true, true),
                Some('\u{1b}') => match string.next() {
                    Some('\\') => (true, true),
                    next => (false, next.is_some()),
                },
                next => (false, next.is_some()),
            };
            *rest = if ended { string } else { after };
            whole
        }
        _ => {
            skip_while(rest, |c| (' '..='/').contains(&c));
            skip_last(rest, |c| ('0'..='~').contains(&c))
        }
    }
}

/// Skips the parameters and the final byte of a control sequence.
fn skip_control_sequence(rest: &mut Chars<'_>) -> bool {
    skip_while(rest, |c| (' '..='?').contains(&c));
    skip_last(rest, |c| ('@'..='~').contains(&c))
}

fn skip_while(rest: &mut Chars<'_>, is_part: impl Fn(char) -> bool) {
    *rest = rest.as_str().trim_start_matches(is_part).chars();
}

/// Skips the character that ends a sequence, if it is one, and says whether there
/// was any.
fn skip_last(rest: &mut Chars<'_>, is_last: impl Fn(char) -> bool) -> bool {
    let next = rest.clone().next();
    if next.is_some_and(is_last) {
        rest.next();
    }
    next.is_some()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_may_come_in_pieces() {
        let mut cleaner = Cleaner::default();
        let pieces = [
            "a\u{1b}",
            "[3",
            "1mred\u{1b}]8;;u",
            "\u{1b}",
            "\\link",
            "\u{1b}]t",
        ];
        let shown = pieces.map(|piece| cleaner.push(piece));
        assert_eq!(shown, ["a", "", "red", "", "link", ""]);
        assert_eq!(cleaner.finish(), "t");
    }

    #[test]
    fn no_escape_is_waited_for_forever() {
        let mut cleaner = Cleaner::default();
        assert_eq!(cleaner.push("\u{1b}]"), "");
        let long = "x".repeat(HELD);
        assert_eq!(cleaner.push(&long), long);
    }

    proptest! {
        /// However a text is cut, its pieces come out as the whole does.
        #[test]
        fn pieces_come_out_as_the_whole(
            pieces in prop::collection::vec("[a\n\\[\\]0;m\\\\\u{1b}\u{7}\u{9b}\u{9c}(]{0,6}", 0..8)
        ) {
            let mut cleaner = Cleaner::default();
            let mut shown: String = pieces.iter().map(|piece| cleaner.push(piece)).collect();
            shown.push_str(&cleaner.finish());
            prop_assert_eq!(shown, printable(&pieces.concat()).into_owned());
        }
    }
}
