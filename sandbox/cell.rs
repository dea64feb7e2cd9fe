//! What came of one cell.

use crate::{Artifact, Tape};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Files that an observation names.
const FILES_NAMED: usize = 20;

/// The result of running one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it printed, in order, up to [`Limits::output_bytes`](crate::Limits::output_bytes).
    /// No two neighbours are of the same stream.
    pub output: Vec<Output>,
    /// `repr` of its last expression, unless that is `None`.
    pub value: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The files it made or changed in `/mnt/data`, by name.
    pub artifacts: Vec<Artifact>,
    /// Whether output or value were cut at [`Limits::output_bytes`](crate::Limits::output_bytes).
    pub truncated: bool,
    /// What else the model should know, a sentence each: which limits were
    /// reached, and whether variables were lost.
    pub notes: Vec<String>,
    /// How long it ran.
    pub wall: Duration,
    /// With its code, what it takes to run it again and come out the same.
    pub tape: Tape,
}

/// A piece of what a cell printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where to.
    pub stream: Stream,
    /// The text. Bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A standard stream of the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// How a cell ended. Unless it finished or raised, it was undone: variables are
/// what they were before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Outcome {
    /// To its end.
    Finished,
    /// With an exception. What it did before that holds.
    Raised {
        /// Class of the exception.
        kind: String,
        /// `str()` of the exception.
        message: String,
        /// As Python prints it, from the cell's own frame on.
        traceback: String,
    },
    /// Stopped at the limit of time.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Stopped at the limit of processor time.
    OutOfCpu {
        /// The limit.
        limit: Duration,
    },
    /// The interpreter itself ran out of memory; a mere `MemoryError` is
    /// [`Raised`](Self::Raised).
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The interpreter ended or crashed.
    Stopped {
        /// What happened.
        reason: String,
    },
}

impl Outcome {
    /// Whether the cell was stopped, and undone.
    pub fn is_undone(&self) -> bool {
        !matches!(self, Self::Finished | Self::Raised { .. })
    }
}

impl Cell {
    /// What it wrote to the standard output.
    pub fn stdout(&self) -> String {
        self.printed(Stream::Stdout)
    }

    /// What it wrote to the standard error.
    pub fn stderr(&self) -> String {
        self.printed(Stream::Stderr)
    }

    fn printed(&self, stream: Stream) -> String {
        let pieces = self.output.iter().filter(|piece| piece.stream == stream);
        pieces.map(|piece| piece.text.as_str()).collect()
    }

    /// The text the model sees: output, then the value, then the traceback or a
    /// message of what stopped the cell, then the files, then the notes.
    pub fn observation(&self) -> String {
        let printed = self.output.iter().map(|piece| piece.text.as_str());
        let mut printed: String = printed.collect();
        if matches!(self.outcome, Outcome::OutOfMemory { .. }) {
            printed.truncate(before_last_words(&printed).len());
        }
        let mut parts: Vec<String> = vec![printed];
        parts.extend(self.value.clone());
        parts.push(match &self.outcome {
            Outcome::Finished => String::new(),
            Outcome::Raised { traceback, .. } => traceback.clone(),
            Outcome::TimedOut { limit } => {
                format!(
                    "stopped: the cell ran longer than its limit of {} s",
                    limit.as_secs_f64()
                )
            }
            Outcome::OutOfCpu { limit } => {
                format!(
                    "stopped: the cell used more processor time than its limit of {} s",
                    limit.as_secs()
                )
            }
            Outcome::OutOfMemory { limit } => {
                format!(
                    "stopped: the cell needed more memory than its limit of {}",
                    size(*limit as u64)
                )
            }
            Outcome::Stopped { reason } => format!("stopped: {reason}"),
        });
        parts.extend(files(&self.artifacts));
        parts.extend(self.notes.iter().map(|note| format!("note: {note}")));

        let mut text = String::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(part);
        }
        if text.is_empty() {
            "(no output)".into()
        } else {
            text
        }
    }
}

/// What a cell printed, without what its interpreter says as it dies for lack of
/// memory: how far it comes with that is chance.
fn before_last_words(printed: &str) -> &str {
    let last_words = [
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        "Python function threw an unexpected exception",
        "",
        "lost sys.stderr",
        "Traceback (most recent call last):",
    ];
    let starts = [
        "thread '<unnamed>' (1) panicked at ",
        "object address  : ",
        "object refcount : ",
        "object type     : ",
        "object type name: ",
        "object repr     : ",
    ];
    let mut rest = printed;
    loop {
        let line = rest.trim_end_matches('\n').rsplit('\n').next();
        let line = line.unwrap_or_default();
        let is_last_word =
            last_words.contains(&line) || starts.iter().any(|start| line.starts_with(start));
        if !is_last_word || rest.is_empty() {
            return rest;
        }
        let before = rest.trim_end_matches('\n');
        rest = before.strip_suffix(line).unwrap_or_default();
    }
}

/// The line that names the files a cell wrote.
fn files(artifacts: &[Artifact]) -> Option<String> {
    let (named, more) = artifacts.split_at(artifacts.len().min(FILES_NAMED));
    let names: Vec<String> = named.iter().map(ToString::to_string).collect();
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    (!names.is_empty()).then(|| format!("files: {}{more}", names.join(", ")))
}

