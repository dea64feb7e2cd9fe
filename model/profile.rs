//! One GLM family's tokens, texts and call syntax, as data.
//!
//! Sources: the chat templates that the models are published with, and the
//! GLM-4 release's own demo for the blank line before a tool's heading. What
//! the templates print is kept under `tests/data/glm4/`.

mod chat;
mod edge;
mod glm4;
mod glm45;
mod smol;

use crate::{Conversation, Error, Sampling};

/// Separates the parts of one reply.
pub const ASSISTANT: &str = "<|assistant|>";
/// Opens the user's turn; written by the model, it ends an answer.
pub const USER: &str = "<|user|>";
/// Opens a result; written by the model, it ends a reply that calls tools.
pub const OBSERVATION: &str = "<|observation|>";
/// Opens instructions.
pub const SYSTEM: &str = "<|system|>";
/// Ends a text.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// How one GLM family writes conversations.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The name by which users choose it.
    pub(crate) name: &'static str,
    /// Special tokens before everything else.
    pub(crate) prefix: &'static [&'static str],
    /// How turns, tools and calls are written.
    pub(crate) syntax: Syntax,
    /// How it thinks aloud, if it does.
    pub(crate) reasoning: Option<Reasoning>,
    /// The same told not to think, if there is a way to tell it.
    pub(crate) without_thoughts: Option<&'static Profile>,
    /// How its makers choose tokens.
    pub(crate) sampling: Sampling,
    /// What its published checkpoints have in common.
    pub(crate) published: Published,
}

/// What the published checkpoints of a family have in common: what is known of one
/// that runs elsewhere and does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// How many tokens prompt and reply may have together.
    pub positions: usize,
    /// The ids of the tokens that end a reply, in the order of [`Profile::ends`].
    pub end_ids: &'static [u32],
    /// Whether their tokenizers put the prefix before a text by themselves.
    pub adds_prefix: bool,
}

/// How turns, tools and calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// A call is the tool's name, a newline and the arguments.
    Lines(Lines),
    /// A call is a `<tool_call>` with a tag around each argument.
    Tagged(Tagged),
    /// No turns and no tools: a text is continued.
    Completion,
    /// Messages in OpenAI's form, of which a server makes a prompt.
    Messages,
}

/// GLM-4's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    /// What the first system turn says of tools.
    pub tools: ToolTexts,
    /// Whether the user's own system texts stand before all other turns,
    /// wherever they were said.
    pub hoists_system: bool,
    /// What stands between a tool's name and the newline in past calls.
    pub after_call_name: &'static str,
    /// Whether results keep their metadata.
    pub names_results: bool,
    /// Whether a turn without content is written.
    pub writes_empty: bool,
}

/// The parts of the system turn that offers tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToolTexts {
    /// Who the model is; empty says nothing of it.
    pub identity: &'static str,
    /// What stands before the date, where the model is told it.
    pub date: Option<&'static str>,
    /// The heading above the tools.
    pub heading: &'static str,
    /// Before each tool's name.
    pub before_name: &'static str,
    /// How a function's definition is written.
    pub definition: Definition,
    /// After each function's definition.
    pub after_function: &'static str,
    /// After all tools, if one of them is a function.
    pub closing: &'static str,
    /// What `python` does.
    pub python: &'static str,
    /// What `simple_browser` does.
    pub simple_browser: &'static str,
    /// What `cogview` does.
    pub cogview: &'static str,
}

/// How a function's definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Definition {
    /// JSON over several lines, four spaces a level.
    Indented,
    /// JSON on one line.
    OneLine,
}

/// GLM-4.5's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tagged {
    /// What stands between a role and its text, and between the tags of a call.
    pub newline: &'static str,
    /// What the first system turn says before the tools' definitions.
    pub header: &'static str,
    /// What it says after them.
    pub closing: &'static str,
    /// What each message of the user ends in.
    pub after_user: &'static str,
}

