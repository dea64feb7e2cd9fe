//! The user's rules: what to do with calls that match.

use std::{collections::BTreeMap, fmt};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Facts;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Run the call without asking.
    Allow,
    /// Ask before it.
    Ask,
    /// Do not run it.
    Deny,
}

/// What to do with the calls of some tools, arguments or hosts.
///
/// ```toml
/// [[policy.rules]]
/// action = "allow"
/// tool = "mail__*"
/// arguments = { "to" = "*@example.com" }
/// ```
///
/// A pattern is text in which `*` stands for any text. A rule that names several
/// things wants all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Pattern of the tool's name. By default, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Pattern>,
    /// Patterns of arguments, by their names or, below those, by paths such as
    /// `message.to`; `*` is the text of a tool that takes text. What is no string
    /// is matched as JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Pattern>,
    /// Pattern of the host that the call reaches; `*.example.com` means those below
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Pattern>,
    /// What the model is told when the rule denies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Rule {
    /// Of the rules that apply to a call, the one that decides.
    pub(super) fn strongest<'r>(rules: &'r [Self], call: &Facts) -> Option<&'r Self> {
        let applying = rules.iter().filter(|rule| rule.applies(call));
        // The first of those that do the most.
        applying.rev().max_by_key(|rule| rule.action)
    }

    /// What the model is told of a call that the rule denies.
    pub(super) fn refusal(&self) -> String {
        match &self.message {
            Some(message) => format!("this call was not run: {message}"),
            None => format!("this call was not run: the user's rule `{self}` denies it"),
        }
    }

    /// Whether it is about this call. A rule that allows must be sure: of each
    /// value that can be read in several ways, and of every host. One that asks or
    /// denies applies if any of them matches.
    fn applies(&self, call: &Facts) -> bool {
        let tool = self.tool.as_ref().is_none_or(|p| p.matches(&call.tool));
        let values = |pattern: &Pattern, forms: &[String]| match self.action {
            Action::Allow => !forms.is_empty() && forms.iter().all(|form| pattern.matches(form)),
            Action::Ask | Action::Deny => forms.iter().any(|form| pattern.matches(form)),
        };
        let mut arguments = self.arguments.iter();
        let arguments = arguments.all(|(path, pattern)| {
            argument(&call.arguments, path).is_some_and(|value| values(pattern, &forms(value)))
        });
        let hosts: Vec<String> = call.hosts.iter().map(|host| plain_host(host)).collect();
        let host = self.host.as_ref().is_none_or(|p| values(p, &hosts));
        tool && arguments && host
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Allow => "allow",
            Action::Ask => "ask",
            Action::Deny => "deny",
        };
        f.write_str(action)?;
        if let Some(tool) = &self.tool {
            write!(f, " {}", tool.text)?;
        }
        for (path, pattern) in &self.arguments {
            write!(f, " {path}={}", pattern.text)?;
        }
        if let Some(host) = &self.host {
            write!(f, " at {}", host.text)?;
        }
        Ok(())
    }
}

/// Text in which `*` stands for any text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        let any: Vec<String> = text.split('*').map(regex::escape).collect();
        let regex = Regex::new(&format!("(?s)^{}$", any.join(".*")))?;
        Ok(Self { text, regex })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The argument at a path; `*` for the text of a tool that takes text.
fn argument<'a>(arguments: &'a Value, path: &str) -> Option<&'a Value> {
    match arguments {
        Value::String(_) => Some(arguments).filter(|_| path == "*"),
        _ => arguments.get(path).or_else(|| {
            path.split('.')
                .try_fold(arguments, |value, member| match value {
                    Value::Array(items) => items.get(member.parse::<usize>().ok()?),
                    other => other.get(member),
                })
        }),
    }
}

/// What a value may be taken for: itself, and as a path, the path that it leads to.
fn forms(value: &Value) -> Vec<String> {
    let Value::String(text) = value else {
        return vec![value.to_string()];
    };
    let mut forms = vec![text.clone()];
    let led_to = without_dots(text);
    if led_to != *text {
        forms.push(led_to);
    }
    forms
}

/// A path without `.` and `..` in it; other text as it is.
fn without_dots(text: &str) -> String {
    let text = &text.replace('\\', "/");
    let has_dots = text.split('/').any(|part| matches!(part, "." | ".."));
    if !has_dots {
        return text.clone();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A host without its port and its last dot, in lower case.
fn plain_host(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_lowercase()
}
