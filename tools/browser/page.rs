//! A page as it is read, a part at a time.

use url::Url;

/// Tokens of one part of a page: a few of them fit into a model's context.
pub(super) const PART: usize = 4_000;

/// What is to be read at an address.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    /// Where it was found in the end.
    pub url: Url,
    pub title: String,
    /// Its text, with numbers for links.
    pub text: String,
    /// Where the links lead, by their numbers.
    pub links: Vec<Url>,
}

/// A part of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'p> {
    pub text: &'p str,
    /// Where it begins and ends, in hundredths of the page.
    pub visible: (usize, usize),
    /// Which one it is, from 1, and of how many.
    pub number: (usize, usize),
}

impl Page {
    /// One part of about so many tokens, from 1; `None` if there are fewer.
    pub fn part(&self, number: usize, tokens: usize) -> Option<Part<'_>> {
        let ends = ends(&self.text, tokens);
        let index = number.checked_sub(1)?;
        let end = *ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        let percent = |at: usize| {
            at.saturating_mul(100)
                .checked_div(self.text.len())
                .unwrap_or(100)
        };
        Some(Part {
            text: self.text.get(start..end)?.trim_matches('\n'),
            visible: (percent(start), percent(end)),
            number: (number, ends.len()),
        })
    }

    /// Places where words occur, with what stands around them, whatever their case.
    pub fn find(&self, words: &str, most: usize) -> Vec<String> {
        let wanted = words.to_lowercase();
        let lines = self.text.lines().filter(|line| !line.trim().is_empty());
        let found =
            lines.filter(|line| !wanted.is_empty() && line.to_lowercase().contains(&wanted));
        found.take(most).map(|line| around(line, &wanted)).collect()
    }
}

/// The part of a line around some words, in lower case.
fn around(line: &str, wanted: &str) -> String {
    const BEFORE: usize = 150;
    const WHOLE: usize = 400;
    let line = line.trim();
    let lower = line.to_lowercase();
    let at = lower.find(wanted).unwrap_or_default();
    // Lower case can be longer or shorter: near enough for an excerpt.
    let start = line.floor_char_boundary(at.saturating_sub(BEFORE));
    let end = line.floor_char_boundary(start.saturating_add(WHOLE));
    let excerpt = line.get(start..end).unwrap_or(line);
    let lead = if start > 0 { "…" } else { "" };
    let tail = if end < line.len() { "…" } else { "" };
    format!("{lead}{excerpt}{tail}")
}

/// Where the parts of a text end: at lines where that is possible.
fn ends(text: &str, tokens: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut spent, mut line_end) = (0, 0);
    let mut since_line = 0;
    for (at, c) in text.char_indices() {
        let cost = quarters(c);
        if spent + cost > tokens.saturating_mul(4) && spent > 0 {
            // A line that is longer than a part is cut where the part ends.
            let last = ends.last().copied().unwrap_or_default();
            if line_end > last {
                ends.push(line_end);
                spent = since_line;
            } else {
                ends.push(at);
                spent = 0;
                since_line = 0;
            }
        }
        spent += cost;
        since_line += cost;
        if c == '\n' {
            line_end = at + 1;
            since_line = 0;
        }
    }
    ends.push(text.len());
    ends
}

/// How much of a token a character takes, in quarters: GLM-4's tokenizer writes about
/// four Latin letters as one, and most Chinese characters as three quarters of one.
fn quarters(c: char) -> usize {
    if c.is_ascii() { 1 } else { 3 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(text: &str) -> Page {
        Page {
            url: Url::parse("https://a.test/").unwrap(),
            title: "A".to_owned(),
            text: text.to_owned(),
            links: Vec::new(),
        }
    }

    #[test]
    fn parts_end_at_lines_and_leave_nothing_out() {
        let line = "twelve chars\n";
        let page = page(&line.repeat(100));
        let first = page.part(1, 100).unwrap();
        assert_eq!(first.text.lines().count(), 30);
        assert_eq!((first.visible, first.number), ((0, 30), (1, 4)));
        let last = page.part(4, 100).unwrap();
        assert_eq!((last.visible, last.text.lines().count()), ((90, 100), 10));
        assert_eq!(page.part(5, 100), None);
        assert_eq!(page.part(0, 100), None);
        let empty = super::tests::page("");
        assert_eq!(empty.part(1, 100).unwrap().visible, (100, 100));
    }

    #[test]
    fn words_are_found_with_what_stands_around_them() {
        let long = format!("{} the ÜBER word {}", "a ".repeat(300), "b ".repeat(300));
        let page = page(&format!("first\n{long}\nüber again"));
        let found = page.find("über", 5);
        assert_eq!(found.len(), 2);
        assert!(
            found
                .iter()
                .all(|line| line.to_lowercase().contains("über"))
        );
        assert!(found.iter().all(|line| line.len() < 420), "{found:?}");
        assert!(page.find("nowhere", 5).is_empty());
        assert!(page.find("", 5).is_empty());
        assert_eq!(page.find("r", 1).len(), 1);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_page(text in "(\\PC{0,40}\n?){0,12}", tokens in 1..20usize) {
            let ends = ends(&text, tokens);
            prop_assert_eq!(ends.last(), Some(&text.len()));
            prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1] || text.is_empty()));
            prop_assert!(ends.iter().all(|end| text.is_char_boundary(*end)));
            let mut start = 0;
            for end in ends {
                let cost: usize = text[start..end].chars().map(quarters).sum();
                prop_assert!(cost <= (tokens * 4).max(3));
                start = end;
            }
        }
    }
}
