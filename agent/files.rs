//! Files that go into a session's folder, and files that come out of it.
//!
//! Code in the sandbox sees the folder as `/mnt/data`. What is in it was named and
//! written by a model's code, so nothing here follows a link below it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use glm_agent_sandbox::files;
pub use glm_agent_sandbox::files::Entry;
use glm_agent_tools::{python::Limits, text::size};

use crate::Error;

/// A file or folder that was copied into a session's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Its name there.
    pub name: String,
    /// In bytes; of a folder, all of its files.
    pub size: u64,
    /// How many files a folder holds; `None` for a file.
    pub files: Option<usize>,
}

impl fmt::Display for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            size: bytes,
            files,
        } = self;
        match files {
            None => write!(f, "{name} ({})", size(*bytes)),
            Some(1) => write!(f, "{name}/ (1 file, {})", size(*bytes)),
            Some(count) => write!(f, "{name}/ ({count} files, {})", size(*bytes)),
        }
    }
}

/// The line that tells a model which files it was given.
pub fn note(brought: &[Brought]) -> String {
    let names: Vec<String> = brought.iter().map(ToString::to_string).collect();
    format!("Files in /mnt/data: {}", names.join(", "))
}

/// Files and folders of the user's that are to go into a session's folder.
#[derive(Debug, Default)]
pub struct Gathered {
    /// By their names there.
    sources: BTreeMap<String, Source>,
    brought: Vec<Brought>,
}

/// Finds files, and folders with all that is in them.
///
/// # Errors
/// When one of them cannot be read, is or holds something else than files and
/// folders (a link among them), or two would have one name.
pub fn gather(paths: &[PathBuf]) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    for path in paths {
        let brought = gathered.add(path)?;
        gathered.brought.push(brought);
    }
    Ok(gathered)
}

/// The files in a session's folder, by name; none where there is no folder.
///
/// # Errors
/// When it cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Entry>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    Ok(files::list(folder)?)
}

/// Copies a file out of a session's folder, to the same name below `to`.
///
/// # Errors
/// When it cannot be read or is no regular file, or when `to` has such a file and
/// it is not to be `replace`d.
pub fn copy_out(folder: &Path, name: &str, to: &Path, replace: bool) -> Result<PathBuf, Error> {
    let from = files::open(folder, name)?;
    // A file that a running cell goes on writing has no end otherwise.
    let length = from.metadata().map_err(Error::file("read", name))?.len();
    fs::create_dir_all(to).map_err(Error::file("create", to))?;
    let target = to.join(name);
    if target.symlink_metadata().is_ok() {
        if !replace {
            return Err(Error::FileExists { path: target });
        }
        fs::remove_file(&target).map_err(Error::file("replace", &target))?;
    }
    fill(from.take(length), to, name)?;
    Ok(target)
}

/// Writes a new file; half of it is worse than none.
fn fill(mut from: impl Read, folder: &Path, name: &str) -> Result<(), Error> {
    let mut file = files::create(folder, name)?;
    let path = folder.join(name);
    if let Err(error) = io::copy(&mut from, &mut file) {
        let removed = fs::remove_file(&path);
        return Err(Error::file("write", path)(removed.err().unwrap_or(error)));
    }
    Ok(())
}

#[derive(Debug)]
struct Source {
    name: String,
    path: PathBuf,
    size: u64,
}

