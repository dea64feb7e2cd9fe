//! Conversations as messages in OpenAI's form, of which a server makes the prompt.
//!
//! Source: OpenAI's API reference, "Create chat completion", which vLLM, SGLang,
//! llama.cpp's server and others follow; `reasoning_content` is theirs.

use serde_json::{Map, Value, json};

use super::{Piece, arguments_text, raw_argument, tagged};
use crate::{Conversation, Message, Segment, ToolCall, ToolSpec, json::dumps};

/// What a call without a result is answered by: every call must be.
const NO_RESULT: &str = "(no result)";

/// Adds the messages as JSON, one a line: for people, tests and to estimate tokens.
pub fn render(conversation: &Conversation, pieces: &mut Vec<Piece>) {
    let tools = tools(conversation);
    let offered = (!tools.is_empty()).then(|| dumps(&json!({ "tools": tools })));
    let messages = messages(conversation);
    let lines = offered.into_iter().chain(messages.iter().map(dumps));
    let lines: String = lines.map(|line| line + "\n").collect();
    super::push_text(pieces, &lines);
}

/// The messages. An image without its content is only named.
pub fn messages(conversation: &Conversation) -> Vec<Value> {
    let messages = &conversation.messages;
    let is_user = |message: &Message| matches!(message, Message::User { .. });
    let last_user = messages.iter().rposition(is_user);
    let mut written = Written::default();
    for (index, message) in messages.iter().enumerate() {
        match message {
            Message::System { content } => written.turn("system", json!(content)),
            Message::User { content } => written.user(content),
            Message::Image(image) => written.images.push(json!({
                "type": "image_url",
                "image_url": { "url": image.url.as_deref().unwrap_or(&image.name) },
            })),
            Message::Tools { .. } => {}
            Message::Observation { content, .. } => written.result(content),
            Message::Assistant { segments } => {
                let is_recent = last_user.is_none_or(|last| index > last);
                written.reply(segments, is_recent);
            }
        }
    }
    written.answer_calls();
    written.messages
}

/// The tools on offer. Those that take raw text are functions of one text.
pub fn tools(conversation: &Conversation) -> Vec<Value> {
    let function = |tool: &&ToolSpec| match tool {
        ToolSpec::Function { function } => Value::Object(function.object().clone()),
        raw => tagged::raw_function(raw),
    };
    let tools = conversation.all_tools();
    let functions = tools.iter().map(function);
    functions
        .map(|function| json!({ "type": "function", "function": function }))
        .collect()
}

/// The messages so far.
#[derive(Default)]
struct Written {
    messages: Vec<Value>,
    /// Calls so far, which are named by their numbers.
    calls: usize,
    /// The calls of the last reply that have no result yet.
    open: std::collections::VecDeque<String>,
    /// What goes with the user's next words.
    images: Vec<Value>,
}

impl Written {
    fn turn(&mut self, role: &str, content: Value) {
        self.answer_calls();
        self.messages
            .push(json!({ "role": role, "content": content }));
    }

    fn user(&mut self, content: &str) {
        let mut parts = std::mem::take(&mut self.images);
        if parts.is_empty() {
            return self.turn("user", json!(content));
        }
        parts.push(json!({ "type": "text", "text": content }));
        self.turn("user", Value::Array(parts));
    }

    fn reply(&mut self, segments: &[Segment], is_recent: bool) {
        self.answer_calls();
        let (mut thoughts, mut words, mut calls) = (String::new(), Vec::new(), Vec::new());
        for segment in segments {
            match segment {
                Segment::Reasoning { text } => thoughts += text,
                Segment::Text { text } => words.push(text.as_str()),
                Segment::Call(call) => {
                    self.calls += 1;
                    let id = format!("call_{}", self.calls);
                    calls.push(json!({
                        "id": id,
                        "type": "function",
                        "function": { "name": call.name, "arguments": arguments(call) },
                    }));
                    self.open.push_back(id);
                }
            }
        }
        let mut message = Map::new();
        message.insert("role".into(), "assistant".into());
        message.insert("content".into(), words.join("\n").into());
        // What was thought before an earlier question is no use, and some refuse it.
        if is_recent && !thoughts.is_empty() {
            message.insert("reasoning_content".into(), thoughts.into());
        }
        if !calls.is_empty() {
            message.insert("tool_calls".into(), calls.into());
        }
        self.messages.push(Value::Object(message));
    }

