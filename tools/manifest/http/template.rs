//! Texts with places for arguments and secrets: `{name}` and `${NAME}`.

use serde_json::{Map, Value};

use crate::{ToolContext, ToolError};

/// A text with places to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Argument(String),
    Secret(String),
}

/// What the places are filled with.
pub(super) struct Filling<'c> {
    pub arguments: &'c Map<String, Value>,
    pub cx: &'c ToolContext,
}

impl Template {
    /// Reads a template, in which `{{` and `}}` stand for braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            if let Some(doubled) = after.strip_prefix("{{").or(after.strip_prefix("}}")) {
                plain.push_str(before);
                plain.extend(after.chars().next());
                rest = doubled;
                continue;
            }
            let place = after.strip_prefix('{').and_then(|s| s.split_once('}'));
            let Some((name, tail)) = place.filter(|(name, _)| is_name(name)) else {
                return Err(format!(
                    "`{text}` has a brace that belongs to no place: write {{name}}, or {{{{ and \
                     }}}} for the braces themselves"
                ));
            };
            let secret = before.strip_suffix('$');
            plain.push_str(secret.unwrap_or(before));
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            let make = if secret.is_some() {
                Part::Secret
            } else {
                Part::Argument
            };
            parts.push(make(name.to_owned()));
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The same, with other text between the places.
    pub fn map_text(mut self, change: impl Fn(&str) -> String) -> Self {
        for part in &mut self.0 {
            if let Part::Text(text) = part {
                *text = change(text);
            }
        }
        self
    }

    /// The text with an `x` in every place.
    pub fn shape(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text,
            _ => "x",
        });
        parts.collect()
    }

    /// The arguments that it names.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Argument(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The secrets that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The argument of which it consists.
    fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Argument(name)] => Some(name),
            _ => None,
        }
    }

    /// The text, each filled place as `write` writes it; `None` when an argument that
    /// it names is not given.
    pub fn filled(
        &self,
        with: &Filling<'_>,
        write: impl Fn(&str) -> String,
    ) -> Result<Option<String>, ToolError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Secret(name) => text.push_str(&write(with.cx.secret(name)?.reveal())),
                Part::Argument(name) => match with.given(name) {
                    Some(value) => text.push_str(&write(&plain(value))),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(text))
    }

    /// What it stands for in JSON: a place alone for its argument as it is, the rest
    /// for text.
    pub fn json(&self, with: &Filling<'_>) -> Result<Option<Value>, ToolError> {
        match self.only() {
            Some(name) => Ok(with.given(name).cloned()),
            None => Ok(self.filled(with, str::to_owned)?.map(Value::String)),
        }
    }

    /// What it stands for in a query: a list that stands alone, for several texts.
    pub fn texts(&self, with: &Filling<'_>) -> Result<Vec<String>, ToolError> {
        match self.only().and_then(|name| with.given(name)) {
            Some(list) => Ok(texts(list)),
            None => Ok(self.filled(with, str::to_owned)?.into_iter().collect()),
        }
    }
}

impl Filling<'_> {
    fn given(&self, name: &str) -> Option<&Value> {
        self.arguments.get(name).filter(|value| !value.is_null())
    }
}

/// A value as one text, or a list as several.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(plain).collect(),
        one => vec![plain(one)],
    }
}

/// A value as text: a string as it is, the rest as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(fits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Granted, Secrets};

    #[test]
    fn places_are_filled_and_braces_kept() {
        let names = ["KEY".to_owned()];
        let cx = ToolContext {
            secrets: Granted::new(&names, &Secrets::from([("KEY", "k/1")])),
            ..ToolContext::default()
        };
        let arguments = json!({"a": "x y", "n": 2, "none": null, "list": [1, "b"]});
        let with = Filling {
            arguments: arguments.as_object().unwrap(),
            cx: &cx,
        };
        let filled = |text: &str| {
            let template = Template::parse(text).unwrap();
            template.filled(&with, |place| format!("<{place}>"))
        };
        for (text, expected) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("{a}", Some("<x y>")),
            ("-{a}-{n}-", Some("-<x y>-<2>-")),
            ("Bearer ${KEY}", Some("Bearer <k/1>")),
            ("$5 {n}", Some("$5 <2>")),
            ("{{a}} {{{a}}}", Some("{a} {<x y>}")),
            ("{list}", Some("<[1,\"b\"]>")),
            ("a{none}", None),
            ("a{absent}", None),
        ] {
            assert_eq!(filled(text), Ok(expected.map(str::to_owned)), "{text}");
        }
        assert!(matches!(filled("${OTHER}"), Err(ToolError::User(_))));
        let json = |text: &str| Template::parse(text).unwrap().json(&with).unwrap();
        assert_eq!(json("{n}"), Some(json!(2)));
        assert_eq!(json("{n} "), Some(json!("2 ")));
        let texts = |text: &str| Template::parse(text).unwrap().texts(&with).unwrap();
        assert_eq!(texts("{list}"), ["1", "b"]);
        assert_eq!(texts("{none}"), [""; 0]);
        for broken in ["{", "}", "{}", "{a b}", "{a", "a}", "${}"] {
            assert!(Template::parse(broken).is_err(), "{broken}");
        }
    }
}
