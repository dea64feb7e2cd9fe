//! What a list of sessions tells of each.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LOG, Session};
use crate::{
    Error, StopReason,
    event::{Event, EventKind},
};

/// A session in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its id, which is its name where it was given one.
    pub id: String,
    /// When its first event happened.
    pub started: Option<Timestamp>,
    /// When its last event happened.
    pub last_activity: Option<Timestamp>,
    /// Name of the model, where there is a conversation.
    pub model: Option<String>,
    /// Messages of the user.
    pub messages: usize,
    /// Replies of the model.
    pub replies: usize,
    /// How its last run ended; `None` while it goes on, if it does.
    pub outcome: Option<StopReason>,
    /// The first message of the user.
    pub task: Option<String>,
    /// What is wrong with its log, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// As much of an event as is looked at first: what is in most of them is skipped.
#[derive(Deserialize)]
struct Glance {
    time: Timestamp,
    #[serde(rename = "type")]
    kind: String,
}

impl Session {
    /// Sums up all sessions below `root`, the one that was active last at the end.
    /// Logs are read line by line, whatever their size; what cannot be read of one is
    /// said in its summary.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn summaries(root: &Path) -> Result<Vec<Summary>, Error> {
        let ids = Self::list(root)?;
        let mut summaries: Vec<_> = ids.into_iter().map(|id| Summary::of(root, id)).collect();
        summaries.sort_by_key(|summary| summary.last_activity);
        Ok(summaries)
    }
}

impl Summary {
    fn of(root: &Path, id: String) -> Self {
        let path = root.join(&id).join(LOG);
        let mut summary = Self {
            id,
            started: None,
            last_activity: None,
            model: None,
            messages: 0,
            replies: 0,
            outcome: None,
            task: None,
            error: None,
        };
        if let Err(reason) = summary.read(&path) {
            summary.error = Some(reason);
        }
        summary
    }

    fn read(&mut self, path: &Path) -> Result<(), String> {
        let fail = |error: std::io::Error| error.to_string();
        let mut log = BufReader::new(File::open(path).map_err(fail)?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            log.read_until(b'\n', &mut line).map_err(fail)?;
            // A last line that is torn did not happen.
            if !line.ends_with(b"\n") {
                break;
            }
            self.add(&line)
                .map_err(|error| format!("line {number}: {error}"))?;
        }
        Ok(())
    }

    fn add(&mut self, line: &[u8]) -> serde_json::Result<()> {
        let Glance { time, kind } = serde_json::from_slice(line)?;
        self.started.get_or_insert(time);
        self.last_activity = Some(time);
        match kind.as_str() {
            "model_turn" => self.replies += 1,
            "user_message" => {
                self.messages += 1;
                self.outcome = None;
                if self.task.is_none() {
                    self.event(line)?;
                }
            }
            // A run that waited goes on.
            "approved" | "resumed" => self.outcome = None,
            "session_started" | "run_ended" => self.event(line)?,
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, line: &[u8]) -> serde_json::Result<()> {
        match serde_json::from_slice::<Event>(line)?.kind {
            EventKind::SessionStarted { model, .. } => self.model = Some(model),
            EventKind::UserMessage { content, .. } => self.task = Some(content),
            EventKind::RunEnded { reason, .. } => self.outcome = Some(reason),
            _ => {}
        }
        Ok(())
    }
}
