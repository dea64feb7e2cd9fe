//! Answers sent as they come: server-sent events in OpenAI's form.
//!
//! What is sent goes through a channel that holds a bounded number of messages. A
//! client that reads slowly slows down its own answer only, and one that leaves ends
//! it: the work is dropped at once, wherever it waits.

use std::{convert::Infallible, future::Future, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::stream;
use serde_json::Value;
use tokio::sync::mpsc;

use super::error::Refusal;

/// Messages that may wait for a client to read them.
const BUFFER: usize = 256;

/// A sign of life where nothing is sent for so long: something between may close
/// connections that say nothing.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Proxies should pass on each message at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Where the messages of an answer go.
#[derive(Debug, Clone)]
pub(super) struct Outlet(mpsc::Sender<Event>);

/// The client has left.
#[derive(Debug)]
pub(super) struct Gone;

impl Outlet {
    /// Sends a message, once there is room for it.
    pub async fn send(&self, message: &Value) -> Result<(), Gone> {
        self.text(message.to_string()).await
    }

    async fn text(&self, text: String) -> Result<(), Gone> {
        let sent = self.0.send(Event::default().data(text)).await;
        sent.map_err(|_| Gone)
    }

    /// The client has left.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// How an answer ended before its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// The client has left.
    Gone,
    /// The client is told why.
    Refused(Refusal),
}

impl From<Gone> for Cut {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Refusal> for Cut {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An answer that `work` writes to its outlet. When the client leaves, `work` is
/// dropped.
pub(super) fn respond<W, F>(work: W) -> Response
where
    W: FnOnce(Outlet) -> F,
    F: Future<Output = Result<(), Cut>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(BUFFER);
    let outlet = Outlet(sender);
    let work = work(outlet.clone());
    tokio::spawn(async move {
        let done = tokio::select! {
            biased;
            () = outlet.closed() => return,
            done = work => done,
        };
        let last = match done {
            Ok(()) => "[DONE]".to_owned(),
            Err(Cut::Refused(refusal)) => refusal.body().to_string(),
            Err(Cut::Gone) => return,
        };
        // It may have left by now.
        let _ = outlet.text(last).await;
    });
    let messages = stream::unfold(receiver, |mut receiver| async {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE).text("alive");
    let mut response = Sse::new(messages).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    response
}
