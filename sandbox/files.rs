//! The files of a session, as the host may touch them. Their names and contents
//! are the guest's, so nothing here follows a link, in any part of a path, or
//! waits at a pipe.

use crate::Error;
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io,
    path::{Component, Path},
    time::SystemTime,
};

/// Folders in each other that are looked into.
const MAX_DEPTH: usize = 64;

/// A file that a cell made or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its path below `/mnt/data`, with `/` between the parts.
    pub name: String,
    /// Its media type, told by the name's extension.
    pub media_type: String,
    /// In bytes.
    pub size: u64,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may hold anything but a slash: a line stays a line.
        for character in self.name.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        write!(f, " ({})", crate::cell::rounded(self.size))
    }
}

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, type and size.
    pub artifact: Artifact,
    /// When its content last changed.
    pub modified: SystemTime,
}

/// The regular files below `root`, by name. Links, pipes and the like are not
/// listed, nor are files whose names are no UTF-8.
///
/// # Errors
/// If `root` cannot be read. What vanishes meanwhile is left out.
pub fn list(root: &Path) -> Result<Vec<Entry>, Error> {
    let folder = Dir::open_ambient_dir(root, ambient_authority())
        .map_err(Error::io("open the folder", root))?;
    let mut entries = Vec::new();
    collect(&folder, "", 0, &mut entries).map_err(Error::io("list the folder", root))?;
    entries.sort_by(|a, b| a.artifact.name.cmp(&b.artifact.name));
    Ok(entries)
}

fn collect(folder: &Dir, prefix: &str, depth: usize, entries: &mut Vec<Entry>) -> io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        let (Ok(name), Ok(metadata)) = (
            entry.file_name().into_string(),
            folder.symlink_metadata(entry.file_name()),
        ) else {
            continue;
        };
        let path = format!("{prefix}{name}");
        if metadata.is_dir() && depth < MAX_DEPTH {
            if let Ok(inner) = folder.open_dir_nofollow(&name) {
                collect(&inner, &format!("{path}/"), depth + 1, entries)?;
            }
        } else if metadata.is_file() {
            let media_type = mime_guess::from_path(&path).first_or_octet_stream();
            entries.push(Entry {
                artifact: Artifact {
                    name: path,
                    media_type: media_type.essence_str().into(),
                    size: metadata.len(),
                },
                modified: metadata
                    .modified()
                    .map_or(SystemTime::UNIX_EPOCH, cap_std::time::SystemTime::into_std),
            });
        }
    }
    Ok(())
}

/// Opens a regular file below `root` for reading.
///
/// # Errors
/// If `name` is no relative path below it, a part of the path is a link, or it is
/// no regular file.
pub fn open(root: &Path, name: &str) -> Result<File, Error> {
    let open = || {
        let mut folder = Dir::open_ambient_dir(root, ambient_authority())?;
        let mut parts = parts(name)?;
        let last = parts.pop().ok_or(io::ErrorKind::InvalidInput)?;
        for part in parts {
            folder = folder.open_dir_nofollow(part)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            // Opening a pipe without a writer would wait for one.
            options.custom_flags(libc::O_NONBLOCK);
        }
        let file = folder.open_with(last, &options)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
            ));
        }
        Ok(file.into_std())
    };
    open().map_err(Error::io("open", root.join(name)))
}

/// Creates a file below `root` for writing, and the folders above it.
///
/// # Errors
/// If it exists, `name` is no relative path below `root`, or a part of the path is
/// a link.
pub fn create(root: &Path, name: &str) -> Result<File, Error> {
    let create = || {
        let mut folder = Dir::open_ambient_dir(root, ambient_authority())?;
        let mut parts = parts(name)?;
        let last = parts.pop().ok_or(io::ErrorKind::InvalidInput)?;
        for part in parts {
            match folder.create_dir(part) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => folder = folder.open_dir_nofollow(part)?,
            }
        }
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .follow(FollowSymlinks::No);
        Ok(folder.open_with(last, &options)?.into_std())
    };
    create().map_err(Error::io("create", root.join(name)))
}

/// The parts of a relative path that only goes down.
fn parts(name: &str) -> io::Result<Vec<&str>> {
    Path::new(name)
        .components()
        .map(|component| match component {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a path below the session's folder",
            )
        })
}

/// What a folder held at one moment, to tell what has changed since.
pub(crate) struct Snapshot(BTreeMap<String, (u64, SystemTime)>);

