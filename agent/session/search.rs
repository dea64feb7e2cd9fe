//! Finding past sessions by what was said in them.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::Session;
use crate::{
    Error,
    citation::in_one_line,
    event::{Event, EventKind},
    state::answer_of,
};

/// Characters shown before and after what was looked for.
const BEFORE: usize = 40;
const AFTER: usize = 120;

/// A place in a session where words were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The session's id.
    pub session: String,
    /// The event.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Who said it: `user`, `assistant`, or the name of a tool.
    pub by: String,
    /// The words with some of those around them, in one line.
    pub excerpt: String,
}

impl Session {
    /// Finds the messages, replies and results that hold all of `words`, in any order
    /// and whatever their case; those of the session that was active last come last.
    /// A log that cannot be read is passed over with a warning.
    ///
    /// # Errors
    /// When the folder of sessions cannot be read.
    pub fn search(root: &Path, words: &[String]) -> Result<Vec<Place>, Error> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let mut places = Vec::new();
        for id in Self::list(root)? {
            match Self::read(root, &id) {
                Ok(events) => {
                    let found = events.iter().filter_map(|event| place(&id, event, &words));
                    places.extend(found);
                }
                Err(error) => tracing::warn!("passed over session `{id}`: {error}"),
            }
        }
        Ok(places)
    }
}

fn place(id: &str, event: &Event, words: &[String]) -> Option<Place> {
    let (by, text) = match &event.kind {
        EventKind::UserMessage { content, .. } => ("user", content.clone()),
        EventKind::ModelTurn { segments, .. } => ("assistant", answer_of(segments)),
        EventKind::ToolResult { name, output, .. } => {
            let more = output.more.iter().map(|seen| seen.text.as_str());
            let texts: Vec<_> = std::iter::once(output.text.as_str()).chain(more).collect();
            (name.as_str(), texts.join("\n"))
        }
        _ => return None,
    };
    let text = in_one_line(&text);
    let lower = text.to_lowercase();
    let first = words.iter().map(|word| lower.find(word.as_str()));
    let first = first.collect::<Option<Vec<_>>>()?.into_iter().min()?;
    Some(Place {
        session: id.to_owned(),
        seq: event.seq,
        time: event.time,
        by: by.to_owned(),
        excerpt: around(&text, lower.get(..first)?.chars().count()),
    })
}

/// A part of a line. Lower case can have other lengths: near enough for an excerpt.
fn around(text: &str, at: usize) -> String {
    let start = at.saturating_sub(BEFORE);
    let mut rest = text.chars().skip(start);
    let part: String = rest.by_ref().take(at - start + AFTER).collect();
    let lead = if start > 0 { "…" } else { "" };
    let tail = if rest.next().is_some() { "…" } else { "" };
    format!("{lead}{}{tail}", part.trim())
}
