//! A checkpoint's tokenizer, with GLM's special tokens found in it.

use std::{collections::HashMap, path::Path};

use serde_json::Value;
use tokenizers::Tokenizer;

use super::{bad, tiktoken};
use crate::{Error, Profile, profile, prompt::Piece};

/// A tokenizer that takes prompts piece by piece.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    tokenizer: Tokenizer,
    special: HashMap<&'static str, u32>,
    ends: Vec<u32>,
    known: usize,
    rows: usize,
}

/// The height of the embedding of GLM-4-9B and the families after it, GLM-Edge
/// excepted.
const GLM4_ROWS: usize = 151_552;
/// The id of the first special token there.
const GLM4_FIRST_SPECIAL: u32 = 151_329;

impl Vocabulary {
    /// Reads `tokenizer.json` and finds the profile's special tokens in it.
    ///
    /// # Errors
    /// When one of them is missing, or its id is not the one that the
    /// checkpoint's other files give it. `rows` is the embedding's height.
    pub fn read(dir: &Path, profile: &Profile, rows: usize) -> Result<Self, Error> {
        let path = dir.join("tokenizer.json");
        let text = std::fs::read(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        Self::new(&text, &path, profile, rows)
    }

    /// As [`Vocabulary::read`], of the text of a `tokenizer.json` that comes
    /// from the file `path`.
    pub fn new(text: &[u8], path: &Path, profile: &Profile, rows: usize) -> Result<Self, Error> {
        let bad = |reason: String| bad(path, reason);
        let (tokenizer, added) = closed(text)
            .map_err(|reason| bad(format!("the tokenizer cannot be read: {reason}")))?;
        let declared = declared_ids(path.parent().unwrap_or(path));
        let mut special = HashMap::new();
        for name in profile.special_tokens() {
            let id = tokenizer
                .token_to_id(name)
                .filter(|id| added.get(id) == Some(&true))
                .ok_or_else(|| {
                    bad(format!(
                        "it has no special token `{name}`, which the profile `{}` needs",
                        profile.name()
                    ))
                })?;
            if id as usize >= rows {
                return Err(bad(format!(
                    "`{name}` has the id {id}, and the model knows {} tokens",
                    rows
                )));
            }
            if let Some(other) = declared.get(name).filter(|other| **other != u64::from(id)) {
                return Err(bad(format!(
                    "`{name}` has the id {id} here and {other} in tokenizer_config.json"
                )));
            }
            special.insert(name, id);
        }
        let mut ends = Vec::new();
        for name in profile.ends() {
            let Some(id) = special.get(name).copied() else {
                continue;
            };
            ends.push(id);
        }
        let known = tokenizer
            .get_vocab(true)
            .into_values()
            .max()
            .map_or(0, |id| id as usize + 1);
        Ok(Self {
            tokenizer,
            special,
            ends,
            known: known.min(rows),
            rows,
        })
    }

    /// Whether the special tokens, which come from the file `path`, have the
    /// ids with which the model of this `config.json` was trained.
    ///
    /// # Errors
    /// With the first token that has another.
    pub fn check_ids(&self, config: &Value, path: &Path) -> Result<(), Error> {
        if self.rows == GLM4_ROWS {
            for (name, expected) in tiktoken::SPECIAL.into_iter().zip(GLM4_FIRST_SPECIAL..) {
                let id = self.tokenizer.token_to_id(name);
                if let Some(id) = id.filter(|id| self.special.contains_key(name) && *id != expected)
                {
                    return Err(bad(
                        path,
                        format!("`{name}` has the id {id}, and GLM-4 was trained with {expected}"),
                    ));
                }
            }
        }
        let ends = [profile::END_OF_TEXT, profile::USER, profile::OBSERVATION];
        let ends = ends.map(|name| self.tokenizer.token_to_id(name).map(u64::from));
        let declared = match config.get("eos_token_id") {
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_u64).collect(),
            id => Vec::from_iter(id.and_then(Value::as_u64)),
        };
        for id in declared {
            if !ends.contains(&Some(id)) {
                let token = u32::try_from(id)
                    .ok()
                    .and_then(|id| self.tokenizer.id_to_token(id));
                return Err(bad(
                    path,
                    format!(
                        "config.json ends replies with the token {id}, which is `{}` here: the special tokens' ids are shifted",
                        token.as_deref().unwrap_or("none")
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A prompt's tokens. The pieces are encoded one by one, as in training.
    ///
    /// # Errors
    /// In words, when the tokenizer cannot encode a text.
    pub fn encode(&self, pieces: &[Piece]) -> Result<Vec<u32>, String> {
        let mut ids = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Special(name) => ids.push(self.special(name)?),
                Piece::Tag(name) => match self.tokenizer.token_to_id(name) {
                    Some(id) => ids.push(id),
                    None => self.encode_text(name, &mut ids)?,
                },
                Piece::Text(text) => self.encode_text(text, &mut ids)?,
            }
        }
        Ok(ids)
    }

    fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let encoded = self.tokenizer.encode_fast(text, false);
        ids.extend_from_slice(encoded.map_err(|error| error.to_string())?.get_ids());
        Ok(())
    }

    /// The id of one of the profile's special tokens.
    pub fn special(&self, name: &str) -> Result<u32, String> {
        let id = self.special.get(name).copied();
        id.ok_or_else(|| format!("the tokenizer has no special token `{name}`"))
    }

    /// Whether a token is one of the profile's special tokens.
    pub fn is_special(&self, token: u32) -> bool {
        self.special.values().any(|special| *special == token)
    }

    /// The tokens that end a reply.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Ids from here on are padding: rows of the embedding that no text uses.
    pub fn known(&self) -> usize {
        self.known
    }

    /// The tokenizer itself.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

/// A tokenizer whose added tokens never come from text, whatever it looks like,
/// and their ids with whether they are special.
///
/// GLM-4.5's tags are added tokens that are not special, and the tokenizer can
/// be told to leave only special ones alone: so here all of them are.
fn closed(text: &[u8]) -> Result<(Tokenizer, HashMap<u32, bool>), String> {
    let mut object: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut added = HashMap::new();
    let tokens = object.get_mut("added_tokens").and_then(Value::as_array_mut);
    for token in tokens
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let was = token.insert("special".to_owned(), Value::Bool(true));
        let id = token.get("id").and_then(Value::as_u64);
        if let Some(id) = id.and_then(|id| u32::try_from(id).ok()) {
            added.insert(id, was == Some(Value::Bool(true)));
        }
    }
    let mut tokenizer =
        Tokenizer::from_bytes(object.to_string()).map_err(|error| error.to_string())?;
    tokenizer.set_encode_special_tokens(true);
    Ok((tokenizer, added))
}

/// The ids that `tokenizer_config.json`, where there is one, gives to tokens.
fn declared_ids(dir: &Path) -> HashMap<String, u64> {
    let text = std::fs::read(dir.join("tokenizer_config.json")).unwrap_or_default();
    let object: Value = serde_json::from_slice(&text).unwrap_or_default();
    let declared = object
        .get("added_tokens_decoder")
        .and_then(Value::as_object);
    declared
        .into_iter()
        .flatten()
        .filter_map(|(id, token)| {
            Some((token.get("content")?.as_str()?.to_owned(), id.parse().ok()?))
        })
        .collect()
}
