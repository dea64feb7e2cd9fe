//! What servers that run a model are, and whether a call comes back from one.

use anyhow::anyhow;
use futures::StreamExt;
use glm_agent::{
    engine::{self, Remote},
    model::{
        Conversation, Delta, Engine, Error, Message, Reply, Request, Segment, ToolChoice, ToolSpec,
    },
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Check, checks::failure};
use crate::{args::DoctorArgs, exit::Failure, remote, settings::Settings};

/// The function that the model is asked to call.
const FUNCTION: &str = "get_weather";
/// Tokens of that reply: enough for thoughts.
const MAX_TOKENS: usize = 512;

/// Looks at the servers, and has one call a function.
pub async fn all(args: DoctorArgs, settings: &Settings) -> Result<Vec<Check>, Failure> {
    let urls = remote::urls(&args.engine).ok_or_else(|| {
        Failure::usage(anyhow!(
            "`--engine {}` is no address\nhint: one such as http://127.0.0.1:8000",
            args.engine.join(" ")
        ))
    })?;
    let options = settings.remote.options(urls, args.model)?;
    let remote = match engine::remote(options).await {
        Ok(remote) => remote,
        Err(error) => return Ok(vec![failure("server", &error.to_string())]),
    };
    let mut checks: Vec<Check> = remote
        .description()
        .into_iter()
        .map(|(name, text)| match text.split_once("\nhint: ") {
            // One of several is away.
            Some((text, hint)) => Check::warning(&name, text).hint(hint),
            None => Check::ok(&name, text),
        })
        .collect();
    checks.push(called(&remote).await);
    Ok(checks)
}

/// Whether the model's call is read as one.
async fn called(remote: &Remote) -> Check {
    const NAME: &str = "a call";
    let reply = match reply(remote).await {
        Ok(Some(reply)) => reply,
        Ok(None) => return Check::problem(NAME, "the reply has no end"),
        Err(error) => return failure(NAME, &error.to_string()),
    };
    let call = reply.segments.iter().find_map(|segment| match segment {
        Segment::Call(call) => Some(call),
        _ => None,
    });
    let read = reply.usage.prompt_tokens;
    match call {
        Some(call) => Check::ok(
            NAME,
            format!(
                "`{}` was called with {} ({read} tokens read)",
                call.name, call.arguments
            ),
        ),
        None => Check::warning(NAME, format!("none came back, but: {}", reply.raw.trim())).hint(
            "if that is a call which the server did not read, set template = \"ours\" and a \
             profile below [remote] in glm.toml; a small model may just not call",
        ),
    }
}

async fn reply(remote: &Remote) -> Result<Option<Reply>, Error> {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string", "description": "City"}},
        "required": ["city"],
    });
    let request = Request {
        conversation: Conversation {
            tools: vec![ToolSpec::function(
                FUNCTION,
                "Current weather of a city",
                parameters,
            )],
            messages: vec![Message::User {
                content: "What is the weather in Paris now?".to_owned(),
            }],
            ..Conversation::default()
        },
        sampling: remote.profile().sampling(),
        max_tokens: MAX_TOKENS,
        tool_choice: ToolChoice::Auto,
        answer_schema: None,
        cancel: CancellationToken::new(),
    };
    let mut stream = remote.generate(request).await?;
    let mut reply = None;
    while let Some(delta) = stream.next().await {
        if let Delta::Finished(finished) = delta? {
            reply = Some(finished);
        }
    }
    Ok(reply)
}
