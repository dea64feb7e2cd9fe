//! What kinds of servers there are, and what each wants to be told.
//!
//! Sources: vLLM's "OpenAI-Compatible Server" and "Structured Outputs", SGLang's
//! "OpenAI APIs" and "Structured Outputs", the README of llama.cpp's `tools/server`,
//! and the sources of `llama-cpp-python` 0.3 and of `transformers serve` 5.

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::Guided;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// vLLM, since 0.11 with `structured_outputs`.
    Vllm { has_structured_outputs: bool },
    /// SGLang.
    Sglang,
    /// llama.cpp's own server.
    LlamaCpp,
    /// The server of `llama-cpp-python`.
    LlamaCppPython,
    /// `transformers serve`.
    Transformers,
    /// mistralrs's.
    Mistralrs,
    /// Zhipu's API.
    Zhipu,
    /// OpenAI's.
    OpenAi,
    /// Any other.
    Other,
}

impl Server {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vllm { .. } => "vLLM",
            Self::Sglang => "SGLang",
            Self::LlamaCpp => "llama.cpp's server",
            Self::LlamaCppPython => "llama-cpp-python's server",
            Self::Transformers => "transformers serve",
            Self::Mistralrs => "mistralrs's server",
            Self::Zhipu => "Zhipu's API",
            Self::OpenAi => "OpenAI's API",
            Self::Other => "an OpenAI-compatible server",
        }
    }

    /// The service at an address that everybody knows.
    pub fn known(base: &Url) -> Option<Self> {
        let host = base.host_str()?;
        let is_of = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is_of("bigmodel.cn") || is_of("z.ai") {
            Some(Self::Zhipu)
        } else if is_of("openai.com") {
            Some(Self::OpenAi)
        } else {
            None
        }
    }

    /// Whether its tokenizer puts a family's prefix before a text, where published
    /// tokenizers do, and cannot be told not to.
    pub fn adds_prefix(self) -> bool {
        matches!(self, Self::Sglang | Self::Transformers)
    }

    /// Has special tokens shown in a completion, and ends it at these.
    pub fn complete(self, body: &mut Map<String, Value>, ends: &[&str], end_ids: &[u32]) {
        match self {
            Self::Vllm { .. } => {
                body.insert("add_special_tokens".into(), false.into());
                body.insert("spaces_between_special_tokens".into(), false.into());
                body.insert("skip_special_tokens".into(), false.into());
                body.insert("stop_token_ids".into(), json!(end_ids));
            }
            Self::Sglang => {
                body.insert("skip_special_tokens".into(), false.into());
                body.insert("stop_token_ids".into(), json!(end_ids));
            }
            Self::LlamaCpp => {
                let shown = ["<|assistant|>"].iter().chain(ends);
                body.insert("preserved_tokens".into(), json!(shown.collect::<Vec<_>>()));
                body.insert("cache_prompt".into(), true.into());
            }
            _ => {}
        }
        body.insert("stop".into(), json!(ends));
    }

    /// Has nothing else than what is told decide on tokens: llama.cpp's servers have
    /// habits of their own.
    pub fn sample(self, body: &mut Map<String, Value>) {
        if matches!(self, Self::LlamaCpp | Self::LlamaCppPython) {
            body.insert("top_k".into(), 0.into());
            body.insert("min_p".into(), 0.0.into());
            body.insert("repeat_penalty".into(), 1.0.into());
        }
    }

    /// Has a model that thinks reply without.
    pub fn skip_thoughts(self, body: &mut Map<String, Value>) {
        if self == Self::Zhipu {
            body.insert("thinking".into(), json!({ "type": "disabled" }));
        } else {
            body.insert(
                "chat_template_kwargs".into(),
                json!({ "enable_thinking": false }),
            );
        }
    }

    /// The name of the limit on a chat's reply.
    pub fn max_tokens(self) -> &'static str {
        match self {
            Self::OpenAi => "max_completion_tokens",
            _ => "max_tokens",
        }
    }

    /// Whether it takes `stream_options` and `tool_choice`: one refuses what it does
    /// not know.
    pub fn is_strict(self) -> bool {
        self == Self::Transformers
    }

    /// The form of a chat's answer, if the server can be held to it.
    pub fn response_format(self, guided: Guided, schema: &Value) -> Option<Value> {
        match self {
            _ if guided == Guided::None => None,
            Self::Transformers => None,
            Self::Zhipu => Some(json!({ "type": "json_object" })),
            Self::LlamaCppPython => Some(json!({ "type": "json_object", "schema": schema })),
            _ => Some(json!({
                "type": "json_schema",
                "json_schema": { "name": "answer", "schema": schema },
            })),
        }
    }

    /// How it is held to a constraint on a completion.
    pub fn guide(self, guided: Guided) -> Guide {
        match (guided, self) {
            (Guided::None, _) => Guide::None,
            (
                Guided::Vllm,
                Self::Vllm {
                    has_structured_outputs,
                },
            )
            | (
                Guided::Auto,
                Self::Vllm {
                    has_structured_outputs,
                },
            ) => {
                if has_structured_outputs {
                    Guide::StructuredOutputs
                } else {
                    Guide::Guided
                }
            }
            (Guided::Vllm, _) => Guide::StructuredOutputs,
            (Guided::Sglang, _) | (Guided::Auto, Self::Sglang) => Guide::Sglang,
            (Guided::LlamaCpp, _) | (Guided::Auto, Self::LlamaCpp) => Guide::LlamaCpp,
            (Guided::Auto, Self::LlamaCppPython) => Guide::Grammar,
            (Guided::Auto, _) => Guide::None,
        }
    }
}

/// How a server is held to a constraint on a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guide {
    /// `structured_outputs`, with `json` or `grammar`.
    StructuredOutputs,
    /// `guided_json` and `guided_grammar`.
    Guided,
    /// `json_schema` as text, and `ebnf`.
    Sglang,
    /// `json_schema` and `grammar`.
    LlamaCpp,
    /// `grammar` alone.
    Grammar,
    /// Not at all.
    None,
}

impl Guide {
    /// Has a completion be JSON of this schema. Says whether it can.
    pub fn json(self, body: &mut Map<String, Value>, schema: &Value) -> bool {
        let (key, value) = match self {
            Self::StructuredOutputs => ("structured_outputs", json!({ "json": schema })),
            Self::Guided => ("guided_json", schema.clone()),
            Self::Sglang => ("json_schema", schema.to_string().into()),
            Self::LlamaCpp => ("json_schema", schema.clone()),
            Self::Grammar => ("grammar", super::grammar::json().into()),
            Self::None => return false,
        };
        body.insert(key.into(), value);
        true
    }

    /// Has a completion fit this grammar, in the dialect of llama.cpp, which the others
    /// read, too.
    pub fn grammar(self, body: &mut Map<String, Value>, grammar: String) -> bool {
        let (key, value) = match self {
            Self::StructuredOutputs => ("structured_outputs", json!({ "grammar": grammar })),
            Self::Guided => ("guided_grammar", grammar.into()),
            Self::Sglang => ("ebnf", grammar.into()),
            Self::LlamaCpp | Self::Grammar => ("grammar", grammar.into()),
            Self::None => return false,
        };
        body.insert(key.into(), value);
        true
    }
}
