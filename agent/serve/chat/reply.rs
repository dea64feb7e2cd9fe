//! A model's reply in OpenAI's form.

use glm_agent_model::{Delta, Finish, Profile, Reply, Segment, ToolCall, ToolChoice, Usage};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{super::words::Words, request::ChatRequest};
use crate::state::answer_of;

/// What all messages of one answer have in common.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Envelope {
    id: String,
    created: i64,
    model: String,
}

impl Envelope {
    pub fn new(model: &str) -> Self {
        Self {
            id: format!("chatcmpl-{}", Uuid::new_v4().simple()),
            created: Timestamp::now().as_second(),
            model: model.to_owned(),
        }
    }

    /// An answer as a whole.
    pub fn whole(&self, message: Value, finish: &str, spent: &Usage) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0, "message": message, "logprobs": null, "finish_reason": finish,
            }],
            "usage": usage(spent),
        })
    }

    /// A message of a stream.
    pub fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish,
            }],
        })
    }

    /// One that adds nothing to the answer, and says more of it to those who know.
    pub fn beside(&self, glm: Value) -> Value {
        let mut chunk = self.chunk(json!({}), None);
        if let Some(chunk) = chunk.as_object_mut() {
            chunk.insert("glm".to_owned(), glm);
        }
        chunk
    }

    /// The last one, if the client asks for it.
    pub fn usage(&self, spent: &Usage) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [],
            "usage": usage(spent),
        })
    }
}

/// Usage in OpenAI's form.
pub(in crate::serve) fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    })
}

/// More of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Content(String),
    Reasoning(String),
}

/// A reply as it comes.
#[derive(Debug)]
pub(super) struct Turn {
    words: Words,
    one_call: bool,
    /// The client wants words only.
    no_calls: bool,
    /// What a model writes is text. Of one whose prompts a server makes, nobody but that
    /// server sees it.
    writes_text: bool,
    begun_calls: usize,
}

impl Turn {
    pub fn new(request: &ChatRequest, profile: &Profile) -> Self {
        Self {
            words: Words::of_answer(request.common.stop.clone()),
            one_call: request.one_call,
            no_calls: request.tool_choice == ToolChoice::None,
            writes_text: profile.name() != Profile::chat().name(),
            begun_calls: 0,
        }
    }

    /// Takes the next step of the reply.
    pub fn push(&mut self, delta: Delta) -> Vec<Piece> {
        let piece = match delta {
            Delta::Text(text) => Piece::Content(self.words.push(&text)),
            Delta::Reasoning(text) => Piece::Reasoning(text),
            Delta::Call { .. } => {
                self.begun_calls += 1;
                Piece::Content(self.words.finish())
            }
            Delta::Arguments(_) | Delta::Finished(_) => return Vec::new(),
        };
        Vec::from_iter(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Whether the rest of the reply is not wanted.
    pub fn has_enough(&self) -> bool {
        self.words.stopped() || self.one_call && self.begun_calls > 1
    }

    /// The end of it.
    pub fn finish(&mut self, reply: Reply) -> Ending {
        let mut rest = self.words.finish();
        let mut calls: Vec<ToolCall> = reply
            .segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Call(call) => Some(call.clone()),
                Segment::Text { .. } | Segment::Reasoning { .. } => None,
            })
            .collect();
        if self.one_call {
            calls.truncate(1);
        }
        let mut is_left_out = !reply.errors.is_empty();
        if self.no_calls {
            is_left_out |= !calls.is_empty();
            calls.clear();
        }
        let words = answer_of(&reply.segments);
        let is_empty = calls.is_empty() && words.is_empty() && rest.is_empty();
        if is_empty && is_left_out && self.writes_text && reply.finish == Finish::Stop {
            // What is no answer, or could not be read, is worth more than nothing.
            rest = written(&reply.raw);
        }
        let errors = match reply.finish {
            // What a reply lacks that was not wanted to its end is no fault.
            Finish::Cancelled => Vec::new(),
            Finish::Stop | Finish::Length => reply.errors,
        };
        Ending {
            words: (!self.words.stopped()).then_some(words),
            rest,
            finish: match reply.finish {
                Finish::Length => "length",
                Finish::Stop | Finish::Cancelled if calls.is_empty() => "stop",
                Finish::Stop | Finish::Cancelled => "tool_calls",
            },
            calls: calls.iter().map(called).collect(),
            errors,
            usage: reply.usage,
        }
    }
}

