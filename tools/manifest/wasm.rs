//! A program in WebAssembly, run once per call in the [sandbox](glm_agent_sandbox::program).

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use glm_agent_sandbox::{Error, Limits, Stream, program::Program};
use serde_json::Value;

use super::command::EXCERPT;
use crate::{Invoke, ToolContext, ToolError, ToolOutput};

/// How much of both streams is kept, in bytes.
const KEPT: usize = 1 << 20;

/// How much longer than the program's own limit a call may take: the program says
/// better what happened.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// What to run for a call.
pub(super) struct Wasm {
    program: Program,
    limits: Limits,
}

impl Wasm {
    /// `memory` is in MiB.
    pub(super) fn open(
        file: &Path,
        timeout: Duration,
        memory: Option<usize>,
    ) -> Result<Self, Error> {
        let mut limits = Limits {
            wall: timeout,
            output_bytes: KEPT,
            ..Limits::default()
        };
        if let Some(memory) = memory {
            limits.memory_bytes = memory.saturating_mul(1 << 20);
        }
        let program = Program::open(file)?;
        Ok(Self { program, limits })
    }
}

#[async_trait]
impl Invoke for Wasm {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let files = cx.directory.as_deref();
        if let Some(files) = files {
            std::fs::create_dir_all(files).map_err(|error| {
                ToolError::User(format!(
                    "cannot create the folder `{}`: {error}",
                    files.display()
                ))
            })?;
        }
        let printed = Arc::new(Mutex::new((String::new(), String::new())));
        let watch = {
            let (printed, progress) = (Arc::clone(&printed), cx.progress);
            move |piece: glm_agent_sandbox::Output| {
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                match piece.stream {
                    Stream::Stdout => {
                        progress.say(&piece.text);
                        printed.0.push_str(&piece.text);
                    }
                    Stream::Stderr => printed.1.push_str(&piece.text),
                }
            }
        };
        let run = self
            .program
            .run(arguments.to_string(), files, &self.limits, watch)
            .await
            .map_err(|error| ToolError::User(error.to_string()))?;
        let (stdout, stderr) =
            std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
        let mut parts = vec![stdout.trim_end().to_owned()];
        if run.truncated {
            parts.push(format!(
                "[... what came after {KEPT} bytes is left out ...]"
            ));
        }
        let complaint = run.end.complaint(&self.limits);
        let failed = complaint.is_some();
        if let Some(complaint) = complaint {
            parts.push(stderr.trim().chars().take(EXCERPT).collect());
            parts.push(complaint);
            parts.extend(run.refused);
        }
        parts.retain(|part| !part.is_empty());
        Ok(ToolOutput {
            text: parts.join("\n"),
            failed,
            ..ToolOutput::default()
        })
    }
}
