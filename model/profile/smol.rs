//! The default model's profile: GLM-4's turns with the instructions in short
//! English, since its tokenizer spends two to three tokens on a Chinese
//! character.

use super::{Definition, Lines, Profile, Published, Syntax, ToolTexts, glm4};
use crate::Sampling;

pub(super) static SMOL_GLM: Profile = Profile {
    name: "smol-glm",
    prefix: glm4::PREFIX,
    syntax: Syntax::Lines(Lines {
        tools: ToolTexts {
            identity: "You are smol-glm, a small assistant that can call tools.",
            date: None,
            heading: "# Tools",
            before_name: "\n\n## ",
            definition: Definition::OneLine,
            after_function: "",
            closing: "\n\nTo call a tool, write its name, a new line and its arguments as JSON.",
            python: "Runs Python code in a notebook that keeps its variables, and returns what the code prints.",
            simple_browser: "Finds and opens web pages: search(query: str, recency_days: int), mclick(ids: list[int]), open_url(url: str).",
            cogview: "Draws an image from an English description.",
        },
        ..glm4::TURNS
    }),
    reasoning: None,
    without_thoughts: None,
    sampling: Sampling {
        temperature: 0.0,
        top_p: 1.0,
        seed: None,
    },
    published: Published {
        positions: 8192,
        end_ids: &[0, 6, 8],
        adds_prefix: false,
    },
};
