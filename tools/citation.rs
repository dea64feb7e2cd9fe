//! Where something that a tool says comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A source of a tool's result, for people to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// What the text of the result calls it, such as the `7` of GLM-4's `【7†source】`;
    /// empty when the result as a whole comes from there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
    /// Its title, as it names itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its address.
    pub url: String,
}