impl Snapshot {
    /// A folder that cannot be read holds nothing.
    pub(crate) fn of(root: &Path) -> Self {
        let entries = list(root).unwrap_or_default();
        let seen = |entry: Entry| (entry.artifact.name, (entry.artifact.size, entry.modified));
        Self(entries.into_iter().map(seen).collect())
    }

    /// The files that are new or different now.
    pub(crate) fn changes(&self, root: &Path) -> Vec<Artifact> {
        let entries = list(root).unwrap_or_default();
        entries
            .into_iter()
            .filter(|entry| {
                self.0.get(&entry.artifact.name) != Some(&(entry.artifact.size, entry.modified))
            })
            .map(|entry| entry.artifact)
            .collect()
    }
}

/// Copies into the empty folder `to` what is below `root`, but for the files
/// named.
pub(crate) fn copy_all_but(root: &Path, left_out: &[String], to: &Path) -> Result<(), Error> {
    for Entry { artifact, .. } in list(root)? {
        if left_out.contains(&artifact.name) {
            continue;
        }
        let mut from = open(root, &artifact.name)?;
        let mut copy = create(to, &artifact.name)?;
        io::copy(&mut from, &mut copy).map_err(Error::io("write", to.join(&artifact.name)))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use std::{fs, io::Read};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn artifact(name: &str, media_type: &str, size: u64) -> Artifact {
        Artifact {
            name: name.into(),
            media_type: media_type.into(),
            size,
        }
    }

    #[test]
    fn lists_files_of_all_depths_by_name() {
        let folder = folder(&[("b/c.csv", "1,2"), ("a.png", ""), ("b/d/e", "x")]);
        let listed: Vec<_> = list(folder.path())
            .unwrap()
            .into_iter()
            .map(|entry| entry.artifact)
            .collect();
        assert_eq!(
            listed,
            [
                artifact("a.png", "image/png", 0),
                artifact("b/c.csv", "text/csv", 3),
                artifact("b/d/e", "application/octet-stream", 1),
            ]
        );
    }

    #[test]
    fn opens_what_is_below_and_a_file() {
        let folder = folder(&[("b/c.txt", "text")]);
        let mut text = String::new();
        open(folder.path(), "b/c.txt")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "text");
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "b",
            "b/../b/c.txt",
            "no",
        ] {
            assert!(open(folder.path(), name).is_err(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn follows_no_link_and_waits_at_no_pipe() {
        use std::os::unix::fs::symlink;
        let outside = folder(&[("secret", "s"), ("in/secret", "s")]);
        let inside = folder(&[("plain", "p")]);
        symlink(outside.path().join("secret"), inside.path().join("file")).unwrap();
        symlink(outside.path(), inside.path().join("folder")).unwrap();
        symlink("plain", inside.path().join("near")).unwrap();
        let pipe = std::ffi::CString::new(inside.path().join("pipe").to_str().unwrap()).unwrap();
        #[allow(unsafe_code)]
        // SAFETY: the string ends in a zero byte.
        let made = unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) };
        assert_eq!(made, 0);

        for name in ["file", "folder/secret", "folder/in/secret", "near", "pipe"] {
            assert!(open(inside.path(), name).is_err(), "{name}");
        }
        let names: Vec<_> = list(inside.path())
            .unwrap()
            .into_iter()
            .map(|entry| entry.artifact.name)
            .collect();
        assert_eq!(names, ["plain"]);
    }

    #[cfg(unix)]
    #[test]
    fn creates_below_and_overwrites_and_follows_nothing() {
        use std::{io::Write, os::unix::fs::symlink};
        let outside = folder(&[("old", "o")]);
        let inside = folder(&[("old", "o")]);
        symlink(outside.path(), inside.path().join("folder")).unwrap();
        symlink(outside.path().join("new"), inside.path().join("file")).unwrap();
        for name in [
            "old",
            "folder/new",
            "folder/old",
            "file",
            "../new",
            "",
            "old/new",
        ] {
            assert!(create(inside.path(), name).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        create(inside.path(), "a/b/new")
            .unwrap()
            .write_all(b"n")
            .unwrap();
        assert_eq!(fs::read(inside.path().join("a/b/new")).unwrap(), b"n");
    }

    #[test]
    fn changes_are_new_and_different_files() {
        let folder = folder(&[("same", "1"), ("grown", "1")]);
        let before = Snapshot::of(folder.path());
        fs::write(folder.path().join("grown"), "12").unwrap();
        fs::write(folder.path().join("new.json"), "{}").unwrap();
        assert_eq!(
            before.changes(folder.path()),
            [
                artifact("grown", "application/octet-stream", 2),
                artifact("new.json", "application/json", 2)
            ]
        );
    }
}
