//! A reply read back, incrementally.
//!
//! A reply consists of segments with `<|assistant|>` between them, perhaps
//! after thoughts. Each call syntax has a module; only the name of a tool on
//! offer makes a call, anything else is text, however much it looks like one.
//! The slips that models are known to make are repaired; what cannot be read is
//! reported in words for the model.
//!
//! What comes out does not depend on how the text was cut into pieces, and the
//! time it takes is linear in the text's length.

mod arguments;
mod end;
mod head;
mod lenient;
mod lines;
mod message;
mod tagged;
#[cfg(test)]
mod tests;
mod thoughts;

use serde_json::Value;

use crate::{
    Delta, Profile, Segment, ToolCall, ToolSpec,
    profile::{self, ASSISTANT, END_OF_TEXT, OBSERVATION, SYSTEM, USER},
};
use lines::Lines;
pub(crate) use message::written as message_text;
use tagged::Tagged;
use thoughts::Thoughts;

/// The special tokens that can show up in a reply. All but the first end it.
const TOKENS: [&str; 5] = [ASSISTANT, OBSERVATION, USER, END_OF_TEXT, SYSTEM];
/// A piece is taken in parts of at most so many bytes: what is moved within the
/// part that is not decided yet stays short.
const PART: usize = 1024;
/// Undecided text longer than this is looked at again only once it has grown
/// by a quarter.
const SHORT: usize = 256;

/// A reply that has been read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// Its parts in order.
    pub segments: Vec<Segment>,
    /// What could not be read.
    pub errors: Vec<String>,
}

/// Reads one reply: the text after the prompt, with special tokens as text.
#[derive(Debug)]
pub struct Parser {
    thoughts: Thoughts,
    syntax: Syntax,
    tools: Vec<ToolSpec>,
    /// The current segment's text that has not been consumed yet.
    rest: String,
    /// How many bytes of it hold no special token.
    searched: usize,
    /// How long it must be for another look.
    worth: usize,
    ended: bool,
    out: Output,
}

#[derive(Debug)]
enum Syntax {
    Lines(Lines),
    Tagged(Tagged),
    /// All is words.
    Words(String),
    /// A message in OpenAI's form, as far as it has come.
    Message(String),
}

impl Parser {
    /// A parser for a reply that may call these tools.
    pub fn new(profile: &Profile, tools: &[ToolSpec]) -> Self {
        Self::with(profile, tools, false)
    }

    /// A parser for a reply that was written under the constraint of
    /// [`grammar::lark`](crate::grammar::lark). Its calls are well-formed unless
    /// it was cut off, and words that look like a call are one only if there is
    /// nothing wrong with it.
    pub fn constrained(profile: &Profile, tools: &[ToolSpec]) -> Self {
        Self::with(profile, tools, true)
    }

    fn with(profile: &Profile, tools: &[ToolSpec], constrained: bool) -> Self {
        Self {
            thoughts: Thoughts::new(profile.reasoning.as_ref()),
            syntax: match profile.syntax {
                profile::Syntax::Lines(_) => Syntax::Lines(Lines::new(tools, constrained)),
                profile::Syntax::Tagged(_) => Syntax::Tagged(Tagged::new(tools)),
                profile::Syntax::Completion => Syntax::Words(String::new()),
                profile::Syntax::Messages => Syntax::Message(String::new()),
            },
            tools: tools.to_vec(),
            rest: String::new(),
            searched: 0,
            worth: 0,
            ended: false,
            out: Output::default(),
        }
    }

    /// Takes the next piece of the reply. Pieces may be cut anywhere.
    pub fn push(&mut self, mut piece: &str) -> Vec<Delta> {
        // It has no special tokens.
        if let Syntax::Message(text) = &mut self.syntax {
            text.push_str(piece);
            return Vec::new();
        }
        while !piece.is_empty() && !self.ended {
            let (part, left) = piece.split_at(piece.floor_char_boundary(PART));
            self.take(part);
            piece = left;
        }
        std::mem::take(&mut self.out.deltas)
    }

    /// The last deltas, and the reply as a whole.
    pub fn finish(mut self) -> (Vec<Delta>, Parsed) {
        if let Syntax::Message(text) = &self.syntax {
            message::read(text, &self.tools, self.thoughts, &mut self.out);
        } else if !self.ended {
            self.end_segment();
        }
        (self.out.deltas, self.out.parsed)
    }