    /// A result, of the first call that has none. What more a call returned, and what is
    /// said of a reply that could not be read, follows the last.
    fn result(&mut self, content: &str) {
        if let Some(id) = self.open.pop_front() {
            let message = json!({ "role": "tool", "tool_call_id": id, "content": content });
            return self.messages.push(message);
        }
        let last = self.messages.last_mut();
        match last.filter(|last| last.get("role").is_some_and(|role| role == "tool")) {
            Some(last) => {
                let so_far = last
                    .get("content")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let joined = format!("{so_far}\n\n{content}");
                if let Some(message) = last.as_object_mut() {
                    message.insert("content".into(), joined.into());
                }
            }
            None => self.turn("user", json!(content)),
        }
    }

    fn answer_calls(&mut self) {
        for id in std::mem::take(&mut self.open) {
            let message = json!({ "role": "tool", "tool_call_id": id, "content": NO_RESULT });
            self.messages.push(message);
        }
    }
}

/// Arguments as text that is JSON: a raw text as the one argument of a function.
fn arguments(call: &ToolCall) -> String {
    match &call.arguments {
        Value::String(text) => dumps(&json!({ raw_argument(&call.name): text })),
        object => arguments_text(object),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::Image;

    fn call(name: &str, arguments: Value) -> Segment {
        Segment::Call(ToolCall {
            name: name.into(),
            arguments,
        })
    }

    fn seen(content: &str) -> Message {
        Message::Observation {
            metadata: String::new(),
            content: content.into(),
        }
    }

    #[test]
    fn every_call_is_answered_and_every_answer_names_its_call() {
        let conversation = Conversation {
            messages: vec![
                Message::System {
                    content: "Be brief.".into(),
                },
                Message::User {
                    content: "Weather?".into(),
                },
                Message::Assistant {
                    segments: vec![
                        Segment::Reasoning {
                            text: "Two towns.".into(),
                        },
                        call("weather", json!({"city": "Ü"})),
                        call("python", json!("print(1)")),
                    ],
                },
                seen("21"),
                seen("1"),
                seen("more"),
                Message::Assistant {
                    segments: vec![Segment::text("Warm."), call("weather", json!({}))],
                },
                Message::User {
                    content: "And?".into(),
                },
            ],
            ..Conversation::default()
        };
        let expected = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Ü\"}"}},
                {"id": "call_2", "type": "function", "function": {"name": "python", "arguments": "{\"code\": \"print(1)\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "21"},
            {"role": "tool", "tool_call_id": "call_2", "content": "1\n\nmore"},
            {"role": "assistant", "content": "Warm.", "tool_calls": [
                {"id": "call_3", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_3", "content": "(no result)"},
            {"role": "user", "content": "And?"},
        ]);
        assert_eq!(Value::Array(messages(&conversation)), expected);
    }

    #[test]
    fn thoughts_stay_until_the_user_speaks_and_images_go_with_the_words() {
        let conversation = Conversation {
            messages: vec![
                Message::Image(Image {
                    name: "images/a.png".into(),
                    media_type: "image/png".into(),
                    url: Some(Arc::from("data:image/png;base64,cG5n")),
                }),
                Message::User {
                    content: "What is it?".into(),
                },
                Message::Assistant {
                    segments: vec![
                        Segment::Reasoning {
                            text: "A cat?".into(),
                        },
                        call("weather", json!({})),
                    ],
                },
                seen("?"),
            ],
            ..Conversation::default()
        };
        let expected = json!([
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
                {"type": "text", "text": "What is it?"},
            ]},
            {"role": "assistant", "content": "", "reasoning_content": "A cat?", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "?"},
        ]);
        assert_eq!(Value::Array(messages(&conversation)), expected);
    }
}
