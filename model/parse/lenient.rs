//! JSON as models write it: what a strict reader takes, and besides raw
//! control characters in strings, single quotes, Python's literals and tuples,
//! and trailing commas.

use serde_json::{Map, Number, Value};

/// Levels of nesting that are read. Calls are kept as parts of larger JSON, which
/// serde_json reads back at a depth of 127 at most.
const MAX_DEPTH: usize = 100;

/// Reads one value that makes up the whole text.
///
/// # Errors
/// What is wrong, and at which character, in words a model can act on.
pub fn read(text: &str) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(text)
        && fits(&value, MAX_DEPTH)
    {
        return Ok(value);
    }
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(c) => Err(reader.wrong(&format!("expected the end, got `{c}`"))),
    }
}

/// Whether a value is nested at most so many levels below its own.
fn fits(value: &Value, levels: usize) -> bool {
    let below = |value: &Value| levels.checked_sub(1).is_some_and(|left| fits(value, left));
    match value {
        Value::Array(items) => items.iter().all(below),
        Value::Object(members) => members.values().all(below),
        _ => true,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn wrong(&self, what: &str) -> String {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        format!("at character {}: {what}", before.chars().count() + 1)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some(quote @ ('"' | '\'')) => Ok(Value::String(self.string(quote)?)),
            Some(_) => self.word(),
            None => Err(self.wrong("expected a value, got the end")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut entries = Map::new();
        loop {
            self.space();
            match self.peek() {
                Some('}') => {
                    self.bump();
                    return Ok(Value::Object(entries));
                }
                Some(quote @ ('"' | '\'')) => {
                    let key = self.string(quote)?;
                    self.space();
                    if self.peek() != Some(':') {
                        return Err(self.wrong(&format!("expected `:` after \"{key}\"")));
                    }
                    self.bump();
                    let value = self.value(depth + 1)?;
                    entries.insert(key, value);
                    self.comma_or('}')?;
                }
                Some(c) => return Err(self.wrong(&format!("expected a quoted key, got `{c}`"))),
                None => return Err(self.wrong("expected `}`, got the end")),
            }
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(close) {
                self.bump();
                return Ok(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.comma_or(close)?;
        }
    }

    /// After an item: a comma, or the closing bracket, which is left there.
    fn comma_or(&mut self, close: char) -> Result<(), String> {
        self.space();
        match self.peek() {
            Some(',') => {
                self.bump();
                Ok(())
            }
            Some(c) if c == close => Ok(()),
            Some(c) => Err(self.wrong(&format!("expected `,` or `{close}`, got `{c}`"))),
            None => Err(self.wrong(&format!("expected `{close}`, got the end"))),
        }
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        self.bump();
        let mut out = String::new();
        loop {
            match self.bump() {
                None => return Err(self.wrong("a string has no end")),
                Some(c) if c == quote => return Ok(out),
                Some('\\') => self.escape(&mut out)?,
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        match self.bump() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let high = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&high) && self.rest().starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex()?;
                    0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    high
                };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(c @ ('"' | '\'' | '\\' | '/')) => out.push(c),
            // What is no escape is kept as written: `C:\dir`, `\d+`.
            Some(c) => out.extend(['\\', c]),
            None => return Err(self.wrong("a string has no end")),
        }
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.rest().get(..4);
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code =
            code.ok_or_else(|| self.wrong("expected four hexadecimal digits after `\\u`"))?;
        self.at += 4;
        Ok(code)
    }

    /// A number or a literal of JSON's or Python's.
    fn word(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let value = match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" => Value::Null,
            number => match serde_json::from_str::<Number>(number.trim_start_matches('+')) {
                Ok(number) => Value::Number(number),
                Err(_) => {
                    return Err(self.wrong(&format!("expected a value, got `{}`", shown(rest))));
                }
            },
        };
        self.at += end;
        Ok(value)
    }
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_models_write_is_read() {
        for (text, expected) in [
            (
                "{'a': True, 'b': (1, None)}",
                json!({"a": true, "b": [1, null]}),
            ),
            ("{\"a\": \"x\ny\"}", json!({"a": "x\ny"})),
            ("{\"a\": [1, 2,],}", json!({"a": [1, 2]})),
            ("{\"re\": \"\\d+\"}", json!({"re": "\\d+"})),
            ("{'it': 'it\\'s'}", json!({"it": "it's"})),
            ("{'e': '\\ud83d\\ude00'}", json!({"e": "😀"})),
            ("{'n': -1.5e3}", json!({"n": -1500.0})),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("{\"a\": }", "at character 7: expected a value, got `}`"),
            ("{\"a\" 1}", "at character 6: expected `:` after \"a\""),
            ("{a: 1}", "at character 2: expected a quoted key, got `a`"),
            ("{\"a\": \"x", "at character 9: a string has no end"),
            ("{} x", "at character 4: expected the end, got `x`"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
        let refused = Err("at character 102: nested too deeply".to_owned());
        assert_eq!(read(&"[".repeat(200_000)), refused);
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(read(&nested(102)), refused);
        assert!(read(&nested(101)).is_ok());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}()'\",:\\\\a0.eu \n-]{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn pythons_json_is_read_back(text in "\\PC{0,20}", number in any::<i32>()) {
            let value = json!({"t": text, "n": [number, f64::from(number) / 8.0, null, true]});
            prop_assert_eq!(read(&crate::json::dumps(&value)), Ok(value));
        }
    }
}
