//! Turns as GLM-4.5 takes them: thoughts and calls in tags within the turn.
//!
//! Tools that take raw text are offered as functions of one text.

use serde_json::{Value, json};

use crate::{
    Conversation, Message, Segment, ToolCall, ToolSpec,
    json::dumps,
    profile::{ASSISTANT, OBSERVATION, Reasoning, SYSTEM, Tagged, USER},
};

use super::{Piece, push_text};

/// The tags of a call and of a result.
pub(crate) mod tag {
    pub const CALL: &str = "<tool_call>";
    pub const CALL_END: &str = "</tool_call>";
    pub const KEY: &str = "<arg_key>";
    pub const KEY_END: &str = "</arg_key>";
    pub const VALUE: &str = "<arg_value>";
    pub const VALUE_END: &str = "</arg_value>";
    pub const RESPONSE: &str = "<tool_response>";
    pub const RESPONSE_END: &str = "</tool_response>";
    /// All of them.
    pub const ALL: [&str; 8] = [
        CALL,
        CALL_END,
        KEY,
        KEY_END,
        VALUE,
        VALUE_END,
        RESPONSE,
        RESPONSE_END,
    ];
}

/// Adds the conversation's turns.
pub fn render(syntax: &Tagged, conversation: &Conversation, pieces: &mut Vec<Piece>) {
    let tools = conversation.all_tools();
    if !tools.is_empty() {
        pieces.push(Piece::Special(SYSTEM));
        pieces.push(Piece::Text(offer(syntax, &tools)));
    }
    let messages = &conversation.messages;
    let last_user = messages
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }));
    let mut in_results = false;
    for (index, message) in messages.iter().enumerate() {
        let follows = std::mem::replace(
            &mut in_results,
            matches!(message, Message::Observation { .. }),
        );
        match message {
            Message::System { content } => turn(syntax, SYSTEM, content, pieces),
            Message::User { content } => {
                turn(syntax, USER, content, pieces);
                if !content.ends_with(syntax.after_user) {
                    push_text(pieces, syntax.after_user);
                }
            }
            // Images only servers show, in a form of their own.
            Message::Tools { .. } | Message::Image(_) => {}
            Message::Observation { content, .. } => {
                if !follows {
                    pieces.push(Piece::Special(OBSERVATION));
                }
                result(syntax, content, pieces);
            }
            Message::Assistant { segments } => {
                let recent = last_user.is_none_or(|last| index > last);
                reply(syntax, segments, recent, pieces);
            }
        }
    }
}

fn turn(syntax: &Tagged, role: &'static str, content: &str, pieces: &mut Vec<Piece>) {
    pieces.push(Piece::Special(role));
    push_text(pieces, &format!("{}{content}", syntax.newline));
}

fn result(syntax: &Tagged, content: &str, pieces: &mut Vec<Piece>) {
    let newline = syntax.newline;
    push_text(pieces, newline);
    pieces.push(Piece::Tag(tag::RESPONSE));
    push_text(pieces, &format!("{newline}{content}{newline}"));
    pieces.push(Piece::Tag(tag::RESPONSE_END));
}

/// A reply: its thoughts if they are `recent`, its words, its calls.
fn reply(syntax: &Tagged, segments: &[Segment], recent: bool, pieces: &mut Vec<Piece>) {
    let newline = syntax.newline;
    let told = segments
        .iter()
        .any(|segment| matches!(segment, Segment::Reasoning { .. }));
    let mut thoughts = String::new();
    let mut words = String::new();
    let mut calls = Vec::new();
    for segment in segments {
        match segment {
            Segment::Reasoning { text } => thoughts += text,
            Segment::Text { text } => match text.split_once(Reasoning::CLOSE) {
                // Thoughts that were left within the words.
                Some((before, _)) if !told => {
                    let (_, own) = before.rsplit_once(Reasoning::OPEN).unwrap_or(("", before));
                    thoughts += own.trim_matches('\n');
                    words += super::visible(text);
                }
                _ => words += text,
            },
            Segment::Call(call) => calls.push(call),
        }
    }
    pieces.push(Piece::Special(ASSISTANT));
    push_text(pieces, newline);
    let shown = recent && !thoughts.is_empty();
    // GLM-4.7 marks a reply without thoughts by the closing tag alone.
    if shown || !newline.is_empty() {
        pieces.push(Piece::Tag(Reasoning::OPEN));
    }
    if shown {
        push_text(pieces, thoughts.trim());
    }
    pieces.push(Piece::Tag(Reasoning::CLOSE));
    let words = words.trim();
    if !words.is_empty() {
        push_text(pieces, &format!("{newline}{words}"));
    }
    for call in calls {
        push_text(pieces, newline);
        push_call(syntax, call, pieces);
    }
}

fn push_call(syntax: &Tagged, call: &ToolCall, pieces: &mut Vec<Piece>) {
    let newline = syntax.newline;
    pieces.push(Piece::Tag(tag::CALL));
    push_text(pieces, &format!("{}{newline}", call.name));
    let alone;
    let arguments = match &call.arguments {
        Value::Object(arguments) => arguments,
        text => {
            alone = [(raw_argument(&call.name).to_owned(), text.clone())]
                .into_iter()
                .collect();
            &alone
        }
    };
    for (key, value) in arguments {
        pieces.push(Piece::Tag(tag::KEY));
        push_text(pieces, key);
        pieces.push(Piece::Tag(tag::KEY_END));
        push_text(pieces, newline);
        pieces.push(Piece::Tag(tag::VALUE));
        push_text(
            pieces,
            &match value {
                Value::String(text) => text.clone(),
                other => dumps(other),
            },
        );
        pieces.push(Piece::Tag(tag::VALUE_END));
        push_text(pieces, newline);
    }
    pieces.push(Piece::Tag(tag::CALL_END));
}

/// What the one argument of a tool that takes raw text is called.
pub(crate) fn raw_argument(tool: &str) -> &'static str {
    match tool {
        "python" => "code",
        "simple_browser" => "action",
        _ => "description",
    }
}

fn offer(syntax: &Tagged, tools: &[&ToolSpec]) -> String {
    let mut out = format!("\n{}", syntax.header);
    for tool in tools {
        let function = match tool {
            ToolSpec::Function { function } => Value::Object(function.object().clone()),
            raw => raw_function(raw),
        };
        out += &dumps(&json!({"type": "function", "function": function}));
        out.push('\n');
    }
    out + syntax.closing
}

/// A tool that takes raw text, as a function.
pub(super) fn raw_function(tool: &ToolSpec) -> Value {
    let description = match tool {
        ToolSpec::Python => {
            "Runs Python code in a notebook that keeps its variables, without internet \
             access, and returns what the code prints. Files in /mnt/data are kept."
        }
        ToolSpec::SimpleBrowser => {
            "Finds and opens web pages. An action is one of search(query: str, recency_days: \
             int), mclick(ids: list[int]), open_url(url: str)."
        }
        ToolSpec::Cogview | ToolSpec::Function { .. } => {
            "Draws an image from an English description."
        }
    };
    let argument = raw_argument(tool.name());
    json!({
        "name": tool.name(),
        "description": description,
        "parameters": {
            "type": "object",
            "properties": {argument: {"type": "string"}},
            "required": [argument],
        },
    })
}
