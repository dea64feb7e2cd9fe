//! The folder of an evaluation's results, which can be gone on with after anything.
//!
//! `run.json` says how the results were had; `results.jsonl` has an [`Outcome`] a line, in
//! the order in which they came.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Outcome};

const RUN: &str = "run.json";
const RESULTS: &str = "results.jsonl";

/// How results are had: all that they depend on, but for which entries they are of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The model, by the name that the user chose; of replies that were had elsewhere,
    /// their file.
    pub model: String,
    /// What the data is.
    pub data: String,
    /// Makes the choice of entries and a temperature above 0 repeatable.
    pub seed: u64,
    /// Where replies come from.
    #[serde(flatten)]
    pub how: How,
}

/// Where replies come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "replies", rename_all = "snake_case")]
pub enum How {
    /// The model is asked for them.
    Asked {
        /// Where the model runs, as `--engine` has it. A folder that does not tell is older
        /// than this, and taken to be of a model in this process.
        #[serde(default = "local")]
        engine: String,
        /// The type to which its weights were rounded at load, if they were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quantize: Option<String>,
        /// The model's format.
        profile: String,
        /// Whether they are held to the schemas of the functions on offer.
        constraint: bool,
        /// Whether the model is to think, where it can.
        thinking: bool,
        /// 0 takes the likeliest token each time.
        temperature: f64,
        /// The longest reply, in tokens.
        max_tokens: u32,
    },
    /// Another program had them.
    Given {
        /// The format in which they are read; without one, their calls are taken as they
        /// are.
        profile: Option<String>,
    },
}

fn local() -> String {
    "local".to_owned()
}

/// Results on disk, open for more.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    file: File,
    outcomes: HashMap<String, Outcome>,
}

impl Log {
    /// Opens the folder, or makes it. A torn last line is dropped with a warning.
    ///
    /// # Errors
    /// When it cannot be used, has results that were had otherwise, or another process
    /// writes to it.
    pub fn open(folder: &Path, info: &RunInfo) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::results("make", folder))?;
        let path = folder.join(RESULTS);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path);
        let mut file = file.map_err(Error::results("use", &path))?;
        file.try_lock().map_err(|_| Error::ResultsInUse {
            path: folder.to_owned(),
        })?;
        same(folder, info)?;
        let outcomes = read(&mut file, &path)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            outcomes,
        })
    }

    /// As [`open`](Self::open), with what is there given up.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when the results cannot be removed.
    pub fn anew(folder: &Path, info: &RunInfo) -> Result<Self, Error> {
        let mut log = Self::open(folder, info)?;
        let cleared = log.file.set_len(0);
        cleared.map_err(Error::results("clear", folder.join(RESULTS)))?;
        log.outcomes.clear();
        Ok(log)
    }

    /// The outcome of an entry, if it is there.
    pub fn get(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.get(id)
    }

    /// Adds an outcome.
    ///
    /// # Errors
    /// When it cannot be written; a part of a line is taken back.
    pub fn add(&mut self, outcome: Outcome) -> Result<(), Error> {
        let path = self.folder.join(RESULTS);
        let mut line = serde_json::to_vec(&outcome)
            .map_err(|error| Error::results("write to", &path)(error.into()))?;
        line.push(b'\n');
        let fail = Error::results("write to", &path);
        let end = match self.file.metadata() {
            Ok(data) => data.len(),
            Err(error) => return Err(fail(error)),
        };
        if let Err(source) = self.file.write_all(&line) {
            return Err(fail(self.file.set_len(end).err().unwrap_or(source)));
        }
        self.outcomes.insert(outcome.id.clone(), outcome);
        Ok(())
    }

    /// Puts a file beside the results, in the place of one that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        replace(&path, content)?;
        Ok(path)
    }
}

/// Says what differs from how the results in the folder were had, or keeps how they are.
fn same(folder: &Path, info: &RunInfo) -> Result<(), Error> {
    let path = folder.join(RUN);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let json = serde_json::to_string_pretty(info);
            let json = json.map_err(|error| Error::results("write", &path)(error.into()))?;
            return replace(&path, &(json + "\n"));
        }
        Err(error) => return Err(Error::results("read", &path)(error)),
    };
    let bad = |error: serde_json::Error| Error::BadLine {
        path: path.clone(),
        line: error.line(),
        what: "not how results were had",
        reason: error.to_string(),
    };
    let then: RunInfo = serde_json::from_slice(&text).map_err(bad)?;
    if then == *info {
        return Ok(());
    }
    let (then, now) = (fields(&then), fields(info));
    let mut names: Vec<&String> = then.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    let shown = |value: Option<&Value>| value.map_or_else(|| "unset".to_owned(), Value::to_string);
    let differences = names.into_iter().filter_map(|name| {
        let (then, now) = (then.get(name), now.get(name));
        (then != now).then(|| format!("{name} was {}, not {}", shown(then), shown(now)))
    });
    Err(Error::OtherRun {
        path: folder.to_owned(),
        differences: differences.collect::<Vec<_>>().join("; "),
    })
}

