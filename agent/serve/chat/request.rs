//! What a client asks of a model.

use glm_agent_model::{Conversation, Engine, Error, Message, Request, ToolChoice, ToolSpec};
use jiff::ZonedDateTime;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Model,
        error::Refusal,
        fields::{Common, Fields, wrong},
    },
    messages, tools,
};
use crate::{answer::Form, view::form};

/// A request of `/v1/chat/completions` that is for a model.
#[derive(Debug)]
pub(in crate::serve) struct ChatRequest {
    pub common: Common,
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    pub tool_choice: ToolChoice,
    /// At most one call is wanted.
    pub one_call: bool,
    pub answer_schema: Option<Value>,
    pub skip_thoughts: bool,
}

impl ChatRequest {
    /// Reads a request for this model.
    pub fn read(mut fields: Fields, model: &Model) -> Result<Self, Refusal> {
        let engine = &*model.engine;
        super::super::check_model(&mut fields, engine)?;
        let (tools, tool_choice) = tools::read(&mut fields)?;
        if !tools.is_empty() && !engine.profile().takes_tools() {
            let message = format!(
                "`{}` only continues texts and cannot call tools",
                engine.model()
            );
            return Err(Refusal::param("tools", message));
        }
        let parallel = fields.bool("parallel_tool_calls")?;
        let messages = messages::read(fields.take("messages"), engine.model())?;
        let skip_thoughts = skips_thoughts(&mut fields, engine)? || !model.thinking;
        let request = Self {
            common: fields.common(model.sampling)?,
            messages,
            tools,
            tool_choice,
            one_call: parallel == Some(false),
            answer_schema: answer_schema(&mut fields)?,
            skip_thoughts: skip_thoughts && engine.profile().without_thoughts().is_ok(),
        };
        fields.end()?;
        Ok(request)
    }

    /// The same for the engine.
    ///
    /// # Errors
    /// When the messages leave no room for a reply.
    pub fn for_engine(self, model: &Model, cancel: CancellationToken) -> Result<Request, Error> {
        let engine = &model.engine;
        let mut messages = self.messages;
        if let Some(schema) = &self.answer_schema {
            // The model reads what it is held to, as in a run of an agent.
            let last = messages.iter_mut().rev().find_map(|message| match message {
                Message::User { content } => Some(content),
                _ => None,
            });
            if let Some(last) = last.filter(|_| *schema != any_object()) {
                last.push_str(&form(schema));
            }
        }
        let conversation = Conversation {
            tools: self.tools,
            messages,
            date: engine
                .profile()
                .tells_date()
                .then(|| ZonedDateTime::now().date().to_string()),
            skip_thoughts: self.skip_thoughts,
            left_out: 0,
        };
        let prompt = engine.count_tokens(&conversation)?;
        let limit = model.max_context.min(engine.context_length());
        let room = limit.saturating_sub(prompt);
        if room == 0 {
            let tokens = prompt;
            return Err(Error::PromptTooLong { tokens, limit });
        }
        Ok(Request {
            conversation,
            sampling: self.common.sampling,
            max_tokens: self.common.max_tokens.unwrap_or(model.max_tokens).min(room),
            tool_choice: self.tool_choice,
            answer_schema: self.answer_schema,
            cancel,
        })
    }
}

/// Whether the request asks for a reply without thoughts, in one of the ways that
/// there are: OpenAI's, Zhipu's, and vLLM's.
fn skips_thoughts(fields: &mut Fields, engine: &dyn Engine) -> Result<bool, Refusal> {
    let effort = fields.text("reasoning_effort")?;
    let thinking = fields.take("thinking");
    let template = fields.take("chat_template_kwargs");
    let mut template = match template {
        None => Fields::new(serde_json::Map::new()),
        Some(Value::Object(arguments)) => Fields::new(arguments),
        Some(other) => return Err(wrong("chat_template_kwargs", "an object", &other)),
    };
    let enabled = template.bool("enable_thinking")?;
    template.end()?;
    let disabled = thinking.as_ref().and_then(|thinking| thinking.get("type"));
    let wanted = match (effort.as_deref(), disabled.and_then(Value::as_str), enabled) {
        (Some("none"), ..) => "reasoning_effort",
        (_, Some("disabled"), _) => "thinking",
        (.., Some(false)) => "chat_template_kwargs",
        _ => return Ok(false),
    };
    // Who does not think at all does as is asked.
    if engine.profile().thinks() && engine.profile().without_thoughts().is_err() {
        let message = format!("`{}` cannot be told not to think", engine.model());
        return Err(Refusal::param(wanted, message));
    }
    Ok(true)
}

/// The schema of any object.
fn any_object() -> Value {
    json!({"type": "object", "additionalProperties": true})
}

/// The form that the answer is to have.
pub(in crate::serve) fn answer_schema(fields: &mut Fields) -> Result<Option<Value>, Refusal> {
    let Some(format) = fields.take("response_format") else {
        return Ok(None);
    };
    let schema = match format.get("type").and_then(Value::as_str) {
        Some("text") => return Ok(None),
        Some("json_object") => return Ok(Some(any_object())),
        Some("json_schema") => format.pointer("/json_schema/schema").cloned(),
        _ => {
            let message = "`response_format` must be of the type text, json_object or json_schema";
            return Err(Refusal::param("response_format", message));
        }
    };
    const SCHEMA: &str = "response_format.json_schema.schema";
    let Some(schema) = schema else {
        return Err(Refusal::param(SCHEMA, "the schema is missing"));
    };
    match Form::new(&schema) {
        Ok(_) => Ok(Some(schema)),
        Err(reason) => {
            let message = format!("the schema cannot be used: {reason}");
            Err(Refusal::param(SCHEMA, message))
        }
    }
}