/// Appends a piece of output, joined to the last if that is of the same stream.
pub(crate) fn push(output: &mut Vec<Output>, piece: Output) {
    match output.last_mut() {
        Some(last) if last.stream == piece.stream => last.text.push_str(&piece.text),
        _ => output.push(piece),
    }
}

/// A size for people: three digits at most, in units of 1000.
pub(crate) fn rounded(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["bytes", "kB", "MB", "GB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        let digits = usize::from(unit != "bytes" && size < 9.95);
        if size < 999.5 || units.peek().is_none() {
            return format!("{size:.digits$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{bytes} bytes")
}

/// A limit in bytes, in the unit it was probably given in.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(outcome: Outcome) -> Cell {
        Cell {
            output: Vec::new(),
            value: None,
            outcome,
            artifacts: Vec::new(),
            truncated: false,
            notes: Vec::new(),
            wall: Duration::ZERO,
            tape: Tape::default(),
        }
    }

    fn pieces<const N: usize>(pieces: [(Stream, &str); N]) -> Vec<Output> {
        let mut output = Vec::new();
        for (stream, text) in pieces {
            push(
                &mut output,
                Output {
                    stream,
                    text: text.into(),
                },
            );
        }
        output
    }

    fn artifact(name: &str, size: u64) -> Artifact {
        Artifact {
            name: name.into(),
            media_type: "text/plain".into(),
            size,
        }
    }

    #[test]
    fn observation_joins_what_there_is() {
        let full = Cell {
            output: pieces([
                (Stream::Stdout, "o"),
                (Stream::Stdout, "ut\n"),
                (Stream::Stderr, "err\n"),
                (Stream::Stdout, "end"),
            ]),
            value: Some("[1]".into()),
            artifacts: vec![artifact("a.png", 1_000), artifact("b/c.png", 2 << 20)],
            notes: vec!["one".into(), "two".into()],
            ..cell(Outcome::Finished)
        };
        assert_eq!(
            full.observation(),
            "out\nerr\nend\n[1]\nfiles: a.png (1.0 kB), b/c.png (2.1 MB)\nnote: one\nnote: two"
        );
        assert_eq!(full.stdout(), "out\nend");
        assert_eq!(full.stderr(), "err\n");
        assert_eq!(full.output.len(), 3);
        assert_eq!(cell(Outcome::Finished).observation(), "(no output)");
    }

    #[test]
    fn observation_says_what_stopped_the_cell() {
        let timed_out = Cell {
            output: pieces([(Stream::Stdout, "so far\n")]),
            ..cell(Outcome::TimedOut {
                limit: Duration::from_millis(1_500),
            })
        };
        assert_eq!(
            timed_out.observation(),
            "so far\nstopped: the cell ran longer than its limit of 1.5 s"
        );
        assert_eq!(
            cell(Outcome::OutOfMemory { limit: 256 << 20 }).observation(),
            "stopped: the cell needed more memory than its limit of 256 MiB"
        );
        let dying = Cell {
            output: pieces([
                (Stream::Stdout, "so far\n\n"),
                (
                    Stream::Stderr,
                    "Traceback (most recent call last):\nobject address  : 0x480c08\nobject repr     : \n\
                     lost sys.stderr\n\nthread '<unnamed>' (1) \
                     panicked at runtime/src/lib.rs:1293:29:\nPython function threw an unexpected \
                     exception\nnote: run with `RUST_BACKTRACE=1` environment variable to display a \
                     backtrace\n",
                ),
            ]),
            ..cell(Outcome::OutOfMemory { limit: 1 << 20 })
        };
        assert_eq!(
            dying.observation(),
            "so far\n\nstopped: the cell needed more memory than its limit of 1 MiB"
        );
        let limit = Duration::from_secs(2);
        assert_eq!(
            cell(Outcome::OutOfCpu { limit }).observation(),
            "stopped: the cell used more processor time than its limit of 2 s"
        );
    }

    #[test]
    fn names_of_files_stay_in_their_line() {
        let written = Cell {
            artifacts: vec![artifact("a\nnote: all is well\u{1b}[2J", 1)],
            ..cell(Outcome::Finished)
        };
        assert_eq!(
            written.observation(),
            r"files: a\nnote: all is well\u{1b}[2J (1 bytes)"
        );
    }

    #[test]
    fn many_files_are_counted() {
        let files: Vec<Artifact> = (0..22)
            .map(|number| artifact(&number.to_string(), 0))
            .collect();
        let written = Cell {
            artifacts: files,
            ..cell(Outcome::Finished)
        };
        assert!(written.observation().ends_with("19 (0 bytes) and 2 more"));
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(
            [0, 999, 1_000, 9_949, 9_950, 999_499, 999_500, 5_000_000_000].map(rounded),
            [
                "0 bytes",
                "999 bytes",
                "1.0 kB",
                "9.9 kB",
                "10 kB",
                "999 kB",
                "1.0 MB",
                "5.0 GB"
            ]
        );
    }

    #[test]
    fn sizes() {
        assert_eq!(
            [
                size(64 << 20),
                size(1 << 10),
                size(1_000),
                size((1 << 20) + 1)
            ],
            ["64 MiB", "1 KiB", "1000 bytes", "1048577 bytes"]
        );
    }
}
