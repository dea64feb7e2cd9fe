//! Replies that another program had, which are only judged here.

use std::{collections::HashMap, path::Path};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Call, Entry, Error, Fault, Log, Outcome, Source, multi_turn, outcome::Step, source};
use crate::model::{Finish, Profile, Reply, Usage, parse::Parser};

/// A reply to an entry: a line of a file. Files of results are of this form, too.
#[derive(Debug, Clone, Deserialize)]
pub struct Replied {
    /// The entry's id.
    pub id: String,
    /// The text as generated, special tokens included.
    #[serde(default)]
    pub raw: String,
    /// The calls in it, where the program has read them.
    #[serde(default)]
    pub calls: Option<Vec<Call>>,
    /// Of an entry with several turns, the replies of each.
    #[serde(default)]
    pub turns: Vec<Vec<Step>>,
    /// Why there was no reply, where a file of results says so.
    #[serde(default, rename = "error", deserialize_with = "no_reply")]
    pub no_reply: Option<Fault>,
    /// Tokens read and written.
    #[serde(default)]
    pub usage: Usage,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
}

/// All other errors are verdicts, which are found anew, or what other programs mean by one.
fn no_reply<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Fault>, D::Error> {
    let fault = Fault::deserialize(Value::deserialize(from)?).ok();
    Ok(fault.filter(Fault::is_no_reply))
}

/// Reads a file of replies.
///
/// # Errors
/// When it cannot be read, or a line is no reply.
pub fn read(path: &Path) -> Result<Vec<Replied>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let lines = source::lines(&bytes, path)?;
    let replies = lines.iter().enumerate().map(|(index, line)| {
        Replied::deserialize(line).map_err(|error| Error::BadLine {
            path: path.to_owned(),
            line: index + 1,
            what: "no reply to an entry",
            reason: error.to_string(),
        })
    });
    replies.collect()
}

/// Judges replies to these entries, and adds the outcomes to the log. With a profile, a
/// reply's text is read as one in its format; without, its calls are taken as they are.
/// What was never replied to stays wrong, also where no call is right.
///
/// # Errors
/// When an outcome cannot be written, or the official tools of several turns fail.
pub async fn judge(
    replies: Vec<Replied>,
    entries: &[Entry],
    source: &Source,
    profile: Option<&Profile>,
    log: &mut Log,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let entries: HashMap<&str, &Entry> = entries.iter().map(|e| (e.id.as_str(), e)).collect();
    for replied in replies {
        let Some(entry) = entries.get(replied.id.as_str()) else {
            continue;
        };
        if stop.is_cancelled() {
            return Ok(());
        }
        if log.get(&replied.id).is_some() {
            continue;
        }
        let (usage, seconds) = (replied.usage, replied.seconds);
        let outcome = if let Some(fault) = replied.no_reply {
            Outcome {
                turns: replied.turns,
                ..Outcome::new(entry, Err(fault))
            }
        } else if entry.is_multi_turn() {
            multi_turn::judge(source, entry, replied.turns).await?
        } else if let Some(profile) = profile {
            Outcome::of(entry, &parsed(entry, replied.raw, profile), profile)
        } else {
            Outcome::of_calls(entry, replied.raw, replied.calls.unwrap_or_default())
        };
        log.add(Outcome {
            usage,
            seconds,
            ..outcome
        })?;
    }
    Ok(())
}

fn parsed(entry: &Entry, raw: String, profile: &Profile) -> Reply {
    let mut parser = Parser::new(profile, &entry.tools());
    parser.push(&raw);
    let (_, parsed) = parser.finish();
    Reply {
        segments: parsed.segments,
        errors: parsed.errors,
        raw,
        finish: Finish::Stop,
        usage: Usage::default(),
    }
}
