//! Spans on their way to a collector: in the background, or at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor},
};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::Url;

use super::{
    Setup, Trace,
    settings::{Lookup, from_env, resource, timeout, wrong},
};
use crate::{
    Error,
    driver::Listener,
    event::{Event, EventKind},
};

/// Spans in one request.
const BATCH: usize = 512;

/// Of a collector's answer, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Makes spans of the events of all sessions, and sends them in the background.
///
/// Nothing waits for it, and nothing fails with it: spans that the collector does not
/// take, or for which the queue has no room, are lost, and a warning says so once.
/// The queue, 2,048 spans long, is sent every five seconds; OpenTelemetry's
/// `OTEL_BSP_*` variables change that.
#[derive(Debug)]
pub struct Exporter {
    setup: Arc<Setup>,
    /// By session.
    traces: Mutex<HashMap<String, Trace>>,
    processor: BatchSpanProcessor,
    queued: AtomicU64,
    outcome: Arc<Outcome>,
}

impl Exporter {
    /// Sends spans to a collector. The process must run on tokio.
    ///
    /// # Errors
    /// When a variable of the environment asks for what cannot be done.
    pub fn new(destination: &Url, setup: Setup) -> Result<Self, Error> {
        let outcome = Arc::new(Outcome {
            endpoint: shown(destination),
            ..Outcome::default()
        });
        let mut exporter = Watched {
            inner: client(destination, &outcome, &from_env)?,
            outcome: Arc::clone(&outcome),
        };
        exporter.set_resource(&resource(&from_env));
        Ok(Self {
            setup: Arc::new(setup),
            traces: Mutex::default(),
            processor: BatchSpanProcessor::builder(exporter).build(),
            queued: AtomicU64::new(0),
            outcome,
        })
    }

    /// Sends what is left, for no longer than `limit`. It blocks.
    pub fn finish(&self, limit: Duration) {
        let is_late = self.processor.shutdown_with_timeout(limit).is_err();
        let queued = self.queued.load(Ordering::Relaxed);
        let lost = queued.saturating_sub(self.outcome.delivered.load(Ordering::Relaxed));
        if lost > 0 {
            let why = if is_late {
                format!("it took longer than {} s", limit.as_secs())
            } else {
                "the queue was full".to_owned()
            };
            self.outcome
                .warn(&format!("{lost} spans were not sent: {why}"));
        }
    }
}

impl Listener for Exporter {
    fn event(&self, session: &str, events: &[Event]) {
        let Some((event, past)) = events.split_last() else {
            return;
        };
        let lock = || self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().remove(session);
        let mut trace = known.unwrap_or_else(|| Trace::after(session, past, &self.setup));
        let spans = trace.apply(events);
        if !matches!(event.kind, EventKind::RunEnded { .. }) {
            lock().insert(session.to_owned(), trace);
        }
        for span in spans {
            // Who calls this program may have decided to leave the trace out.
            if span.span_context.is_sampled() {
                self.queued.fetch_add(1, Ordering::Relaxed);
                self.processor.on_end(span);
            }
        }
    }
}

/// Sends spans at once, and returns how many.
///
/// # Errors
/// When the collector does not take them, or a variable of the environment asks for
/// what cannot be done.
pub async fn send(destination: &Url, spans: Vec<SpanData>) -> Result<usize, Error> {
    let outcome = Arc::new(Outcome::default());
    let mut exporter = client(destination, &outcome, &from_env)?;
    exporter.set_resource(&resource(&from_env));
    let count = spans.len();
    let mut spans = spans.into_iter();
    loop {
        let batch: Vec<_> = spans.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(count);
        }
        let sent = exporter.export(batch).await;
        sent.map_err(|error| Error::NotSent {
            endpoint: shown(destination),
            reason: outcome.fault().unwrap_or_else(|| error.to_string()),
        })?;
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

fn client(
    destination: &Url,
    outcome: &Arc<Outcome>,
    env: Lookup<'_>,
) -> Result<opentelemetry_otlp::SpanExporter, Error> {
    let limit = timeout(env)?;
    // What is sent is for the collector, and not for whom it names.
    let http = reqwest::Client::builder()
        .timeout(limit)
        .redirect(Policy::none())
        .build()
        .map_err(|error| wrong(&error.to_string()))?;
    let client = Client {
        http,
        runtime: Handle::current(),
        outcome: Arc::clone(outcome),
    };
    opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(destination.as_str())
        .with_timeout(limit)
        .build()
        .map_err(|error| wrong(&error.to_string()))
}

/// What became of spans.
#[derive(Debug, Default)]
struct Outcome {
    endpoint: String,
    delivered: AtomicU64,
    fault: Mutex<Option<String>>,
    is_told: AtomicBool,
}

impl Outcome {
    fn fault(&self) -> Option<String> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }

    fn set_fault(&self, fault: String) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// Once is enough: the work goes on.
    fn warn(&self, what: &str) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("traces for {} are lost: {what}", self.endpoint);
        }
    }
}

/// An exporter of which it is known what it lost.
#[derive(Debug)]
struct Watched {
    inner: opentelemetry_otlp::SpanExporter,
    outcome: Arc<Outcome>,
}

impl SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => {
                self.outcome.delivered.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                let fault = self.outcome.fault();
                self.outcome
                    .warn(&fault.unwrap_or_else(|| error.to_string()));
            }
        }
        result
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.inner.set_resource(resource);
    }
}

/// The program's own HTTP, for whichever thread exports.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    outcome: Arc<Outcome>,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let asked = self
            .http
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body);
        let sent = self.runtime.spawn(answer(asked)).await;
        let sent = sent
            .map_err(|error| error.to_string())
            .and_then(|sent| sent);
        match sent {
            Ok(response) => {
                if !response.status().is_success() {
                    let status = response.status();
                    self.outcome
                        .set_fault(format!("the collector answers {status}"));
                }
                Ok(response)
            }
            Err(fault) => {
                self.outcome.set_fault(fault.clone());
                Err(fault.into())
            }
        }
    }
}

async fn answer(asked: reqwest::RequestBuilder) -> Result<Response<Bytes>, String> {
    let mut answer = asked.send().await.map_err(|error| said(&error))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| said(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST_ANSWER {
            return Err("the collector's answer has no end".to_owned());
        }
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The cause, and not the address, in which there may be a secret.
fn said(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() {
        "the collector does not answer in time".to_owned()
    } else {
        cause.to_string()
    }
}
