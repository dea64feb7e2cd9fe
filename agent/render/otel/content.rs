//! What was said, as the conventions' attributes have it: JSON in the form of
//! `gen-ai-input-messages.json` and `gen-ai-output-messages.json`, as text.

use glm_agent_model::{Finish, Message, Segment};
use serde_json::{Value, json};

use crate::{event::Event, view::view};

/// Calls among a reply's parts.
pub(super) fn calls(segments: &[Segment]) -> usize {
    let is_call = |segment: &&Segment| matches!(segment, Segment::Call(_));
    segments.iter().filter(is_call).count()
}

/// Why a reply ended.
pub(super) fn finish_reason(segments: &[Segment], finish: Finish) -> &'static str {
    match finish {
        Finish::Stop if calls(segments) > 0 => "tool_call",
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Cancelled => "cancelled",
    }
}

/// What the model was shown of these events, with at most `chars` characters of each
/// result. It has `written` calls behind it.
pub(super) fn input(events: &[Event], chars: usize, written: usize) -> String {
    let messages = view(events, chars).messages;
    let shown = messages.iter().map(|message| match message {
        Message::Assistant { segments } => calls(segments),
        _ => 0,
    });
    // Those of a conversation's beginning may not be shown any more.
    let mut number = written.saturating_sub(shown.sum());
    let messages: Vec<Value> = messages
        .iter()
        .filter_map(|message| {
            Some(match message {
                Message::System { content } => of("system", vec![text(content)]),
                Message::User { content } => of("user", vec![text(content)]),
                // Its name only: no trace has room for pictures.
                Message::Image(image) => {
                    let part =
                        json!({"type": "image", "name": image.name, "mime_type": image.media_type});
                    of("user", vec![part])
                }
                Message::Assistant { segments } => {
                    let parts = parts(segments, Some(number));
                    number += calls(segments);
                    of("assistant", parts)
                }
                Message::Observation { content, .. } => {
                    let part = json!({"type": "tool_call_response", "response": content});
                    of("tool", vec![part])
                }
                Message::Tools { .. } => return None,
            })
        })
        .collect();
    Value::from(messages).to_string()
}

/// A reply, which has `written` calls behind it; without a number, its own do not count.
pub(super) fn output(segments: &[Segment], finish: &str, written: Option<usize>) -> String {
    let parts = parts(segments, written);
    json!([{"role": "assistant", "parts": parts, "finish_reason": finish}]).to_string()
}

/// One message of words.
pub(super) fn message(role: &str, words: &str, finish: Option<&str>) -> String {
    let mut message = of(role, vec![text(words)]);
    if let (Some(finish), Some(fields)) = (finish, message.as_object_mut()) {
        fields.insert("finish_reason".to_owned(), finish.into());
    }
    json!([message]).to_string()
}

/// What the model was told before all else.
pub(super) fn instructions(words: &str) -> String {
    json!([text(words)]).to_string()
}

fn of(role: &str, parts: Vec<Value>) -> Value {
    json!({"role": role, "parts": parts})
}

fn text(words: &str) -> Value {
    json!({"type": "text", "content": words})
}

/// A reply's parts; calls are named as the log names them, if it does.
fn parts(segments: &[Segment], mut written: Option<usize>) -> Vec<Value> {
    let part = |segment: &Segment| match segment {
        Segment::Text { text: words } => text(words),
        Segment::Reasoning { text } => json!({"type": "reasoning", "content": text}),
        Segment::Call(call) => {
            written = written.map(|count| count + 1);
            json!({
                "type": "tool_call",
                "id": written.map(|number| format!("call_{number}")),
                "name": call.name,
                "arguments": call.arguments,
            })
        }
    };
    segments.iter().map(part).collect()
}
