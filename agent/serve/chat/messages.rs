//! Messages in OpenAI's form, read into a conversation.
//!
//! Results name their calls and may come in any order; the model is shown them in the
//! order of the calls.

use glm_agent_model::{Message, Segment, ToolCall};
use serde_json::{Map, Value};

use super::super::{error::Refusal, fields::wrong};

/// Reads `messages`, for the model of this name.
pub(in crate::serve) fn read(
    messages: Option<Value>,
    model: &str,
) -> Result<Vec<Message>, Refusal> {
    let messages = match messages {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(Value::Array(_)) | None => {
            return Err(Refusal::param(
                "messages",
                "there must be a message at least",
            ));
        }
        Some(other) => return Err(wrong("messages", "a list", &other)),
    };
    let mut read = Reading {
        model,
        said: Vec::new(),
        waiting: Vec::new(),
    };
    for (index, message) in messages.into_iter().enumerate() {
        let at = format!("messages[{index}]");
        match message {
            Value::Object(message) => read.add(&at, message)?,
            other => return Err(wrong(&at, "an object", &other)),
        }
    }
    read.settle()?;
    Ok(read.said)
}

struct Reading<'a> {
    model: &'a str,
    said: Vec<Message>,
    /// The calls of the last reply, with their results as far as they have come.
    waiting: Vec<Waiting>,
}

struct Waiting {
    id: Option<String>,
    /// Where the call is.
    at: String,
    result: Option<String>,
}

impl Reading<'_> {
    fn add(&mut self, at: &str, mut message: Map<String, Value>) -> Result<(), Refusal> {
        let role = match message.get("role") {
            Some(Value::String(role)) => role.clone(),
            _ => return Err(Refusal::param(format!("{at}.role"), "the role is missing")),
        };
        if role == "tool" {
            return self.result(at, &message);
        }
        self.settle()?;
        let content = self.content(at, message.get("content"))?;
        let said = match role.as_str() {
            "system" | "developer" => Message::System { content },
            "user" => Message::User { content },
            "assistant" => {
                let mut segments = Vec::new();
                let thoughts = message.get("reasoning_content").and_then(Value::as_str);
                if let Some(text) = thoughts.filter(|text| !text.is_empty()) {
                    let text = text.to_owned();
                    segments.push(Segment::Reasoning { text });
                }
                let calls = self.calls(at, message.get_mut("tool_calls").map(Value::take))?;
                if !content.is_empty() || calls.is_empty() {
                    segments.push(Segment::text(content));
                }
                segments.extend(calls);
                Message::Assistant { segments }
            }
            other => {
                let message = format!(
                    "there is no role `{other}`: known are system, developer, user, assistant and tool"
                );
                return Err(Refusal::param(format!("{at}.role"), message));
            }
        };
        self.said.push(said);
        Ok(())
    }

    /// Text, or parts that are texts.
    fn content(&self, at: &str, content: Option<&Value>) -> Result<String, Refusal> {
        let at = format!("{at}.content");
        let parts = match content {
            None | Some(Value::Null) => return Ok(String::new()),
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(Value::Array(parts)) => parts,
            Some(other) => return Err(wrong(&at, "a string or a list of parts", other)),
        };
        let text = |(index, part): (usize, &Value)| {
            let kind = part.get("type").and_then(Value::as_str);
            let text = match kind {
                Some("text") => part.get("text"),
                Some("refusal") => part.get("refusal"),
                _ => None,
            };
            if let Some(text) = text.and_then(Value::as_str) {
                return Ok(text.to_owned());
            }
            let at = format!("{at}[{index}]");
            Err(match kind {
                Some(kind @ ("image_url" | "input_audio" | "file" | "video_url")) => {
                    let message = format!("`{}` reads text only, not {kind}", self.model);
                    Refusal::param(at, message).code("unsupported_content")
                }
                _ => Refusal::param(at, "a part must be `{\"type\": \"text\", \"text\": …}`"),
            })
        };
        parts.iter().enumerate().map(text).collect()
    }

    fn calls(&mut self, at: &str, calls: Option<Value>) -> Result<Vec<Segment>, Refusal> {
        let at = format!("{at}.tool_calls");
        let calls = match calls {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(calls)) => calls,
            Some(other) => return Err(wrong(&at, "a list", &other)),
        };
        let mut segments = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            let at = format!("{at}[{index}]");
            let name = call.pointer("/function/name").and_then(Value::as_str);
            let name = name.filter(|name| !name.is_empty());
            let Some(name) = name else {
                let at = format!("{at}.function.name");
                return Err(Refusal::param(at, "the called function's name is missing"));
            };
            let arguments = match call.pointer("/function/arguments") {
                None | Some(Value::Null) => Value::Object(Map::new()),
                Some(Value::String(text)) => arguments(text),
                Some(other) => other.clone(),
            };
            segments.push(Segment::Call(ToolCall {
                name: name.to_owned(),
                arguments,
            }));
            let id = call.get("id").and_then(Value::as_str).map(str::to_owned);
            self.waiting.push(Waiting {
                id,
                at,
                result: None,
            });
        }
        Ok(segments)
    }

    /// The result of the call that it names, or of the next one.
    fn result(&mut self, at: &str, message: &Map<String, Value>) -> Result<(), Refusal> {
        let content = self.content(at, message.get("content"))?;
        let id = message.get("tool_call_id").and_then(Value::as_str);
        let waiting = self.waiting.iter_mut().find(|call| match id {
            Some(id) => call.id.as_deref() == Some(id) && call.result.is_none(),
            None => call.result.is_none(),
        });
        match waiting {
            Some(call) => {
                call.result = Some(content);
                Ok(())
            }
            None => {
                let message = "it is the result of no call in the assistant's message before it";
                Err(Refusal::param(format!("{at}.tool_call_id"), message))
            }
        }
    }

    /// All results of the last reply's calls are there, and the model is shown them.
    fn settle(&mut self) -> Result<(), Refusal> {
        for call in self.waiting.drain(..) {
            let Some(content) = call.result else {
                let message = "the call has no result: a message with the role tool must follow";
                return Err(Refusal::param(call.at, message));
            };
            self.said.push(Message::Observation {
                metadata: String::new(),
                content: match content.as_str() {
                    // The model would wait for it otherwise.
                    "" => "(no output)".to_owned(),
                    _ => content,
                },
            });
        }
        Ok(())
    }
}

