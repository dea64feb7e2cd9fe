//! A conversation rendered to the pieces that a tokenizer encodes one by one.
//!
//! GLM-4's training data was tokenised in pieces (`tokenization_chatglm.py`):
//! the role's token, then the metadata with its newline, then the content with
//! special tokens switched off. Joined first, a content that begins with a
//! space or a newline tokenises differently, and a text that contains
//! `<|user|>` would open a turn.

mod chat;
mod lines;
mod tagged;

use serde_json::Value;

use crate::{
    Conversation, Message, Profile, Segment, json,
    profile::{ASSISTANT, Reasoning, Syntax},
};
pub use chat::{messages as chat_messages, tools as chat_tools};
pub(crate) use tagged::{raw_argument, tag};

/// A part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// One special token, by name.
    Special(&'static str),
    /// A tag, such as `<tool_call>`: one token where the tokenizer has it, and
    /// text where not.
    Tag(&'static str),
    /// Ordinary text, whatever it looks like.
    Text(String),
}

/// Renders a conversation up to the point where the model goes on.
pub fn render(profile: &Profile, conversation: &Conversation) -> Vec<Piece> {
    let profile = profile.of(conversation);
    let mut pieces = render_past(profile, conversation);
    if !matches!(profile.syntax, Syntax::Completion | Syntax::Messages) {
        pieces.push(Piece::Special(ASSISTANT));
    }
    if let Some(reasoning) = &profile.reasoning {
        let tags = reasoning.begun.trim_start();
        let space = reasoning.begun.len() - tags.len();
        push_text(
            &mut pieces,
            reasoning.begun.get(..space).unwrap_or_default(),
        );
        for tag in [Reasoning::OPEN, Reasoning::CLOSE] {
            if tags.contains(tag) {
                pieces.push(Piece::Tag(tag));
            }
        }
    }
    pieces
}

/// Renders a conversation without asking for a reply.
pub fn render_past(profile: &Profile, conversation: &Conversation) -> Vec<Piece> {
    let profile = profile.of(conversation);
    let mut pieces: Vec<Piece> = profile.prefix.iter().map(|t| Piece::Special(t)).collect();
    match &profile.syntax {
        Syntax::Lines(syntax) => {
            let thinks = profile.reasoning.is_some();
            lines::render(syntax, thinks, conversation, &mut pieces);
        }
        Syntax::Tagged(syntax) => tagged::render(syntax, conversation, &mut pieces),
        Syntax::Completion => complete(conversation, &mut pieces),
        Syntax::Messages => chat::render(conversation, &mut pieces),
    }
    pieces
}

/// The prompt as one string: for people and tests, not for a tokenizer.
pub fn to_text(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Special(token) | Piece::Tag(token) => token,
            Piece::Text(text) => text.as_str(),
        })
        .collect()
}

/// The pieces of a text in which the names of the profile's special tokens and tags
/// are these tokens: for texts that somebody vouches for.
pub fn from_text(profile: &Profile, text: &str) -> Vec<Piece> {
    let mut known: Vec<Piece> = profile.special_tokens().map(Piece::Special).collect();
    if matches!(profile.syntax, Syntax::Tagged(_)) {
        known.extend(tag::ALL.map(Piece::Tag));
    }
    if profile.reasoning.is_some() {
        known.extend([Reasoning::OPEN, Reasoning::CLOSE].map(Piece::Tag));
    }
    let mut pieces = Vec::new();
    let mut plain = 0;
    for (at, _) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        let begins = |piece: &&Piece| match piece {
            Piece::Special(token) | Piece::Tag(token) => rest.starts_with(token),
            Piece::Text(_) => false,
        };
        if at >= plain
            && let Some(token) = known.iter().find(begins)
        {
            push_text(&mut pieces, text.get(plain..at).unwrap_or_default());
            plain = at + to_text(std::slice::from_ref(token)).len();
            pieces.push(token.clone());
        }
    }
    push_text(&mut pieces, text.get(plain..).unwrap_or_default());
    pieces
}

/// Arguments as the model writes them: raw text is a string, all else JSON.
pub fn arguments_text(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        json => json::dumps(json),
    }
}

/// All words, one after the other: a model without turns goes on from there.
fn complete(conversation: &Conversation, pieces: &mut Vec<Piece>) {
    for message in &conversation.messages {
        match message {
            Message::System { content }
            | Message::User { content }
            | Message::Observation { content, .. } => push_text(pieces, content),
            Message::Tools { .. } | Message::Image(_) => {}
            Message::Assistant { segments } => {
                for segment in segments {
                    if let Segment::Text { text } = segment {
                        push_text(pieces, text);
                    }
                }
            }
        }
    }
}

/// Adds ordinary text, unless it is empty.
fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// What a reply says beside thoughts that were left within its words.
fn visible(text: &str) -> &str {
    match text.rsplit_once(Reasoning::CLOSE) {
        Some((_thoughts, rest)) => rest.trim(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
