//! What must not be shown: keys of APIs.

use std::fmt;

/// Stands in the place of a key.
const HIDDEN: &str = "[key]";
/// Shorter ones are not looked for in texts: they would be found everywhere.
const SHORTEST: usize = 6;

/// A key, which is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key, without the whitespace around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The key itself, to be sent.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without the key: a server may repeat what it was sent.
    pub(super) fn redact(&self, text: &str) -> String {
        if self.0.len() < SHORTEST {
            return text.to_owned();
        }
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}
