//! The contract of whatever generates replies.

use async_trait::async_trait;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Conversation, Error, Profile, Segment};

pub mod assemble;
#[cfg(feature = "local")]
pub mod local;
pub mod recorded;
#[cfg(feature = "remote")]
pub mod remote;
pub mod scripted;

/// Something that continues conversations.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Name of the model, as the user chose it.
    fn model(&self) -> &str;

    /// What the model is good for, in one line, if that is known.
    fn about(&self) -> Option<&str> {
        None
    }

    /// The family's format.
    fn profile(&self) -> &Profile;

    /// How many tokens prompt and reply may have together.
    fn context_length(&self) -> usize;

    /// How many tokens the conversation's prompt has.
    ///
    /// # Errors
    /// When the conversation cannot be rendered in the profile's format.
    fn count_tokens(&self, conversation: &Conversation) -> Result<usize, Error>;

    /// Whether it can be asked for what is no part of the conversation, such as a
    /// summary of it: what only repeats replies cannot.
    fn can_improvise(&self) -> bool {
        true
    }

    /// Whether it can be shown images.
    ///
    /// # Errors
    /// When it cannot; the error says what to do about it.
    fn sees_images(&self) -> Result<(), Error> {
        Err(Error::CannotSee {
            model: self.model().to_owned(),
            hint: "use a vision model, such as GLM-4.1V, that a server runs: --engine URL"
                .to_owned(),
        })
    }

    /// Starts a reply. The stream ends after its one [`Delta::Finished`], or
    /// after an error; dropping it stops the generation.
    ///
    /// # Errors
    /// When the request cannot be started: a prompt over the context length, a
    /// schema that no grammar can express, an engine that is gone.
    async fn generate(
        &self,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error>;

    /// Continues a text: no turns, no tools, no grammar. The deltas are
    /// [`Delta::Text`], and one [`Delta::Finished`] whose reply has one segment of
    /// text, or none. Dropping the stream stops the generation.
    ///
    /// # Errors
    /// As [`Engine::generate`]; and [`Error::CannotComplete`] of an engine that cannot
    /// do this, or not with tokens, which is what engines do unless they say otherwise.
    async fn complete(
        &self,
        _completion: Completion,
    ) -> Result<BoxStream<'static, Result<Delta, Error>>, Error> {
        Err(Error::CannotComplete {
            model: self.model().to_owned(),
            what: "texts",
        })
    }
}

/// A text to be continued.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The text so far.
    pub prompt: Prompt,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The limit of what is added, in tokens; the one that ends it does not count.
    pub max_tokens: usize,
    /// Whether the special tokens that are generated are part of the text, by their
    /// names. The one that ends it never is.
    pub special_tokens: bool,
    /// Stops the generation, as [`Request::cancel`] does.
    pub cancel: CancellationToken,
}

/// What a completion begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A text. The names of the profile's special tokens in it are these tokens:
    /// whoever writes it vouches for it.
    Text(String),
    /// The ids of its tokens.
    Tokens(Vec<u32>),
}

/// What is asked of an engine.
#[derive(Debug, Clone)]
pub struct Request {
    /// Tools and turns.
    pub conversation: Conversation,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The reply's limit, in tokens; the one that ends it does not count.
    pub max_tokens: usize,
    /// Whether tools may or must be called.
    pub tool_choice: ToolChoice,
    /// The JSON Schema that words must fit, where they are asked for in a form.
    /// An engine with a grammar has the model write nothing else.
    pub answer_schema: Option<Value>,
    /// Stops the generation: the reply so far then comes with
    /// [`Finish::Cancelled`].
    pub cancel: CancellationToken,
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Only the likeliest tokens that together reach this probability.
    pub top_p: f64,
    /// Makes sampling repeatable, where the engine can.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            seed: None,
        }
    }
}

/// Whether tools may or must be called in a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// Words only.
    None,
    /// At least one call.
    Required,
    /// A call of this tool.
    Tool(String),
}

/// A step of a reply in progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More words of the current text segment.
    Text(String),
    /// More of what the model thinks before it answers.
    Reasoning(String),
    /// The model has begun to call this tool.
    Call {
        /// The tool's name.
        name: String,
    },
    /// More of the current call's arguments, as written.
    Arguments(String),
    /// The reply is complete; nothing follows.
    Finished(Reply),
}

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Its parts in order.
    pub segments: Vec<Segment>,
    /// What could not be read as the model's syntax asks, in words the model
    /// can act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// The text as generated, special tokens included.
    pub raw: String,
    /// Why it ended.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// The token limit cut it off.
    Length,
    /// It was cancelled.
    Cancelled,
}

/// Tokens read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Those among them that were still known from earlier replies: only the
    /// others were computed.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.cached_tokens += other.cached_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}
