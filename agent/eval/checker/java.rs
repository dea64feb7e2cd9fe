//! Java's literals, read as the official checker reads them: by patterns, which take more
//! than Java does in one place and less in another. What fits none is a text.

// Whether a constant is a pattern does not change; tests use them all.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use regex::Regex;

use super::{Fault, number, value::PyValue};

// Python's `$` also stands before a newline at the end.
static INTEGER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^-?[0-9]+\n?$").unwrap());
static LONG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^-?[0-9]+[lL]\n?$").unwrap());
static FLOAT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?[fF]\n?$").unwrap());
static DOUBLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\n?$").unwrap());
static AS_LIST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)").unwrap());
static ADDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}").unwrap());
static ADD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"add\((.+?)\)").unwrap());
static NO_LIST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"new\s+ArrayList<\w*>\(\)").unwrap());
static ARRAY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"new\s+\w+\[\]\s*\{(.*?)\}").unwrap());
static PUTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}").unwrap()
});
static PUT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"put\("(.*?)",\s*(.*?)\)"#).unwrap());
static NO_MAP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"new\s+HashMap<.*?>\s*\(\)").unwrap());

/// Reads a value of a type of the data; `items` is the type of those of a list.
pub(super) fn read(text: &str, kind: &str, items: Option<&str>) -> Result<PyValue, Fault> {
    let as_it_is = || PyValue::Str(text.to_owned());
    let number = |pattern: &Regex, suffix: &[char]| {
        let digits = pattern.is_match(text).then(|| text.trim_end());
        digits.map(|digits| digits.strip_suffix(suffix).unwrap_or(digits))
    };
    let int = |digits: &str| number::int(digits).map(PyValue::Int);
    let float = |digits: &str| number::float(digits).map(PyValue::Float);
    let value = match kind {
        "byte" | "short" | "integer" => number(&INTEGER, &[]).and_then(int),
        "long" => number(&LONG, &['l', 'L']).and_then(int),
        "float" => number(&FLOAT, &['f', 'F']).and_then(float),
        "double" => number(&DOUBLE, &[]).and_then(float),
        "boolean" => match text {
            "true" => Some(PyValue::Bool(true)),
            "false" => Some(PyValue::Bool(false)),
            _ => None,
        },
        "Array" => array(text, items)?,
        "ArrayList" => list(text, items)?,
        "HashMap" => map(text),
        "String" | "any" | "char" => None,
        other => return Err(Fault::undefined(format!("Java's `{other}` is not read"))),
    };
    Ok(value.unwrap_or_else(as_it_is))
}

fn list(text: &str, items: Option<&str>) -> Result<Option<PyValue>, Fault> {
    if let Some(found) = AS_LIST.captures(text) {
        let parts = found.get(1).map_or("", |part| part.as_str()).split(',');
        return each(parts, items).map(Some);
    }
    if let Some(found) = ADDS.captures(text) {
        let adds = found.get(1).map_or("", |part| part.as_str());
        let parts = ADD.captures_iter(adds);
        let parts = parts.filter_map(|found| Some(found.get(1)?.as_str()));
        return each(parts, items).map(Some);
    }
    Ok(NO_LIST.is_match(text).then(|| PyValue::List(Vec::new())))
}

/// Reads the items of a list; of texts and characters, whatever stands at their ends is
/// taken for quotes.
fn each<'a>(parts: impl Iterator<Item = &'a str>, items: Option<&str>) -> Result<PyValue, Fault> {
    let values = parts.map(|part| match (part.trim(), items) {
        (part, Some("char" | "String")) => Ok(PyValue::Str(unquoted(part))),
        (part, items) => item(part, items),
    });
    values.collect::<Result<_, _>>().map(PyValue::List)
}

fn array(text: &str, items: Option<&str>) -> Result<Option<PyValue>, Fault> {
    let Some(found) = ARRAY.captures(text) else {
        return Ok(None);
    };
    let parts = found.get(1).map_or("", |part| part.as_str()).split(',');
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    let values: Result<_, _> = parts.map(|part| item(part, items)).collect();
    values.map(|values| Some(PyValue::List(values)))
}

fn item(text: &str, kind: Option<&str>) -> Result<PyValue, Fault> {
    match kind.filter(|kind| !kind.is_empty()) {
        Some(kind) => read(text, kind, None),
        None => Ok(guess(text)),
    }
}