fn fields(info: &RunInfo) -> Map<String, Value> {
    match serde_json::to_value(info) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn read(file: &mut File, path: &Path) -> Result<HashMap<String, Outcome>, Error> {
    let fail = |source| Error::results("read", path)(source);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(fail)?;
    let mut outcomes = HashMap::new();
    let mut whole = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match serde_json::from_slice::<Outcome>(line) {
            Ok(outcome) => outcomes.insert(outcome.id.clone(), outcome),
            Err(_) if !line.ends_with(b"\n") => {
                tracing::warn!(
                    "dropped {} bytes of an unfinished result at the end of {}",
                    line.len(),
                    path.display()
                );
                file.set_len(whole).map_err(fail)?;
                break;
            }
            Err(error) => {
                return Err(Error::BadLine {
                    path: path.to_owned(),
                    line: index + 1,
                    what: "no result",
                    reason: error.to_string(),
                });
            }
        };
        if !line.ends_with(b"\n") {
            file.write_all(b"\n").map_err(fail)?;
        }
        whole += line.len() as u64;
    }
    Ok(outcomes)
}

/// Writes a file, which is there whole or as it was before.
fn replace(path: &Path, content: &str) -> Result<(), Error> {
    let fail = |source| Error::results("write", path)(source);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As other files are: the user's umask takes away what it takes away.
        file.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = file.tempfile_in(folder).map_err(fail)?;
    file.write_all(content.as_bytes()).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{eval::Category, model::Usage};

    fn info() -> RunInfo {
        RunInfo {
            model: "m".to_owned(),
            data: "d".to_owned(),
            seed: 1,
            how: asked(true, None),
        }
    }

    fn asked(constraint: bool, quantize: Option<&str>) -> How {
        How::Asked {
            engine: local(),
            quantize: quantize.map(str::to_owned),
            profile: "glm4".to_owned(),
            constraint,
            thinking: true,
            temperature: 0.0,
            max_tokens: 100,
        }
    }

    fn outcome(id: &str) -> Outcome {
        Outcome {
            id: id.to_owned(),
            category: Category::Multiple,
            valid: true,
            error: None,
            handler: None,
            raw: "→".to_owned(),
            calls: Vec::new(),
            turns: Vec::new(),
            usage: Usage::default(),
            seconds: 0.5,
        }
    }

    #[test]
    fn results_cut_anywhere_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), &info()).unwrap();
        for id in ["a", "b"] {
            log.add(outcome(id)).unwrap();
        }
        assert!(matches!(
            Log::open(folder.path(), &info()).unwrap_err(),
            Error::ResultsInUse { .. }
        ));
        drop(log);
        let path = folder.path().join(RESULTS);
        let bytes = fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            let kept = bytes.get(..cut).unwrap();
            fs::write(&path, kept).unwrap();
            let open = || OpenOptions::new().read(true).append(true).open(&path);
            let mut file = open().unwrap();
            let outcomes = read(&mut file, &path).unwrap();
            let is_whole = |line: &[u8]| serde_json::from_slice::<Outcome>(line).is_ok();
            let whole = kept
                .split(|byte| *byte == b'\n')
                .filter(|line| is_whole(line));
            assert_eq!(outcomes.len(), whole.count(), "cut at {cut}");
            // What is added stands on a line of its own.
            file.write_all(&serde_json::to_vec(&outcome("c")).unwrap())
                .unwrap();
            let after = read(&mut open().unwrap(), &path).unwrap();
            assert_eq!(after.len(), outcomes.len() + 1, "cut at {cut}");
            assert_eq!(after.get("c"), Some(&outcome("c")));
        }
    }

    #[test]
    fn results_of_another_run_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(Log::open(folder.path(), &info()).unwrap());
        let other = RunInfo {
            model: "n".to_owned(),
            how: asked(false, Some("q8_0")),
            ..info()
        };
        let error = Log::open(folder.path(), &other).unwrap_err();
        let Error::OtherRun { differences, .. } = error else {
            unreachable!()
        };
        assert_eq!(
            differences,
            "constraint was true, not false; model was \"m\", not \"n\"; quantize was unset, not \
             \"q8_0\""
        );
    }

    #[test]
    fn a_folder_that_tells_less_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut then = fields(&info());
        then.shift_remove("engine").unwrap();
        let then = serde_json::to_string(&then).unwrap();
        fs::write(folder.path().join(RUN), then).unwrap();
        Log::open(folder.path(), &info()).unwrap();
    }
}
