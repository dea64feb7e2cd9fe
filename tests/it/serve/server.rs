//! The server under test, and clients that others wrote.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    cache,
    glm::{Glm, Output},
    npm, venv,
};

/// How long something may take that is known to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `glm serve`, until it is dropped.
pub struct Server {
    child: Child,
    address: String,
}

/// An answer by HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Server {
    /// With replies from a script, once it answers.
    pub fn start(glm: &Glm, replies: &[&str], more: &[&str]) -> Self {
        let engine = glm.script(replies);
        Self::with(glm, &[["--engine", &engine].as_slice(), more].concat())
    }

    /// With the default model, once it is loaded.
    #[cfg(feature = "local")]
    pub fn local(glm: &Glm, more: &[&str]) -> Self {
        Self::with(glm, more)
    }

    fn with(glm: &Glm, more: &[&str]) -> Self {
        let args = ["serve", "--port", "0"];
        let mut child = glm
            .command(&[args.as_slice(), more].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("serving at http://")
            .and_then(|rest| rest.strip_suffix('/'))
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned();
        // Whatever else it says must not stop it.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let server = Self { child, address };
        let begun = Instant::now();
        while server.get("/health").status != 200 {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address for OpenAI's clients.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.ask("POST", path, &headers, &body.to_string())
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body)
    }

    /// Tells it to stop, as a service's manager does, and waits until it has.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request, on a connection of its own.
pub fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let has_host = headers.iter().any(|(name, _)| *name == "host");
    let host = if has_host {
        String::new()
    } else {
        format!("host: {address}\r\n")
    };
    let headers: String = headers
        .iter()
        .map(|(n, v)| format!("{n}: {v}\r\n"))
        .collect();
    // Before 1.1, an answer is what comes until the connection ends.
    let head = format!(
        "{method} {path} HTTP/1.0\r\n{host}{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It may be refused before it has come.
    let _ = stream.write_all(body.as_bytes());
    let mut text = Vec::new();
    // What is refused early may end in a reset.
    let _ = stream.read_to_end(&mut text);
    Answer::read(&String::from_utf8(text).unwrap())
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Self {
            status,
            headers: lines.map(header).collect(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The messages of a stream.
    pub fn events(&self) -> Vec<Value> {
        let data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let data: Vec<_> = data.collect();
        let (last, messages) = data.split_last().unwrap_or_else(|| panic!("{self:?}"));
        let mut messages: Vec<Value> = messages
            .iter()
            .map(|m| serde_json::from_str(m).unwrap())
            .collect();
        if *last != "[DONE]" {
            messages.push(serde_json::from_str(last).unwrap());
        }
        messages
    }
}

/// What the steps of a plan lead to, by OpenAI's client for Python.
pub fn python(url: &str, key: Option<&str>, steps: &Value) -> Vec<Value> {
    let mut command = Command::new(venv::python());
    command.arg(cache::source("data/openai_client.py"));
    drive(&mut command, &plan(url, key, steps))
}

/// The same by that for Node.
pub fn node(url: &str, key: Option<&str>, steps: &Value) -> Vec<Value> {
    let mut command = Command::new("node");
    command.arg(cache::source("data/openai_client.mjs"));
    command.arg(npm::packages().join("openai/index.mjs"));
    drive(&mut command, &plan(url, key, steps))
}

fn plan(url: &str, key: Option<&str>, steps: &Value) -> Value {
    json!({"url": url, "key": key.unwrap_or("none"), "steps": steps})
}

/// A program that reads JSON and writes JSON.
pub fn drive(command: &mut Command, input: &Value) -> Vec<Value> {
    let output = run(command, &input.to_string());
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Runs a program with this input, to a good end. Proxies are for other machines.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = Output::of(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(0), "{output:?}");
    output
}
