//! Citations: what the marks in an answer lead to.
//!
//! GLM-4 cites what it was shown by marks such as `【7†source】` or
//! `【0†title†host】`. Results declare what their marks lead to
//! ([`ToolOutput::citations`](crate::ToolOutput)). A mark means what it meant when
//! it was shown last before the answer: a later search numbers its results anew.

mod scan;
mod shown;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::event::{Event, EventKind};
use scan::{Found, Scanner};
use shown::{Shown, mark_of};

/// Longest title of a source, in characters.
const TITLE: usize = 200;

/// A page that an answer cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its place among those that the answer cites, from 1, by first use.
    pub number: u32,
    /// What the answer calls it first, such as the `7` of `【7†source】`.
    pub mark: String,
    /// What else the answer calls it: one page can be shown more than once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_marks: Vec<String>,
    /// Its title, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its address.
    pub url: String,
}

impl Source {
    /// Its address, if it is one that people can be sent to.
    pub fn link(&self) -> Option<&str> {
        link(&self.url)
    }

    /// Its title, or its address where it has none.
    pub fn name(&self) -> &str {
        if self.title.is_empty() {
            &self.url
        } else {
            &self.title
        }
    }
}

/// An address, if it is of a kind that people can be sent to: a page or a file, and no
/// code.
pub(crate) fn link(url: &str) -> Option<&str> {
    let scheme = Url::parse(url).ok()?.scheme().to_owned();
    matches!(scheme.as_str(), "http" | "https" | "file").then_some(url)
}

/// What the marks of a text lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The pages that it cites, in the order of first use.
    pub sources: Vec<Source>,
    /// Marks, as they were written, that were never shown.
    pub unknown: Vec<String>,
}

/// A part of a text that cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Words(String),
    /// Code, with what sets it apart: a mark in it is none.
    Code(String),
    /// A mark.
    Mark {
        /// As it was written.
        written: String,
        /// The numbers of its sources; `None` for what was never shown.
        numbers: Vec<Option<u32>>,
    },
}

/// A text with what its marks lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cited {
    /// The text in order.
    pub pieces: Vec<Piece>,
    /// What it cites.
    pub references: References,
    /// The line that ends a block of code which the text leaves open.
    pub open_block: Option<String>,
}

/// Finds what the marks in `answer` lead to, given everything that happened before it.
pub fn cite<'a>(events: impl IntoIterator<Item = &'a Event>, answer: &str) -> Cited {
    let mut citing = Citing::default();
    for event in events {
        citing.saw(event);
    }
    citing.whole(answer)
}

/// Has the event that ends a run tell what its answer cites, given everything that
/// happened before it. Others stay as they are.
pub(crate) fn add_references<'a>(kind: &mut EventKind, past: impl IntoIterator<Item = &'a Event>) {
    if let EventKind::RunEnded {
        answer,
        sources,
        unknown_marks,
        ..
    } = kind
    {
        let cited = cite(past, answer).references;
        (*sources, *unknown_marks) = (cited.sources, cited.unknown);
    }
}

/// What [`cite`] does, for a text that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct Citing {
    shown: Shown,
    scanner: Scanner,
    references: References,
}

impl Citing {
    /// Takes in what the text may cite from here on.
    pub fn saw(&mut self, event: &Event) {
        self.shown.add(event);
    }

    /// The next piece of the text. Of what it could be a mark of, nothing comes out
    /// before it is clear.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let found = self.scanner.push(text);
        self.resolve(found)
    }

    /// What the text cites so far.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// The end of the text, and what all of it cites.
    pub fn finish(&mut self) -> Cited {
        let (found, open_block) = self.scanner.finish();
        Cited {
            pieces: self.resolve(found),
            references: std::mem::take(&mut self.references),
            open_block,
        }
    }

    /// A text that comes at once.
    pub fn whole(&mut self, text: &str) -> Cited {
        let mut pieces = self.push(text);
        let end = self.finish();
        for piece in end.pieces {
            join(&mut pieces, piece);
        }
        Cited { pieces, ..end }
    }

    fn resolve(&mut self, found: Vec<Found>) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for found in found {
            let piece = match found {
                Found::Words(words) => Piece::Words(words),
                Found::Code(code) => Piece::Code(code),
                Found::Bracket(written) => self.bracket(written),
            };
            join(&mut pieces, piece);
        }
        pieces
    }

    /// A mark, or words in brackets that are none.
    fn bracket(&mut self, written: String) -> Piece {
        let Some(mark) = mark_of(&written, |id| self.shown.declares(id)) else {
            return Piece::Words(written);
        };
        let numbers = mark.ids.iter().map(|id| {
            let source = self.shown.find(id, mark.label)?;
            Some(self.references.number(id, &source.title, &source.url))
        });
        let numbers: Vec<_> = numbers.collect();
        if numbers.contains(&None) && !self.references.unknown.contains(&written) {
            self.references.unknown.push(written.clone());
        }
        Piece::Mark { written, numbers }
    }
}

/// Adds a piece, to the last if it is of its kind.
fn join(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (Some(Piece::Words(last)), Piece::Words(words)) => last.push_str(&words),
        (Some(Piece::Code(last)), Piece::Code(code)) => last.push_str(&code),
        (_, piece) => pieces.push(piece),
    }
}

impl References {
    /// The number of a source, which it gets when it is cited first.
    fn number(&mut self, mark: &str, title: &str, url: &str) -> u32 {
        let (title, url) = (in_one_line(title), in_one_line(url));
        let known =
            |source: &&mut Source| source.url == url && (!url.is_empty() || source.title == title);
        if let Some(source) = self.sources.iter_mut().find(known) {
            if source.mark != mark && !source.more_marks.iter().any(|more| more == mark) {
                source.more_marks.push(mark.to_owned());
            }
            if source.title.is_empty() {
                source.title = title;
            }
            return source.number;
        }
        let number = u32::try_from(self.sources.len() + 1).unwrap_or(u32::MAX);
        self.sources.push(Source {
            number,
            mark: mark.to_owned(),
            more_marks: Vec::new(),
            title: if title.chars().count() > TITLE {
                title.chars().take(TITLE).chain(['…']).collect()
            } else {
                title
            },
            url,
        });
        number
    }
}

/// What others wrote, without what would move, hide or turn round the text beside it.
pub(crate) fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.map(|word| word.replace(is_invisible, ""));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Characters that set the direction of text or take no room.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
