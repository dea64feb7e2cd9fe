//! The `glm` under test.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::published::check_logs;

/// A `glm` with a data directory of its own. Models and compiled code are
/// shared with the user's, so that they are made once.
pub struct Glm {
    home: TempDir,
}

/// What a command printed, and how it ended.
#[derive(Debug, PartialEq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Glm {
    pub fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
        }
    }

    /// A file in the test's own folder.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A script of replies, as the argument of `--engine`.
    pub fn script(&self, replies: &[&str]) -> String {
        let lines: Vec<String> = replies
            .iter()
            .map(|r| Value::from(*r).to_string())
            .collect();
        let path = self.file("replies.jsonl", &(lines.join("\n") + "\n"));
        format!("scripted:{}", path.display())
    }

    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// The command, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glm"));
        command
            .args(args)
            .current_dir(self.home.path())
            .env("GLM_DATA_DIR", self.home.path().join("data"))
            .env("GLM_CONFIG_DIR", self.home.path().join("config"))
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .env_remove("TRACEPARENT")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        Output::of(self.command(args).output().unwrap())
    }

    /// The events of a `run --json`.
    pub fn events(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(args);
        assert_eq!(output.code, Some(0), "{output:?}");
        parse(&output.stdout)
    }
}

/// What tests had written keeps to its schema.
impl Drop for Glm {
    fn drop(&mut self) {
        // A test that fails for another reason should say that one.
        if !std::thread::panicking() {
            check_logs(&self.home.path().join("data/sessions"));
        }
    }
}

impl Output {
    pub fn of(output: std::process::Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Of a command that reads this.
    pub fn of_reader(command: &mut Command, stdin: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(stdin.as_bytes()).unwrap();
        drop(pipe);
        Self::of(child.wait_with_output().unwrap())
    }
}

/// Lines of JSON.
pub fn parse(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// Events without what differs from run to run.
pub fn stable(events: &[Value]) -> Vec<Value> {
    let mut events = events.to_vec();
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.shift_remove("time");
        event.shift_remove("setup");
        if event.contains_key("session") {
            event.insert("session".into(), "ID".into());
        }
    }
    events
}

/// The events of one type.
pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["type"] == kind).collect()
}
