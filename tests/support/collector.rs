//! A collector of traces that reads them with OpenTelemetry's own protobufs.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;

use crate::{cache::source, venv};

/// A collector, for as long as the test runs.
pub struct Collector {
    process: Child,
    url: String,
    requests: Receiver<Value>,
}

impl Collector {
    pub fn start() -> Self {
        Self::that_answers(&[])
    }

    /// One that answers with a status, after it refused some requests.
    pub fn that_answers(args: &[&str]) -> Self {
        let mut process = Command::new(venv::python())
            .arg(source("data/otlp_receiver.py"))
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.next().expect("an address").unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            process,
            url,
            requests,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What has come.
    pub fn requests(mut self) -> Vec<Value> {
        self.process.kill().unwrap();
        self.requests.iter().collect()
    }

    /// The spans of all that has come.
    pub fn spans(self) -> Vec<Value> {
        let requests = self.requests();
        let spans = requests.iter().flat_map(|r| r["spans"].as_array().unwrap());
        spans.cloned().collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
