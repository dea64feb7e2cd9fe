//! An agent behind `/v1/chat/completions`: each request is a run, whose tools run here.
//!
//! Nobody is there to consent to calls: a run that needs consent ends, and goes on
//! when whoever runs the server gives it (`glm session resume`).

mod files;
mod request;
mod session;
mod watch;

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Service,
    chat::Envelope,
    error::Refusal,
    fields::Fields,
    generation::Clock,
    keys::Client,
    stream::{self, Cut, Outlet},
};
use crate::{
    Agent, Error, Run, StopReason,
    citation::{Cited, cite},
};
pub(super) use files::file;
use request::AgentRequest;
use watch::{Numbers, Watch};

/// Names the session of an answer, and the one that a request goes on with.
const SESSION: HeaderName = HeaderName::from_static("glm-session");

/// A run in a task of its own. Dropped, it is cancelled with its tools, and the task
/// ends once the log says so.
struct Running {
    task: JoinHandle<Result<Done, Error>>,
    chunks: mpsc::UnboundedReceiver<Value>,
    /// The id of its session, if that is kept.
    session: Option<String>,
    _cancelled_when_dropped: DropGuard,
}

/// A run that is over.
struct Done {
    run: Run,
    /// Its answer with what it cites.
    cited: Cited,
    /// Marks in what was streamed of it.
    numbers: Numbers,
}

/// Answers a request with a run.
pub(super) async fn answer(
    service: &Service,
    agent: &Arc<Agent>,
    mut clock: Clock,
    client: Client,
    session: Option<String>,
    fields: Fields,
) -> Result<Response, Refusal> {
    let request = AgentRequest::read(fields, agent, session)?;
    let envelope = Envelope::new(agent.model());
    let (is_stream, include_usage) = (request.stream, request.include_usage);
    let running = start(service, &mut clock, agent, client, request, &envelope).await?;
    let session = running.session.as_deref();
    let session = session.and_then(|id| HeaderValue::from_str(id).ok());
    let service = service.clone();
    let mut response = if is_stream {
        stream::respond(move |outlet| async move {
            send(&service, clock, running, &envelope, include_usage, &outlet).await
        })
    } else {
        match whole(&service, clock, running, &envelope).await {
            Ok(whole) => Json(whole).into_response(),
            Err(refusal) => refusal.into_response(),
        }
    };
    if let Some(session) = session {
        response.headers_mut().insert(SESSION, session);
    }
    Ok(response)
}

async fn start(
    service: &Service,
    clock: &mut Clock,
    agent: &Arc<Agent>,
    client: Client,
    request: AgentRequest,
    envelope: &Envelope,
) -> Result<Running, Refusal> {
    let slot = clock.enter().await?;
    let opened = session::open(agent, client, &request);
    let mut opened = opened.map_err(|refusal| clock.failed(refusal))?;
    let (sender, chunks) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let keeps = agent.keeps_sessions();
    let session = keeps.then(|| opened.session.id().to_owned());
    let has_form = opened.agent.answer_schema.is_some();
    let mut watch = Watch::new(has_form, envelope, sender, opened.session.events());
    let words = request.words;
    let task = service.shared.runs.spawn(async move {
        let session::Opened { agent, session } = &mut opened;
        let run = agent.say_watched(session, &words, &mut watch, stop).await;
        agent.close(session).await;
        // The next request need not wait for this one to be read.
        drop(slot);
        let run = run?;
        let cited = cite(session.events(), &run.answer);
        let numbers = watch.finish(&run);
        Ok(Done {
            run,
            cited,
            numbers,
        })
    });
    Ok(Running {
        task,
        chunks,
        session,
        _cancelled_when_dropped: guard,
    })
}

impl Running {
    /// How the run ended, once all its messages are read.
    async fn done(&mut self, service: &Service, clock: &mut Clock) -> Result<Done, Refusal> {
        let done = clock.within(&mut self.task).await?;
        let done = match done {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return Err(clock.failed(error.into())),
            Err(error) => return Err(clock.failed(Refusal::broken(error.to_string()))),
        };
        service.shared.metrics.spent(&done.run.usage);
        if let Some(refusal) = refusal(&done.run) {
            return Err(clock.failed(refusal));
        }
        clock.answers();
        clock.finished();
        Ok(done)
    }
}

/// Why a run has no answer, if it has none.
fn refusal(run: &Run) -> Option<Refusal> {
    let error = || {
        run.error
            .clone()
            .unwrap_or_else(|| "the run failed".to_owned())
    };
    match run.reason {
        StopReason::ApprovalNeeded | StopReason::ResultNeeded => {
            Some(Refusal::request(StatusCode::FORBIDDEN, error()).code("approval_needed"))
        }
        StopReason::Failed => Some(Refusal::broken(error()).code("run_failed")),
        StopReason::Interrupted => Some(Refusal::stopping()),
        _ => None,
    }
}

fn finish(reason: StopReason) -> &'static str {
    if reason.is_limit() { "length" } else { "stop" }
}

async fn whole(
    service: &Service,
    mut clock: Clock,
    mut running: Running,
    envelope: &Envelope,
) -> Result<Value, Refusal> {
    let Done { run, cited, .. } = running.done(service, &mut clock).await?;
    let mut numbers = Numbers::default();
    let mut content = String::new();
    for piece in &cited.pieces {
        content += &numbers.add(piece);
    }
    let message = json!({
        "role": "assistant",
        "content": content,
        "refusal": null,
        "annotations": numbers.annotations(&run.sources),
    });
    let mut whole = envelope.whole(message, finish(run.reason), &run.usage);
    if let Some(whole) = whole.as_object_mut() {
        let mut own = Map::new();
        let session = running.session.map(Value::String);
        own.extend(session.map(|session| ("session".to_owned(), session)));
        own.insert("run".to_owned(), watch::ended(&run));
        whole.insert("glm".to_owned(), own.into());
    }
    Ok(whole)
}

async fn send(
    service: &Service,
    mut clock: Clock,
    mut running: Running,
    envelope: &Envelope,
    include_usage: bool,
    outlet: &Outlet,
) -> Result<(), Cut> {
    let begin = json!({"role": "assistant", "content": ""});
    clock.send(outlet, &envelope.chunk(begin, None)).await?;
    if let Some(session) = &running.session {
        let session = envelope.beside(json!({ "session": session }));
        clock.send(outlet, &session).await?;
    }
    while let Some(chunk) = clock.within(running.chunks.recv()).await? {
        clock.answers();
        clock.send(outlet, &chunk).await?;
    }
    let Done { run, numbers, .. } = running.done(service, &mut clock).await?;
    let annotations = numbers.annotations(&run.sources);
    if !annotations.is_empty() {
        let delta = json!({ "annotations": annotations });
        let chunk = envelope.chunk(delta, None);
        clock.send(outlet, &chunk).await?;
    }
    let last = envelope.chunk(json!({}), Some(finish(run.reason)));
    clock.send(outlet, &last).await?;
    if include_usage {
        clock.send(outlet, &envelope.usage(&run.usage)).await?;
    }
    Ok(())
}

/// The session that a request's header names.
pub(super) fn named_in(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(SESSION) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(name) => Ok(Some(name.trim().to_owned())),
        Err(_) => Err(Refusal::param("glm-session", "the header is no text")),
    }
}
