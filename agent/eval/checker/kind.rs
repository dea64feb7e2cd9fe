//! Python's types, and which of them the data's types are.

use std::fmt;

use serde_json::Value;

use super::Fault;
use crate::eval::category::Language;

/// What Python's `type()` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    None,
    Bool,
    Int,
    Float,
    Str,
    List,
    Dict,
    /// No value is one: Java's sets cannot be read.
    Set,
}

impl Kind {
    /// The type that a description names.
    pub fn described(description: &Value, language: Language) -> Result<Self, Fault> {
        let name = description["type"].as_str().unwrap_or_default();
        Self::of(name, language)
            .ok_or_else(|| Fault::undefined(format!("there is no type `{name}`")))
    }

    fn of(name: &str, language: Language) -> Option<Self> {
        Some(match (language, name) {
            (Language::Python, "string" | "any")
            | (Language::Java, "char" | "String" | "any")
            | (Language::JavaScript, "String" | "any") => Self::Str,
            (Language::Python, "integer")
            | (Language::Java, "byte" | "short" | "integer" | "long")
            | (Language::JavaScript, "integer" | "Bigint") => Self::Int,
            (Language::Python | Language::JavaScript, "float")
            | (Language::Java, "float" | "double") => Self::Float,
            (Language::Python | Language::Java, "boolean") | (Language::JavaScript, "Boolean") => {
                Self::Bool
            }
            (Language::Python, "array" | "tuple")
            | (Language::Java, "Array" | "ArrayList" | "Queue" | "Stack")
            | (Language::JavaScript, "array") => Self::List,
            (Language::Python | Language::JavaScript, "dict")
            | (Language::Java, "HashMap" | "Hashtable") => Self::Dict,
            (Language::Java, "Set") => Self::Set,
            _ => return None,
        })
    }
}

/// As JSON calls it, for people.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "null",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Float => "a float",
            Self::Str => "a text",
            Self::List => "a list",
            Self::Dict => "an object",
            Self::Set => "a set",
        })
    }
}
