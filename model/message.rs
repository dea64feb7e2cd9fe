//! What a conversation consists of, independent of any model's syntax.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything a model is shown: the tools it may call and the turns so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Tools on offer, in the order in which the prompt lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// The turns, oldest first.
    pub messages: Vec<Message>,
    /// Today, as `YYYY-MM-DD`: shown by the profiles that tell the date
    /// ([`Profile::tells_date`](crate::Profile::tells_date)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Asks for replies without thoughts, of the profiles that have a switch
    /// for them ([`Profile::without_thoughts`](crate::Profile::without_thoughts)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_thoughts: bool,
    /// Replies that came before these turns and are no longer shown. The model is
    /// not told; a script goes on after them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Conversation {
    /// How many replies there were before, those that are no longer shown included.
    pub fn replies(&self) -> usize {
        let is_reply = |message: &&Message| matches!(message, Message::Assistant { .. });
        self.left_out + self.messages.iter().filter(is_reply).count()
    }

    /// All tools on offer, those at the start and those further on.
    pub(crate) fn all_tools(&self) -> Vec<&ToolSpec> {
        let later = self.messages.iter().flat_map(|message| match message {
            Message::Tools { tools } => tools.as_slice(),
            _ => &[],
        });
        self.tools.iter().chain(later).collect()
    }
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Instructions by whoever runs the agent.
    System {
        /// The instructions.
        content: String,
    },
    /// What the user said.
    User {
        /// The user's words.
        content: String,
    },
    /// A picture that the user shows, before the words that go with it.
    Image(Image),
    /// One reply of the model.
    Assistant {
        /// Its parts, in the order in which they were written.
        segments: Vec<Segment>,
    },
    /// The result of one call. The observations after a reply stand in the
    /// order of its calls.
    Observation {
        /// The text after the role token on its line: empty for functions and
        /// `python`, `browser_result` and the like for the browser.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        metadata: String,
        /// The result as the model reads it.
        content: String,
    },
    /// More tools, offered further on. GLM-4-9B's template shows them here; the
    /// others show all tools at the start. A reply is read as one that may call
    /// those of [`Conversation::tools`].
    Tools {
        /// The tools, perhaps none.
        tools: Vec<ToolSpec>,
    },
}

/// A picture. Two are the same if their names are: a name tells what is in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    /// What it is called where it is kept; it holds a hash of its content.
    pub name: String,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its content as a `data:` URL, where somebody has it at hand: whoever asks an
    /// engine must.
    #[serde(skip)]
    pub url: Option<Arc<str>>,
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.media_type) == (&other.name, &other.media_type)
    }
}

/// A part of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Segment {
    /// Words: the answer, or a thought before a call.
    Text {
        /// The words, without the newline that follows the role token.
        text: String,
    },
    /// What a reasoning model thinks before it answers or calls: no part of
    /// the answer.
    Reasoning {
        /// The thoughts, without the tags around them.
        text: String,
    },
    /// A call of a tool.
    Call(ToolCall),
}

impl Segment {
    /// A segment of words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// A call as the model wrote it, parsed but not yet validated against the
/// tool's schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// Name of a tool on offer.
    pub name: String,
    /// A JSON object; for tools that take raw text (`python`,
    /// `simple_browser`, `cogview`) that text as a JSON string.
    pub arguments: Value,
}

/// A tool as the model is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolSpec {
    /// A function with JSON arguments, in OpenAI's form.
    Function {
        /// The function's definition.
        function: FunctionSpec,
    },
    /// GLM-4's code interpreter: takes source code as raw text.
    Python,
    /// GLM-4's browser: takes one call in Python syntax as raw text.
    SimpleBrowser,
    /// GLM-4's image generator: takes an English description as raw text.
    Cogview,
}

impl ToolSpec {
    /// A function from its three parts.
    pub fn function(name: &str, description: &str, parameters: Value) -> Self {
        let mut object = Map::new();
        object.insert("name".into(), name.into());
        object.insert("description".into(), description.into());
        object.insert("parameters".into(), parameters);
        Self::Function {
            function: FunctionSpec(object),
        }
    }

    /// The name by which the model calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Function { function } => function.name(),
            Self::Python => "python",
            Self::SimpleBrowser => "simple_browser",
            Self::Cogview => "cogview",
        }
    }

    /// Whether the tool takes raw text instead of JSON arguments.
    pub fn takes_text(&self) -> bool {
        !matches!(self, Self::Function { .. })
    }
}

/// A function's definition, kept verbatim (keys, their order and all), because
/// the model's prompt shows it so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct FunctionSpec(Map<String, Value>);

impl FunctionSpec {
    /// The function's name.
    pub fn name(&self) -> &str {
        self.0
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The JSON Schema of its arguments; without one, any object.
    pub fn parameters(&self) -> Option<&Value> {
        self.0.get("parameters")
    }

    /// The whole definition.
    pub fn object(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl TryFrom<Map<String, Value>> for FunctionSpec {
    type Error = String;

    fn try_from(object: Map<String, Value>) -> Result<Self, String> {
        match object.get("name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => Ok(Self(object)),
            _ => Err("a function needs a `name` that is a non-empty string".into()),
        }
    }
}

impl From<FunctionSpec> for Map<String, Value> {
    fn from(spec: FunctionSpec) -> Self {
        spec.0
    }
}
