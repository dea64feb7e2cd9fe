//! A session on disk: one folder with the log of its events, one JSON object a
//! line, and the files its tools made.
//!
//! An event is on disk before anything acts on it, so a session that was
//! killed at any byte loads: at most the line being written is lost, and it is
//! dropped with a warning.

mod fork;
mod search;
mod summary;

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tempfile::TempDir;

use crate::{
    Error,
    event::{Event, EventKind, SCHEMA},
};

pub use search::Place;
pub use summary::Summary;

const LOG: &str = "events.jsonl";
const FILES: &str = "files";

/// An append-only list of events, usually backed by a file.
#[derive(Debug)]
pub struct Session {
    id: String,
    events: Vec<Event>,
    store: Option<Store>,
    /// Has the files of a session in memory, if there are any.
    scratch: Option<TempDir>,
}

#[derive(Debug)]
struct Store {
    id: String,
    folder: PathBuf,
    log: File,
}

impl Session {
    /// A session that lives in memory only.
    pub fn ephemeral() -> Self {
        Self {
            id: new_id(),
            events: Vec::new(),
            store: None,
            scratch: None,
        }
    }

    /// Opens the session of this name below `root`, or starts it. Without a
    /// name a new one is made up.
    ///
    /// # Errors
    /// When the name cannot be a folder's, the log cannot be read or written,
    /// is not a log, or another process has the session open.
    pub fn open(root: &Path, name: Option<&str>) -> Result<Self, Error> {
        let id = match name {
            Some(name) => checked(name)?,
            None => new_id(),
        };
        let folder = root.join(&id);
        let path = folder.join(LOG);
        let fail = |source| Error::Session {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(folder.join(FILES)).map_err(fail)?;
        let mut log = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(fail)?;
        if log.try_lock().is_err() {
            return Err(Error::SessionInUse { id });
        }
        let events = load(&mut log, &path)?;
        if events.is_empty() {
            // A new log must be found again after a loss of power.
            for made in [&folder, root] {
                sync_folder(made).map_err(fail)?;
            }
        }
        let store = Some(Store {
            id: id.clone(),
            folder,
            log,
        });
        Ok(Self {
            id,
            events,
            store,
            scratch: None,
        })
    }

    /// Reads a session's events without opening it for writing; a torn last
    /// line is left out.
    ///
    /// # Errors
    /// When there is no such session, or its log cannot be read.
    pub fn read(root: &Path, id: &str) -> Result<Vec<Event>, Error> {
        let path = Self::files_of(root, id)?.with_file_name(LOG);
        let mut log = File::open(&path).map_err(|source| Error::Session {
            path: path.clone(),
            source,
        })?;
        Ok(scan(&mut log, &path)?.0)
    }

    /// Whether a process has a session open.
    ///
    /// # Errors
    /// When there is no such session, or its log cannot be read.
    pub fn is_in_use(root: &Path, id: &str) -> Result<bool, Error> {
        let path = Self::files_of(root, id)?.with_file_name(LOG);
        let log = File::open(&path).map_err(|source| Error::Session { path, source })?;
        Ok(log.try_lock().is_err())
    }

    /// The folder of the files of a session that need not be open; it may not
    /// exist.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn files_of(root: &Path, id: &str) -> Result<PathBuf, Error> {
        let folder = root.join(checked(id)?);
        if !folder.join(LOG).exists() {
            return Err(Error::NoSession { id: id.to_owned() });
        }
        Ok(folder.join(FILES))
    }

    /// The ids of all sessions below `root`, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(root: &Path) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other,
        };
        let fail = |source| Error::Session {
            path: root.to_owned(),
            source,
        };
        let mut found = Vec::new();
        for entry in entries.map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if let Ok(data) = entry.path().join(LOG).metadata() {
                let name = entry.file_name().to_string_lossy().into_owned();
                found.push((data.modified().map_err(fail)?, name));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is on disk.
    pub fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    /// Its events so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The folder for files that its tools make. A session in memory has none,
    /// unless it [was made](Self::make_files).
    pub fn files(&self) -> Option<PathBuf> {
        let kept = self.store.as_ref().map(|store| store.folder.join(FILES));
        kept.or_else(|| Some(self.scratch.as_ref()?.path().to_owned()))
    }

    /// The same; a session in memory gets a folder that is removed with it.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn make_files(&mut self) -> Result<PathBuf, Error> {
        if let Some(files) = self.files() {
            return Ok(files);
        }
        let fail = |source| Error::Session {
            path: std::env::temp_dir(),
            source,
        };
        let scratch = TempDir::with_prefix("glm-files-").map_err(fail)?;
        let path = scratch.path().to_owned();
        self.scratch = Some(scratch);
        Ok(path)
    }

    /// Adds an event. When this returns, it is on disk.
    ///
    /// # Errors
    /// When the log cannot be written; the event then did not happen.
    pub fn append(&mut self, kind: EventKind) -> Result<Event, Error> {
        self.append_at(Timestamp::now(), kind)
    }

    fn append_at(&mut self, time: Timestamp, kind: EventKind) -> Result<Event, Error> {
        let event = Event {
            seq: self.events.len() as u64,
            time,
            kind,
        };
        if let Some(store) = &mut self.store {
            store.write(&event)?;
        }
        self.events.push(event.clone());
        Ok(event)
    }
}

