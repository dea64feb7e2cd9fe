//! `/v1/completions`: texts continued, without turns or tools.
//!
//! Nothing is put before a prompt: one in a model's own format begins with what that
//! begins with, such as `[gMASK]<sop>`.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use glm_agent_model::{Completion, Delta, Finish, Prompt, Reply, Usage};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Backend, Model, Service, body, chat, check_model,
    error::Refusal,
    fields::{Common, Fields, wrong},
    generation::{Clock, Generation},
    stream::{self, Cut, Outlet},
    words::Words,
};

/// What OpenAI's endpoint adds to a text, in tokens, where it is not said.
const MAX_TOKENS: usize = 16;

/// `POST /v1/completions`.
pub(super) async fn completions(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let clock = Clock::start(&service);
    let fields = Fields::new(body::object(&service, request).await?);
    let model = match service.backend()? {
        Backend::Model(model) => model,
        Backend::Agent(_) => {
            let message = "an agent is served here\nhint: POST /v1/chat/completions";
            return Err(Refusal::param("prompt", message));
        }
    };
    let (common, completion) = read(fields, model)?;
    let envelope = Envelope::new(model.engine.model());
    let mut words = Words::of_text(common.stop);
    let cancel = completion.cancel.clone();
    let start = model.engine.complete(completion);
    let mut generation = Generation::start(clock, cancel, start).await?;
    if !common.stream {
        let mut text = String::new();
        let reply = loop {
            match step(&mut generation, &mut words).await? {
                Step::Words(more) => text.push_str(&more),
                Step::End(reply) => break reply,
            }
        };
        text.push_str(&words.finish());
        let mut whole = envelope.message(&text, Some(finish(&reply)));
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("usage".to_owned(), chat::usage(&reply.usage));
        }
        return Ok(Json(whole).into_response());
    }
    let include_usage = common.include_usage;
    Ok(stream::respond(move |outlet| async move {
        send(&envelope, generation, words, include_usage, &outlet).await
    }))
}

fn read(mut fields: Fields, model: &Model) -> Result<(Common, Completion), Refusal> {
    check_model(&mut fields, &*model.engine)?;
    let prompt = match fields.take("prompt") {
        Some(prompt) => prompt_of(prompt)?,
        None => return Err(Refusal::param("prompt", "the prompt is missing")),
    };
    let common = fields.common(model.sampling)?;
    let skips = fields.bool("skip_special_tokens")?.unwrap_or(true);
    fields.end()?;
    let completion = Completion {
        prompt,
        sampling: common.sampling,
        max_tokens: common.max_tokens.unwrap_or(MAX_TOKENS),
        special_tokens: !skips,
        cancel: CancellationToken::new(),
    };
    Ok((common, completion))
}

/// A text, or the ids of its tokens; a list of one of them is as good.
fn prompt_of(prompt: Value) -> Result<Prompt, Refusal> {
    let refuse = |prompt: &Value| wrong("prompt", "one text, or one list of tokens' ids", prompt);
    match prompt {
        Value::String(text) if text.is_empty() => {
            Err(Refusal::param("prompt", "the prompt is empty"))
        }
        Value::String(text) => Ok(Prompt::Text(text)),
        Value::Array(mut prompts)
            if prompts.len() == 1
                && matches!(prompts[..], [Value::String(_) | Value::Array(_)]) =>
        {
            prompt_of(prompts.remove(0))
        }
        Value::Array(ids) if !ids.is_empty() => {
            let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
            let tokens: Option<Vec<u32>> = ids.iter().map(id).collect();
            tokens
                .map(Prompt::Tokens)
                .ok_or_else(|| refuse(&Value::Array(ids)))
        }
        other => Err(refuse(&other)),
    }
}

enum Step {
    Words(String),
    End(Reply),
}

async fn step(generation: &mut Generation, words: &mut Words) -> Result<Step, Refusal> {
    match generation.next().await? {
        None => Err(generation.broke_off()),
        Some(Delta::Finished(reply)) => Ok(Step::End(reply)),
        Some(Delta::Text(text)) => {
            let more = words.push(&text);
            if words.stopped() {
                generation.enough();
            }
            Ok(Step::Words(more))
        }
        Some(_) => Ok(Step::Words(String::new())),
    }
}

async fn send(
    envelope: &Envelope,
    mut generation: Generation,
    mut words: Words,
    include_usage: bool,
    outlet: &Outlet,
) -> Result<(), Cut> {
    let reply = loop {
        match step(&mut generation, &mut words).await? {
            Step::Words(more) if more.is_empty() => {}
            Step::Words(more) => {
                let message = envelope.message(&more, None);
                generation.clock.send(outlet, &message).await?;
            }
            Step::End(reply) => break reply,
        }
    };
    let mut clock = generation.end();
    let last = envelope.message(&words.finish(), Some(finish(&reply)));
    clock.send(outlet, &last).await?;
    if include_usage {
        let usage = envelope.usage(&reply.usage);
        clock.send(outlet, &usage).await?;
    }
    Ok(())
}

fn finish(reply: &Reply) -> &'static str {
    match reply.finish {
        Finish::Length => "length",
        Finish::Stop | Finish::Cancelled => "stop",
    }
}

/// What all messages of one answer have in common.
struct Envelope {
    id: String,
    created: i64,
    model: String,
}

impl Envelope {
    fn new(model: &str) -> Self {
        Self {
            id: format!("cmpl-{}", Uuid::new_v4().simple()),
            created: Timestamp::now().as_second(),
            model: model.to_owned(),
        }
    }

    fn message(&self, text: &str, finish: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}],
        })
    }

    fn usage(&self, usage: &Usage) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": [],
            "usage": chat::usage(usage),
        })
    }
}
