//! `/v1/chat/completions`.
//!
//! Calls come whole: a client gets them as they were read, repaired and complete, in
//! one message of a stream, and never the half of one.

pub(super) mod messages;
mod reply;
pub(super) mod request;
pub(super) mod tools;

use axum::{
    Json,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use glm_agent_model::Delta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Backend, Service, agent, body,
    error::Refusal,
    fields::Fields,
    generation::{Clock, Generation},
    keys::Client,
    stream::{self, Cut, Outlet},
};
use reply::{Ending, Piece, Turn};
pub(super) use reply::{Envelope, usage};
use request::ChatRequest;

/// `POST /v1/chat/completions`.
pub(super) async fn chat(
    State(service): State<Service>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    let clock = Clock::start(&service);
    let session = agent::named_in(request.headers())?;
    let fields = Fields::new(body::object(&service, request).await?);
    let model = match service.backend()? {
        Backend::Agent(agent) => {
            return agent::answer(&service, agent, clock, client, session, fields).await;
        }
        Backend::Model(model) => model,
    };
    let request = ChatRequest::read(fields, model)?;
    let (stream, include_usage) = (request.common.stream, request.common.include_usage);
    let mut turn = Turn::new(&request, model.engine.profile());
    let envelope = Envelope::new(model.engine.model());
    let cancel = CancellationToken::new();
    let start = async {
        let request = request.for_engine(model, cancel.clone())?;
        model.engine.generate(request).await
    };
    let mut generation = Generation::start(clock, cancel.clone(), start).await?;
    if !stream {
        let mut content = String::new();
        let mut reasoning = String::new();
        let ending = loop {
            let pieces = match step(&mut generation, &mut turn).await? {
                Step::Pieces(pieces) => pieces,
                Step::End(ending) => break *ending,
            };
            for piece in pieces {
                match piece {
                    Piece::Content(text) => content.push_str(&text),
                    Piece::Reasoning(text) => reasoning.push_str(&text),
                }
            }
        };
        let whole = ending.whole(&envelope, content, &reasoning);
        return Ok(Json(whole).into_response());
    }
    Ok(stream::respond(move |outlet| async move {
        send(&envelope, generation, turn, include_usage, &outlet).await
    }))
}

enum Step {
    Pieces(Vec<Piece>),
    End(Box<Ending>),
}

/// The next pieces of a reply, or its end.
async fn step(generation: &mut Generation, turn: &mut Turn) -> Result<Step, Refusal> {
    match generation.next().await? {
        None => Err(generation.broke_off()),
        Some(Delta::Finished(reply)) => Ok(Step::End(Box::new(turn.finish(reply)))),
        Some(delta) => {
            let pieces = turn.push(delta);
            if turn.has_enough() {
                generation.enough();
            }
            Ok(Step::Pieces(pieces))
        }
    }
}

async fn send(
    envelope: &Envelope,
    mut generation: Generation,
    mut turn: Turn,
    include_usage: bool,
    outlet: &Outlet,
) -> Result<(), Cut> {
    let begin = json!({"role": "assistant", "content": ""});
    let begin = envelope.chunk(begin, None);
    generation.clock.send(outlet, &begin).await?;
    let ending = loop {
        let pieces = match step(&mut generation, &mut turn).await? {
            Step::Pieces(pieces) => pieces,
            Step::End(ending) => break ending,
        };
        for piece in pieces {
            let chunk = envelope.chunk(piece.delta(), None);
            generation.clock.send(outlet, &chunk).await?;
        }
    };
    let mut clock = generation.end();
    for chunk in ending.chunks(envelope) {
        clock.send(outlet, &chunk).await?;
    }
    if include_usage {
        let usage = envelope.usage(&ending.usage);
        clock.send(outlet, &usage).await?;
    }
    Ok(())
}

/// A piece of an answer, as a stream tells it.
impl Piece {
    fn delta(self) -> Value {
        match self {
            Self::Content(text) => json!({ "content": text }),
            Self::Reasoning(text) => json!({ "reasoning_content": text }),
        }
    }
}