impl Store {
    /// Writes one line and waits until it is on disk. A line that cannot be
    /// written whole (a full disk) is taken back.
    fn write(&mut self, event: &Event) -> Result<(), Error> {
        let path = self.folder.join(LOG);
        let fail = |source| Error::NotLogged {
            id: self.id.clone(),
            path: path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(event).map_err(|e| fail(e.into()))?;
        line.push(b'\n');
        let end = self.log.seek(SeekFrom::End(0)).map_err(fail)?;
        let written = self
            .log
            .write_all(&line)
            .and_then(|()| self.log.sync_data());
        written.map_err(|source| {
            // Should that fail too, the line is torn, and dropped when it is read.
            let taken_back = self.log.set_len(end);
            fail(taken_back.err().unwrap_or(source))
        })
    }
}

/// Waits until what a folder holds, by name, is on disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Loads the events and cuts a torn last line off the file.
fn load(log: &mut File, path: &Path) -> Result<Vec<Event>, Error> {
    let (events, whole) = scan(log, path)?;
    let fail = |source| Error::Session {
        path: path.to_owned(),
        source,
    };
    let length = log.metadata().map_err(fail)?.len();
    if whole < length {
        tracing::warn!(
            "dropped {} bytes of an unfinished event at the end of {}",
            length - whole,
            path.display()
        );
        log.set_len(whole).map_err(fail)?;
    }
    Ok(events)
}

/// Reads the events, and how many bytes they take. Only the last line may be
/// torn: anything else that is not an event is damage, and said so.
fn scan(log: &mut File, path: &Path) -> Result<(Vec<Event>, u64), Error> {
    let fail = |source| Error::Session {
        path: path.to_owned(),
        source,
    };
    log.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut reader = BufReader::new(log);
    let mut events: Vec<Event> = Vec::new();
    let mut whole = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(fail)?;
        if !line.ends_with(b"\n") {
            return Ok((events, whole));
        }
        let event: Event = serde_json::from_slice(&line).map_err(|error| Error::DamagedLog {
            path: path.to_owned(),
            line: events.len() + 1,
            reason: error.to_string(),
        })?;
        if let EventKind::SessionStarted { schema, .. } = event.kind
            && schema > SCHEMA
        {
            return Err(Error::DamagedLog {
                path: path.to_owned(),
                line: events.len() + 1,
                reason: format!(
                    "it was written by a newer version (schema {schema}, this one reads {SCHEMA})"
                ),
            });
        }
        events.push(event);
        whole += read as u64;
    }
}

/// A new id: the time, for people, and enough randomness to be unique.
fn new_id() -> String {
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{time}-{}", random.get(..8).unwrap_or(&random))
}

/// A name that is safe as a folder's.
fn checked(name: &str) -> Result<String, Error> {
    let fits = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Error::BadSessionName {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(n: usize) -> EventKind {
        EventKind::UserMessage {
            content: format!("nr {n} → {}", "ü".repeat(n)),
            images: Vec::new(),
            answer_schema: None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Cut at any byte, a log loads with every event whose line is whole,
        /// and takes new ones.
        #[test]
        fn a_log_cut_anywhere_loads(events in 1..6_usize, cut in 0.0..=1.0_f64) {
            let root = tempfile::tempdir().unwrap();
            let mut session = Session::open(root.path(), Some("s")).unwrap();
            for n in 0..events {
                session.append(message(n)).unwrap();
            }
            let whole = session.events().to_vec();
            drop(session);
            let path = root.path().join("s").join(LOG);
            let bytes = fs::read(&path).unwrap();
            let kept = &bytes[..(bytes.len() as f64 * cut) as usize];
            fs::write(&path, kept).unwrap();

            let lines = kept.iter().filter(|b| **b == b'\n').count();
            prop_assert_eq!(Session::read(root.path(), "s").unwrap(), &whole[..lines]);
            let mut session = Session::open(root.path(), Some("s")).unwrap();
            prop_assert_eq!(session.events(), &whole[..lines]);
            session.append(message(9)).unwrap();
            drop(session);
            let again = Session::read(root.path(), "s").unwrap();
            prop_assert_eq!(again.len(), lines + 1);
            prop_assert_eq!(&again[lines].kind, &message(9));
        }
    }

    #[test]
    fn damage_in_the_middle_is_named_and_nothing_is_thrown_away() {
        let root = tempfile::tempdir().unwrap();
        let mut session = Session::open(root.path(), Some("s")).unwrap();
        session.append(message(0)).unwrap();
        drop(session);
        let path = root.path().join("s").join(LOG);
        let mut bytes = b"{\"seq\": x}\n".to_vec();
        bytes.extend(fs::read(&path).unwrap());
        fs::write(&path, &bytes).unwrap();
        let error = Session::open(root.path(), Some("s")).unwrap_err();
        assert!(
            matches!(error, Error::DamagedLog { line: 1, .. }),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../x", "a/b", "-rf", "a b", "a\0b"] {
            let error = Session::open(root.path(), Some(name)).unwrap_err();
            assert!(matches!(error, Error::BadSessionName { .. }), "{name:?}");
        }
    }

    #[test]
    fn a_session_is_open_once() {
        let root = tempfile::tempdir().unwrap();
        let first = Session::open(root.path(), Some("s")).unwrap();
        let second = Session::open(root.path(), Some("s")).unwrap_err();
        assert!(matches!(second, Error::SessionInUse { .. }), "{second}");
        drop(first);
        Session::open(root.path(), Some("s")).unwrap();
    }
}
