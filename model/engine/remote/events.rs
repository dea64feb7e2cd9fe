//! A reply as it comes: server-sent events, each a JSON object.

use std::pin::Pin;

use eventsource_stream::{EventStreamError, Eventsource};
use futures::{Stream, StreamExt, stream};
use reqwest::Response;
use serde_json::Value;

use super::{client::Client, failure};

/// What ends the stream.
const DONE: &str = "[DONE]";
/// Bytes of one reply at most: far more than a model writes.
const LARGEST: u64 = 256 << 20;

/// The parts of a reply; dropping it closes the connection.
pub struct Events(Pin<Box<dyn Stream<Item = Result<Value, Wrong>> + Send>>);

/// What came in the place of a part.
#[derive(Debug, PartialEq)]
pub enum Wrong {
    /// The connection broke, and how.
    Broken(String),
    /// Something that is no part.
    Format(String),
}

impl Events {
    pub fn new(client: Client, response: Response) -> Self {
        let mut left = LARGEST;
        let bytes = response.bytes_stream().map(move |part| {
            let part = part.map_err(|error| failure::of_stream(&error))?;
            left = left
                .checked_sub(part.len() as u64)
                .ok_or_else(|| "it is larger than any reply".to_owned())?;
            Ok::<_, String>(part)
        });
        let events = bytes.eventsource().map(move |event| match event {
            Ok(event) => Part::of(&event.data, &client),
            Err(EventStreamError::Transport(reason)) => Part::Wrong(Wrong::Broken(reason)),
            Err(error) => Part::Wrong(Wrong::Format(error.to_string())),
        });
        let events = events
            .take_while(|part| std::future::ready(!matches!(part, Part::Done)))
            .filter_map(|part| {
                std::future::ready(match part {
                    Part::Event(value) => Some(Ok(value)),
                    Part::Wrong(wrong) => Some(Err(wrong)),
                    Part::Nothing | Part::Done => None,
                })
            });
        Self(Box::pin(events))
    }

    /// Nothing more: what was open is closed.
    pub fn none() -> Self {
        Self(Box::pin(stream::empty()))
    }

    /// A reply that came in one piece.
    pub fn whole(value: Value) -> Self {
        Self(Box::pin(stream::iter([Ok(value)])))
    }

    /// The next part; `None` when the server has ended the stream.
    pub async fn next(&mut self) -> Option<Result<Value, Wrong>> {
        self.0.next().await
    }
}

/// Whether it is what a model wrote, which stays as it is, even if a key is a word of it.
pub fn is_of_reply(value: &Value) -> bool {
    value.get("choices").is_some() && failure::error_of(value).is_none()
}

enum Part {
    Event(Value),
    Wrong(Wrong),
    /// A line that keeps the connection alive.
    Nothing,
    Done,
}

impl Part {
    fn of(data: &str, client: &Client) -> Self {
        match data.trim() {
            "" => Self::Nothing,
            DONE => Self::Done,
            data => match serde_json::from_str(data) {
                Ok(value) if is_of_reply(&value) => Self::Event(value),
                _ => Self::amiss(&client.redact(data)),
            },
        }
    }

    /// What an error may show, and so has no keys in it.
    fn amiss(data: &str) -> Self {
        match serde_json::from_str(data) {
            Ok(value @ Value::Object(_)) => Self::Event(value),
            _ => Self::Wrong(Wrong::Format(failure::shortened(data))),
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::remote::{Key, RemoteOptions};

    #[test]
    fn keys_are_hidden_in_what_goes_wrong_and_in_no_reply() {
        let options = RemoteOptions {
            key: Some(Key::new("ollama")),
            ..RemoteOptions::new(["http://a"])
        };
        let client = Client::new(&options, &[]).unwrap();
        let read = |data: &str| match Part::of(data, &client) {
            Part::Event(value) => value.to_string(),
            Part::Wrong(Wrong::Format(text)) => text,
            _ => String::new(),
        };
        let reply = r#"{"choices":[{"text":"import ollama"}]}"#;
        assert_eq!(read(reply), reply);
        for wrong in [
            r#"{"error":{"message":"no ollama"}}"#,
            r#"{"choices":[],"error":"no ollama"}"#,
            r#"{"result":"ollama"}"#,
            "ollama is no key",
        ] {
            assert_eq!(read(wrong), wrong.replace("ollama", "[key]"));
        }
    }
}
