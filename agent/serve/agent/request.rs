//! What a client asks of an agent.

use glm_agent_model::{Message, Sampling, Segment, ToolChoice};
use serde_json::Value;

use super::super::{
    chat::{messages, request::answer_schema, tools},
    check_model,
    error::Refusal,
    fields::{Fields, wrong},
};
use crate::{Agent, state::answer_of};

/// A request of `/v1/chat/completions` that is for an agent.
#[derive(Debug)]
pub(super) struct AgentRequest {
    /// What the user says now.
    pub words: String,
    /// What was said before, by turns: the user's words, and the answer.
    pub past: Vec<(String, String)>,
    /// The client's own instructions.
    pub system: Option<String>,
    /// The session that it goes on with, or begins by this name.
    pub session: Option<String>,
    pub sampling: Sampling,
    pub max_tokens: Option<usize>,
    pub tool_choice: Option<ToolChoice>,
    pub answer_schema: Option<Value>,
    pub stream: bool,
    pub include_usage: bool,
}

impl AgentRequest {
    /// Reads a request; `session` is what its header names.
    pub fn read(
        mut fields: Fields,
        agent: &Agent,
        session: Option<String>,
    ) -> Result<Self, Refusal> {
        check_model(&mut fields, &*agent.engine)?;
        for name in ["tools", "parallel_tool_calls"] {
            match fields.take(name) {
                None | Some(Value::Bool(true)) => {}
                Some(Value::Array(tools)) if tools.is_empty() => {}
                Some(_) => {
                    let message = "an agent is served here, whose tools run on the server";
                    return Err(Refusal::param(name, message));
                }
            }
        }
        let offered = agent.tools().specs();
        let mut allowed = offered.clone();
        let tool_choice = tools::choice(&mut fields, &mut allowed)?;
        if allowed != offered {
            let message = "an agent's tools cannot be chosen among by the client";
            return Err(Refusal::param("tool_choice", message));
        }
        let named = match fields.take("metadata") {
            None => None,
            Some(Value::Object(metadata)) => match metadata.get("session") {
                None => None,
                Some(Value::String(name)) => Some(name.clone()),
                Some(other) => return Err(wrong("metadata.session", "a string", other)),
            },
            Some(other) => return Err(wrong("metadata", "an object", &other)),
        };
        let messages = messages::read(fields.take("messages"), agent.model())?;
        let said = Said::read(messages)?;
        let common = fields.common(agent.sampling)?;
        if !common.stop.is_empty() {
            let message = "an agent's answer cannot be ended by `stop`";
            return Err(Refusal::param("stop", message));
        }
        let request = Self {
            words: said.words,
            past: said.past,
            system: said.system,
            session: session.or(named).filter(|name| !name.is_empty()),
            sampling: common.sampling,
            max_tokens: common.max_tokens,
            tool_choice,
            answer_schema: answer_schema(&mut fields)?,
            stream: common.stream,
            include_usage: common.include_usage,
        };
        fields.end()?;
        Ok(request)
    }
}

/// Messages by who said them.
#[derive(Debug, Default)]
struct Said {
    words: String,
    past: Vec<(String, String)>,
    system: Option<String>,
}

impl Said {
    fn read(messages: Vec<Message>) -> Result<Self, Refusal> {
        let refuse = |message: &str| Err(Refusal::param("messages", message));
        let mut said = Self::default();
        for message in messages {
            match message {
                Message::System { content } => match &mut said.system {
                    Some(system) => *system = format!("{system}\n\n{content}"),
                    None => said.system = Some(content),
                },
                Message::User { content } if said.words.is_empty() => said.words = content,
                Message::User { content } => said.words = format!("{}\n\n{content}", said.words),
                Message::Assistant { segments } => {
                    if segments.iter().any(|s| matches!(s, Segment::Call(_))) {
                        return refuse("an agent makes its calls itself: leave `tool_calls` out");
                    }
                    let answer = answer_of(&segments);
                    let words = std::mem::take(&mut said.words);
                    match said.past.last_mut() {
                        _ if !words.is_empty() => said.past.push((words, answer)),
                        Some((_, last)) => *last = format!("{last}\n\n{answer}"),
                        None => return refuse("the first message must be the user's"),
                    }
                }
                Message::Image(_) => return refuse("images cannot be sent to this server"),
                Message::Observation { .. } | Message::Tools { .. } => {
                    return refuse("an agent makes its calls itself: leave their results out");
                }
            }
        }
        if said.words.trim().is_empty() {
            return refuse("the last message must be the user's, and have words");
        }
        Ok(said)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn user(content: &str) -> Message {
        let content = content.to_owned();
        Message::User { content }
    }

    fn assistant(text: &str) -> Message {
        let segments = vec![Segment::text(text)];
        Message::Assistant { segments }
    }

    #[test]
    fn the_last_words_are_new_and_the_others_past() {
        let content = "Be brief.".to_owned();
        let said = Said::read(vec![
            Message::System { content },
            user("Hi"),
            assistant("Hello."),
            user("One more"),
            user("thing."),
        ]);
        let said = said.unwrap();
        assert_eq!(said.words, "One more\n\nthing.");
        assert_eq!(said.past, [("Hi".to_owned(), "Hello.".to_owned())]);
        assert_eq!(said.system.as_deref(), Some("Be brief."));
    }

    #[test]
    fn a_conversation_ends_with_the_user() {
        assert!(Said::read(vec![user("Hi"), assistant("Hello.")]).is_err());
        assert!(Said::read(vec![assistant("Hello."), user("Hi")]).is_err());
        assert!(Said::read(vec![user(" ")]).is_err());
    }
}
