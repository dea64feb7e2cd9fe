//! A page as it is read, a part at a time.

use url::Url;

use super::tokens::Tokens;

/// Tokens of one part of a page: a few of them fit into a model's context.
pub(crate) const PART: usize = 4_000;

/// Bytes of one part at most: with what is said about it, it must be no longer than a
/// tool's result may be, or its middle would be left out.
const BYTES: usize = crate::text::CAP - 2_048;

/// Longest title, in bytes.
const TITLE: usize = 300;

/// What is to be read at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Where it was found in the end.
    pub url: Url,
    pub title: String,
    pub text: String,
    /// Where the links lead, by their numbers.
    pub links: Vec<Url>,
}

/// A part of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'p> {
    pub text: &'p str,
    /// Where it begins and ends, in hundredths of the page.
    pub visible: (usize, usize),
    /// Which one it is, from 1, and of how many.
    pub number: (usize, usize),
}

impl Part<'_> {
    /// The number of the next part, if there is one.
    pub fn next(&self) -> Option<usize> {
        let (number, parts) = self.number;
        (number < parts).then_some(number + 1)
    }

    /// The numbers of the links that are shown in it.
    pub fn links(&self) -> impl Iterator<Item = usize> {
        let marks = self.text.split('【').skip(1);
        marks.filter_map(|mark| mark.split_once('†')?.0.parse().ok())
    }
}

impl Page {
    /// A page; one without a title is called by the name of its file or its host.
    pub fn new(url: Url, title: &str, text: String, links: Vec<Url>) -> Self {
        let name = || {
            let last = url.path_segments().and_then(|mut parts| parts.next_back());
            let last = last.filter(|name| !name.is_empty());
            last.or(url.host_str()).unwrap_or_default()
        };
        let title = if title.is_empty() { name() } else { title };
        let end = title.floor_char_boundary(TITLE);
        Self {
            title: title.split_at(end).0.to_owned(),
            url,
            text,
            links,
        }
    }

    /// One part of about so many tokens at most, from 1; `None` if there are fewer.
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
            visible: (if start == 0 { 0 } else { percent(start) }, percent(end)),
            number: (number, ends.len()),
        })
    }

    /// How many parts it has.
    pub fn parts(&self, tokens: usize) -> usize {
        ends(&self.text, tokens).len()
    }

    /// Places where words occur, with what stands around them, whatever their case; each
    /// with the number of its part.
    pub fn find(&self, words: &str, most: usize, tokens: usize) -> Vec<(usize, String)> {
        let wanted = words.to_lowercase();
        let wanted = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        let ends = ends(&self.text, tokens);
        let mut at = 0;
        let mut found = Vec::new();
        for line in self.text.split_inclusive('\n') {
            let bare = without_marks(line);
            // Words may stand on both sides of where a link begins.
            let place = [line, &bare].into_iter().find_map(|line| {
                let place = line.to_lowercase().find(&wanted)?;
                Some((place, line))
            });
            if let Some((place, shown)) = place.filter(|_| !wanted.is_empty()) {
                let place = at + place;
                let part = ends.iter().take_while(|end| **end <= place).count() + 1;
                found.push((part.min(ends.len()), around(shown, &wanted)));
                if found.len() >= most {
                    break;
                }
            }
            at += line.len();
        }
        found
    }
}

/// A line with the words of its links, and nothing else of them.
fn without_marks(line: &str) -> String {
    let mut pieces = line.split('【');
    let mut bare = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let mark = piece.split_once('】').and_then(|(mark, rest)| {
            let (number, words) = mark.split_once('†')?;
            number.parse::<usize>().ok()?;
            Some((words.split('†').next().unwrap_or_default(), rest))
        });
        match mark {
            Some((words, rest)) => bare.extend([words, rest]),
            None => bare.extend(["【", piece]),
        }
    }
    bare
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
    let mut start = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or_default();
        let length = fitting(rest, tokens);
        start += length;
        ends.push(start);
    }
    if ends.is_empty() {
        ends.push(0);
    }
    ends
}

/// How much of a text is its first part; never nothing.
fn fitting(text: &str, tokens: usize) -> usize {
    let mut count = Tokens::default();
    let (mut line, mut word) = (0, 0);
    for (at, c) in text.char_indices() {
        count.add(c);
        let is_full = count.count() > tokens || at + c.len_utf8() > BYTES;
        if is_full && at > 0 {
            // A line that is longer than a part is cut between words, if it has any.
            return [line, word, at]
                .into_iter()
                .find(|end| *end > 0)
                .unwrap_or(at);
        }
        match c {
            '\n' => line = at + 1,
            ' ' => word = at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
