//! What `/metrics` tells, in OpenMetrics' text form.

use std::time::Duration;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use glm_agent_model::Usage;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{Service, error::Refusal};

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a server counts.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    generations: Family<Generation, Counter>,
    rejected: Counter,
    /// Requests that are answered now.
    pub in_flight: Gauge,
    /// Requests that wait for their turn.
    pub queued: Gauge,
    prompt_tokens: Counter,
    cached_tokens: Counter,
    completion_tokens: Counter,
    first_token: Histogram,
    duration: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Generation {
    outcome: &'static str,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("glm");
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            generations: Family::default(),
            rejected: Counter::default(),
            in_flight: Gauge::default(),
            queued: Gauge::default(),
            prompt_tokens: Counter::default(),
            cached_tokens: Counter::default(),
            completion_tokens: Counter::default(),
            // 10 ms to 80 s.
            first_token: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            // 50 ms to 14 minutes.
            duration: Histogram::new(exponential_buckets(0.05, 2.0, 15)),
        };
        let told = "Requests by route and by the status of the answer";
        registry.register("requests", told, metrics.requests.clone());
        let told = "Replies by how they ended: finished, failed, refused (the queue was full), \
                    timed_out, stopped (the server was), disconnected (the client did)";
        registry.register("generations", told, metrics.generations.clone());
        let told = "Requests refused because the queue was full";
        registry.register("requests_rejected", told, metrics.rejected.clone());
        let told = "Requests that are answered now";
        registry.register("requests_in_flight", told, metrics.in_flight.clone());
        let told = "Requests that wait for their turn";
        registry.register("requests_queued", told, metrics.queued.clone());
        let told = "Tokens of prompts";
        registry.register("prompt_tokens", told, metrics.prompt_tokens.clone());
        let told = "Tokens of prompts that need not be computed";
        registry.register("prompt_cached_tokens", told, metrics.cached_tokens.clone());
        let told = "Tokens of replies";
        registry.register("completion_tokens", told, metrics.completion_tokens.clone());
        let told = "From the request to the first words or call of its reply, the wait included";
        let first = metrics.first_token.clone();
        registry.register_with_unit("time_to_first_token", told, Unit::Seconds, first);
        let told = "From the request to the end of its reply, the wait included";
        let duration = metrics.duration.clone();
        registry.register_with_unit("generation", told, Unit::Seconds, duration);
        Self {
            registry,
            ..metrics
        }
    }

    pub fn answered(&self, route: &'static str, status: u16) {
        let labels = Request { route, status };
        self.requests.get_or_create(&labels).inc();
    }

    pub fn rejected(&self) {
        self.rejected.inc();
    }

    pub fn ended(&self, outcome: &'static str, took: Duration) {
        self.generations
            .get_or_create(&Generation { outcome })
            .inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub fn first_token(&self, after: Duration) {
        self.first_token.observe(after.as_secs_f64());
    }

    pub fn spent(&self, usage: &Usage) {
        self.prompt_tokens.inc_by(usage.prompt_tokens);
        self.cached_tokens.inc_by(usage.cached_tokens);
        self.completion_tokens.inc_by(usage.completion_tokens);
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(service): State<Service>) -> Result<Response, Refusal> {
    let mut text = String::new();
    encode(&mut text, &service.shared.metrics.registry)
        .map_err(|error| Refusal::broken(format!("cannot write the metrics: {error}")))?;
    Ok(([(CONTENT_TYPE, TYPE)], text).into_response())
}
