//! The keys of clients.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;

/// A key by its hash, so that comparing takes as long for every wrong one.
type Hash = [u8; 32];

/// The keys that clients may show. Without any, everybody is served.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Hash>);

/// Whose request it is: nobody's in particular, or that of whoever has a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Client(Option<Hash>);

impl Keys {
    /// Reads a file of keys, one a line; blank lines are none.
    ///
    /// # Errors
    /// When it cannot be read, or holds no key.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(Error::file("read the keys in", file))?;
        let keys = text.lines().map(str::trim).filter(|key| !key.is_empty());
        let keys: Vec<Hash> = keys.map(hash).collect();
        if keys.is_empty() {
            return Err(Error::NoKeys {
                path: file.to_owned(),
            });
        }
        Ok(Self(keys))
    }

    /// Whether anybody is served.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key is one of these.
    pub fn has(&self, key: &str) -> bool {
        let given = hash(key);
        // All are compared, so that the time tells nothing.
        let compare = |found, known: &Hash| found | (*known == given);
        self.0.iter().fold(false, compare)
    }
}

impl Client {
    pub fn of(key: &str) -> Self {
        Self(Some(hash(key)))
    }

    /// A name that tells clients apart and does not tell their keys.
    pub fn name(&self) -> String {
        match &self.0 {
            None => "anyone".to_owned(),
            Some(hash) => {
                let start = hash.iter().take(6);
                start.map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

fn hash(key: &str) -> Hash {
    Sha256::digest(key).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_key_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "one\n\n  two \r\n").unwrap();
        let keys = Keys::read(&file).unwrap();
        assert!(keys.has("one") && keys.has("two"));
        assert!(!keys.has("three") && !keys.has(""));
        std::fs::write(&file, "\n \n").unwrap();
        let error = Keys::read(&file).unwrap_err().to_string();
        assert!(error.contains("holds no key"), "{error}");
    }

    #[test]
    fn clients_have_names_of_their_own() {
        assert_eq!(Client::default().name(), "anyone");
        assert_ne!(Client::of("one").name(), Client::of("two").name());
        assert_eq!(Client::of("one"), Client::of("one"));
    }
}