impl Piece {
    fn is_empty(&self) -> bool {
        match self {
            Self::Content(text) | Self::Reasoning(text) => text.is_empty(),
        }
    }
}

/// The end of a reply.
#[derive(Debug)]
pub(super) struct Ending {
    /// All of its words, unless they end before it does.
    words: Option<String>,
    /// Those of them that have not been passed on yet.
    rest: String,
    calls: Vec<Value>,
    finish: &'static str,
    /// What could not be read.
    errors: Vec<String>,
    pub usage: Usage,
}

impl Ending {
    /// The answer as a whole, with the words that came before.
    pub fn whole(self, envelope: &Envelope, mut content: String, reasoning: &str) -> Value {
        content.push_str(&self.rest);
        let content = match self.words {
            // Parts that follow each other without a call are told apart here only.
            Some(words) if !words.is_empty() => words,
            _ => content,
        };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        if let Some(fields) = message.as_object_mut() {
            if content.is_empty() && !self.calls.is_empty() {
                fields.insert("content".to_owned(), Value::Null);
            }
            if !reasoning.trim().is_empty() {
                let thoughts = reasoning.trim().to_owned();
                fields.insert("reasoning_content".to_owned(), thoughts.into());
            }
            if !self.calls.is_empty() {
                fields.insert("tool_calls".to_owned(), self.calls.into());
            }
            if !self.errors.is_empty() {
                fields.insert("glm".to_owned(), json!({"errors": self.errors}));
            }
        }
        envelope.whole(message, self.finish, &self.usage)
    }

    /// The last messages of a stream.
    pub fn chunks(&self, envelope: &Envelope) -> Vec<Value> {
        let mut chunks = Vec::new();
        if !self.rest.is_empty() {
            chunks.push(envelope.chunk(json!({"content": self.rest}), None));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let mut call = call.clone();
            if let Some(call) = call.as_object_mut() {
                call.insert("index".to_owned(), index.into());
            }
            chunks.push(envelope.chunk(json!({"tool_calls": [call]}), None));
        }
        if !self.errors.is_empty() {
            chunks.push(envelope.beside(json!({"errors": self.errors})));
        }
        chunks.push(envelope.chunk(json!({}), Some(self.finish)));
        chunks
    }
}

/// A call in OpenAI's form. Of a tool that takes raw text, the arguments are that
/// text as a JSON string.
fn called(call: &ToolCall) -> Value {
    let id = Uuid::new_v4().simple().to_string();
    json!({
        "id": format!("call_{id}"),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments.to_string()},
    })
}

