//! A server on loopback that answers as a test says.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Response, header::HeaderMap},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};

/// What is said to one request for a reply.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status, headers and a body.
    Whole(u16, Vec<(&'static str, String)>, String),
    /// Events as they come.
    Stream(Vec<Part>),
}

#[derive(Debug, Clone)]
pub enum Part {
    /// One event.
    Event(Value),
    /// Text as it is sent.
    Raw(&'static str),
    /// Nothing more comes, and the connection stays.
    Hang,
    /// The connection breaks.
    Cut,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The server, for as long as it is held.
pub struct Server {
    pub url: String,
    said: Arc<Said>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Said {
    /// What is said to requests of other paths than those for replies.
    known: Vec<(String, Value)>,
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
    /// Streams that somebody reads.
    open: AtomicUsize,
}

impl Server {
    /// vLLM as it tells of itself, with this model.
    pub fn vllm(model: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let models = json!({"object": "list", "data": [
            {"id": model, "object": "model", "owned_by": "vllm", "root": model, "max_model_len": 8192},
        ]});
        let known = [
            ("/v1/models", models),
            ("/version", json!({"version": "0.11.0"})),
        ];
        Self::new(known, answers)
    }

    /// A server of which nothing is known but its model.
    pub fn plain(model: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let models = json!({"object": "list", "data": [{"id": model, "object": "model"}]});
        Self::new([("/v1/models", models)], answers)
    }

    pub fn new<'a>(
        known: impl IntoIterator<Item = (&'a str, Value)>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let known = known
            .into_iter()
            .map(|(path, said)| (path.to_owned(), said));
        let said = Arc::new(Said {
            known: known.collect(),
            answers: Mutex::new(answers.into_iter().collect()),
            ..Said::default()
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = std::sync::mpsc::channel();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&said));
        // A runtime of its own: what a test does to its own stops nothing here.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router).into_future() => served.unwrap(),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            url: format!("http://{}", address.recv().unwrap()),
            said,
            _stop: stop,
        }
    }

    /// The requests for replies.
    pub fn asked(&self) -> Vec<Asked> {
        self.said.asked.lock().unwrap().clone()
    }

    /// Streams that somebody reads.
    pub fn open(&self) -> usize {
        self.said.open.load(Ordering::SeqCst)
    }
}

async fn answer(State(said): State<Arc<Said>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some((_, known)) = said.known.iter().find(|(known, _)| *known == path) {
        return whole(
            200,
            &[("content-type", "application/json".into())],
            known.to_string(),
        );
    }
    // A look whether the path is there.
    let is_look = body == json!({});
    if !path.contains("completions") {
        return whole(404, &[], String::new());
    }
    if is_look {
        return whole(
            400,
            &[],
            json!({"error": {"message": "no model"}}).to_string(),
        );
    }
    said.asked.lock().unwrap().push(Asked {
        path,
        headers: parts.headers,
        body,
    });
    let next = said.answers.lock().unwrap().pop_front();
    match next.expect("a test says what comes of each request") {
        Answer::Whole(status, headers, body) => whole(status, &headers, body),
        Answer::Stream(parts) => streamed(&said, parts),
    }
}

fn whole(status: u16, headers: &[(&'static str, String)], body: String) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body)).unwrap()
}

fn streamed(said: &Arc<Said>, parts: Vec<Part>) -> Response<Body> {
    said.open.fetch_add(1, Ordering::SeqCst);
    let reader = Reader(Arc::clone(said));
    let parts = stream::iter(parts).then(move |part| {
        let _reader = &reader;
        async move {
            match part {
                Part::Event(event) => Ok(Bytes::from(format!("data: {event}\n\n"))),
                Part::Raw(text) => Ok(Bytes::from(text)),
                Part::Hang => std::future::pending().await,
                Part::Cut => {
                    // What came before is to be read first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Err(std::io::Error::other("cut"))
                }
            }
        }
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(parts))
        .unwrap()
}

/// Somebody who reads a stream.
struct Reader(Arc<Said>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A whole reply as a completion, a few characters at a time.
pub fn completed(text: &str) -> Answer {
    let characters: Vec<char> = text.chars().collect();
    let mut parts: Vec<Part> = characters
        .chunks(5)
        .map(|piece| piece_of(&piece.iter().collect::<String>()))
        .collect();
    parts.push(Part::Event(
        json!({"choices": [{"text": "", "finish_reason": "stop"}]}),
    ));
    parts.push(Part::Event(json!({"choices": [], "usage": {
        "prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 64},
    }})));
    parts.push(Part::Raw("data: [DONE]\n\n"));
    Answer::Stream(parts)
}

/// A part of a completion.
pub fn piece_of(text: &str) -> Part {
    Part::Event(json!({"choices": [{"index": 0, "text": text, "finish_reason": null}]}))
}

/// A part of a message.
pub fn delta(delta: Value) -> Part {
    Part::Event(json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

/// The end of a message.
pub fn ended(why: &str) -> Part {
    Part::Event(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": why}]}))
}
