//! How a remote engine is set up.

use std::{str::FromStr, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Key;

/// How a remote engine is set up. Only addresses are needed.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Where the API is: the addresses of servers that all serve the same model, with or
    /// without `/v1`.
    pub urls: Vec<String>,
    /// The model's name there; `None` takes the only one that is served.
    pub model: Option<String>,
    /// Who makes the prompts.
    pub template: Template,
    /// The profile by which prompts are made here; `None` tells it by the model's name.
    pub profile: Option<String>,
    /// How many tokens prompt and reply may have together; `None` asks the server.
    pub context: Option<usize>,
    /// Whether the model sees images; `None` tells it by the model's name.
    pub images: Option<bool>,
    /// Sent as the bearer token.
    pub key: Option<Key>,
    /// Sent with every request.
    pub headers: Vec<(String, Key)>,
    /// Members that every request for a reply has besides, such as
    /// `{"thinking": {"type": "disabled"}}`.
    pub body: Map<String, Value>,
    /// How the server is asked to constrain what the model writes.
    pub guided: Guided,
    /// How long each phase of a request may take.
    pub timeouts: Timeouts,
    /// How often a request is tried again, as long as nothing of its reply has come.
    pub retries: u32,
}

impl RemoteOptions {
    /// With these addresses, and all else by default.
    pub fn new<T: Into<String>>(urls: impl IntoIterator<Item = T>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            model: None,
            template: Template::Auto,
            profile: None,
            context: None,
            images: None,
            key: None,
            headers: Vec::new(),
            body: Map::new(),
            guided: Guided::Auto,
            timeouts: Timeouts::default(),
            retries: 4,
        }
    }
}

/// Who makes the prompts, and reads the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// What a look at the server and the model's name suggest.
    #[default]
    Auto,
    /// The server, which is sent messages and tools.
    Server,
    /// This program, which sends texts.
    Ours,
}

/// How a server is asked to constrain what the model writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Guided {
    /// In the way of the server that was found.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// vLLM's: `structured_outputs`, before 0.11 `guided_json` and `guided_grammar`.
    #[serde(rename = "vllm")]
    Vllm,
    /// SGLang's: `json_schema` and `ebnf`.
    #[serde(rename = "sglang")]
    Sglang,
    /// llama.cpp's: `json_schema` and `grammar`.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// Not at all.
    #[serde(rename = "none")]
    None,
}

/// How long each phase of a request may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts {
    /// Until a connection stands: 10 s by default.
    pub connect: Duration,
    /// From the request until the reply begins, waiting in the server's queue and reading
    /// of the prompt included: 300 s by default.
    pub first: Duration,
    /// From one part of a reply to the next: 60 s by default.
    pub between: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first: Duration::from_secs(300),
            between: Duration::from_secs(60),
        }
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "server" => Ok(Self::Server),
            "ours" => Ok(Self::Ours),
            other => Err(format!("`{other}` is none of auto, server and ours")),
        }
    }
}
