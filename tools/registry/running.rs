//! One call of a tool: its time, its tries, and what is made of what it says.

use std::{panic::AssertUnwindSafe, path::Path, time::Duration};

use futures::FutureExt;
use serde_json::Value;

use crate::{
    Artifact, Citation, Granted, Observation, Tool, ToolContext, ToolError, ToolOutput,
    schema::{DEPTH, shallower},
    text,
};

/// Times that a call is made at most, if its tool lets it be made again.
const TRIES: u32 = 3;

/// How long to wait before the second try; before the third, twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs a call whose arguments were checked.
pub(super) async fn run(
    tool: &Tool,
    arguments: Value,
    mut cx: ToolContext,
) -> Result<ToolOutput, ToolError> {
    let name = tool.name();
    let limit = tool.time_limit();
    let run_cancel = std::mem::take(&mut cx.cancel);
    // Whatever ends the wait for the call also tells the tool.
    let call_cancel = run_cancel.child_token();
    let _stopped = call_cancel.clone().drop_guard();
    cx.cancel = call_cancel;
    let (progress, _ending) = std::mem::take(&mut cx.progress).for_one_call(cx.secrets.clone());
    cx.progress = progress;
    let secrets = cx.secrets.clone();
    let (call, directory) = (cx.call.clone(), cx.directory.clone());
    let result = tokio::select! {
        biased;
        () = run_cancel.cancelled() => Err(ToolError::Model(format!("`{name}` was cancelled"))),
        result = tokio::time::timeout(limit, tries(tool, arguments, cx)) => {
            result.unwrap_or_else(|_| Err(ToolError::Model(format!(
                "`{name}` was stopped at its time limit of {} s",
                limit.as_secs_f64()
            ))))
        }
    };
    match result {
        Ok(output) => Ok(fit(output, &secrets, &call, directory.as_deref())),
        Err(error) => Err(fit_error(error, &secrets)),
    }
}

/// Makes the call, and makes it again where time may help and no harm is done.
async fn tries(tool: &Tool, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match once(tool, arguments.clone(), cx.clone()).await {
            Err(ToolError::Transient(reason)) if tool.is_idempotent() => {
                tracing::debug!(tool = tool.name(), reason, "trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
    once(tool, arguments, cx).await
}

async fn once(tool: &Tool, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
    let run = AssertUnwindSafe(async { tool.invoke(arguments, cx).await }).catch_unwind();
    run.await.unwrap_or_else(|panic| {
        let what = panic_message(&*panic);
        tracing::error!(tool = tool.name(), what, "a tool panicked");
        Err(ToolError::User(format!(
            "`{}` failed because of an error in its code: {what}",
            tool.name()
        )))
    })
}

/// Makes an output fit to be read, shown and kept. What is too long is kept whole
/// in the session's files.
fn fit(output: ToolOutput, secrets: &Granted, call: &str, directory: Option<&Path>) -> ToolOutput {
    let whole = fit_text(&output.text, secrets);
    let mut artifacts = output.artifacts;
    let mut shown = text::clean(&whole, text::CAP);
    if shown.len() < whole.len()
        && let Some(directory) = directory
    {
        match Artifact::keep(directory, call, "text/plain", whole.as_bytes()) {
            Ok(artifact) => {
                shown.push_str(&format!(
                    "\n[the whole text is in /mnt/data/{}]",
                    artifact.name
                ));
                artifacts.push(artifact);
            }
            Err(error) => tracing::warn!("cannot keep the whole text of {call}: {error}"),
        }
    }
    let more = output.more.into_iter().map(|seen| Observation {
        text: text::clean(&fit_text(&seen.text, secrets), text::CAP),
        metadata: secrets.redacted(seen.metadata),
    });
    let citations = output.citations.into_iter().map(|citation| Citation {
        title: secrets.redacted(citation.title),
        url: secrets.redacted(citation.url),
        ..citation
    });
    let json = output.json.filter(|json| shallower(json, DEPTH));
    let json = json.map(|json| json.to_string());
    let json = json.filter(|json| json.len() <= text::CAP);
    ToolOutput {
        text: shown,
        metadata: secrets.redacted(output.metadata),
        json: json.and_then(|json| serde_json::from_str(&secrets.redacted(json)).ok()),
        more: more.collect(),
        artifacts,
        citations: citations.collect(),
        ..output
    }
}

/// A text of any length without escapes and secrets. They are looked for again when
/// the escapes that may have stood among them are gone.
fn fit_text(text: &str, secrets: &Granted) -> String {
    let text = secrets.redacted(text.to_owned());
    secrets.redacted(text::clean(&text, usize::MAX))
}

fn fit_error(error: ToolError, secrets: &Granted) -> ToolError {
    let clean = |message: String| text::clean(&fit_text(&message, secrets), text::CAP);
    match error {
        ToolError::Model(message) => ToolError::Model(clean(message)),
        ToolError::Transient(message) => ToolError::Transient(clean(message)),
        ToolError::User(message) => ToolError::User(clean(message)),
        ToolError::Fatal(message) => ToolError::Fatal(clean(message)),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}