fn map(text: &str) -> Option<PyValue> {
    let Some(found) = PUTS.captures(text) else {
        return NO_MAP.is_match(text).then(|| PyValue::Dict(Vec::new()));
    };
    let mut entries: Vec<(String, PyValue)> = Vec::new();
    for put in PUT.captures_iter(found.get(1).map_or("", |part| part.as_str())) {
        let part = |number| put.get(number).map_or("", |part| part.as_str());
        let (key, value) = (part(1), guess(part(2).trim()));
        match entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value,
            None => entries.push((key.to_owned(), value)),
        }
    }
    Some(PyValue::Dict(entries))
}

/// A value of no known type.
fn guess(text: &str) -> PyValue {
    match text {
        "true" => return PyValue::Bool(true),
        "false" => return PyValue::Bool(false),
        _ => {}
    }
    if text.starts_with('"') && text.ends_with('"') {
        return PyValue::Str(unquoted(text));
    }
    let long = LONG
        .is_match(text)
        .then(|| text.trim_end_matches(['l', 'L']));
    let float = FLOAT
        .is_match(text)
        .then(|| text.trim_end_matches(['f', 'F']));
    let int = number::int(long.unwrap_or(text)).map(PyValue::Int);
    int.or_else(|| number::float(float.unwrap_or(text)).map(PyValue::Float))
        .unwrap_or_else(|| PyValue::Str(text.to_owned()))
}

/// The text without its first and last character.
pub(super) fn unquoted(text: &str) -> String {
    let mut characters = text.chars();
    characters.next();
    characters.next_back();
    characters.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, kind: &str, items: Option<&str>) -> String {
        match read(text, kind, items) {
            Ok(value) => value.to_string(),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn numbers_have_their_letters() {
        for (text, kind, value) in [
            ("12", "integer", "12"),
            ("12\n", "integer", "12"),
            ("12.0", "integer", "\"12.0\""),
            ("12L", "long", "12"),
            ("12", "long", "\"12\""),
            ("1.5f", "float", "1.5"),
            ("1.5", "float", "\"1.5\""),
            ("1e3F", "float", "1000.0"),
            ("1.5", "double", "1.5"),
            ("true", "boolean", "true"),
            ("True", "boolean", "\"True\""),
            ("'a'", "char", "\"'a'\""),
            ("12", "any", "\"12\""),
            ("{}", "Set", "Java's `Set` is not read"),
        ] {
            assert_eq!(shown(text, kind, None), value, "{text} as {kind}");
        }
    }

    #[test]
    fn collections_are_read_from_what_makes_them() {
        for (text, kind, items, value) in [
            (
                "new int[]{1, 2,, 3L}",
                "Array",
                "integer",
                r#"[1, 2, "3L"]"#,
            ),
            ("int[] {1}", "Array", "integer", r#""int[] {1}""#),
            (
                "new ArrayList<>(Arrays.asList(\"a\", \"b\"))",
                "ArrayList",
                "String",
                r#"["a", "b"]"#,
            ),
            (
                "new ArrayList<Integer>() {{ add(1); add(2); }}",
                "ArrayList",
                "integer",
                "[1, 2]",
            ),
            ("new ArrayList<>()", "ArrayList", "integer", "[]"),
            (
                "new HashMap<String, Object>() {{ put(\"a\", 1); put(\"b\", \"x\"); put(\"a\", 2.5f); }}",
                "HashMap",
                "",
                r#"{"a": 2.5, "b": "x"}"#,
            ),
            ("new HashMap<>()", "HashMap", "", "{}"),
        ] {
            let items = Some(items).filter(|items| !items.is_empty());
            assert_eq!(shown(text, kind, items), value, "{text}");
        }
    }

    #[test]
    fn what_has_no_type_is_guessed() {
        for (text, value) in [
            ("true", "true"),
            ("\"a b\"", "\"a b\""),
            ("\"", "\"\""),
            ("5L", "5"),
            ("2.5f", "2.5"),
            ("1_000", "1000"),
            ("1e2", "100.0"),
            ("x", "\"x\""),
        ] {
            assert_eq!(guess(text).to_string(), value, "{text}");
        }
    }
}