/// A call's arguments: an object, or the raw text that a tool was given, as a JSON
/// string. What is neither stays as it was written.
fn arguments(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::String(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls() -> Value {
        let call = |id, arguments| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
        json!({
            "role": "assistant", "content": null,
            "tool_calls": [call("a", "{\"x\": 1}"), call("b", "\"print(1)\"")],
        })
    }

    fn result(id: &str, content: &str) -> Value {
        json!({"role": "tool", "tool_call_id": id, "content": content})
    }

    fn refused(messages: Value) -> (String, String) {
        let body = read(Some(messages), "m").unwrap_err().body();
        let text = |key: &str| body["error"][key].as_str().unwrap().to_owned();
        (text("param"), text("message"))
    }

    #[test]
    fn all_forms_are_read_and_results_come_in_the_order_of_their_calls() {
        let messages = json!([
            {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
            {"role": "user", "content": "Hi", "name": "ada"},
            calls(),
            result("b", ""),
            result("a", "one"),
            {"role": "assistant", "content": "Done.", "reasoning_content": "Hm."},
        ]);
        let call = |arguments| {
            let name = "f".to_owned();
            Segment::Call(ToolCall { name, arguments })
        };
        let seen = |content: &str| Message::Observation {
            metadata: String::new(),
            content: content.to_owned(),
        };
        assert_eq!(
            read(Some(messages), "m").unwrap(),
            [
                Message::System {
                    content: "Be brief.".to_owned()
                },
                Message::User {
                    content: "Hi".to_owned()
                },
                Message::Assistant {
                    segments: vec![call(json!({"x": 1})), call(json!("print(1)"))]
                },
                seen("one"),
                seen("(no output)"),
                Message::Assistant {
                    segments: vec![
                        Segment::Reasoning {
                            text: "Hm.".to_owned()
                        },
                        Segment::text("Done.")
                    ]
                },
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (messages, param, message) in [
            (json!([]), "messages", "there must be a message at least"),
            (
                json!([calls(), result("a", "")]),
                "messages[0].tool_calls[1]",
                "the call has no result: a message with the role tool must follow",
            ),
            (
                json!([calls(), result("c", "")]),
                "messages[1].tool_call_id",
                "it is the result of no call in the assistant's message before it",
            ),
            (
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]),
                "messages[0].content[0]",
                "`m` reads text only, not image_url",
            ),
            (
                json!([{"role": "wizard", "content": ""}]),
                "messages[0].role",
                "there is no role `wizard`: known are system, developer, user, assistant and tool",
            ),
            (
                json!([{"role": "user", "content": 1}]),
                "messages[0].content",
                "`messages[0].content` must be a string or a list of parts, not 1",
            ),
        ] {
            assert_eq!(refused(messages), (param.to_owned(), message.to_owned()));
        }
    }
}
