//! GLM-4 as a library: its wire format (prompts and replies), the constraint
//! that keeps its calls well-formed, its checkpoints, and the engines that run
//! it.
//!
//! The crate knows no agent and no tool implementation. A [`Conversation`]
//! goes in, a stream of [`Delta`]s comes out.
//!
//! | module | concept |
//! |---|---|
//! | [`message`] | what a conversation consists of |
//! | [`profile`] | one GLM family's tokens, texts and call syntax, as data |
//! | [`prompt`] | a conversation rendered to the pieces a tokenizer encodes |
//! | [`transcript`] | conversations in the form that chat templates take |
//! | [`parse`] | a reply read back, incrementally |
//! | `image` | pictures made fit to be shown to a model |
//! | [`grammar`] | tool schemas turned into a decoding constraint |
//! | [`engine`] | the contract of whatever generates replies, and its implementations |

pub mod engine;
mod error;
pub mod grammar;
#[cfg(feature = "remote")]
pub mod image;
pub mod json;
pub mod message;
pub mod parse;
pub mod profile;
pub mod prompt;
#[cfg(test)]
mod properties;
pub mod transcript;

// The properties are of the public interface, under its name.
#[cfg(test)]
extern crate self as glm_agent_model;

#[cfg(feature = "local")]
pub mod catalog;
#[cfg(feature = "local")]
pub mod checkpoint;

pub use engine::{
    Completion, Delta, Engine, Finish, Prompt, Reply, Request, Sampling, ToolChoice, Usage,
};
pub use error::Error;
pub use message::{Conversation, FunctionSpec, Message, Segment, ToolCall, ToolSpec};
pub use profile::Profile;
