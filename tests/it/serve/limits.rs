//! Who waits, who is sent away, and how things end.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use glm_agent::serve::{Backend, Limits, Model, Options, Service};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    server::{Answer, PATIENCE, Server, ask, python},
    slow::{Slow, words},
};
use crate::glm::Glm;

/// A server in this process.
pub struct Here {
    pub address: String,
    pub live: Arc<std::sync::atomic::AtomicUsize>,
    pub stop: CancellationToken,
    pub running: JoinHandle<()>,
    pub runtime: Runtime,
}

impl Here {
    pub fn start(engine: Slow, limits: Limits) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = Service::new(Options {
            limits,
            ..Options::default()
        });
        let live = Arc::clone(&engine.live);
        service.ready(Backend::Model(Model::new(Arc::new(engine))));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = runtime.spawn(async move { service.run(listener, stopped).await });
        Self {
            address,
            live,
            stop,
            running,
            runtime,
        }
    }

    /// The answer to a request for so many words.
    pub fn ask(&self, words: &str, stream: bool) -> Answer {
        let headers = [("content-type", "application/json")];
        let body = request(words, stream).to_string();
        ask(
            &self.address,
            "POST",
            "/v1/chat/completions",
            &headers,
            &body,
        )
    }

    /// A stream of an answer, after its first words.
    pub fn begin(&self, words: &str) -> Open {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = request(words, true).to_string();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        Open(BufReader::new(stream))
    }

    /// What `/metrics` says of this.
    pub fn metric(&self, name: &str) -> f64 {
        let text = ask(&self.address, "GET", "/metrics", &[], "").body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {text}"))
            .parse()
            .unwrap()
    }

    pub fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Requests that are answered now, and those that wait.
    pub fn gauges(&self) -> (f64, f64) {
        (
            self.metric("glm_requests_in_flight"),
            self.metric("glm_requests_queued"),
        )
    }
}

pub fn request(words: &str, stream: bool) -> Value {
    json!({"model": "slow", "messages": [{"role": "user", "content": words}], "stream": stream})
}

/// An answer that is being read.
pub struct Open(BufReader<TcpStream>);

impl Open {
    /// Reads until a line that has this in it.
    pub fn read_to(&mut self, part: &str) -> String {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert_ne!(
                self.0.read_line(&mut line).unwrap(),
                0,
                "it ended before {part}"
            );
        }
        line
    }
}

/// Waits for what is known to come.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it is not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[test]
fn one_too_many_is_told_when_to_come_back_and_who_leaves_makes_room() {
    let limits = Limits {
        concurrent: 1,
        queue: 1,
        ..Limits::default()
    };
    let here = Here::start(Slow::new(milliseconds(5)), limits);
    let mut first = here.begin("forever");
    first.read_to("w1");
    let second = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| here.ask("3", false));
        until("the second waits", || here.gauges() == (1.0, 1.0));
        for stream in [false, true] {
            let refused = here.ask("3", stream);
            assert_eq!(refused.status, 429);
            let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds));
            assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
        }
        let url = format!("http://{}/v1", here.address);
        let outcome = python(
            &url,
            None,
            &json!([{"do": "chat", "request": request("3", false)}]),
        );
        assert_eq!(outcome[0]["error"], "RateLimitError");
        assert_eq!(here.live(), 1);
        drop(first);
        waiting.join().unwrap()
    });
    assert_eq!(second.json()["choices"][0]["message"]["content"], words(3));
    until("all is free", || {
        here.gauges() == (0.0, 0.0) && here.live() == 0
    });
    assert_eq!(here.metric("glm_requests_rejected_total"), 3.0);
    assert_eq!(
        here.metric("glm_generations_total{outcome=\"disconnected\"}"),
        1.0
    );
}

#[test]
fn who_gives_up_in_the_queue_or_before_an_answer_leaves_nothing_behind() {
    let limits = Limits {
        concurrent: 1,
        queue: 1,
        ..Limits::default()
    };
    let here = Here::start(Slow::new(milliseconds(5)), limits);
    let whole = |words: &str| {
        let mut stream = TcpStream::connect(&here.address).unwrap();
        let body = request(words, false).to_string();
        let length = body.len();
        let address = &here.address;
        write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        stream
    };
    let first = whole("forever");
    until("the first is answered", || here.live() == 1);
    let second = whole("forever");
    until("the second waits", || here.gauges() == (1.0, 1.0));
    drop(second);
    until("the second has left", || here.gauges() == (1.0, 0.0));
    drop(first);
    until("all is free", || {
        here.gauges() == (0.0, 0.0) && here.live() == 0
    });
    assert_eq!(
        here.ask("2", false).json()["choices"][0]["message"]["content"],
        words(2)
    );
}

