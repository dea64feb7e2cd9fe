//! `glm session export`: a session as a document.

use std::{fs, io::Write, path::Path};

use anyhow::Context;
use glm_agent::{
    Event, Observer, Session,
    render::{Jsonl, html, markdown},
};

use crate::{args::ExportArgs, exit::Failure, run::ignore_closed};

/// What a session is exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Markdown,
    Json,
}

/// Writes the document to the file, or to stdout.
pub fn export(root: &Path, args: &ExportArgs) -> Result<(), Failure> {
    let events = Session::read(root, &args.id)?;
    let document = match form(args) {
        Form::Html => html::page(&events, Some(&Session::files_of(root, &args.id)?)),
        Form::Markdown => markdown::session(&events),
        Form::Json => lines(&events)?,
    };
    match &args.output {
        Some(path) => fs::write(path, document)
            .with_context(|| format!("cannot write the session to `{}`", path.display()))?,
        None => ignore_closed(std::io::stdout().write_all(document.as_bytes()))?,
    }
    Ok(())
}

/// What the flags say, or else the file's name.
fn form(args: &ExportArgs) -> Form {
    if args.html {
        return Form::Html;
    }
    if args.json {
        return Form::Json;
    }
    let extension = args.output.as_deref().and_then(Path::extension);
    match extension.and_then(|extension| extension.to_str()) {
        Some("html" | "htm") if !args.md => Form::Html,
        Some("json" | "jsonl") if !args.md => Form::Json,
        _ => Form::Markdown,
    }
}

fn lines(events: &[Event]) -> Result<String, Failure> {
    let mut lines = Vec::new();
    let mut jsonl = Jsonl::new(&mut lines);
    events.iter().for_each(|event| jsonl.event(event));
    Ok(String::from_utf8(lines).context("the events are no text")?)
}
