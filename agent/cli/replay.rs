//! `glm replay`: a session run again from its log, or gone on with from the middle.

use std::io::Write;

use anyhow::anyhow;
use glm_agent::{EventKind, Session, images, paths, replay, state::State};
use serde_json::json;

use crate::{
    args::{ReplayArgs, ReportArgs},
    consent::Consent,
    exit::{self, Failure},
    resume,
    run::{self, Input, ignore_closed},
    servers,
    settings::Settings,
    setup,
};

/// Runs the command.
pub async fn replay(args: ReplayArgs, settings: &Settings) -> Result<u8, Failure> {
    match args.from {
        Some(from) => go_on(&args, from, settings).await,
        None => compare(&args).await,
    }
}

/// Runs the session again and says whether it came out the same.
async fn compare(args: &ReplayArgs) -> Result<u8, Failure> {
    let events = Session::read(&paths::sessions_dir()?, &args.id)?;
    let difference = replay::replay(&events).await?;
    let mut line = match &difference {
        _ if args.json => json!({ "events": events.len(), "difference": difference }).to_string(),
        None if args.quiet => return Ok(exit::ANSWERED),
        None => format!("{} events, and all came out the same", events.len()),
        Some(difference) => return Err(anyhow!("{difference}").into()),
    };
    line.push('\n');
    ignore_closed(std::io::stdout().write_all(line.as_bytes()))?;
    Ok(match difference {
        None => exit::ANSWERED,
        Some(_) => exit::FAILED,
    })
}

/// Begins a session with the events before `from`, and goes on live.
async fn go_on(args: &ReplayArgs, from: u64, settings: &Settings) -> Result<u8, Failure> {
    let root = paths::sessions_dir()?;
    let events = Session::read(&root, &args.id)?;
    let nothing = || {
        Failure::usage(anyhow!(
            "nothing goes on from event {from} of session `{}`\nhint: name the event of a message, \
             or one within a run; `glm session show {} --json` lists them",
            args.id,
            args.id
        ))
    };
    let next = events.iter().find(|event| event.seq == from);
    let said = next.and_then(|event| match &event.kind {
        EventKind::UserMessage {
            content, images, ..
        } => Some((content.clone(), images)),
        _ => None,
    });
    let past = State::fold(events.iter().filter(|event| event.seq < from));
    let input = match said {
        Some((message, images)) => {
            let folder = Session::files_of(&root, &args.id)?;
            Input::Task(message, images::shown(&folder, images)?)
        }
        None if past.is_running() || !past.pending().is_empty() => Input::Answers(Vec::new()),
        None => return Err(nothing()),
    };
    let agent = resume::recorded(&args.id, &events)?;
    let (builder, servers) = setup::agent(&agent, settings, args.quiet).await?;
    let agent = builder.approver(Consent).build()?;
    let count = usize::try_from(from).unwrap_or(usize::MAX);
    let mut session = Session::fork(&root, &args.id, Some(count), None)?;
    if !args.quiet {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "session {}", session.id());
    }
    let report = ReportArgs {
        json: args.json,
        output: args.output.clone(),
        quiet: args.quiet,
    };
    let done = run::watched(&agent, &mut session, input, &report, args.color).await;
    servers::close(servers).await;
    done
}
