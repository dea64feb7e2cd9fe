//! Where the leaderboard's data is: in the package `bfcl-eval`, which is read and never
//! copied.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Error, pinned};

/// The version of `bfcl-eval` whose data, checker and tools are known here.
pub const VERSION: &str = "2026.3.23";

/// A file that is in every version of the data.
const MARK: &str = "BFCL_v4_simple_python.json";

/// What is installed where the user has no `bfcl-eval`: without what it needs beside
/// them, which is large and is for models of others.
const PACKAGES: [&str; 2] = ["bfcl-eval==2026.3.23", "mpmath==1.3.0"];

const OFFLINE: &str = "check the network, or install it on another machine with `pip install \
    --no-deps --target DIR bfcl-eval==2026.3.23 mpmath==1.3.0`, and name that folder with --data";

/// The data, and the Python that has the package's code.
#[derive(Debug, Clone)]
pub struct Source {
    data: PathBuf,
    python: OsString,
    accepts_other: bool,
}

/// A file of the data.
pub(super) struct File {
    /// Its path.
    pub path: PathBuf,
    /// A JSON value a line.
    pub lines: Vec<Value>,
    /// Whether it is that of [`VERSION`].
    pub is_known: bool,
}

impl Source {
    /// The data in a folder that the user names: one of JSON files, the package's, one
    /// that packages are installed into, or a virtual environment.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(folder: &Path) -> Result<Self, Error> {
        let mut places = vec![
            folder.to_owned(),
            folder.join("data"),
            folder.join("bfcl_eval/data"),
        ];
        let libraries = fs::read_dir(folder.join("lib")).into_iter().flatten();
        let libraries = libraries.flatten().map(|entry| entry.path());
        places.extend(libraries.map(|lib| lib.join("site-packages/bfcl_eval/data")));
        let data = places.into_iter().find(|place| place.join(MARK).exists());
        let own = ["bin/python", "Scripts/python.exe"].map(|python| folder.join(python));
        let own = own.into_iter().find(|python| python.exists());
        Ok(Self {
            data: data.ok_or_else(|| Error::NoData {
                path: folder.to_owned(),
            })?,
            python: own.map_or_else(python, OsString::from),
            accepts_other: false,
        })
    }

    /// The data of the `bfcl-eval` that the user's Python has, if it is that of
    /// [`VERSION`]; or else of one in `cache`, which is fetched with pip if it is not
    /// there yet. What takes long is told to `say`.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub fn find(cache: &Path, say: &dyn Fn(&str)) -> Result<Self, Error> {
        let found = installed();
        let folder = match &found {
            Some(data) => data,
            None => &fetched(cache, say)?,
        };
        Self::named(folder)
    }

    /// Has data of other versions, and of the user's own, accepted.
    #[must_use]
    pub fn accept_other(mut self, accepts: bool) -> Self {
        self.accepts_other = accepts;
        self
    }

    /// The folder of the data.
    pub fn folder(&self) -> &Path {
        &self.data
    }

    /// A Python that finds the package's code.
    pub(super) fn python(&self) -> Command {
        let mut python = Command::new(&self.python);
        let is_packages = self.data.ends_with("bfcl_eval/data");
        if let Some(folder) = self.data.ancestors().nth(2).filter(|_| is_packages) {
            python.env("PYTHONPATH", folder);
        }
        python
    }

    /// Reads a file, by its path below the folder.
    pub(super) fn read(&self, name: &str) -> Result<File, Error> {
        let path = self.data.join(name);
        let bytes = fs::read(&path).map_err(|source| Error::Unreadable {
            path: path.clone(),
            source,
        })?;
        let found = hex(&Sha256::digest(&bytes));
        let expected = pinned::sha256(name).unwrap_or("none");
        if found != expected && !self.accepts_other {
            return Err(Error::OtherData {
                path,
                found,
                expected,
            });
        }
        Ok(File {
            lines: lines(&bytes, &path)?,
            path,
            is_known: found == expected,
        })
    }
}

/// The values of a file that has one a line.
pub(super) fn lines(bytes: &[u8], path: &Path) -> Result<Vec<Value>, Error> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| Error::BadLine {
                path: path.to_owned(),
                line: index + 1,
                what: "not JSON",
                reason: error.to_string(),
            })
        })
        .collect()
}

fn python() -> OsString {
    let named = std::env::var_os("GLM_PYTHON").filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "python3".into())
}

/// The folder of the package that the user's Python has. Nothing of it is run.
fn installed() -> Option<PathBuf> {
    let ask = "from importlib import metadata, util\n\
        print(metadata.version('bfcl-eval'))\n\
        print(util.find_spec('bfcl_eval').submodule_search_locations[0])";
    let output = Command::new(python())
        .args(["-c", ask])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (version, folder) = said.trim_end().split_once('\n')?;
    (version.trim() == VERSION).then(|| PathBuf::from(folder.trim()))
}

/// The folder in the cache that the packages are installed into.
fn fetched(cache: &Path, say: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let folder = cache.join(format!("bfcl-eval-{VERSION}"));
    if folder.exists() {
        return Ok(folder);
    }
    say(&format!(
        "fetching the leaderboard's data (bfcl-eval {VERSION}, 2 MB)"
    ));
    let failed = |reason: String, hint| Error::Fetch { reason, hint };
    fs::create_dir_all(cache).map_err(Error::results("make", cache))?;
    let partial = tempfile::tempdir_in(cache).map_err(Error::results("write in", cache))?;
    let python = python();
    let output = Command::new(&python)
        .args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--no-input", "--quiet"])
        .arg("--target")
        .arg(partial.path().join("packages"))
        .args(PACKAGES)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            failed(
                format!("cannot run `{}`: {error}", python.display()),
                "install Python 3 with pip, or name an interpreter in GLM_PYTHON",
            )
        })?;
    if !output.status.success() {
        let noise = String::from_utf8_lossy(&output.stderr);
        let mut lines = noise
            .lines()
            .rev()
            .map(|line| line.trim_start_matches("ERROR: "));
        let reason = lines.find(|line| !line.trim().is_empty());
        return Err(failed(
            reason.unwrap_or("pip failed without a word").to_owned(),
            OFFLINE,
        ));
    }
    match fs::rename(partial.path().join("packages"), &folder) {
        // Another process was faster.
        Err(_) if folder.exists() => Ok(folder),
        renamed => {
            renamed.map_err(Error::results("make", &folder))?;
            Ok(folder)
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn data_is_found_in_any_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::named(folder.path()).unwrap_err();
        assert!(matches!(error, Error::NoData { .. }), "{error}");
        for place in [
            "lib/python3.11/site-packages/bfcl_eval/data",
            "bfcl_eval/data",
            "data",
            "",
        ] {
            let place = folder.path().join(place);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(MARK), "{}\n").unwrap();
            let source = Source::named(folder.path()).unwrap();
            assert_eq!(source.folder(), place);
        }
    }

    #[test]
    fn other_data_is_refused_unless_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), "{\"id\": 1}\n\n{\n").unwrap();
        let source = Source::named(folder.path()).unwrap();
        let error = source.read(MARK).err().unwrap();
        assert!(matches!(error, Error::OtherData { .. }), "{error}");
        let source = source.accept_other(true);
        let error = source.read(MARK).err().unwrap();
        assert!(matches!(error, Error::BadLine { line: 3, .. }), "{error}");
        fs::write(folder.path().join(MARK), "{\"id\": 1}\n").unwrap();
        let file = source.read(MARK).unwrap();
        assert_eq!((file.lines.len(), file.is_known), (1, false));
    }
}
