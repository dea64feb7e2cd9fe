//! `glm batch`: many tasks, unattended.

pub mod board;
pub mod crew;

use std::{
    fs::File,
    io::{BufReader, Write},
    path::{Path, absolute},
};

use anyhow::anyhow;
use glm_agent::{
    Budget, Error,
    batch::{self, Batch, Queue, Results, Summary, Task},
    budget::Account,
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::BatchArgs,
    exit::{self, Failure},
    interrupt,
    run::ignore_closed,
    settings::Settings,
    setup,
};
use board::Board;
use crew::Crew;

/// Does the tasks that have no result yet.
pub async fn batch(args: BatchArgs, settings: &Settings) -> Result<u8, Failure> {
    let tasks = tasks(&args.tasks)?;
    if args.queue.is_some() {
        named_only(&tasks)?;
    }
    let mut results = Results::open(&args.out, args.retry_failed)?;
    let before = results.summary(&tasks);
    if before.changed > 0 && !args.quiet {
        writeln!(
            std::io::stderr(),
            "warning: tasks that read otherwise now keep the results from before: {}\n\
             hint: name another file with --out",
            before.changed
        )?;
    }
    let style = setup::style(args.agent.color, &std::io::stderr());
    let stop = CancellationToken::new();
    let summary = if before.left == 0 {
        // A model need not be loaded for nothing.
        results.complete()?;
        before
    } else if let Some(url) = &args.queue {
        let queue = Queue::open(url).await?;
        let signal = interrupt::watch_unattended(&stop);
        let board = Board::new(&before, args.quiet, style);
        let done = queue.run(tasks, &mut results, &board, &stop).await;
        board.clear();
        signal.abort();
        done?
    } else {
        let account = Account::new(Budget {
            tokens: args.batch_tokens,
            time: args.batch_timeout,
            cost: args.batch_cost,
            ..Budget::UNLIMITED
        });
        let crew = Crew::gather(&args.agent, settings, &tasks, account, args.quiet).await?;
        let (servers, account) = (crew.servers(), crew.account());
        let mut batch = Batch::new(crew)
            .account(account)
            .jobs(args.parallel.into())
            .retries(args.retries);
        if let Some(failures) = args.max_failures {
            batch = batch.max_failures(failures);
        }
        let signal = interrupt::watch_unattended(&stop);
        let board = Board::new(&before, args.quiet, style);
        let done = board.finishing(&stop, batch.run(tasks, &mut results, &board, &stop));
        let done = done.await;
        board.clear();
        signal.abort();
        crate::servers::close(servers).await;
        done?
    };
    report(&args, &summary)?;
    Ok(code(&summary, stop.is_cancelled()))
}

/// The tasks of a file, or of stdin.
fn tasks(path: &Path) -> Result<Vec<Task>, Failure> {
    let name = path.display().to_string();
    if name == "-" {
        let here = std::env::current_dir()?;
        return Ok(batch::read("stdin", std::io::stdin().lock(), &here)?);
    }
    let fail = |source| Error::Tasks {
        name: name.clone(),
        source,
    };
    let file = File::open(path).map_err(fail)?;
    let whole = absolute(path).map_err(fail)?;
    let folder = whole.parent().unwrap_or(Path::new("/"));
    Ok(batch::read(&name, BufReader::new(file), folder)?)
}

/// Workers offer tools by name: a file of this machine may be none of theirs.
fn named_only(tasks: &[Task]) -> Result<(), Failure> {
    for task in tasks {
        let mut tools = task.tools.iter().flatten();
        if let Some(file) = tools.find(|name| name.contains(['.', '/', '\\'])) {
            return Err(Failure::usage(anyhow!(
                "task `{}` names tools by the file `{file}`\nhint: give the file to the workers \
                 with --tools, and name its tools here",
                task.id
            )));
        }
    }
    Ok(())
}

fn report(args: &BatchArgs, summary: &Summary) -> Result<(), Failure> {
    if args.json {
        let line = serde_json::to_string(summary).map_err(anyhow::Error::from)?;
        ignore_closed(writeln!(std::io::stdout(), "{line}"))?;
    }
    if !args.quiet {
        std::io::stderr().write_all(told(summary).as_bytes())?;
    }
    Ok(())
}

/// The summary as people read it.
fn told(summary: &Summary) -> String {
    let counts: Vec<String> = [
        (summary.answered, "answered"),
        (summary.limited, "stopped at a limit"),
        (summary.waiting, "waiting for somebody"),
        (summary.failed, "failed"),
        (summary.left, "left to do"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let mut text = format!("{}: {}", board::tasks(summary.tasks), counts.join(", "));
    let now = summary.results().saturating_sub(summary.before);
    if summary.before > 0 {
        text += &format!("; {} of them done before", summary.before);
    }
    text.push('\n');
    if now > 0 {
        text += &format!(
            "{} in {}, {} tokens read and {} written\n",
            board::tasks(now),
            board::time(summary.seconds),
            summary.usage.prompt_tokens,
            summary.usage.completion_tokens,
        );
        if let Some(cost) = summary.cost {
            text += &format!("cost: {cost:.4}\n");
        }
    }
    if summary.gave_up {
        text += "note: given up after too many failures\nhint: --max-failures N\n";
    }
    if summary.spent {
        text += "note: the batch has spent what it may\n\
                 hint: --batch-tokens N, --batch-timeout S, --batch-cost AMOUNT\n";
    }
    if summary.left > 0 {
        text += "hint: the same command goes on with what is left\n";
        return text;
    }
    if summary.failed > 0 {
        text += "hint: --retry-failed does the tasks again that failed\n";
    }
    if summary.waiting > 0 {
        text += "hint: `glm session resume SESSION` goes on with a task that waits, and \
                 --retry-failed then takes its result\n";
    }
    text
}

/// The worst that happened decides.
fn code(summary: &Summary, stopped: bool) -> u8 {
    if stopped && summary.left > 0 {
        exit::INTERRUPTED
    } else if summary.failed > 0 || (summary.left > 0 && !summary.spent) {
        exit::FAILED
    } else if summary.waiting > 0 {
        exit::APPROVAL
    } else if summary.limited > 0 || summary.spent {
        exit::LIMIT
    } else {
        exit::ANSWERED
    }
}
