//! Many streams at the same time, and clients of all kinds.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    sync::Barrier,
    time::Duration,
};

use glm_agent::serve::Limits;
use serde_json::Value;

use super::{
    limits::{Here, request, until},
    slow::{Slow, words},
};

const STREAMS: usize = 64;
/// Words of a reply.
const WORDS: usize = 300;

#[derive(Clone, Copy)]
enum Kind {
    Reads,
    /// Reads a few bytes at a time.
    Slow,
    /// Leaves in the middle.
    Leaves,
}

#[test]
fn sixty_four_streams_are_right_whoever_is_slow_or_leaves() {
    let limits = Limits {
        concurrent: 16,
        queue: STREAMS,
        ..Limits::default()
    };
    let here = Here::start(Slow::new(Duration::from_millis(1)), limits);
    here.ask("1", true);
    let tasks = || here.runtime.metrics().num_alive_tasks();
    let idle = settled(tasks);
    for _ in 0..2 {
        round(&here);
        until("all slots are free", || {
            here.gauges() == (0.0, 0.0) && here.live() == 0
        });
        // Nothing is left of them: what a task held is gone with it.
        until("all tasks have ended", || tasks() <= idle);
    }
    let finished = 2 * (STREAMS - STREAMS / 4) + 1;
    let metric = "glm_generations_total{outcome=\"finished\"}";
    assert_eq!(here.metric(metric), finished as f64);
    let metric = "glm_generations_total{outcome=\"disconnected\"}";
    assert_eq!(here.metric(metric), (2 * STREAMS / 4) as f64);
}

/// A number once it no longer changes.
fn settled(number: impl Fn() -> usize) -> usize {
    let (mut last, mut same) = (number(), 0);
    while same < 50 {
        std::thread::sleep(Duration::from_millis(10));
        let now = number();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

fn round(here: &Here) {
    let together = Barrier::new(STREAMS);
    std::thread::scope(|scope| {
        for number in 0..STREAMS {
            let kind = match number % 4 {
                0 => Kind::Leaves,
                1 => Kind::Slow,
                _ => Kind::Reads,
            };
            let together = &together;
            scope.spawn(move || {
                together.wait();
                client(here, kind);
            });
        }
    });
}

fn client(here: &Here, kind: Kind) {
    let mut stream = TcpStream::connect(&here.address).unwrap();
    let body = request(&WORDS.to_string(), true).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        here.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut text = String::new();
    match kind {
        Kind::Reads => {
            stream.read_to_string(&mut text).unwrap();
        }
        Kind::Slow => {
            let mut part = [0; 2000];
            loop {
                let read = stream.read(&mut part).unwrap();
                if read == 0 {
                    break;
                }
                text += std::str::from_utf8(&part[..read]).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Kind::Leaves => {
            let mut reader = BufReader::new(stream);
            while !text.contains("w20") {
                let mut part = [0; 500];
                let read = reader.read(&mut part).unwrap();
                assert_ne!(read, 0, "{text}");
                text += std::str::from_utf8(&part[..read]).unwrap();
            }
            return;
        }
    }
    assert!(text.starts_with("HTTP/1.0 200 OK"), "{text}");
    let (_, events) = text.split_once("\r\n\r\n").unwrap();
    let data = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let mut said = String::new();
    let mut ended = false;
    for data in data {
        assert!(!ended);
        if data == "[DONE]" {
            ended = true;
            continue;
        }
        let message: Value = serde_json::from_str(data).unwrap();
        said += message["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap_or_default();
    }
    assert!(ended);
    assert_eq!(said, words(WORDS));
}
