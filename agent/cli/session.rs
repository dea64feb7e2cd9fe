//! `glm session`: what is on disk.

use std::io::Write;

use glm_agent::{
    Observer, Session, paths,
    render::{Jsonl, Terminal},
};

use crate::{
    args::{Color, SessionCommand},
    exit::{self, Failure},
    files,
    run::ignore_closed,
    setup,
};

/// Runs the command.
pub fn session(command: &SessionCommand) -> Result<u8, Failure> {
    let root = paths::sessions_dir()?;
    match command {
        SessionCommand::List => {
            let mut text = Session::list(&root)?.join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
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
            ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
        }
    }
    Ok(exit::ANSWERED)
}
