//! A reply under way: parts from a server, deltas for whoever asked.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::Url;
use serde_json::Value;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    chat,
    events::{Events, Wrong},
    failure,
    pool::Turn,
    text,
    tokens::{Estimate, Prompt},
};
use crate::{Delta, Error, Finish, Usage, engine::assemble::Assembler};

/// How long the count of tokens is waited for once a reply is complete.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What makes deltas of parts.
pub enum Reader {
    /// A text, which is read here.
    Text {
        assembler: Box<Assembler>,
        bytes: u64,
    },
    /// A message, which the server has read.
    Chat { message: chat::Message, bytes: u64 },
}

/// A reply under way. It holds its server's attention until it is dropped.
pub struct InProgress {
    pub url: Url,
    pub events: Events,
    pub reader: Reader,
    pub turn: Turn,
    pub cancel: CancellationToken,
    /// The longest wait for a part.
    pub between: Duration,
    /// The prompt, and what is learnt from how many tokens it had.
    pub prompt: Prompt,
    pub estimate: Arc<Estimate>,
    /// What comes before the next part.
    pub first: VecDeque<Value>,
    pub state: State,
}

/// What is known so far.
#[derive(Default)]
pub struct State {
    pub ready: VecDeque<Result<Delta, Error>>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    /// The tool whose call came last, if no words came since.
    calling: Option<String>,
    is_over: bool,
}

impl InProgress {
    pub fn stream(self) -> BoxStream<'static, Result<Delta, Error>> {
        stream::unfold(self, |mut reply| async move {
            loop {
                if let Some(delta) = reply.state.ready.pop_front() {
                    return Some((delta, reply));
                }
                if reply.state.is_over {
                    return None;
                }
                reply.advance().await;
            }
        })
        .boxed()
    }

    /// Waits for the next part, and makes deltas of it.
    async fn advance(&mut self) {
        if let Some(first) = self.first.pop_front() {
            return self.take(&first);
        }
        let limit = match self.state.finish {
            Some(_) => AFTERWARDS.min(self.between),
            None => self.between,
        };
        let next = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return self.end(Finish::Cancelled),
            next = timeout(limit, self.events.next()) => next,
        };
        match (next, self.state.finish) {
            (Ok(Some(Ok(event))), _) => self.take(&event),
            // It is complete: what is amiss behind it takes nothing from it.
            (_, Some(finish)) => self.end(finish),
            (Ok(Some(Err(Wrong::Broken(reason)))), None) => self.break_off(reason),
            (Ok(Some(Err(Wrong::Format(received)))), None) => {
                self.break_off(format!("something else followed: {received}"));
            }
            (Ok(None), None) => self.break_off("the server ended it without a reason".to_owned()),
            (Err(_), None) => {
                self.turn.0.failed(None, Instant::now());
                self.state.ready.push_back(Err(Error::TooSlow {
                    url: self.url.to_string(),
                    what: "to go on with a reply",
                    seconds: limit.as_secs_f64(),
                    hint: "no call of the reply was made; `timeout_between` below [remote] in glm.toml allows for more",
                }));
                self.state.is_over = true;
            }
        }
    }

    fn take(&mut self, event: &Value) {
        if let Some(reason) = failure::error_of(event) {
            return self.break_off(reason);
        }
        if let Some(usage) = usage(event) {
            self.state.usage = Some(usage);
        }
        let mut deltas = Vec::new();
        let ended = match &mut self.reader {
            Reader::Text { assembler, bytes } => {
                let (piece, ended) = text::piece(event);
                *bytes += piece.len() as u64;
                deltas = assembler.push(piece);
                ended
            }
            Reader::Chat { message, bytes } => {
                let ended = message.take(event, &mut deltas);
                *bytes += deltas.iter().map(length).sum::<u64>();
                ended
            }
        };
        for delta in &deltas {
            match delta {
                Delta::Call { name } => self.state.calling = Some(name.clone()),
                Delta::Text(_) | Delta::Reasoning(_) => self.state.calling = None,
                Delta::Arguments(_) | Delta::Finished(_) => {}
            }
        }
        self.state.ready.extend(deltas.into_iter().map(Ok));
        match ended {
            None => {}
            Some("length" | "max_tokens") => self.state.finish = Some(Finish::Length),
            // OpenAI's, vLLM's and SGLang's, and Zhipu's words for it.
            Some(
                why @ ("content_filter"
                | "sensitive"
                | "abort"
                | "error"
                | "network_error"
                | "model_context_window_exceeded"),
            ) => self.break_off(format!("the server stopped it: {why}")),
            Some(_) => self.state.finish = Some(Finish::Stop),
        }
    }

    /// The reply is complete, as far as it goes.
    fn end(&mut self, finish: Finish) {
        self.state.is_over = true;
        self.turn.0.answered();
        let reader = std::mem::replace(
            &mut self.reader,
            Reader::Chat {
                message: chat::Message::new(&[]),
                bytes: 0,
            },
        );
        let (Reader::Text { bytes, .. } | Reader::Chat { bytes, .. }) = &reader;
        if let Some(usage) = self.state.usage {
            self.estimate.learn(&self.prompt, usage.prompt_tokens);
        }
        let usage = self.state.usage.unwrap_or_else(|| Usage {
            prompt_tokens: self.estimate.of(&self.prompt),
            cached_tokens: 0,
            completion_tokens: bytes.div_ceil(3),
        });
        let last = match reader {
            Reader::Text { assembler, .. } => assembler.finish(finish, usage),
            Reader::Chat { mut message, .. } => {
                if finish == Finish::Cancelled {
                    message.drop_half_calls();
                }
                vec![Delta::Finished(message.finish(finish, usage))]
            }
        };
        self.state.ready.extend(last.into_iter().map(Ok));
        // Nothing more is wanted of the server.
        self.events = Events::none();
    }

    fn break_off(&mut self, reason: String) {
        self.turn.0.failed(None, Instant::now());
        self.state.is_over = true;
        let place = match (&self.state.calling, &self.reader) {
            (Some(name), _) => format!("in the middle of a call of `{name}`"),
            (None, Reader::Text { bytes: 0, .. } | Reader::Chat { bytes: 0, .. }) => {
                "before its first word".to_owned()
            }
            (None, Reader::Text { bytes, .. } | Reader::Chat { bytes, .. }) => {
                format!("after {bytes} bytes")
            }
        };
        self.state.ready.push_back(Err(Error::BrokenOff {
            url: self.url.to_string(),
            place,
            reason,
        }));
        self.events = Events::none();
    }
}

