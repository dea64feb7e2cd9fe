//! The file of a batch's results, which can be gone on with after anything.
//!
//! A result is on disk, as a whole line, before it counts. Beside the file lies,
//! until every task has its result, another with the batch's id: sessions are named
//! after it, so that a task that was done without its result being written is known
//! by its session's log.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{Status, TaskResult};
use crate::Error;

/// Of the file with the batch's id, behind the name of that with the results.
const SUFFIX: &str = ".batch";

/// Results on disk, open for more.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    batch: String,
    /// What is known of those that are written, by the tasks' ids.
    written: HashMap<String, Written>,
    /// What came of earlier attempts is no result unless it is written.
    anew: bool,
}

/// What is kept in memory of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Whether the task was done.
    pub status: Status,
    /// The session's id.
    pub session: Option<String>,
}

impl Results {
    /// Opens the file, or begins it. A torn last line is dropped with a warning.
    /// With `anew`, results of tasks that failed or wait for somebody are dropped: those
    /// that failed are done again, also when this is cut off and the next one goes on,
    /// and of those that waited it is looked whether somebody has answered.
    ///
    /// # Errors
    /// When it cannot be used, is no such file, or another process writes to it.
    pub fn open(path: &Path, anew: bool) -> Result<Self, Error> {
        let fail = Error::results("use", path);
        let (mut file, is_new) = match OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(path)
        {
            Ok(file) => (file, true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let old = OpenOptions::new().read(true).append(true).open(path);
                (old.map_err(fail)?, false)
            }
            Err(error) => return Err(fail(error)),
        };
        lock(&file, path)?;
        let results = scan(&mut file, path)?;
        let batch = match results.first() {
            Some(result) => result.batch.clone(),
            None => id_beside(path, is_new)?,
        };
        let (kept, dropped): (Vec<_>, Vec<_>) = results
            .into_iter()
            .partition(|r| !anew || matches!(r.status, Status::Answered | Status::Limited));
        if !dropped.is_empty() {
            // The id must not be lost with the last of the results.
            write_beside(path, &batch)?;
            file = rewrite(path, &kept)?;
        }
        let mut written = HashMap::new();
        for result in kept {
            written.insert(result.id.clone(), Written::from(&result));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            batch,
            written,
            anew,
        })
    }

    /// The batch's id.
    pub fn batch(&self) -> &str {
        &self.batch
    }

    /// What is known of a task's result, if it is written.
    pub fn get(&self, id: &str) -> Option<&Written> {
        self.written.get(id)
    }

    /// Whether tasks are done again that failed before.
    pub fn is_anew(&self) -> bool {
        self.anew
    }

    /// Adds a result, unless there is one of this task. When this returns, it is on
    /// disk.
    ///
    /// # Errors
    /// When it cannot be written; a part of a line is taken back.
    pub fn add(&mut self, result: &TaskResult) -> Result<(), Error> {
        if self.written.contains_key(&result.id) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(result)
            .map_err(|error| Error::results("write to", &self.path)(error.into()))?;
        line.push(b'\n');
        let fail = Error::results("write to", &self.path);
        let end = match self.file.metadata() {
            Ok(data) => data.len(),
            Err(error) => return Err(fail(error)),
        };
        let written = self.file.write_all(&line);
        if let Err(source) = written.and_then(|()| self.file.sync_data()) {
            return Err(fail(self.file.set_len(end).err().unwrap_or(source)));
        }
        self.written
            .insert(result.id.clone(), Written::from(result));
        Ok(())
    }

    /// Says that all tasks have their results.
    ///
    /// # Errors
    /// When the file with the batch's id cannot be removed.
    pub fn complete(&self) -> Result<(), Error> {
        match fs::remove_file(beside(&self.path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::results("remove", beside(&self.path))(error))
            }
            _ => Ok(()),
        }
    }
}

impl From<&TaskResult> for Written {
    fn from(result: &TaskResult) -> Self {
        Self {
            status: result.status,
            session: result.session.clone(),
        }
    }
}

