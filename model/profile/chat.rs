//! A model whose prompts are made elsewhere: a server renders messages in OpenAI's form
//! with a template of its own, and reads the replies.

use super::{Profile, Published, Reasoning, Syntax};
use crate::Sampling;

pub(super) static CHAT: Profile = Profile {
    name: "chat",
    prefix: &[],
    syntax: Syntax::Messages,
    // Some servers leave thoughts within the words.
    reasoning: Some(Reasoning {
        begun: "",
        kept: true,
    }),
    without_thoughts: Some(&QUIET),
    // What OpenAI's API does unless it is told otherwise.
    sampling: Sampling {
        temperature: 1.0,
        top_p: 1.0,
        seed: None,
    },
    published: Published {
        positions: 32_768,
        end_ids: &[],
        adds_prefix: false,
    },
};

/// The same told not to think, which is no part of the messages.
static QUIET: Profile = Profile {
    without_thoughts: None,
    ..CHAT
};
