//! `glm run`: one task, unattended.

use std::io::Write;

use anyhow::Context;
use glm_agent::{
    Agent, Answer, Error, Observer, Run, Session, StopReason,
    citation::cite,
    event::CallId,
    model::image::Picture,
    render::{Jsonl, Terminal, markdown, sources},
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{Color, ReportArgs, RunArgs},
    consent::Consent,
    exit::{self, Failure},
    interrupt, servers,
    settings::Settings,
    setup,
};

/// What a run is begun or taken up with.
pub enum Input {
    /// A task, and pictures to go with it.
    Task(String, Vec<Picture>),
    /// Answers to calls that wait.
    Answers(Vec<(CallId, Answer)>),
}

/// Does the task and prints the answer.
pub async fn run(args: RunArgs, settings: &Settings) -> Result<u8, Failure> {
    let mut task = task(&args)?;
    let files = setup::gather(&args.session.file, &args.agent.tools)?;
    let images = setup::pictures(&args.session.image)?;
    let (builder, servers) = setup::agent(&args.agent, settings, args.report.quiet).await?;
    let agent = builder.approver(Consent).build()?;
    if !images.is_empty() {
        agent.sees_images()?;
    }
    let mut session = agent.session(args.session.session.as_deref())?;
    if let Some(note) = setup::bring(files, &mut session)? {
        task = format!("{note}\n\n{task}");
    }
    let input = Input::Task(task, images);
    let done = watched(&agent, &mut session, input, &args.report, args.agent.color).await;
    servers::close(servers).await;
    done
}

/// Runs, shows what happens, and reports how it ended.
pub async fn watched(
    agent: &Agent,
    session: &mut Session,
    input: Input,
    report: &ReportArgs,
    color: Color,
) -> Result<u8, Failure> {
    let mut json = Jsonl::new(std::io::stdout());
    let style = setup::style(color, &std::io::stderr());
    let terminal = Terminal::progress(std::io::stderr(), style);
    let mut terminal = setup::with_links(terminal, &std::io::stderr(), session.files());
    let observer: &mut dyn Observer = if report.json {
        &mut json
    } else if report.quiet {
        &mut ()
    } else {
        &mut terminal
    };
    let result = say(agent, session, input, observer).await;
    agent.close(session).await;
    finish(report, &result?, session, color)
}

/// The task: an argument never reads stdin, or it would hang on an open pipe.
fn task(args: &RunArgs) -> Result<String, Failure> {
    let mut task = if args.task == "-" {
        setup::stdin()?
    } else {
        args.task.clone()
    };
    if args.stdin && args.task != "-" {
        task = format!("{task}\n\n{}", setup::stdin()?);
    }
    if task.trim().is_empty() {
        return Err(glm_agent::Error::EmptyTask.into());
    }
    Ok(task)
}

/// Runs until the end or Ctrl-C.
async fn say(
    agent: &Agent,
    session: &mut Session,
    input: Input,
    observer: &mut dyn Observer,
) -> Result<Run, Error> {
    let stop = CancellationToken::new();
    let signal = interrupt::watch(&stop);
    let run = match input {
        Input::Task(task, images) => agent.show(session, &images, &task, observer, stop).await,
        Input::Answers(answers) => agent.answer(session, answers, observer, stop).await,
    };
    signal.abort();
    run
}

/// The answer goes to stdout with numbers for its marks and a list of what it cites,
/// as [`sources::text`] writes them; to a file, as Markdown with links.
fn finish(args: &ReportArgs, run: &Run, session: &Session, color: Color) -> Result<u8, Failure> {
    let cited = cite(session.events(), &run.answer);
    if let Some(path) = &args.output {
        std::fs::write(path, format!("{}\n", markdown::answer(&cited)))
            .with_context(|| format!("cannot write the answer to `{}`", path.display()))?;
    }
    if !args.json {
        let style = setup::style(color, &std::io::stdout());
        let mut stdout = std::io::stdout().lock();
        if !run.answer.is_empty() {
            ignore_closed(writeln!(stdout, "{}", sources::text(&cited, style)))?;
        }
        if let Some(unknown) = sources::unknown(&cited.references).filter(|_| !args.quiet) {
            writeln!(std::io::stderr(), "note: {unknown}")?;
        }
        explain(run)?;
    }
    Ok(exit::code_of(run.reason))
}

/// Says on stderr why there is no complete answer.
fn explain(run: &Run) -> Result<(), Failure> {
    let why = match (run.reason, &run.error) {
        (StopReason::Answered, _) => return Ok(()),
        (_, Some(error)) => error.clone(),
        (StopReason::TokenLimit, _) => {
            "stopped at the limit of tokens; the answer is cut off\nhint: --max-tokens N".to_owned()
        }
        (limit, _) if limit.is_limit() => {
            let (what, flag) = of_limit(limit);
            format!("stopped at the {what}; this is the best answer so far\nhint: {flag}")
        }
        (StopReason::Interrupted, _) => format!(
            "interrupted\nhint: `glm session show {}` shows how far it came",
            run.session
        ),
        (_, None) => "the run failed".to_owned(),
    };
    let lead = if run.reason == StopReason::Failed {
        "error"
    } else {
        "note"
    };
    writeln!(std::io::stderr(), "{lead}: {why}")?;
    Ok(())
}

/// A limit in words, and the flag that sets it.
pub fn of_limit(limit: StopReason) -> (&'static str, &'static str) {
    match limit {
        StopReason::StepLimit => ("limit of steps", "--max-steps N"),
        StopReason::PromptTokenLimit => ("limit of tokens read", "--max-prompt-tokens N"),
        StopReason::CompletionTokenLimit => {
            ("limit of tokens written", "--max-completion-tokens N")
        }
        StopReason::TotalTokenLimit => ("limit of all tokens", "--max-total-tokens N"),
        StopReason::ToolCallLimit => ("limit of calls", "--max-tool-calls N"),
        StopReason::CostLimit => ("limit of cost", "--max-cost AMOUNT"),
        _ => ("time limit", "--timeout S"),
    }
}

/// A reader that has seen enough is no failure.
pub fn ignore_closed(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
