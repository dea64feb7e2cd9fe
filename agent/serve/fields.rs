//! The parameters of a request, taken one by one, so that those which nobody takes
//! are known.

use glm_agent_model::Sampling;
use serde_json::{Map, Value};

use super::error::Refusal;

/// Parameters that change nothing about an answer.
const HARMLESS: [&str; 10] = [
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prediction",
    "verbosity",
    "stream_options",
];

/// Parameters that nothing is made of here, and the values with which they say what
/// happens anyway.
const NEUTRAL: [(&str, &[&str]); 17] = [
    ("n", &["1"]),
    ("best_of", &["1"]),
    ("presence_penalty", &["0", "0.0"]),
    ("frequency_penalty", &["0", "0.0"]),
    ("repetition_penalty", &["1", "1.0"]),
    ("logit_bias", &["{}"]),
    ("logprobs", &["false"]),
    ("top_logprobs", &["0"]),
    ("top_k", &["-1", "0"]),
    ("min_p", &["0", "0.0"]),
    ("echo", &["false"]),
    ("suffix", &["\"\""]),
    ("stop_token_ids", &["[]"]),
    ("include_stop_str_in_output", &["false"]),
    ("add_special_tokens", &["false"]),
    ("modalities", &["[\"text\"]"]),
    ("ignore_eos", &["false"]),
];

/// The parameters that are left.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

/// What both endpoints are told of how tokens are chosen, and how they are sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Common {
    /// Those of the request, or of the server.
    pub sampling: Sampling,
    /// The longest reply, in tokens, if the request says it.
    pub max_tokens: Option<usize>,
    /// Texts that end a reply and are no part of it.
    pub stop: Vec<String>,
    /// Whether it is sent as it is written.
    pub stream: bool,
    /// Whether the last message of a stream tells the usage.
    pub include_usage: bool,
}

/// How many texts may end a reply, and how long each may be, in bytes.
const STOPS: (usize, usize) = (16, 1024);

impl Fields {
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// A parameter; `null` is as good as none.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", &other)),
        }
    }

    pub fn bool(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    fn number(&mut self, name: &str, low: f64, high: f64) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ => Err(wrong(
                name,
                &format!("a number from {low} to {high}"),
                &value,
            )),
        }
    }

    fn count(&mut self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        match count {
            Some(count @ 1..) => Ok(Some(count)),
            _ => Err(wrong(name, "a whole number of 1 or more", &value)),
        }
    }

    /// What holds for all kinds of requests. `usual` is the server's own way.
    pub fn common(&mut self, usual: Sampling) -> Result<Common, Refusal> {
        let temperature = self.number("temperature", 0.0, 2.0)?;
        let top_p = self.number("top_p", 0.0, 1.0)?;
        if top_p == Some(0.0) {
            let message = "`top_p` must be more than 0: nothing would be left to choose from";
            return Err(Refusal::param("top_p", message));
        }
        let seed = match self.take("seed") {
            None => usual.seed,
            Some(value) => Some(seed(&value).ok_or_else(|| wrong("seed", "an integer", &value))?),
        };
        let stream = self.bool("stream")?.unwrap_or(false);
        let include_usage = match self.0.get("stream_options") {
            None | Some(Value::Null) => false,
            Some(_) if !stream => {
                let message = "`stream_options` is for `stream: true`";
                return Err(Refusal::param("stream_options", message));
            }
            Some(options) => options.get("include_usage") == Some(&Value::Bool(true)),
        };
        let max_tokens = self.count("max_tokens")?;
        Ok(Common {
            sampling: Sampling {
                temperature: temperature.unwrap_or(usual.temperature),
                top_p: top_p.unwrap_or(usual.top_p),
                seed,
            },
            max_tokens: self.count("max_completion_tokens")?.or(max_tokens),
            stop: self.stops()?,
            stream,
            include_usage,
        })
    }

    fn stops(&mut self) -> Result<Vec<String>, Refusal> {
        let stops = match self.take("stop") {
            None => Vec::new(),
            Some(Value::String(stop)) => vec![stop],
            Some(Value::Array(stops)) => stops
                .into_iter()
                .map(|stop| match stop {
                    Value::String(stop) => Ok(stop),
                    other => Err(wrong("stop", "strings", &other)),
                })
                .collect::<Result<_, _>>()?,
            Some(other) => return Err(wrong("stop", "a string or a list of strings", &other)),
        };
        let (most, longest) = STOPS;
        if stops.len() > most || stops.iter().any(|stop| stop.len() > longest) {
            let message = format!("`stop` may have {most} texts of {longest} bytes at most");
            return Err(Refusal::param("stop", message));
        }
        Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
    }

    /// Nothing is left that would make a difference.
    pub fn end(mut self) -> Result<(), Refusal> {
        self.0.retain(|_, value| !value.is_null());
        for name in HARMLESS {
            self.0.shift_remove(name);
        }
        for (name, values) in NEUTRAL {
            let Some(value) = self.0.shift_remove(name) else {
                continue;
            };
            if !values.contains(&value.to_string().as_str()) {
                let only = values.first().copied().unwrap_or_default();
                let message = format!("`{name}` can only be {only} here, not {}", short(&value));
                return Err(Refusal::param(name, message).code("unsupported_value"));
            }
        }
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message = format!("there is no parameter `{name}` here");
                Err(Refusal::param(name, message).code("unknown_parameter"))
            }
        }
    }
}

