//! Secrets by name: a tool gets their values, and nothing that is kept or shown
//! does.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::ToolError;

/// Values this short are not searched for in what a tool says: they would be
/// found everywhere.
const SHORTEST: usize = 4;

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A key, a password, a token. It is not shown by `{:?}`; whoever needs the value
/// says so.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for use and not for keeping.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where secrets come from: by default, from the variables of this program's
/// environment.
#[derive(Clone)]
pub struct Secrets(Lookup);

impl Secrets {
    /// Secrets from anywhere.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// The secret of this name, if there is one that is not empty.
    pub fn get(&self, name: &str) -> Option<Secret> {
        (self.0)(name).filter(|value| !value.is_empty()).map(Secret)
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Secrets {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let values: HashMap<String, String> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self::new(move |name| values.get(name).cloned())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// The secrets that one call may use, which are those its tool declares; it
/// remembers which were.
#[derive(Debug, Clone, Default)]
pub struct Granted {
    names: Vec<String>,
    from: Secrets,
    used: Arc<Mutex<Vec<(String, Secret)>>>,
}

impl Granted {
    /// Those of these names.
    pub fn new(names: &[String], from: &Secrets) -> Self {
        Self {
            names: names.to_vec(),
            from: from.clone(),
            used: Arc::default(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<Secret, ToolError> {
        if !self.names.iter().any(|declared| declared == name) {
            return Err(ToolError::User(format!(
                "the tool uses the secret `{name}` and does not declare it"
            )));
        }
        let secret = self.from.get(name).ok_or_else(|| {
            ToolError::User(format!(
                "the secret `{name}` is missing\nhint: set the environment variable {name}, or \
                 name its place in glm.toml: [secrets] {name} = {{ file = \"...\" }}"
            ))
        })?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.push((name.to_owned(), secret.clone()));
        Ok(secret)
    }

    /// The text with every secret that was used replaced by its name.
    pub(crate) fn redacted(&self, mut text: String) -> String {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, secret) in used.iter() {
            let value = secret.reveal();
            // As it stands in an address, too.
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            for value in [value, &encoded] {
                if value.len() >= SHORTEST && text.contains(value) {
                    text = text.replace(value, &format!("[secret {name}]"));
                }
            }
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_declared_secrets_are_given_and_what_was_used_is_taken_out_of_texts() {
        let secrets = Secrets::from([("KEY", "s3+cr3t"), ("OTHER", "hidden"), ("TINY", "ab")]);
        let granted = Granted::new(&["KEY".into(), "TINY".into(), "GONE".into()], &secrets);
        let said = "s3+cr3t ?key=s3%2Bcr3t hidden ab";
        assert_eq!(granted.redacted(said.into()), said);
        assert_eq!(granted.get("KEY").unwrap().reveal(), "s3+cr3t");
        assert_eq!(granted.get("TINY").unwrap().reveal(), "ab");
        assert_eq!(
            granted.redacted(said.into()),
            "[secret KEY] ?key=[secret KEY] hidden ab"
        );
        for name in ["OTHER", "GONE"] {
            assert!(matches!(granted.get(name), Err(ToolError::User(_))));
        }
        assert_eq!(format!("{:?}", granted.get("KEY").unwrap()), "Secret(..)");
        assert!(!format!("{granted:?}").contains("s3+cr3t"));
    }
}
