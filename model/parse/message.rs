//! A reply as a message in OpenAI's form: what a server that reads replies itself makes
//! of one.

use serde_json::{Map, Value, json};

use super::{Output, arguments, lenient, thoughts::Thoughts};
use crate::{Delta, Segment, ToolSpec, prompt::raw_argument};

/// A reply as it came: words, thoughts, and calls by name with their arguments as text.
pub(crate) fn written(words: &str, thoughts: &str, calls: &[(String, String)]) -> String {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), words.into());
    if !thoughts.is_empty() {
        message.insert("reasoning_content".into(), thoughts.into());
    }
    if !calls.is_empty() {
        let call = |(name, arguments): &(String, String)| {
            json!({
                "type": "function",
                "function": { "name": name, "arguments": arguments },
            })
        };
        let calls = calls.iter().map(call).collect();
        message.insert("tool_calls".into(), Value::Array(calls));
    }
    Value::Object(message).to_string()
}

/// Reads a message. What is none is words.
pub fn read(text: &str, tools: &[ToolSpec], thoughts: Thoughts, out: &mut Output) {
    let message: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    let Some(message) = message.filter(|m| m.get("role").is_some_and(|r| r == "assistant")) else {
        return words(text, thoughts, out);
    };
    let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
    let told = text("reasoning_content").trim();
    if !told.is_empty() {
        out.emit(Delta::Reasoning, told);
        let text = told.to_owned();
        out.parsed.segments.push(Segment::Reasoning { text });
    }
    words(text("content"), thoughts, out);
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let function = call.get("function").unwrap_or(call);
        let part = |key: &str| {
            function
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        read_call(part("name"), part("arguments"), tools, out);
    }
}

/// Words, and the thoughts that a server left within them.
fn words(text: &str, mut thoughts: Thoughts, out: &mut Output) {
    let mut rest = text.to_owned();
    thoughts.take(&mut rest, true, out);
    thoughts.end(&mut rest, out);
    out.emit(Delta::Text, &rest);
    out.text(&rest);
}

fn read_call(name: &str, text: &str, tools: &[ToolSpec], out: &mut Output) {
    let Some(tool) = tools.iter().find(|tool| tool.name() == name) else {
        let names: Vec<&str> = tools.iter().map(ToolSpec::name).collect();
        let known = match names.as_slice() {
            [] => "no tools are on offer".to_owned(),
            names => format!("the tools are: {}", names.join(", ")),
        };
        return out.unknown(name, &known);
    };
    let empty = text.trim().is_empty();
    let read = match empty {
        true => Ok(Value::Object(Map::new())),
        false => lenient::read(text),
    };
    let arguments = read.and_then(|value| match tool.takes_text() {
        true => raw_text(name, value),
        false => arguments::unwrap(tools, name, value),
    });
    match arguments {
        Ok(arguments) => {
            out.deltas.push(Delta::Call {
                name: name.to_owned(),
            });
            out.emit(Delta::Arguments, text);
            out.call(name.to_owned(), arguments);
        }
        Err(wrong) => out.bad_arguments(name, &wrong),
    }
}

/// The one argument of a tool that takes raw text.
fn raw_text(name: &str, value: Value) -> Result<Value, String> {
    let key = raw_argument(name);
    match value {
        Value::Object(mut object) => match object.remove(key) {
            Some(Value::String(text)) => Ok(Value::String(text)),
            _ => Err(format!("it has no text `{key}`")),
        },
        other => Err(format!("got {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Profile, ToolCall,
        parse::{Parsed, Parser},
    };

    fn parsed(text: &str) -> Parsed {
        let tools = [
            ToolSpec::function("weather", "Weather", json!({"type": "object"})),
            ToolSpec::Python,
        ];
        let mut parser = Parser::new(Profile::chat(), &tools);
        for piece in text.chars() {
            assert_eq!(parser.push(&piece.to_string()), []);
        }
        parser.finish().1
    }

    #[test]
    fn what_is_written_is_read() {
        let calls = [
            ("weather".to_owned(), "{\"city\": \"<|user|>\"}".to_owned()),
            ("python".to_owned(), "{\"code\": \"print(1)\"}".to_owned()),
            ("weather".to_owned(), String::new()),
        ];
        let call = |name: &str, arguments| {
            Segment::Call(ToolCall {
                name: name.into(),
                arguments,
            })
        };
        assert_eq!(
            parsed(&written("Let me see.<|user|>", "Hm.", &calls)),
            Parsed {
                segments: vec![
                    Segment::Reasoning { text: "Hm.".into() },
                    Segment::text("Let me see.<|user|>"),
                    call("weather", json!({"city": "<|user|>"})),
                    call("python", json!("print(1)")),
                    call("weather", json!({})),
                ],
                errors: vec![],
            }
        );
    }

    #[test]
    fn thoughts_within_the_words_are_told_apart() {
        let thoughts = Segment::Reasoning { text: "Hm.".into() };
        let read = parsed(&written("<think>Hm.</think>\n\nParis.", "", &[]));
        assert_eq!(read.segments, [thoughts, Segment::text("Paris.")]);
        assert_eq!(parsed("no message").segments, [Segment::text("no message")]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let calls = [
            ("weather".to_owned(), "{\"city\": \"Par".to_owned()),
            ("wether".to_owned(), "{}".to_owned()),
            ("python".to_owned(), "{\"program\": \"1\"}".to_owned()),
        ];
        let Parsed { segments, errors } = parsed(&written("", "", &calls));
        assert_eq!(segments, []);
        assert_eq!(
            errors,
            [
                "the arguments of `weather` are not a JSON object: at character 14: a string has no end",
                "there is no tool `wether`; the tools are: weather, python",
                "the arguments of `python` are not a JSON object: it has no text `code`",
            ]
        );
    }
}