/// OpenAI's seeds have a sign.
fn seed(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| Some(value.as_i64()?.cast_unsigned()))
}

/// A parameter of another kind than it should be.
pub(super) fn wrong(name: &str, expected: &str, got: &Value) -> Refusal {
    let message = format!("`{name}` must be {expected}, not {}", short(got));
    Refusal::param(name, message)
}

/// A value as an error tells it: some of it.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        None => text,
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Common, Refusal> {
        let Value::Object(object) = value else {
            unreachable!()
        };
        let mut fields = Fields::new(object);
        let common = fields.common(Sampling::default())?;
        fields.end()?;
        Ok(common)
    }

    fn refused(value: Value) -> (Value, String) {
        let body = read(value).unwrap_err().body();
        let message = body["error"]["message"].as_str().unwrap().to_owned();
        (body["error"]["param"].clone(), message)
    }

    #[test]
    fn parameters_are_read() {
        let common = read(json!({
            "temperature": 0.5, "top_p": 1, "seed": -1, "max_tokens": 5,
            "max_completion_tokens": 7, "stop": ["a", ""], "stream": true,
            "stream_options": {"include_usage": true}, "n": 1, "user": "x", "logit_bias": {},
            "presence_penalty": 0.0, "frequency_penalty": 0, "logprobs": null, "tool": null,
        }));
        assert_eq!(
            common.unwrap(),
            Common {
                sampling: Sampling {
                    temperature: 0.5,
                    top_p: 1.0,
                    seed: Some(u64::MAX),
                },
                max_tokens: Some(7),
                stop: vec!["a".to_owned()],
                stream: true,
                include_usage: true,
            }
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (request, param, message) in [
            (json!({"n": 2}), "n", "`n` can only be 1 here, not 2"),
            (
                json!({"temperature": 3}),
                "temperature",
                "`temperature` must be a number from 0 to 2, not 3",
            ),
            (
                json!({"logprobs": true}),
                "logprobs",
                "`logprobs` can only be false here, not true",
            ),
            (
                json!({"max_tokens": 0}),
                "max_tokens",
                "`max_tokens` must be a whole number of 1 or more, not 0",
            ),
            (
                json!({"stream_options": {}}),
                "stream_options",
                "`stream_options` is for `stream: true`",
            ),
            (
                json!({"stop": [1]}),
                "stop",
                "`stop` must be strings, not 1",
            ),
            (
                json!({"spelling": 1}),
                "spelling",
                "there is no parameter `spelling` here",
            ),
        ] {
            assert_eq!(refused(request), (json!(param), message.to_owned()));
        }
    }
}