/// Whether a part has anything of a reply, or its end. Some servers send one that only
/// names the role, long before they have read the prompt.
pub fn says_something(event: &Value) -> bool {
    let Some(choice) = event.pointer("/choices/0") else {
        return false;
    };
    let is_there = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        _ => true,
    };
    let has = |of: &Value, keys: &[&str]| keys.iter().filter_map(|key| of.get(key)).any(is_there);
    let part = choice.get("delta").or_else(|| choice.get("message"));
    let said = [
        "content",
        "reasoning_content",
        "reasoning",
        "tool_calls",
        "function_call",
    ];
    has(choice, &["text", "finish_reason"]) || part.is_some_and(|part| has(part, &said))
}

fn length(delta: &Delta) -> u64 {
    match delta {
        Delta::Text(text) | Delta::Reasoning(text) | Delta::Arguments(text) => text.len() as u64,
        Delta::Call { name } => name.len() as u64,
        Delta::Finished(_) => 0,
    }
}

/// How many tokens were read and written, where a part tells.
fn usage(event: &Value) -> Option<Usage> {
    let usage = event.get("usage").filter(|usage| usage.is_object())?;
    let count = |place: &str| usage.pointer(place).and_then(Value::as_u64);
    let prompt_tokens = count("/prompt_tokens")?;
    // OpenAI's place for it, and DeepSeek's.
    let cached = count("/prompt_tokens_details/cached_tokens");
    let cached = cached
        .or_else(|| count("/prompt_cache_hit_tokens"))
        .unwrap_or(0);
    Some(Usage {
        prompt_tokens,
        cached_tokens: cached.min(prompt_tokens),
        completion_tokens: count("/completion_tokens").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_with_nothing_in_it_begins_no_reply() {
        let of = |choice: Value| says_something(&json!({ "choices": [choice] }));
        assert!(!says_something(
            &json!({"choices": [], "usage": {"prompt_tokens": 1}})
        ));
        assert!(!of(json!({"text": "", "finish_reason": null})));
        assert!(!of(
            json!({"delta": {"role": "assistant", "content": "", "tool_calls": []}})
        ));
        assert!(!of(
            json!({"delta": {"role": "assistant", "content": null}})
        ));
        assert!(of(json!({"text": "a"})));
        assert!(of(json!({"text": "", "finish_reason": "stop"})));
        assert!(of(json!({"delta": {"reasoning_content": "Hm."}})));
        assert!(of(json!({"delta": {"tool_calls": [{"index": 0}]}})));
        assert!(of(json!({"message": {"content": "a"}})));
    }
}
