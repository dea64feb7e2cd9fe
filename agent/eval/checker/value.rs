//! Values as Python has and compares them, because the official checker does.

use std::fmt;

use serde_json::Value;

use super::{kind::Kind, number};

/// A value of Python's.
#[derive(Debug, Clone)]
pub(super) enum PyValue {
    None,
    Bool(bool),
    /// Beyond 128 bits, the nearest of those: no entry of the data has such a number.
    Int(i128),
    Float(f64),
    Str(String),
    List(Vec<Self>),
    Dict(Vec<(String, Self)>),
}

impl PyValue {
    /// The items of a list; `None` of anything else.
    pub fn list_of(value: &Value) -> Option<Vec<Self>> {
        Some(value.as_array()?.iter().map(Self::from).collect())
    }

    /// What `type()` says.
    pub fn kind(&self) -> Kind {
        match self {
            Self::None => Kind::None,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Str(_) => Kind::Str,
            Self::List(_) => Kind::List,
            Self::Dict(_) => Kind::Dict,
        }
    }

    /// What `value == other` says: numbers and truth values by what they count, all
    /// else by form.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, a)| other.get(key).is_some_and(|b| a.equals(b)))
            }
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Float(float), other) | (other, Self::Float(float)) => other
                .as_int()
                .is_some_and(|int| number::is_same(int, *float)),
            (a, b) => match (a.as_int(), b.as_int()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// What `value in self` says; `None` of what has no items.
    pub fn contains(&self, value: &Self) -> Option<bool> {
        Some(match self {
            Self::List(items) => items.iter().any(|item| item.equals(value)),
            Self::Str(text) => matches!(value, Self::Str(part) if text.contains(part.as_str())),
            Self::Dict(_) => matches!(value, Self::Str(key) if self.get(key).is_some()),
            _ => return None,
        })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dict(entries) => {
                let found = entries.iter().find(|(known, _)| known == key);
                found.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Whether it is the text that says that an argument may be left out.
    pub fn is_empty_text(&self) -> bool {
        matches!(self, Self::Str(text) if text.is_empty())
    }

    /// A text without what is not compared; all else as it is.
    pub fn standard(&self) -> Self {
        match self {
            Self::Str(text) => Self::Str(standard(text)),
            other => other.clone(),
        }
    }

    fn as_int(&self) -> Option<i128> {
        match self {
            Self::Bool(value) => Some((*value).into()),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }
}

/// A text without case, spaces and some punctuation, and with one kind of quotes.
pub(super) fn standard(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|c| !matches!(c, ' ' | ',' | '.' | '/' | '-' | '_' | '*' | '^'));
    kept.collect::<String>().to_lowercase().replace('\'', "\"")
}

impl From<&Value> for PyValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => {
                let unsigned = number.as_u64().map(i128::from);
                match number.as_i64().map(i128::from).or(unsigned) {
                    Some(int) => Self::Int(int),
                    None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
                }
            }
            Value::String(text) => Self::Str(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let entries = entries.iter();
                Self::Dict(entries.map(|(k, v)| (k.clone(), Self::from(v))).collect())
            }
        }
    }
}

/// As JSON, for people.
impl fmt::Display for PyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Str(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::List(items) => write!(f, "[{}]", listed(items)),
            Self::Dict(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: {value}", Value::from(key.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Values with commas between them, for people.
pub(super) fn listed(values: &[PyValue]) -> String {
    let values: Vec<String> = values.iter().map(PyValue::to_string).collect();
    values.join(", ")
}
