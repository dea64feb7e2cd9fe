//! Files that are expensive to make, on disk under a key of what they are made
//! from.
//!
//! An entry's name is `PREFIX-KEY-SHA256`, with the hash of its own content, and
//! it appears in one step by a rename. So a reader needs no lock: what it finds
//! is whole, or its hash does not match. A lock file keeps two processes from
//! making the same entry twice.
//!
//! The folder is its owner's alone, since whoever can write to it decides what
//! code this program runs.

use crate::Error;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A folder of entries.
pub(crate) struct Cache {
    folder: PathBuf,
}

/// Held while an entry is made; released when dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Cache {
    /// Creates the folder if need be, and makes it private. Where the folder
    /// belongs to somebody else, that fails.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::io("create the folder", &folder))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
                .map_err(Error::io("make private the folder", &folder))?;
        }
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry of `key`, if it is there and whole.
    pub(crate) fn find(&self, key: &str) -> Result<Option<PathBuf>, Error> {
        for path in self.entries(key)? {
            let named = path.to_string_lossy().into_owned();
            match hash_file(&path) {
                Ok(hash) if named.ends_with(&hash) => return Ok(Some(path)),
                Ok(_) => tracing::warn!(path = named, "damaged cache entry"),
                // Another process may have replaced it meanwhile.
                Err(error) => tracing::warn!(path = named, %error, "unreadable cache entry"),
            }
        }
        Ok(None)
    }

    /// Whether there is an entry of `key`, whole or not.
    pub(crate) fn contains(&self, key: &str) -> Result<bool, Error> {
        Ok(!self.entries(key)?.is_empty())
    }

    /// Writes the entry of `key` and removes what else there was for it.
    pub(crate) fn store(&self, key: &str, content: &[u8]) -> Result<PathBuf, Error> {
        let path = self
            .folder
            .join(format!("{}{}", prefix(key), hex(&Sha256::digest(content))));
        let write = || {
            // Readable and writable by its owner only, from the start.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(content)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            io::Result::Ok(())
        };
        write().map_err(Error::io("write", &path))?;
        for other in self.entries(key)? {
            if other != path {
                fs::remove_file(&other).map_err(Error::io("remove", &other))?;
            }
        }
        Ok(path)
    }

    /// Waits until no other process holds the lock; `waiting` is called first if
    /// that takes time.
    pub(crate) async fn lock(&self, waiting: impl FnOnce()) -> Result<Lock, Error> {
        let path = self.folder.join("lock");
        let failed = || Error::io("lock", &path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed())?;
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
        let file = locked
            .map_err(io::Error::other)
            .flatten()
            .map_err(failed())?;
        Ok(Lock { _file: file })
    }

    fn entries(&self, key: &str) -> Result<Vec<PathBuf>, Error> {
        let prefix = prefix(key);
        let list = || {
            let mut paths = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(&prefix) {
                    paths.push(entry.path());
                }
            }
            io::Result::Ok(paths)
        };
        list().map_err(Error::io("list the folder", &self.folder))
    }
}

fn prefix(key: &str) -> String {
    format!("guest-{key}-")
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex(&hash.finalize()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("sandbox")).unwrap();
        (folder, cache)
    }

    #[test]
    fn finds_what_was_stored_under_its_own_key() {
        let (_folder, cache) = cache();
        let path = cache.store("k1", b"content").unwrap();
        assert_eq!(cache.find("k1").unwrap(), Some(path.clone()));
        assert_eq!(cache.find("k2").unwrap(), None);
        assert_eq!(fs::read(path).unwrap(), b"content");
    }

    #[test]
    fn damage_is_a_miss_and_is_replaced() {
        for damage in [&b"Content"[..], b"conten", b""] {
            let (_folder, cache) = cache();
            let path = cache.store("k", b"content").unwrap();
            fs::write(&path, damage).unwrap();
            assert_eq!(cache.find("k").unwrap(), None);

            let other = cache.store("k", b"rebuilt").unwrap();
            assert_eq!(cache.find("k").unwrap(), Some(other.clone()));
            assert_eq!(cache.entries("k").unwrap(), [other]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn belongs_to_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, cache) = cache();
        let path = cache.store("k", b"content").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(cache.folder()), mode(&path)], [0o700, 0o600]);
    }

    #[tokio::test]
    async fn one_holds_the_lock_and_the_other_waits() {
        let (_folder, cache) = cache();
        let held = cache.lock(|| panic!("nobody else holds it")).await.unwrap();
        let (told, waiting) = tokio::sync::oneshot::channel();
        let second = cache.lock(|| told.send(()).unwrap());
        let release = async {
            waiting.await.unwrap();
            drop(held);
        };
        let (second, ()) = tokio::join!(second, release);
        second.unwrap();
    }
}