/// How a model thinks aloud: between `<think>` and `</think>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reasoning {
    /// What the prompt begins the reply with.
    pub begun: &'static str,
    /// Whether the thoughts since the user last spoke stay in the prompt.
    pub kept: bool,
}

impl Reasoning {
    /// Opens the thoughts.
    pub(crate) const OPEN: &'static str = "<think>";
    /// Closes them.
    pub(crate) const CLOSE: &'static str = "</think>";
}

static PROFILES: [&Profile; 10] = [
    &glm4::GLM4,
    &glm4::GLM4_HF,
    &glm4::GLM4_DEMO,
    &glm4::GLM4_0414,
    &glm4::Z1,
    &glm45::GLM45,
    &glm45::GLM47,
    &edge::EDGE,
    &glm4::BASE,
    &smol::SMOL_GLM,
];

impl Profile {
    /// The profile of this name.
    ///
    /// # Errors
    /// When there is none; the error lists the names.
    pub fn by_name(name: &str) -> Result<&'static Self, Error> {
        PROFILES
            .iter()
            .copied()
            .chain([Self::chat()])
            .find(|profile| profile.name == name)
            .ok_or_else(|| Error::UnknownProfile {
                name: name.to_owned(),
                known: Self::names().collect::<Vec<_>>().join(", "),
            })
    }

    /// The form of a model whose prompts are made elsewhere: messages in OpenAI's form.
    /// No checkpoint has it, so it is not among the [names](Self::names).
    pub fn chat() -> &'static Self {
        &chat::CHAT
    }

    /// All profiles' names, of those that a checkpoint can have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|profile| profile.name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its models were trained to call `simple_browser`: those of GLM-4-9B-Chat.
    pub fn knows_simple_browser(&self) -> bool {
        ["glm4", "glm4-hf", "glm4-demo"].contains(&self.name)
    }

    /// How its makers choose tokens: what the model card recommends.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// How many tokens prompt and reply may have together, in its published checkpoints.
    pub fn positions(&self) -> usize {
        self.published.positions
    }

    /// The ids of the tokens that end a reply, in its published checkpoints.
    pub fn end_ids(&self) -> &'static [u32] {
        self.published.end_ids
    }

    /// Whether it can be offered tools at all.
    pub fn takes_tools(&self) -> bool {
        self.syntax != Syntax::Completion
    }

    /// Whether it thinks before it replies.
    pub fn thinks(&self) -> bool {
        self.reasoning.is_some()
    }

    /// Whether its prompts say which day it is: the date of the conversation.
    pub fn tells_date(&self) -> bool {
        matches!(&self.syntax, Syntax::Lines(syntax) if syntax.tools.date.is_some())
    }

    /// The same told to reply without thoughts.
    ///
    /// # Errors
    /// When it does not think, or cannot be told not to.
    pub fn without_thoughts(&self) -> Result<&'static Self, Error> {
        self.without_thoughts.ok_or_else(|| {
            let switched = PROFILES.iter().filter(|p| p.without_thoughts.is_some());
            Error::NoThinkingSwitch {
                profile: self.name,
                known: switched.map(|p| p.name).collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// The one that a conversation is held in: this, or this without thoughts.
    pub fn of(&self, conversation: &Conversation) -> &Self {
        match self.without_thoughts {
            Some(quiet) if conversation.skip_thoughts => quiet,
            _ => self,
        }
    }

    /// The special tokens that end a reply.
    pub fn ends(&self) -> &'static [&'static str] {
        match self.syntax {
            Syntax::Messages => &[],
            Syntax::Completion => &[END_OF_TEXT],
            _ => &[END_OF_TEXT, USER, OBSERVATION],
        }
    }

    /// Every special token it writes or reads: a tokenizer must have them all.
    pub fn special_tokens(&self) -> impl Iterator<Item = &'static str> {
        let roles: &[&str] = match self.syntax {
            Syntax::Messages => &[],
            Syntax::Completion => &[END_OF_TEXT],
            _ => &[SYSTEM, USER, ASSISTANT, OBSERVATION, END_OF_TEXT],
        };
        self.prefix.iter().chain(roles).copied()
    }
}
