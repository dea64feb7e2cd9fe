//! Turns as GLM-4 takes them: a role, its metadata on the same line, the text
//! below.

use crate::{
    Conversation, Message, Segment, ToolSpec, json,
    profile::{ASSISTANT, Definition, Lines, OBSERVATION, SYSTEM, ToolTexts, USER},
};
use serde_json::Value;

use super::{Piece, arguments_text, push_text, visible};

/// Adds the conversation's turns; of a model that `thinks` only the words.
pub fn render(syntax: &Lines, thinks: bool, conversation: &Conversation, pieces: &mut Vec<Piece>) {
    let date = conversation.date.as_deref();
    let tools = if syntax.hoists_system {
        conversation.all_tools()
    } else {
        conversation.tools.iter().collect()
    };
    let told_date = date.is_some() && syntax.tools.date.is_some();
    if !tools.is_empty() || told_date {
        let mut text = introduction(&syntax.tools, date);
        if !tools.is_empty() {
            text += &offer(&syntax.tools, &tools);
        }
        turn(syntax, SYSTEM, "", &text, pieces);
    }
    let is_system = |message: &&Message| matches!(message, Message::System { .. });
    let (first, then): (Vec<&Message>, Vec<&Message>) = if syntax.hoists_system {
        conversation.messages.iter().partition(is_system)
    } else {
        (Vec::new(), conversation.messages.iter().collect())
    };
    for message in first.into_iter().chain(then) {
        render_message(syntax, thinks, date, message, pieces);
    }
}

fn render_message(
    syntax: &Lines,
    thinks: bool,
    date: Option<&str>,
    message: &Message,
    pieces: &mut Vec<Piece>,
) {
    match message {
        Message::System { content } => turn(syntax, SYSTEM, "", content, pieces),
        Message::User { content } => turn(syntax, USER, "", content, pieces),
        Message::Observation { metadata, content } => {
            let metadata = if syntax.names_results { metadata } else { "" };
            turn(syntax, OBSERVATION, metadata, content, pieces);
        }
        // Only servers show them, in a form of their own.
        Message::Image(_) => {}
        // Where instructions stand before all turns, so do all tools.
        Message::Tools { .. } if syntax.hoists_system => {}
        Message::Tools { tools } => {
            let tools: Vec<&ToolSpec> = tools.iter().collect();
            let text = introduction(&syntax.tools, date) + &offer(&syntax.tools, &tools);
            turn(syntax, SYSTEM, "", &text, pieces);
        }
        Message::Assistant { segments } => {
            for segment in segments {
                match segment {
                    Segment::Reasoning { .. } => {}
                    Segment::Text { text } => {
                        let text = if thinks { visible(text) } else { text };
                        turn(syntax, ASSISTANT, "", text, pieces);
                    }
                    Segment::Call(call) => {
                        let name = format!("{}{}", call.name, syntax.after_call_name);
                        let arguments = arguments_text(&call.arguments);
                        turn(syntax, ASSISTANT, &name, &arguments, pieces);
                    }
                }
            }
        }
    }
}

/// One turn.
fn turn(
    syntax: &Lines,
    role: &'static str,
    metadata: &str,
    content: &str,
    pieces: &mut Vec<Piece>,
) {
    if !content.is_empty() || syntax.writes_empty {
        pieces.push(Piece::Special(role));
        pieces.push(Piece::Text(format!("{metadata}\n")));
        push_text(pieces, content);
    }
}

/// Who the model is, and which day it is.
fn introduction(texts: &ToolTexts, date: Option<&str>) -> String {
    match texts.date.zip(date) {
        Some((label, date)) => format!("{}\n\n{label}{date}", texts.identity),
        None => texts.identity.to_owned(),
    }
}

/// What follows on the tools.
fn offer(texts: &ToolTexts, tools: &[&ToolSpec]) -> String {
    let mut out = match texts.identity {
        "" => texts.heading.to_owned(),
        _ => format!("\n\n{}", texts.heading),
    };
    for tool in tools {
        out.push_str(texts.before_name);
        out.push_str(tool.name());
        out.push_str("\n\n");
        match tool {
            ToolSpec::Function { function } => {
                let object = Value::Object(function.object().clone());
                out.push_str(&match texts.definition {
                    Definition::Indented => json::dumps_indented(&object),
                    Definition::OneLine => json::dumps(&object),
                });
                out.push_str(texts.after_function);
            }
            ToolSpec::Python => out.push_str(texts.python),
            ToolSpec::SimpleBrowser => out.push_str(texts.simple_browser),
            ToolSpec::Cogview => out.push_str(texts.cogview),
        }
    }
    if tools.iter().any(|tool| !tool.takes_text()) {
        out.push_str(texts.closing);
    }
    out
}
