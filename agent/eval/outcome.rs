//! What came of an entry: a line of a file of results.

use serde::{Deserialize, Serialize};

use super::{Call, Category, Entry, Fault, handler, judge::judge};
use crate::model::{Finish, Profile, Reply, Segment, Usage};

/// The reply to an entry, and the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The entry's id.
    pub id: String,
    /// Its category.
    pub category: Category,
    /// Whether the reply is right.
    pub valid: bool,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// The verdict on what the official handler of GLM-4 reads in it, where the model's
    /// format is one that it can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<Verdict>,
    /// The text as generated, special tokens included.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// The calls in it.
    #[serde(default)]
    pub calls: Vec<Call>,
    /// Of an entry with several turns, the replies of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Vec<Step>>,
    /// Tokens read and written.
    #[serde(default)]
    pub usage: Usage,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
}

/// One reply among several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The text as generated, special tokens included.
    pub raw: String,
    /// The calls in it.
    pub calls: Vec<Call>,
    /// What came of them, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<String>,
}

/// A verdict in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it is right.
    pub valid: bool,
    /// What kind of fault it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl Outcome {
    /// The outcome of a reply.
    pub fn of(entry: &Entry, reply: &Reply, profile: &Profile) -> Self {
        let calls = calls(reply);
        let checked = judge(entry, &calls, || silence(reply));
        let by_handler = handler::can_read(profile).then(|| {
            let read = handler::call(&reply.raw, profile);
            let (calls, fault) = match read {
                Ok(call) => (vec![call], None),
                Err(fault) => (Vec::new(), Some(fault)),
            };
            judge(entry, &calls, || {
                fault.unwrap_or_else(|| Fault::new("ast_decoder:decoder_failed", ""))
            })
        });
        Self {
            handler: by_handler.map(Verdict::from),
            raw: reply.raw.clone(),
            calls,
            usage: reply.usage,
            ..Self::new(entry, checked)
        }
    }

    /// The outcome of calls that another program read from a reply.
    pub fn of_calls(entry: &Entry, raw: String, calls: Vec<Call>) -> Self {
        let checked = judge(entry, &calls, no_call);
        Self {
            raw,
            calls,
            ..Self::new(entry, checked)
        }
    }

    /// An outcome without a reply.
    pub(super) fn new(entry: &Entry, checked: Result<(), Fault>) -> Self {
        Self {
            id: entry.id.clone(),
            category: entry.category,
            valid: checked.is_ok(),
            error: checked.err(),
            handler: None,
            raw: String::new(),
            calls: Vec::new(),
            turns: Vec::new(),
            usage: Usage::default(),
            seconds: 0.0,
        }
    }
}

impl From<Result<(), Fault>> for Verdict {
    fn from(checked: Result<(), Fault>) -> Self {
        Self {
            valid: checked.is_ok(),
            kind: checked.err().map(|fault| fault.kind),
        }
    }
}

/// The calls of a reply.
pub(super) fn calls(reply: &Reply) -> Vec<Call> {
    let calls = reply.segments.iter().filter_map(|segment| match segment {
        Segment::Call(call) => Some(Call {
            name: call.name.clone(),
            arguments: call.arguments.as_object()?.clone(),
        }),
        _ => None,
    });
    calls.collect()
}

/// Why a reply has no call.
fn silence(reply: &Reply) -> Fault {
    if let Some(error) = reply.errors.first() {
        return Fault::new("ast_decoder:decoder_failed", error);
    }
    if reply.finish == Finish::Length {
        let message = "the reply was cut off before it came to a call";
        return Fault::new("reply:cut_off", message);
    }
    no_call()
}

fn no_call() -> Fault {
    Fault::new("reply:no_call", "the reply has words only")
}
