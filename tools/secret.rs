//! Secrets by name: a tool gets their values, and nothing that is kept or shown
//! does.

use std::{
    collections::HashMap,
    fmt,
    iter::repeat_n,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::Value;

use crate::{ToolError, text};

/// Values this short, in bytes, are not searched for in what a tool says: they would
/// be found everywhere.
const SHORTEST: usize = 4;
/// The same for parts of values in Base64.
const SHORTEST_BASE64: usize = 8;

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
    /// The longest first, since one may hold another.
    used: Arc<Mutex<Vec<Written>>>,
}

/// One way in which the value of a secret may be written.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    value: String,
    name: String,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Written").field(&self.name).finish()
    }
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
        for value in forms(secret.reveal()) {
            let name = name.to_owned();
            let written = Written { value, name };
            if !used.contains(&written) {
                used.push(written);
            }
        }
        used.sort_by_key(|written| std::cmp::Reverse(written.value.len()));
        Ok(secret)
    }

    /// The text with every secret that was used replaced by its name, however it is
    /// written there.
    pub(crate) fn redacted(&self, mut text: String) -> String {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for Written { value, name } in used.iter() {
            if text.contains(value) {
                text = text.replace(value, &format!("[secret {name}]"));
            }
        }
        text
    }

    /// How many bytes at the end of a text may be the beginning of a secret.
    fn begun(&self, text: &str) -> usize {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = used.iter().filter_map(|Written { value, .. }| {
            let mut ends = value.char_indices().map(|(at, _)| at).rev();
            ends.find(|end| text.ends_with(value.split_at(*end).0))
        });
        begun.max().unwrap_or_default()
    }
}

/// The ways in which a value may be written: as it is, in JSON, in an address, and in
/// Base64, perhaps amid other text.
fn forms(value: &str) -> Vec<String> {
    // What a server says of a request in JSON is JSON in JSON.
    let json = in_json(value);
    let json_twice = in_json(&json);
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let percent = text::percent_encoded(value);
    let lower = [&form, &percent].map(|text| lower_percent(text));
    let plain = [value.to_owned(), json, json_twice, form, percent];
    let plain = plain.into_iter().chain(lower);
    let plain = plain.filter(|form| form.len() >= SHORTEST);
    // Three bytes become four characters: it matters where among three it begins.
    let base64 = (0..3).filter_map(|before: usize| {
        let bytes: Vec<u8> = repeat_n(0, before).chain(value.bytes()).collect();
        let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        let encoded = STANDARD_NO_PAD.encode(bytes);
        let own = encoded.get(start..end)?;
        (own.len() >= SHORTEST_BASE64).then(|| own.to_owned())
    });
    let base64 = base64.flat_map(|text| {
        let for_addresses = text.replace('+', "-").replace('/', "_");
        [text, for_addresses]
    });
    plain.chain(base64).collect()
}

/// A text as it stands between the quotes of JSON.
fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|s| s.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

/// The text with the digits of its percent signs in lower case.
fn lower_percent(text: &str) -> String {
    let mut parts = text.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.floor_char_boundary(2));
        lower.push('%');
        lower.push_str(&digits.to_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// Takes secrets out of text that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    secrets: Granted,
    /// What may be the beginning of a secret.
    held: String,
}

impl Redactor {
    pub fn new(secrets: Granted) -> Self {
        let held = String::new();
        Self { secrets, held }
    }

    /// What can be said after one more piece.
    pub fn push(&mut self, piece: &str) -> String {
        let text = std::mem::take(&mut self.held) + piece;
        let mut said = self.secrets.redacted(text);
        self.held = said.split_off(said.len() - self.secrets.begun(&said));
        said
    }

    /// What is left when nothing follows.
    pub fn finish(self) -> String {
        self.held
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

    /// What may use these secrets, and has.
    fn granted<const N: usize>(secrets: [(&str, &str); N]) -> Granted {
        let names: Vec<String> = secrets.iter().map(|(name, _)| (*name).to_owned()).collect();
        let granted = Granted::new(&names, &Secrets::from(secrets));
        for name in &names {
            granted.get(name).unwrap();
        }
        granted
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let granted = granted([("KEY", "pä \"ss\"/w+rd?")]);
        for written in [
            "pä \"ss\"/w+rd?",
            r#"pä \"ss\"/w+rd?"#,
            r#"pä \\\"ss\\\"/w+rd?"#,
            "p%C3%A4+%22ss%22%2Fw%2Brd%3F",
            "p%C3%A4%20%22ss%22%2Fw%2Brd%3F",
            "p%c3%a4%20%22ss%22%2fw%2brd%3f",
        ] {
            assert_eq!(granted.redacted(format!("<{written}>")), "<[secret KEY]>");
        }
        // With a name before it, as in the header `Authorization: Basic`; what a byte
        // of the secret shares with its neighbours is left.
        for (before, left) in [("", 1), ("u", 2), ("u:", 3), ("me:", 1)] {
            let whole = STANDARD_NO_PAD.encode(format!("{before}pä \"ss\"/w+rd?"));
            for whole in [whole.replace('+', "-").replace('/', "_"), whole] {
                let said = granted.redacted(whole.clone());
                assert!(said.contains("[secret KEY]"), "{whole}: {said}");
                let rest = said.replace("[secret KEY]", "").len();
                assert!(rest <= before.len() * 4 / 3 + left, "{whole}: {said}");
            }
        }
    }

    #[test]
    fn of_two_secrets_the_longer_is_looked_for_first() {
        let granted = granted([("SHORT", "abcd"), ("LONG", "abcdefgh")]);
        assert_eq!(
            granted.redacted("abcdefgh abcd".into()),
            "[secret LONG] [secret SHORT]"
        );
    }

    #[test]
    fn a_secret_that_comes_in_pieces_is_taken_out() {
        let mut redactor = Redactor::new(granted([("KEY", "hunter22")]));
        let pieces = ["it is h", "unte", "r22, or hun", "ger; hunter2"];
        assert_eq!(
            pieces.map(|piece| redactor.push(piece)),
            ["it is ", "", "[secret KEY], or ", "hunger; "]
        );
        assert_eq!(redactor.finish(), "hunter2");
    }
}