#[test]
fn time_is_limited() {
    let limits = Limits {
        time: milliseconds(300),
        ..Limits::default()
    };
    let here = Here::start(Slow::new(milliseconds(5)), limits);
    let whole = here.ask("forever", false);
    assert_eq!(
        (whole.status, &whole.json()["error"]["code"]),
        (504, &json!("timeout"))
    );
    let stream = here.ask("forever", true);
    assert_eq!(stream.status, 200);
    let messages = stream.events();
    assert_eq!(messages.last().unwrap()["error"]["code"], "timeout");
    let url = format!("http://{}/v1", here.address);
    let outcome = python(
        &url,
        None,
        &json!([{"do": "stream", "request": {"model": "slow", "messages": [{"role": "user", "content": "forever"}]}}]),
    );
    assert_eq!(
        (&outcome[0]["error"], &outcome[0]["code"]),
        (&json!("APIError"), &json!("timeout"))
    );
    until("all is free", || {
        here.gauges() == (0.0, 0.0) && here.live() == 0
    });
    assert_eq!(
        here.metric("glm_generations_total{outcome=\"timed_out\"}"),
        3.0
    );
}

#[test]
fn who_reads_nothing_is_dropped_and_keeps_nobody_waiting() {
    let limits = Limits {
        concurrent: 2,
        queue: 0,
        stall: milliseconds(300),
        ..Limits::default()
    };
    let engine = Slow {
        size: 100_000,
        ..Slow::new(milliseconds(1))
    };
    let here = Here::start(engine, limits);
    let mut stalled = here.begin("forever");
    stalled.read_to("www0");
    let other = here.ask("3", true);
    assert_eq!(
        other.events().last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    // The connection stays open at this end.
    until("it was dropped", || {
        here.live() == 0 && here.gauges() == (0.0, 0.0)
    });
    assert_eq!(
        here.metric("glm_generations_total{outcome=\"disconnected\"}"),
        1.0
    );
    drop(stalled);
}

#[test]
fn who_reads_nothing_keeps_no_slot_for_longer_than_a_request_may_take() {
    let limits = Limits {
        time: milliseconds(1000),
        ..Limits::default()
    };
    let engine = Slow {
        size: 100_000,
        ..Slow::new(milliseconds(1))
    };
    let here = Here::start(engine, limits);
    let mut stalled = here.begin("forever");
    stalled.read_to("www0");
    until("its time is up", || {
        here.live() == 0 && here.gauges() == (0.0, 0.0)
    });
    assert_eq!(
        here.metric("glm_generations_total{outcome=\"timed_out\"}"),
        1.0
    );
    drop(stalled);
}

#[test]
fn what_is_in_progress_may_end_when_the_server_stops() {
    let here = Here::start(Slow::new(milliseconds(5)), Limits::default());
    let mut open = here.begin("40");
    open.read_to("w1");
    here.stop.cancel();
    open.read_to("w39");
    open.read_to("[DONE]");
    here.runtime.block_on(here.running).unwrap();
    assert!(TcpStream::connect(&here.address).is_err());
}

#[test]
fn what_takes_longer_is_cut_off_and_told() {
    let limits = Limits {
        grace: milliseconds(100),
        ..Limits::default()
    };
    let here = Here::start(Slow::new(milliseconds(5)), limits);
    let mut open = here.begin("forever");
    open.read_to("w1");
    here.stop.cancel();
    let last = open.read_to("error");
    assert!(last.contains("the server is stopping"), "{last}");
    here.runtime.block_on(here.running).unwrap();
    assert_eq!(here.live.load(Ordering::SeqCst), 0);
}

#[test]
fn bodies_are_limited() {
    let limits = Limits {
        body: 1000,
        ..Limits::default()
    };
    let here = Here::start(Slow::new(milliseconds(1)), limits);
    let post = |headers: &[(&str, &str)], body: &str| {
        ask(&here.address, "POST", "/v1/chat/completions", headers, body)
    };
    let json = [("content-type", "application/json")];
    assert_eq!(post(&json, &"x".repeat(2000)).status, 413);
    assert_eq!(post(&[("content-type", "text/plain")], "{}").status, 415);
    let broken = post(&json, "{\"model\": ");
    assert_eq!(broken.status, 400);
    assert_eq!(broken.json()["error"]["type"], "invalid_request_error");
    assert_eq!(post(&json, "[]").status, 400);
    assert_eq!(
        ask(&here.address, "GET", "/v1/chat/completions", &[], "").status,
        405
    );
    assert_eq!(ask(&here.address, "GET", "/v2", &[], "").status, 404);
    assert_eq!(post(&json, "{\"model\": \"other\"}").status, 404);
    // Nothing of that was a generation.
    assert_eq!(here.metric("glm_generation_seconds_count"), 0.0);
}

#[test]
fn a_service_manager_stops_it() {
    let glm = Glm::new();
    let server = Server::start(&glm, &["\nHi.<|user|>"], &[]);
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn the_metrics_tell_what_was_done() {
    let here = Here::start(Slow::new(milliseconds(1)), Limits::default());
    here.ask("5", false);
    here.ask("7", true);
    let metrics = ask(&here.address, "GET", "/metrics", &[], "");
    let kind = metrics.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let route = "glm_requests_total{route=\"/v1/chat/completions\",status=\"200\"}";
    for (name, value) in [
        (route, 2.0),
        ("glm_completion_tokens_total", 12.0),
        ("glm_prompt_tokens_total", 2.0),
        ("glm_time_to_first_token_seconds_count", 2.0),
        ("glm_generation_seconds_count", 2.0),
        ("glm_generations_total{outcome=\"finished\"}", 2.0),
    ] {
        assert_eq!(here.metric(name), value, "{name}");
    }
}