/// A reply as it was written, without the token that ends it.
fn written(raw: &str) -> String {
    let ends = ["<|user|>", "<|observation|>", "<|endoftext|>"];
    let end = ends.iter().filter_map(|token| raw.find(token)).min();
    let text = raw.get(..end.unwrap_or(raw.len())).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn turn(one_call: bool, no_calls: bool) -> Turn {
        Turn {
            words: Words::of_answer(vec!["END".to_owned()]),
            one_call,
            no_calls,
            writes_text: true,
            begun_calls: 0,
        }
    }

    fn reply(segments: Vec<Segment>, raw: &str, errors: &[&str], finish: Finish) -> Reply {
        Reply {
            segments,
            errors: errors.iter().map(ToString::to_string).collect(),
            raw: raw.to_owned(),
            finish,
            usage: Usage::default(),
        }
    }

    fn call(number: u32) -> Segment {
        Segment::Call(ToolCall {
            name: "f".to_owned(),
            arguments: json!({ "n": number }),
        })
    }

    fn begun() -> Delta {
        let name = "f".to_owned();
        Delta::Call { name }
    }

    #[test]
    fn one_call_is_enough_where_one_is_wanted() {
        let mut turn = turn(true, false);
        assert_eq!(turn.push(begun()), []);
        assert!(!turn.has_enough());
        turn.push(begun());
        assert!(turn.has_enough());
        let cut = reply(vec![call(1)], "", &["half a call"], Finish::Cancelled);
        let ending = turn.finish(cut);
        assert_eq!((ending.calls.len(), ending.finish), (1, "tool_calls"));
        assert!(ending.errors.is_empty());
    }

    #[test]
    fn words_end_at_a_stop() {
        let mut turn = turn(false, false);
        let piece = |text: &str| Piece::Content(text.to_owned());
        assert_eq!(turn.push(Delta::Text("\nyes EN".into())), [piece("yes")]);
        assert_eq!(turn.push(Delta::Text("D no".into())), []);
        assert!(turn.has_enough());
        let said = vec![Segment::text("yes END no")];
        let ending = turn.finish(reply(said, "", &[], Finish::Cancelled));
        let whole = ending.whole(&Envelope::new("m"), "yes".to_owned(), "");
        let choice = &whole["choices"][0];
        assert_eq!(choice["message"]["content"], "yes");
        assert_eq!(choice["finish_reason"], "stop");
    }

    #[test]
    fn thoughts_are_told_apart_from_the_answer() {
        let mut turn = turn(false, false);
        let thought = turn.push(Delta::Reasoning("Hm, ".into()));
        assert_eq!(thought, [Piece::Reasoning("Hm, ".into())]);
        turn.push(Delta::Text("\n5.".into()));
        let text = "Hm, 2 + 3.".to_owned();
        let said = vec![Segment::Reasoning { text }, Segment::text("5.")];
        let ending = turn.finish(reply(said, "", &[], Finish::Stop));
        let whole = ending.whole(&Envelope::new("m"), "5.".to_owned(), "Hm, 2 + 3.\n");
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], "5.");
        assert_eq!(message["reasoning_content"], "Hm, 2 + 3.");
    }

    #[test]
    fn what_cannot_be_read_is_passed_on() {
        let raw = "f\n{\"n\": <|observation|>";
        let broken = || reply(vec![], raw, &["no JSON"], Finish::Stop);
        let whole = turn(false, false).finish(broken());
        let whole = whole.whole(&Envelope::new("m"), String::new(), "");
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], "f\n{\"n\":");
        assert_eq!(message["glm"], json!({"errors": ["no JSON"]}));
        let cut = reply(vec![], raw, &["no JSON"], Finish::Length);
        let cut = turn(false, false).finish(cut);
        assert_eq!((cut.rest.as_str(), cut.finish), ("", "length"));
    }

    #[test]
    fn calls_that_are_not_wanted_are_words() {
        let called = || {
            let raw = "f\n{\"n\": 1}<|observation|>";
            reply(vec![call(1)], raw, &[], Finish::Stop)
        };
        let ending = turn(false, true).finish(called());
        assert_eq!(ending.rest, "f\n{\"n\": 1}");
        assert_eq!((ending.calls.len(), ending.finish), (0, "stop"));
        // A server's own form of a message is none.
        let mut turn = turn(false, true);
        turn.writes_text = false;
        assert_eq!(turn.finish(called()).rest, "");
    }

    #[test]
    fn thoughts_alone_are_no_answer() {
        let text = "Hm.".to_owned();
        let thoughts = vec![Segment::Reasoning { text }];
        for segments in [thoughts, vec![]] {
            let silent = reply(segments, "<think>Hm.</think>", &[], Finish::Stop);
            let ending = turn(false, false).finish(silent);
            assert_eq!((ending.rest.as_str(), ending.finish), ("", "stop"));
        }
    }
}