impl Gathered {
    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Copies them into a session's folder, which holds as much as `limits` say.
    /// What is there already with the same content stays as it is.
    ///
    /// # Errors
    /// Before anything is copied, when they would take the place of other files or
    /// all together are too much.
    pub fn copy_into(self, folder: &Path, limits: &Limits) -> Result<Vec<Brought>, Error> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let here: BTreeMap<String, u64> = files::list(folder)?
            .into_iter()
            .map(|entry| (entry.artifact.name, entry.artifact.size))
            .collect();
        let new = new_beside(self.sources, folder, &here)?;
        fits(&here, &new, limits)?;
        for source in new {
            source.copy(folder)?;
        }
        Ok(self.brought)
    }

    /// Adds what the user named, which may be a link: it is theirs.
    fn add(&mut self, path: &Path) -> Result<Brought, Error> {
        let found = fs::metadata(path).map_err(Error::file("read", path))?;
        let full = fs::canonicalize(path).map_err(Error::file("read", path))?;
        let name = path.file_name().or_else(|| full.file_name());
        let name = name
            .and_then(|name| name.to_str())
            .ok_or_else(|| refused(path, "its name is no text"))?;
        let (count, bytes) = if found.is_dir() {
            self.add_folder(&full, name)?
        } else {
            self.add_file(path, name, &found)?
        };
        if count == 0 {
            return Err(refused(path, "there is nothing in it"));
        }
        Ok(Brought {
            name: name.to_owned(),
            size: bytes,
            files: found.is_dir().then_some(count),
        })
    }

    /// Returns how many files there are, and their bytes.
    fn add_folder(&mut self, path: &Path, name: &str) -> Result<(usize, u64), Error> {
        let (mut count, mut bytes) = (0, 0);
        for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
            let inner = entry.map_err(Error::file("read", path))?.path();
            let found = fs::symlink_metadata(&inner).map_err(Error::file("read", &inner))?;
            let part = inner.file_name().and_then(|part| part.to_str());
            let part = part.ok_or_else(|| refused(&inner, "its name is no text"))?;
            let name = format!("{name}/{part}");
            let (more, size) = if found.is_dir() {
                self.add_folder(&inner, &name)?
            } else {
                self.add_file(&inner, &name, &found)?
            };
            count += more;
            bytes += size;
        }
        Ok((count, bytes))
    }

    fn add_file(
        &mut self,
        path: &Path,
        name: &str,
        found: &fs::Metadata,
    ) -> Result<(usize, u64), Error> {
        if found.is_symlink() {
            return Err(refused(path, "it is a link; name what it leads to instead"));
        }
        if !found.is_file() {
            return Err(refused(path, "it is neither a file nor a folder"));
        }
        let source = Source {
            name: name.to_owned(),
            path: path.to_owned(),
            size: found.len(),
        };
        if let Some(other) = self.sources.insert(name.to_owned(), source)
            && other.path != path
        {
            return Err(Error::FilesClash {
                name: name.to_owned(),
            });
        }
        Ok((1, found.len()))
    }
}

/// Those that are not in the folder yet; fails if another file has a name.
fn new_beside(
    sources: BTreeMap<String, Source>,
    folder: &Path,
    here: &BTreeMap<String, u64>,
) -> Result<Vec<Source>, Error> {
    let mut new = Vec::new();
    for (name, source) in sources {
        let is_same = match here.get(&name) {
            Some(bytes) => *bytes == source.size && source.equals(folder)?,
            None if is_taken(&name, here) => false,
            None => {
                new.push(source);
                continue;
            }
        };
        if !is_same {
            return Err(Error::FilesClash { name });
        }
    }
    Ok(new)
}

impl Source {
    fn open(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(Error::file("read", &self.path))
    }

    fn equals(&self, folder: &Path) -> Result<bool, Error> {
        let mut theirs = BufReader::new(files::open(folder, &self.name)?);
        let mut ours = BufReader::new(self.open()?);
        same(&mut ours, &mut theirs).map_err(Error::file("read", &self.path))
    }

    fn copy(&self, folder: &Path) -> Result<(), Error> {
        fill(self.open()?.take(self.size), folder, &self.name)
    }
}

/// Whether a folder is where the file would be, or a file where a folder above it
/// would be.
fn is_taken(name: &str, here: &BTreeMap<String, u64>) -> bool {
    let is_below = |name: &str, folder: &str| {
        name.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    here.keys()
        .any(|other| is_below(other, name) || is_below(name, other))
}

fn same(one: &mut impl BufRead, other: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let length = a.len().min(b.len());
        if length == 0 {
            return Ok(a.len() == b.len());
        }
        if a.get(..length) != b.get(..length) {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Too much would not harm, but leave code no room to write.
fn fits(here: &BTreeMap<String, u64>, new: &[Source], limits: &Limits) -> Result<(), Error> {
    let bytes = here.values().sum::<u64>() + new.iter().map(|source| source.size).sum::<u64>();
    let names = here.keys().chain(new.iter().map(|source| &source.name));
    let mut entries = BTreeSet::new();
    for name in names {
        entries.extend(
            Path::new(name)
                .ancestors()
                .filter(|path| *path != Path::new("")),
        );
    }
    let count = entries.len() as u64;
    if bytes > limits.disk_bytes || count > limits.files {
        return Err(Error::FilesTooLarge {
            bytes: size(bytes),
            count,
            most_bytes: size(limits.disk_bytes),
            most: limits.files,
        });
    }
    Ok(())
}

fn refused(path: &Path, reason: &'static str) -> Error {
    Error::FileRefused {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests;
