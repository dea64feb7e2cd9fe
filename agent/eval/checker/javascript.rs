//! JavaScript's literals, read as the official checker reads them: by patterns. What fits
//! none is a text.

// Whether a constant is a pattern does not change; tests use them all.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use regex::Regex;

use super::{Fault, java::unquoted, number, value::PyValue};

// Python's `$` also stands before a newline at the end.
static INTEGER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^-?[0-9]+\n?$").unwrap());
static FLOAT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^-?[0-9]+(\.[0-9]+)?\n?$").unwrap());
static BIGINT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^-?[0-9]+n\n?$").unwrap());
static TABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]",
        r"|new\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\))"
    ))
    .unwrap()
});
static ROW: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[(.*?)\]").unwrap());
static ARRAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:\[(.*?)\]|new\s+Array\((.*?)\))").unwrap());
static OBJECT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{(.*?)\}").unwrap());
static PAIR: LazyLock<fancy_regex::Regex> = LazyLock::new(|| {
    fancy_regex::Regex::new(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|(?=\n?\z))").unwrap()
});

/// Reads a value of a type of the data; `items` is the type of those of an array.
pub(super) fn read(text: &str, kind: &str, items: Option<&str>) -> Result<PyValue, Fault> {
    let value = match kind {
        "String" => is_quoted(text).then(|| PyValue::Str(unquoted(text))),
        "integer" if INTEGER.is_match(text) => number::int(text).map(PyValue::Int),
        "float" if FLOAT.is_match(text) => number::float(text).map(PyValue::Float),
        "Bigint" if BIGINT.is_match(text) => {
            let int = text.strip_suffix('n').and_then(number::int);
            let int = int.ok_or_else(|| Fault::undefined("a newline stands after a number"))?;
            Some(PyValue::Int(int))
        }
        "Boolean" => match text {
            "true" => Some(PyValue::Bool(true)),
            "false" => Some(PyValue::Bool(false)),
            _ => None,
        },
        "dict" => Some(object(text.trim())),
        "array" => Some(array(text.trim(), items)),
        "integer" | "float" | "Bigint" | "any" => None,
        other => return Err(Fault::undefined(format!("JavaScript has no `{other}`"))),
    };
    Ok(value.unwrap_or_else(|| PyValue::Str(text.to_owned())))
}

fn is_quoted(text: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

fn array(code: &str, items: Option<&str>) -> PyValue {
    if let Some(found) = TABLE.find(code) {
        let rows = ROW.captures_iter(found.as_str()).enumerate();
        let rows = rows.map(|(index, row)| {
            let row = row.get(1).map_or("", |row| row.as_str()).trim();
            // The first is found with the bracket of the whole.
            let row = row.strip_prefix('[').filter(|_| index == 0).unwrap_or(row);
            PyValue::List(row.split(',').map(guess).collect())
        });
        return PyValue::List(rows.collect());
    }
    let found = ARRAY.captures(code);
    let inner = found.and_then(|found| found.get(1).or_else(|| found.get(2)));
    let Some(inner) = inner.map(|inner| inner.as_str().trim()) else {
        return PyValue::Str(code.to_owned());
    };
    let parts = inner
        .split(',')
        .filter(|_| !inner.is_empty())
        .map(str::trim);
    let values: Result<Vec<_>, Fault> = match items.filter(|items| !items.is_empty()) {
        Some(items) => parts
            .map(|part| read(part, items, of_quoted(part)))
            .collect(),
        None => Ok(parts.map(guess).collect()),
    };
    // An array of what cannot be read is a text.
    values.map_or_else(|_| PyValue::Str(code.to_owned()), PyValue::List)
}

/// The official checker passes this on for what begins with a quote.
fn of_quoted(text: &str) -> Option<&'static str> {
    text.starts_with(['\'', '"']).then_some("String")
}

fn object(code: &str) -> PyValue {
    if code == "{}" {
        return PyValue::Dict(Vec::new());
    }
    let content = OBJECT.captures(code).and_then(|found| found.get(1));
    let Some(content) = content else {
        return PyValue::Str(code.to_owned());
    };
    let mut entries: Vec<(String, PyValue)> = Vec::new();
    for pair in PAIR.captures_iter(content.as_str()) {
        // Too much to try: the official checker would not come to an end.
        let Ok(pair) = pair else {
            return PyValue::Str(code.to_owned());
        };
        let part = |number| pair.get(number).map_or("", |part| part.as_str()).trim();
        let (key, value) = (part(1).trim_matches(['\'', '"']), part(2));
        let value = if value.starts_with('[') && value.ends_with(']') {
            array(value, None)
        } else if value.starts_with('{') && value.ends_with('}') {
            object(value)
        } else {
            guess(value.trim_matches(['\'', '"']))
        };
        match entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value,
            None => entries.push((key.to_owned(), value)),
        }
    }
    PyValue::Dict(entries)
}

/// A value of no known type.
fn guess(text: &str) -> PyValue {
    match text.trim() {
        "true" => PyValue::Bool(true),
        "false" => PyValue::Bool(false),
        text if is_quoted(text) => PyValue::Str(unquoted(text)),
        text => {
            let int = number::int(text).map(PyValue::Int);
            int.or_else(|| number::float(text).map(PyValue::Float))
                .unwrap_or_else(|| PyValue::Str(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_by_their_type() {
        for (text, kind, items, value) in [
            ("'a b'", "String", "", r#""a b""#),
            ("a", "String", "", r#""a""#),
            ("-12", "integer", "", "-12"),
            ("1.50", "float", "", "1.5"),
            ("1e5", "float", "", r#""1e5""#),
            ("12n", "Bigint", "", "12"),
            ("false", "Boolean", "", "false"),
            ("12", "any", "", r#""12""#),
            ("[1, 'two', true]", "array", "", r#"[1, "two", true]"#),
            ("new Array(1, 2)", "array", "integer", "[1, 2]"),
            ("[[1, 2], ['a']]", "array", "array", r#"[[1, 2], ["a"]]"#),
            ("[]", "array", "String", "[]"),
            ("nothing", "array", "", r#""nothing""#),
            ("{}", "dict", "", "{}"),
            (
                "{a: 1, 'b': \"x, y\", c: [1, 2], d: true}",
                "dict",
                "",
                r#"{"a": 1, "b": "x, y", "c": [1, 2], "d": true}"#,
            ),
            ("none", "dict", "", r#""none""#),
        ] {
            let items = Some(items).filter(|items| !items.is_empty());
            let read = read(text, kind, items).map(|value| value.to_string());
            assert_eq!(read, Ok(value.to_owned()), "{text} as {kind}");
        }
        assert!(read("12n\n", "Bigint", None).is_err());
    }
}
