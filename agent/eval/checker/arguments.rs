//! Whether an argument has a right value.

use serde_json::Value;

use super::{
    Checked, Fault, collections, java, javascript,
    kind::Kind,
    value::{PyValue, listed, standard},
};
use crate::eval::category::Language;

/// One argument, and what it may be.
pub(super) struct Argument<'a> {
    pub name: &'a str,
    /// Its type and what it is for.
    pub described: &'a Value,
    /// The values that are right.
    pub answers: &'a [PyValue],
}

/// What is wrong with a type, and whether the value stands for a variable: one of
/// another type than the description says, as the right values are.
struct Typed {
    fault: Option<Fault>,
    is_variable: bool,
}

impl Argument<'_> {
    /// Checks a value.
    pub fn check(&self, value: PyValue, language: Language) -> Checked {
        let kind = Kind::described(self.described, language)?;
        let name = self.described["type"].as_str().unwrap_or_default();
        let is_nested = match language {
            Language::Python => matches!(name, "array" | "tuple"),
            Language::Java | Language::JavaScript => {
                matches!(name, "Array" | "ArrayList" | "array")
            }
        };
        let items = &self.described["items"];
        let nested = if is_nested {
            Some(Kind::described(items, language)?)
        } else {
            None
        };
        let items = is_nested.then(|| items["type"].as_str().unwrap_or_default());
        let value = match language {
            // Python makes a float of an integer by itself.
            Language::Python => match value {
                PyValue::Int(int) if name == "float" => PyValue::Float(int as f64),
                value => value,
            },
            Language::Java => java::read(&self.text(value, "type_error:java")?, name, items)?,
            Language::JavaScript => {
                javascript::read(&self.text(value, "type_error:js")?, name, items)?
            }
        };
        let typed = self.typed(&value, self.answers, kind, nested);
        if let Some(fault) = typed.fault {
            return Err(fault);
        }
        match (&value, kind, nested) {
            _ if typed.is_variable => self.among(&value),
            (PyValue::Dict(_), Kind::Dict, _) => collections::dict(&value, self.answers),
            (PyValue::List(items), Kind::List, Some(Kind::Dict)) => {
                collections::dicts(items, self.answers)
            }
            (PyValue::Str(text), Kind::Str, _) => self.text_among(text),
            (PyValue::List(items), Kind::List, _) => {
                if collections::is_among(items, self.answers)? {
                    Ok(())
                } else {
                    Err(self.wrong("value_error:list/tuple", &value))
                }
            }
            _ => self.among(&value),
        }
    }

    /// The text in which another language's value is written.
    fn text(&self, value: PyValue, kind: &str) -> Result<String, Fault> {
        match value {
            PyValue::Str(text) => Ok(text),
            other => Err(Fault::new(
                kind,
                format!("`{}` is {other}, expected a text", self.name),
            )),
        }
    }

    fn typed(
        &self,
        value: &PyValue,
        answers: &[PyValue],
        kind: Kind,
        nested: Option<Kind>,
    ) -> Typed {
        let mut known = answers.iter().filter(|answer| !answer.is_empty_text());
        let answer_kind = known.next().map(PyValue::kind);
        let mut fault = None;
        if value.kind() == kind {
            let items = match (value, nested) {
                (PyValue::List(items), Some(nested)) => Some((items, nested)),
                _ => None,
            };
            let fits = |answer: &PyValue, items: &[PyValue], nested| match answer {
                PyValue::List(answers) => items
                    .iter()
                    .all(|item| self.typed(item, answers, nested, None).fault.is_none()),
                _ => true,
            };
            if items.is_none_or(|(items, nested)| answers.iter().any(|a| fits(a, items, nested))) {
                return Typed {
                    fault: None,
                    is_variable: answer_kind.is_some_and(|answer| answer != kind),
                };
            }
            let item = nested.map(|nested| nested.to_string()).unwrap_or_default();
            fault = Some(Fault::new(
                "type_error:nested",
                format!(
                    "`{}` is {value}, expected a list with {item} each",
                    self.name
                ),
            ));
        }
        if answer_kind == Some(value.kind()) {
            return Typed {
                fault,
                is_variable: true,
            };
        }
        Typed {
            fault: Some(Fault::new(
                "type_error:simple",
                format!("`{}` is {value}, expected {kind}", self.name),
            )),
            is_variable: false,
        }
    }

    fn text_among(&self, text: &str) -> Checked {
        let own = standard(text);
        let is_right = self.answers.iter().any(|answer| match answer {
            PyValue::Str(answer) => standard(answer) == own,
            _ => false,
        });
        if is_right {
            return Ok(());
        }
        Err(self.wrong("value_error:string", &PyValue::Str(text.to_owned())))
    }

    fn among(&self, value: &PyValue) -> Checked {
        if self.answers.iter().any(|answer| answer.equals(value)) {
            return Ok(());
        }
        Err(self.wrong("value_error:others", value))
    }

    fn wrong(&self, kind: &str, value: &PyValue) -> Fault {
        let expected = listed(self.answers);
        Fault::new(
            kind,
            format!("`{}` is {value}, expected one of {expected}", self.name),
        )
    }
}
