//! What a tool wrote, made fit to be read by a model and shown on a terminal.
//!
//! Special tokens of a model (`<|user|>` and the like) are left as they are: the
//! prompt's encoder knows observations as data and encodes such a string as
//! ordinary text, and altering it here would falsify what the tool said.

use std::{borrow::Cow, iter::Peekable, str::Chars};

/// Longest result of a tool that a model is shown, in bytes.
pub const CAP: usize = 16 << 10;

/// Room kept for the note of what was left out, in bytes.
const NOTE: usize = 48;

/// Removes terminal escapes and control characters other than newline and tab,
/// then, if more than `cap` bytes are left, the middle, saying how much.
///
/// The result has at most `cap` bytes, or only the note where that needs more.
pub fn clean(text: &str, cap: usize) -> String {
    let plain = printable(text);
    if plain.len() <= cap {
        return plain.into_owned();
    }
    let half = cap.saturating_sub(NOTE) / 2;
    let head = plain.floor_char_boundary(half);
    let tail = plain.ceil_char_boundary(plain.len() - half);
    let (start, rest) = plain.split_at(head);
    let (left_out, end) = rest.split_at(tail - head);
    format!(
        "{start}\n[... {} bytes left out ...]\n{end}",
        left_out.len()
    )
}

/// A number of bytes as people write it, such as `28 KB`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let digits = usize::from(unit != "B" && value < 9.95);
    format!("{value:.digits$} {unit}")
}

/// The text without escapes and control characters.
fn printable(text: &str) -> Cow<'_, str> {
    let unprintable = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(unprintable) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            c if unprintable(c) => {}
            c => kept.push(c),
        }
    }
    kept.into()
}

/// Skips what follows an ESC (ECMA-48). An incomplete sequence ends where
/// printable text or the next escape begins, so that it hides nothing.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        // Operating system command and its kin: a string up to BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let mut string = rest.clone();
            string.next();
            let end = string.find(|c| c.is_control());
            let ended = match end {
                Some('\u{7}' | '\u{9c}') => true,
                Some('\u{1b}') => string.next() == Some('\\'),
                _ => false,
            };
            if ended {
                *rest = string;
            } else {
                rest.next();
            }
        }
        _ => {
            while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
            rest.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

/// Skips the parameters and the final byte of a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| (' '..='?').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
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
    fn escapes_and_control_characters_go_and_text_stays() {
        for (raw, clean_text) in [
            ("plain\n\ttext", "plain\n\ttext"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{9b}1mbold", "bold"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]never ended\nnext line", "never ended\nnext line"),
            ("\u{1b}(Bcharset", "charset"),
            ("\u{1b}[2", ""),
            ("ends in \u{1b}", "ends in "),
            ("a\r\nb\0c\u{8}d\u{7f}e", "a\nbcde"),
            (
                "<|user|> stays, \u{1F600} too",
                "<|user|> stays, \u{1F600} too",
            ),
        ] {
            assert_eq!(clean(raw, CAP), clean_text, "{raw:?}");
        }
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        let text = format!("{}{}", "a".repeat(500), "z".repeat(500));
        assert_eq!(
            clean(&text, 60),
            "aaaaaa\n[... 988 bytes left out ...]\nzzzzzz"
        );
        assert_eq!(clean("äöü", 5), "\n[... 6 bytes left out ...]\n");
    }

    #[test]
    fn sizes_are_rounded_to_what_matters() {
        let sizes = [
            0,
            999,
            1_000,
            9_949,
            9_950,
            28_400,
            999_499,
            999_500,
            12_300_000_000,
        ];
        assert_eq!(
            sizes.map(size),
            [
                "0 B", "999 B", "1.0 KB", "9.9 KB", "10 KB", "28 KB", "999 KB", "1.0 MB", "12 GB"
            ]
        );
    }

    proptest! {
        #[test]
        fn fits_is_printable_and_does_not_change_again(text in any::<String>(), cap in 0..200usize) {
            let once = clean(&text, cap);
            prop_assert!(once.len() <= cap.max(NOTE));
            prop_assert!(!once.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(clean(&once, cap.max(NOTE)), once);
        }
    }
}
