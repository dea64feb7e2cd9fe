//! Results that are too long for the model's view: kept whole in the session's files,
//! and read on by a tool where there is no `python` to do so.

use std::{io::Read, path::Path};

use glm_agent_sandbox::files;
use glm_agent_tools::{Artifact, Registry, Tool, ToolContext, ToolError, ToolOutput};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    event::{Event, EventKind},
    view::further,
};

/// The tool's name.
const NAME: &str = "read_on";
/// The tool that sees the session's files anyway.
const PYTHON: &str = "python";
/// The least that a call shows, in characters.
const LEAST: usize = 200;

#[derive(Deserialize, JsonSchema)]
struct Place {
    /// Path below /mnt/data
    file: String,
    /// First character to show, from 0
    from: u64,
}

/// Shows a part of a file of the session's, of at most `chars` characters.
fn tool(chars: usize) -> Tool {
    let chars = chars.max(LEAST);
    Tool::new(
        NAME,
        "Shows more of a text that was too long to be shown whole",
        move |place: Place, cx: ToolContext| async move {
            let folder = cx.directory.ok_or_else(|| {
                ToolError::Model("this session has no files: there is nothing to read".to_owned())
            })?;
            let part = move || part(&folder, &place, chars);
            let done = tokio::task::spawn_blocking(part).await;
            done.unwrap_or_else(|error| Err(ToolError::User(error.to_string())))
        },
    )
    .idempotent(true)
}

fn part(folder: &Path, place: &Place, chars: usize) -> Result<String, ToolError> {
    let fail = |reason: String| ToolError::Model(format!("cannot read `{}`: {reason}", place.file));
    let name = place.file.trim_start_matches("/mnt/data/");
    let mut file = files::open(folder, name).map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|error| fail(error.to_string()))?;
    let length = text.chars().count();
    let from = usize::try_from(place.from).unwrap_or(usize::MAX);
    if from >= length {
        return Err(fail(format!("it has {length} characters")));
    }
    // A note on where this stands, and the text.
    let shown: String = text.chars().skip(from).take(chars - LEAST / 2).collect();
    let to = from + shown.chars().count();
    let rest = if to < length {
        format!("; go on from {to}")
    } else {
        String::new()
    };
    Ok(format!(
        "[characters {from} to {to} of {length}{rest}]\n{shown}"
    ))
}

/// The tools on offer, with one that reads on where something was too long for the
/// model's view of `chars` characters a result, and no `python` is there.
///
/// # Errors
/// As [`Registry::with`].
pub(crate) fn offered(
    registry: &Registry,
    events: &[Event],
    chars: usize,
) -> Result<Option<Registry>, glm_agent_tools::Error> {
    let is_there = |name: &str| registry.get(name).is_some();
    let is_kept = |event: &Event| match &event.kind {
        EventKind::ToolResult { id, output, .. } => {
            let mut names = output.artifacts.iter().map(|file| file.name.as_str());
            names.any(|name| {
                let parts = 0..output.more.len();
                Artifact::is_output_of(name, id)
                    || parts
                        .into_iter()
                        .any(|n| Artifact::is_output_of(name, &further(id, n)))
            })
        }
        _ => false,
    };
    if is_there(PYTHON) || is_there(NAME) || !events.iter().any(is_kept) {
        return Ok(None);
    }
    registry.with(tool(chars)).map(Some)
}

/// Keeps what is longer than `chars` characters in the session's files, where the
/// model can read on.
pub(crate) fn keep(id: &str, output: &mut ToolOutput, chars: usize, folder: &Path) {
    let mut kept = Vec::new();
    let has_whole = output
        .artifacts
        .iter()
        .any(|file| Artifact::is_output_of(&file.name, id));
    let own = (!has_whole).then(|| (id.to_owned(), &output.text));
    let more = output.more.iter().enumerate();
    let more = more.map(|(number, seen)| (further(id, number), &seen.text));
    for (name, text) in own.into_iter().chain(more) {
        if text.chars().count() <= chars {
            continue;
        }
        match Artifact::keep(folder, &name, "text/plain", text.as_bytes()) {
            Ok(artifact) => kept.push(artifact),
            Err(error) => tracing::warn!("cannot keep the whole text of {name}: {error}"),
        }
    }
    output.artifacts.extend(kept);
}

/// Whether a result has a text of more than `chars` characters.
pub(crate) fn is_long(output: &ToolOutput, chars: usize) -> bool {
    let more = output.more.iter().map(|seen| &seen.text);
    let mut texts = std::iter::once(&output.text).chain(more);
    // A character has a byte at least.
    texts.any(|text| text.len() > chars && text.chars().count() > chars)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_part_by_part() {
        let folder = tempfile::tempdir().unwrap();
        let text = "ü".repeat(250);
        std::fs::write(folder.path().join("x.txt"), &text).unwrap();
        let read = |file: &str, from: u64| {
            let place = Place {
                file: file.to_owned(),
                from,
            };
            part(folder.path(), &place, LEAST)
        };
        let first = format!(
            "[characters 0 to 100 of 250; go on from 100]\n{}",
            "ü".repeat(100)
        );
        assert_eq!(read("/mnt/data/x.txt", 0).unwrap(), first);
        let last = format!("[characters 200 to 250 of 250]\n{}", "ü".repeat(50));
        assert_eq!(read("x.txt", 200).unwrap(), last);
        let error = read("x.txt", 250).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read `x.txt`: it has 250 characters"
        );
        assert!(read("../../etc/passwd", 0).is_err());
    }

    #[test]
    fn what_is_long_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = ToolOutput::from("abcdef");
        assert!(is_long(&output, 5) && !is_long(&output, 6));
        keep("call_1", &mut output, 5, folder.path());
        keep("call_1", &mut output, 5, folder.path());
        let [artifact] = &output.artifacts[..] else {
            unreachable!("{output:?}")
        };
        assert!(Artifact::is_output_of(&artifact.name, "call_1"));
        assert!(!Artifact::is_output_of(&artifact.name, "call_"));
        let kept = std::fs::read_to_string(folder.path().join(&artifact.name)).unwrap();
        assert_eq!(kept, "abcdef");
    }
}
