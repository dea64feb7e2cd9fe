//! `glm`: a conversation at the terminal.

use std::{io::Write, path::PathBuf};

use glm_agent::{
    Agent, Error, Session, StopReason, files,
    model::image::Picture,
    paths,
    render::{Style, Terminal, terminal::printable},
    state::State,
};
use rustyline::{
    Cmd, Completer, Editor, Event, Helper, Highlighter, Hinter, KeyCode, KeyEvent, Modifiers,
    error::ReadlineError,
    history::DefaultHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{AgentArgs, SessionArgs},
    consent::Consent,
    exit::{self, Failure},
    files::table,
    prompts,
    run::of_limit,
    servers,
    settings::Settings,
    setup, tools,
};

const HELP: &str = "\
/help    this
/tools   the tools the model may call
/files   the files in /mnt/data
/image FILE shows a picture to a model that sees, with your next message
/prompts the prompts of MCP servers; /SERVER:PROMPT NAME=TEXT ... sends one
/compact have the model read a summary in the place of earlier turns
/new     start a new session
/exit    leave; so does Ctrl-D

Ctrl-C stops the reply and keeps the session. A line that ends in \\ goes on in
the next, as does an open ``` fence; Alt-Enter starts a new line anywhere.
";

type Lines = Editor<Prompt, DefaultHistory>;

/// Talks until the user leaves.
pub async fn repl(
    mut args: AgentArgs,
    own: SessionArgs,
    settings: &Settings,
) -> Result<u8, Failure> {
    args.tools.own.web.attend();
    let style = setup::style(args.color, &std::io::stdout());
    let files = setup::gather(&own.file, &args.tools)?;
    let (builder, servers) = setup::agent(&args, settings, false).await?;
    let agent = builder.approver(Consent).build()?;
    let mut session = agent.session(own.session.as_deref())?;
    let mut note = setup::bring(files, &mut session)?;
    let mut shown = setup::pictures(&own.image)?;
    if !shown.is_empty() {
        agent.sees_images()?;
    }
    let mut lines = editor()?;
    let history = paths::data_dir()?.join("history");
    load_history(&mut lines, &history);
    greet(&agent, &session, note.as_deref(), style)?;
    if State::fold(session.events()).is_running() {
        print(&style.dim("the last run was left in the middle, and is gone on with\n"))?;
        turn(&agent, &mut session, Begin::LeftOver, style).await?;
    }
    loop {
        let line = tokio::task::block_in_place(|| lines.readline("› "));
        let line = match line {
            Ok(line) => line.trim().to_owned(),
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(anyhow::Error::from(error).into()),
        };
        if line.is_empty() {
            continue;
        }
        remember(&mut lines, &history, &line);
        match line.as_str() {
            "/exit" | "/quit" => break,
            "/help" | "/?" => print(HELP)?,
            "/tools" => print(&tools::listed(&agent.tools().specs()))?,
            "/new" => {
                agent.close(&session).await;
                session = agent.session(None)?;
                note = setup::bring(setup::gather(&own.file, &args.tools)?, &mut session)?;
                print(&style.dim(&introduce(&session, note.as_deref(), "")))?;
            }
            "/files" => {
                let folder = session.files();
                let entries = folder.map_or_else(|| Ok(Vec::new()), |folder| files::list(&folder));
                print(&table(&entries?))?;
            }
            command if command.starts_with("/image ") => {
                let file = PathBuf::from(command.trim_start_matches("/image ").trim());
                let read = agent.sees_images().map_err(Failure::from);
                match read.and_then(|()| setup::pictures(&[file])) {
                    Ok(read) => shown.extend(read),
                    Err(failure) => print(&format!("{}\n", style.red(&failure.text())))?,
                }
            }
            "/compact" => compact(&agent, &mut session, style).await?,
            "/prompts" => print(&prompts::list(&servers).await)?,
            command if prompts::is_one(command, &servers) => {
                match prompts::text(command, &servers).await {
                    Ok(text) => {
                        print(&format!("{}\n", style.dim(&printable(&text))))?;
                        turn(&agent, &mut session, Begin::message(&text), style).await?;
                    }
                    Err(error) => print(&format!("{}\n", style.red(&format!("error: {error}"))))?,
                }
            }
            other if other.starts_with('/') && !other.contains(char::is_whitespace) => {
                print(&format!(
                    "there is no command `{other}`; /help lists them\n"
                ))?;
            }
            message => {
                let message = match note.take() {
                    Some(note) => format!("{note}\n\n{message}"),
                    None => message.to_owned(),
                };
                let begin = Begin::Message(&message, std::mem::take(&mut shown));
                turn(&agent, &mut session, begin, style).await?;
            }
        }
    }
    agent.close(&session).await;
    servers::close(servers).await;
    Ok(exit::ANSWERED)
}

/// Has the model read less.
async fn compact(agent: &Agent, session: &mut Session, style: Style) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let mut terminal = Terminal::conversation(std::io::stdout(), style);
    if !agent.compact(session, &mut terminal, stop).await? {
        print("there is nothing to leave out\n")?;
    }
    Ok(())
}

/// What a run is begun with.
enum Begin<'a> {
    /// What the user says, and shows.
    Message(&'a str, Vec<Picture>),
    /// What another process left.
    LeftOver,
}

impl<'a> Begin<'a> {
    fn message(text: &'a str) -> Self {
        Self::Message(text, Vec::new())
    }
}

/// A run, from what it is begun with. What breaks in it is shown; the conversation
/// goes on.
async fn turn(
    agent: &Agent,
    session: &mut Session,
    begin: Begin<'_>,
    style: Style,
) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let terminal = Terminal::conversation(std::io::stdout(), style).after(session.events());
    let mut terminal = setup::with_links(terminal, &std::io::stdout(), session.files());
    let signal = tokio::spawn({
        let stop = stop.clone();
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        }
    });
    let result = match begin {
        Begin::Message(message, images) => {
            // A pasted fence or a continued line comes with its backslashes.
            let message = message.replace("\\\n", "\n");
            let said = agent.show(session, &images, &message, &mut terminal, stop);
            said.await
        }
        Begin::LeftOver => agent.answer(session, vec![], &mut terminal, stop).await,
    };
    signal.abort();
    let note = match result {
        Ok(run) => match (run.reason, run.error) {
            (StopReason::Answered, _) => None,
            (StopReason::Interrupted, _) => Some("stopped".to_owned()),
            (StopReason::TokenLimit, _) => Some("cut off at the limit of tokens".to_owned()),
            (limit, None) if limit.is_limit() => {
                let (what, flag) = of_limit(limit);
                Some(format!("stopped at the {what} ({flag})"))
            }
            (_, Some(error)) => Some(error),
            (reason, None) => Some(format!("ended early: {reason:?}")),
        },
        Err(
            error @ (Error::Session { .. } | Error::NotLogged { .. } | Error::DamagedLog { .. }),
        ) => return Err(error.into()),
        Err(error) => Some(format!("error: {error}")),
    };
    if let Some(note) = note {
        print(&format!("{}\n", style.red(&note)))?;
    }
    print("\n")?;
    Ok(())
}

fn greet(
    agent: &Agent,
    session: &Session,
    note: Option<&str>,
    style: Style,
) -> Result<(), Failure> {
    let names: Vec<_> = agent
        .tools()
        .specs()
        .iter()
        .map(|s| s.name().to_owned())
        .collect();
    let offer = if names.is_empty() {
        "no tools".to_owned()
    } else {
        names.join(", ")
    };
    let about = agent.about_model();
    let about = about.map(|about| style.dim(&format!("{about}\n")));
    print(&format!(
        "{} · {offer}\n{}{}\n",
        style.bold(agent.model()),
        about.unwrap_or_default(),
        style.dim(&introduce(session, note, " · /help for help")),
    ))
}

/// The session, and the files that it was given.
fn introduce(session: &Session, note: Option<&str>, hint: &str) -> String {
    let note = note.map(|note| format!("{note}\n")).unwrap_or_default();
    format!("session {}{hint}\n{note}", session.id())
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

fn editor() -> Result<Lines, Failure> {
    let mut lines = Lines::new().map_err(anyhow::Error::from)?;
    lines.set_helper(Some(Prompt));
    lines.bind_sequence(
        Event::from(KeyEvent(KeyCode::Enter, Modifiers::ALT)),
        Cmd::Newline,
    );
    Ok(lines)
}

fn load_history(lines: &mut Lines, history: &PathBuf) {
    if history.exists()
        && let Err(error) = lines.load_history(history)
    {
        tracing::warn!("cannot read the history `{}`: {error}", history.display());
    }
}

fn remember(lines: &mut Lines, history: &PathBuf, line: &str) {
    let saved = lines.add_history_entry(line).and_then(|_| {
        if let Some(folder) = history.parent() {
            std::fs::create_dir_all(folder)?;
        }
        lines.append_history(history)
    });
    if let Err(error) = saved {
        tracing::warn!("cannot save the history `{}`: {error}", history.display());
    }
}

/// Decides when a message is complete.
#[derive(Completer, Helper, Highlighter, Hinter)]
struct Prompt;

impl Validator for Prompt {
    fn validate(&self, cx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let open_fence = cx
            .input()
            .lines()
            .filter(|line| line.trim_start().starts_with("```"))
            .count()
            % 2
            == 1;
        if cx.input().ends_with('\\') || open_fence {
            Ok(ValidationResult::Incomplete)
        } else {
            Ok(ValidationResult::Valid(None))
        }
    }
}
