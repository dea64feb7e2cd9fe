//! A program run once per call.

use std::{path::PathBuf, process::Stdio};

use async_trait::async_trait;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command as Process},
};

use crate::{Invoke, Progress, ToolContext, ToolError, ToolOutput};

/// The variables that every command sees.
pub const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT"];

/// How much of a stream is kept; the rest is read and dropped, so that the
/// program does not wait for a reader.
const KEPT: usize = 1 << 20;

/// How much of the errors a failed program printed is shown.
const EXCERPT: usize = 2000;

/// What to run for a call.
pub(super) struct Command {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub folder: PathBuf,
    pub environment: Vec<String>,
}

impl Command {
    fn start(&self) -> Result<Running, ToolError> {
        let mut process = Process::new(&self.program);
        process
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let named = self.environment.iter().map(String::as_str);
        for name in ENVIRONMENT.into_iter().chain(named) {
            if let Some(value) = std::env::var_os(name) {
                process.env(name, value);
            }
        }
        #[cfg(unix)]
        process.process_group(0);
        let child = process.spawn().map_err(|error| {
            ToolError::User(format!("cannot run `{}`: {error}", self.program.display()))
        })?;
        Ok(Running(child))
    }
}

#[async_trait]
impl Invoke for Command {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let mut running = self.start()?;
        let stdin = running.0.stdin.take();
        let (stdout, stderr) = (running.0.stdout.take(), running.0.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program need not read its arguments.
                let _ = stdin.write_all(arguments.to_string().as_bytes()).await;
            }
        };
        let ((), stdout, stderr) = tokio::join!(
            feed,
            kept(stdout, cx.progress),
            kept(stderr, Progress::default())
        );
        let status = running.0.wait().await.map_err(|error| {
            ToolError::Model(format!(
                "cannot wait for `{}`: {error}",
                self.program.display()
            ))
        })?;
        let mut text = stdout.trim_end().to_owned();
        if !status.success() {
            let errors = stderr.trim();
            let excerpt: String = errors.chars().take(EXCERPT).collect();
            for part in [excerpt, format!("the command failed: {status}")] {
                if !text.is_empty() && !part.is_empty() {
                    text.push('\n');
                }
                text.push_str(&part);
            }
        }
        Ok(ToolOutput {
            text,
            failed: !status.success(),
            ..ToolOutput::default()
        })
    }
}

/// A program with everything it started: dropped, all of it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(group)
        {
            // There is nothing left to kill if it has ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Reads a stream to its end, says what comes, and keeps the beginning.
async fn kept(stream: Option<impl AsyncRead + Unpin>, progress: Progress) -> String {
    let mut bytes = Vec::new();
    let mut said = 0;
    let mut dropped = 0;
    if let Some(mut stream) = stream {
        let mut chunk = vec![0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            let room = KEPT.saturating_sub(bytes.len()).min(read);
            bytes.extend(chunk.iter().take(room));
            dropped += read - room;
            let new = bytes.get(said..).unwrap_or_default();
            let (whole, _) = new.split_at(whole_characters(new));
            said += whole.len();
            progress.say(&String::from_utf8_lossy(whole));
        }
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if dropped > 0 {
        text.push_str(&format!("\n[... {dropped} more bytes left out ...]"));
    }
    text
}

/// How many of the bytes come before a character that is cut off at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
    let is_begun = std::str::from_utf8(last).is_err_and(|e| e.error_len().is_none());
    bytes.len() - if is_begun { last.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_waits_for_the_other_half() {
        for (bytes, whole) in [
            (&b"ab"[..], 2),
            ("a€".as_bytes(), 4),
            (b"a\xe2\x82", 1),
            (b"a\xff", 2),
            (b"\xff\xe2", 1),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(bytes), whole, "{bytes:?}");
        }
    }
}
