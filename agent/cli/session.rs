//! `glm session`: what is on disk.

use std::io::Write;

use anyhow::Context;
use glm_agent::{
    Observer, Session, paths,
    render::{Jsonl, Terminal},
};
use serde::Serialize;

use crate::{
    args::{Color, SessionCommand},
    exit::{self, Failure},
    export, files, listing,
    run::ignore_closed,
    setup,
};

/// Runs the command.
pub fn session(command: &SessionCommand) -> Result<u8, Failure> {
    let root = paths::sessions_dir()?;
    match command {
        SessionCommand::List { json } => {
            let summaries = Session::summaries(&root)?;
            print(&if *json {
                as_json(&summaries)?
            } else {
                listing::table(&summaries)
            })?;
        }
        SessionCommand::Search { words, json } => {
            let places = Session::search(&root, words)?;
            print(&if *json {
                as_json(&places)?
            } else {
                listing::found(&places)
            })?;
            if places.is_empty() {
                return Ok(exit::FAILED);
            }
        }
        SessionCommand::Fork { id, at, name } => {
            let fork = Session::fork(&root, id, *at, name.as_deref())?;
            print(&format!("{}\n", fork.id()))?;
        }
        SessionCommand::Rm { ids } => {
            // A mistyped id should not leave half of them removed.
            for id in ids {
                Session::files_of(&root, id)?;
            }
            for id in ids {
                Session::remove(&root, id)?;
            }
        }
        SessionCommand::Show { id, json } => {
            let events = Session::read(&root, id)?;
            let style = setup::style(Color::Auto, &std::io::stdout());
            let mut jsonl = Jsonl::new(std::io::stdout());
            let terminal = Terminal::transcript(std::io::stdout(), style);
            let files = Session::files_of(&root, id)?;
            let mut terminal = setup::with_links(terminal, &std::io::stdout(), Some(files));
            let observer: &mut dyn Observer = if *json { &mut jsonl } else { &mut terminal };
            for event in &events {
                observer.event(event);
            }
        }
        SessionCommand::Export(args) => export::export(&root, args)?,
        // The one command of these that needs an agent is dispatched by itself.
        SessionCommand::Resume(_) => {}
        SessionCommand::Files {
            id,
            names,
            to,
            force,
            json,
        } => {
            let entries = files::named(id, names)?;
            let text = match to {
                Some(to) => files::copy(id, &entries, to, *force)?,
                None if *json => {
                    let objects: Vec<_> = entries.iter().map(files::object).collect();
                    format!("{:#}\n", serde_json::Value::from(objects))
                }
                None => files::table(&entries),
            };
            print(&text)?;
        }
    }
    Ok(exit::ANSWERED)
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(ignore_closed(std::io::stdout().write_all(text.as_bytes()))?)
}

fn as_json(list: &[impl Serialize]) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(list).context("cannot write JSON")?;
    Ok(text + "\n")
}