fn lock(file: &File, path: &Path) -> Result<(), Error> {
    let in_use = || Error::ResultsInUse {
        path: path.to_owned(),
    };
    file.try_lock().map_err(|_| in_use())?;
    // Another process may have put a new file in its place meanwhile.
    if is_at(file, path) {
        Ok(())
    } else {
        Err(in_use())
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.dev() == named.dev() && open.ino() == named.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    // A file that is open is not replaced there.
    true
}

/// Reads the results. Only the last line may be torn, and is cut off; one that
/// lacks its line's end and nothing else is kept.
fn scan(file: &mut File, path: &Path) -> Result<Vec<TaskResult>, Error> {
    let fail = |source| Error::results("read", path)(source);
    let mut reader = BufReader::new(&*file);
    let mut results: Vec<TaskResult> = Vec::new();
    let (mut whole, mut line) = (0_u64, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(fail)?;
        if read == 0 {
            return Ok(results);
        }
        let is_ended = line.ends_with(b"\n");
        match serde_json::from_slice(&line) {
            Ok(result) => results.push(result),
            Err(_) if !is_ended => {
                tracing::warn!(
                    "dropped {read} bytes of an unfinished result at the end of {}",
                    path.display()
                );
                file.set_len(whole).map_err(fail)?;
                return Ok(results);
            }
            Err(error) => {
                return Err(Error::DamagedResults {
                    path: path.to_owned(),
                    line: results.len() + 1,
                    reason: error.to_string(),
                });
            }
        }
        if !is_ended {
            file.write_all(b"\n").map_err(fail)?;
            return Ok(results);
        }
        whole += read as u64;
    }
}

/// Puts a file with these results in the place of the one that is there, locked.
fn rewrite(path: &Path, kept: &[TaskResult]) -> Result<File, Error> {
    let fail = |source| Error::results("rewrite", path)(source);
    let mut new = NamedTempFile::new_in(folder(path)).map_err(fail)?;
    for result in kept {
        let mut line = serde_json::to_vec(result).map_err(|error| fail(error.into()))?;
        line.push(b'\n');
        new.write_all(&line).map_err(fail)?;
    }
    if let Ok(data) = fs::metadata(path) {
        fs::set_permissions(new.path(), data.permissions()).map_err(fail)?;
    }
    new.as_file().sync_all().map_err(fail)?;
    let file = OpenOptions::new().read(true).append(true).open(new.path());
    let file = file.map_err(fail)?;
    file.try_lock().map_err(|error| fail(error.into()))?;
    new.persist(path).map_err(|error| fail(error.error))?;
    Ok(file)
}

/// The id of a batch without results: that of before, or a new one for a new file.
fn id_beside(path: &Path, is_new: bool) -> Result<String, Error> {
    if !is_new {
        match fs::read_to_string(beside(path)) {
            Ok(id) => return Ok(id.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::results("read", beside(path))(error)),
        }
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    let id = id.get(..12).unwrap_or(&id).to_owned();
    write_beside(path, &id)?;
    Ok(id)
}

/// Keeps the id. The file is there whole or not at all.
fn write_beside(path: &Path, id: &str) -> Result<(), Error> {
    let fail = |source| Error::results("write", beside(path))(source);
    let mut file = NamedTempFile::new_in(folder(path)).map_err(fail)?;
    writeln!(file, "{id}").map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(beside(path))
        .map_err(|error| fail(error.error))?;
    // The new names are on disk when their folder is.
    #[cfg(unix)]
    File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .map_err(fail)?;
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(batch: &str, id: &str, status: Status) -> TaskResult {
        TaskResult {
            status,
            answer: format!("the answer → {id}"),
            ..TaskResult::failed(batch, id, "none".to_owned())
        }
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<TaskResult>(line).unwrap().id)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Cut at any byte, the file opens with every result that is whole, in the
        /// same batch, and takes new ones.
        #[test]
        fn a_file_cut_anywhere_opens(count in 1..5_usize, cut in 0.0..=1.0_f64) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("results.jsonl");
            let mut results = Results::open(&path, false).unwrap();
            let batch = results.batch().to_owned();
            for n in 0..count {
                results.add(&result(&batch, &n.to_string(), Status::Answered)).unwrap();
            }
            drop(results);
            let bytes = fs::read(&path).unwrap();
            let kept = &bytes[..(bytes.len() as f64 * cut) as usize];
            fs::write(&path, kept).unwrap();

            // A line that lacks its end only is whole.
            let ends = |end: usize| bytes.get(end) == Some(&b'\n');
            let whole = kept.iter().filter(|b| **b == b'\n').count()
                + usize::from(ends(kept.len()) && kept.last() == Some(&b'}'));
            let mut results = Results::open(&path, false).unwrap();
            prop_assert_eq!(results.batch(), &batch);
            results.add(&result(&batch, "new", Status::Answered)).unwrap();
            let mut expected: Vec<String> = (0..whole).map(|n| n.to_string()).collect();
            expected.push("new".to_owned());
            prop_assert_eq!(ids(&path), expected);
        }
    }

    #[test]
    fn what_failed_or_waits_is_dropped_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let mut results = Results::open(&path, false).unwrap();
        let batch = results.batch().to_owned();
        for (id, status) in [
            ("a", Status::Failed),
            ("b", Status::Answered),
            ("c", Status::Waiting),
            ("d", Status::Limited),
        ] {
            results.add(&result(&batch, id, status)).unwrap();
        }
        drop(results);
        assert_eq!(Results::open(&path, false).unwrap().written.len(), 4);
        let results = Results::open(&path, true).unwrap();
        assert_eq!(results.batch(), batch);
        assert_eq!(ids(&path), ["b", "d"]);
        // The new file is locked as the old one was.
        let second = Results::open(&path, false).unwrap_err();
        assert!(matches!(second, Error::ResultsInUse { .. }), "{second}");
    }

    #[test]
    fn a_result_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let mut results = Results::open(&path, false).unwrap();
        for _ in 0..2 {
            results.add(&result("b", "a", Status::Answered)).unwrap();
        }
        assert_eq!(ids(&path), ["a"]);
    }

    #[test]
    fn a_new_file_is_a_new_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let first = Results::open(&path, false).unwrap().batch().to_owned();
        assert_eq!(Results::open(&path, false).unwrap().batch(), first);
        fs::remove_file(&path).unwrap();
        assert_ne!(Results::open(&path, false).unwrap().batch(), first);
    }

    #[test]
    fn another_file_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "my notes\nand more\n").unwrap();
        let error = Results::open(&path, true).unwrap_err();
        assert!(
            matches!(error, Error::DamagedResults { line: 1, .. }),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes\nand more\n");
    }
}
