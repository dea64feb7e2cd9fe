//! What a tool wrote, made fit to be read by a model and shown on a terminal.
//!
//! Special tokens of a model (`<|user|>` and the like) are left as they are: the
//! prompt's encoder knows observations as data and encodes such a string as
//! ordinary text, and altering it here would falsify what the tool said.

mod printable;

pub use printable::Cleaner;
use printable::printable;

/// Longest result of a tool that a model is shown, in bytes.
pub const CAP: usize = 16 << 10;

/// Room kept for the note of what was left out, in bytes.
const NOTE: usize = 48;

/// What such a note is made of, around the number of bytes.
const NOTE_START: &str = "\n[... ";
const NOTE_END: &str = " bytes left out ...]\n";

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
    format!("{start}{NOTE_START}{}{NOTE_END}{end}", left_out.len())
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

/// A text as one part of an address: all but letters, digits and `-._~` (RFC 3986,
/// 2.3) written with percent signs.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What of a tool's result is new to somebody who has seen `said`, its output
/// while it ran: everything, if the result does not begin with that.
///
/// Both texts must have been [clean]ed, which may have left out the result's
/// middle. Blanks at the end of `said` do not count, nor do the newlines after it.
pub fn after<'a>(said: &str, result: &'a str) -> &'a str {
    let said = said.trim_end_matches('\n');
    if said.is_empty() {
        return result;
    }
    if let Some(rest) = result.strip_prefix(said) {
        return rest.trim_start_matches('\n');
    }
    let rest = result.strip_prefix(said.trim_end());
    if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('\n')) {
        return rest.trim_start_matches('\n');
    }
    after_note(said, result).unwrap_or(result)
}

/// The same for a result whose middle was left out.
fn after_note<'a>(said: &str, result: &'a str) -> Option<&'a str> {
    let pairs = result.chars().zip(said.chars());
    let same: usize = pairs
        .take_while(|(a, b)| a == b)
        .map(|(c, _)| c.len_utf8())
        .sum();
    // The newline before the note may be the same in both.
    let near = result
        .get(..same)?
        .strip_suffix('\n')
        .map_or(same, str::len);
    let start = near + result.get(near..)?.find(NOTE_START)?;
    let note = result.get(start + NOTE_START.len()..)?;
    let (left_out, end) = note.split_once(NOTE_END)?;
    let length = start + left_out.parse::<usize>().ok()? + end.len();
    if start > same {
        return None;
    }
    let new = length.saturating_sub(said.len());
    let shown = end.len().checked_sub(new).and_then(|seen| end.get(seen..));
    Some(
        shown
            .unwrap_or(result.get(start..)?)
            .trim_start_matches('\n'),
    )
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

    #[test]
    fn what_was_said_while_a_tool_ran_is_not_new() {
        for (said, result, new) in [
            ("", "all", "all"),
            ("1\n2\n", "1\n2", ""),
            ("1\n2\n", "1\n2\n42", "42"),
            ("no newline", "no newline\n42", "42"),
            ("blanks \n\n", "blanks", ""),
            ("blanks \n", "blanks\n42", "42"),
            ("blanks ", "blanks42", "blanks42"),
            ("something else", "1\n2", "1\n2"),
            ("some", "so", "so"),
        ] {
            assert_eq!(after(said, result), new, "{said:?} {result:?}");
        }
        let said = "a long line\n".repeat(100);
        assert_eq!(after(&said, &clean(&format!("{said}42"), 200)), "42");
        let result = clean(&format!("{said}{}", "new\n".repeat(100)), 200);
        assert!(after(&said, &result).starts_with("[... "), "{result}");
    }

    proptest! {
        #[test]
        fn of_a_shortened_result_the_new_end_is_found(
            said in "[a-c\n]{0,300}[a-c]", new in "[x-z]([x-z\n]{0,20}[x-z])?", cap in 100..200usize
        ) {
            let result = clean(&format!("{said}\n{new}"), cap);
            prop_assert_eq!(after(&said, &result), new.as_str());
        }

        #[test]
        fn fits_is_printable_and_does_not_change_again(text in any::<String>(), cap in 0..200usize) {
            let once = clean(&text, cap);
            prop_assert!(once.len() <= cap.max(NOTE));
            prop_assert!(!once.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(clean(&once, cap.max(NOTE)), once);
        }
    }
}