    fn take(&mut self, part: &str) {
        self.rest.push_str(part);
        while let Some((at, token)) = first_token(&self.rest, self.searched) {
            let after = self.rest.split_off(at + token.len());
            self.rest.truncate(at);
            self.end_segment();
            if token != ASSISTANT {
                self.ended = true;
                return;
            }
            self.rest = after;
        }
        // What may be the beginning of a special token waits for its end.
        self.searched = self.rest.len() - held_back(&self.rest);
        if self.searched < self.worth {
            return;
        }
        let tail = self.rest.split_off(self.searched);
        self.advance(false);
        self.searched = self.rest.len();
        self.worth = match self.searched {
            ..SHORT => 0,
            length => length + length / 4,
        };
        self.rest.push_str(&tail);
    }

    /// Consumes as much as can be decided.
    fn advance(&mut self, at_end: bool) {
        if !self.thoughts.take(&mut self.rest, at_end, &mut self.out) {
            return;
        }
        match &mut self.syntax {
            Syntax::Lines(lines) => lines.advance(&mut self.rest, at_end, &mut self.out),
            Syntax::Tagged(tagged) => tagged.advance(&mut self.rest, at_end, &mut self.out),
            Syntax::Words(words) => {
                self.out.emit(Delta::Text, &self.rest);
                words.push_str(&std::mem::take(&mut self.rest));
            }
            Syntax::Message(_) => {}
        }
    }

    fn end_segment(&mut self) {
        self.advance(true);
        self.thoughts.end(&mut self.rest, &mut self.out);
        match &mut self.syntax {
            Syntax::Lines(lines) => lines.end(&mut self.rest, &mut self.out),
            Syntax::Tagged(tagged) => tagged.end(&mut self.rest, &mut self.out),
            Syntax::Words(words) => self.out.text(&std::mem::take(words)),
            Syntax::Message(_) => {}
        }
        self.searched = 0;
        self.worth = 0;
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Output {
    deltas: Vec<Delta>,
    parsed: Parsed,
}

impl Output {
    fn emit(&mut self, kind: impl FnOnce(String) -> Delta, text: &str) {
        if !text.is_empty() {
            self.deltas.push(kind(text.to_owned()));
        }
    }

    fn call(&mut self, name: String, arguments: Value) {
        self.parsed
            .segments
            .push(Segment::Call(ToolCall { name, arguments }));
    }

    /// Words; blank ones, and the rest of a fence around a call, are none.
    fn text(&mut self, text: &str) {
        if !text.trim().trim_matches('`').is_empty() {
            self.parsed.segments.push(Segment::text(text));
        }
    }

    fn unknown(&mut self, name: &str, known: &str) {
        let error = format!("there is no tool `{name}`; {known}");
        self.parsed.errors.push(error);
    }

    fn bad_arguments(&mut self, name: &str, wrong: &str) {
        let error = format!("the arguments of `{name}` are not a JSON object: {wrong}");
        self.parsed.errors.push(error);
    }

    fn incomplete(&mut self, name: &str) {
        self.parsed.errors.push(format!(
            "the call of `{name}` is incomplete: its arguments have no end"
        ));
    }
}

/// The first special token in a text, of which the first bytes are known to
/// hold none.
fn first_token(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let tail = text.get(from..)?;
    tail.match_indices("<|").find_map(|(at, _)| {
        let rest = tail.get(at..)?;
        let token = TOKENS.iter().find(|token| rest.starts_with(**token))?;
        Some((from + at, *token))
    })
}

/// How many bytes at the end may be the beginning of a special token.
fn held_back(text: &str) -> usize {
    TOKENS
        .iter()
        .map(|token| beginning(text, token))
        .max()
        .unwrap_or(0)
}

/// How many bytes at a text's end are the beginning of `tag`, and not all of it.
fn beginning(text: &str, tag: &str) -> usize {
    (1..tag.len())
        .rev()
        .find(|length| {
            tag.get(..*length)
                .is_some_and(|beginning| text.ends_with(beginning))
        })
        .unwrap_or(0)
}
