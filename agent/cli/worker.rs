//! `glm worker`: does the tasks of a queue, beside other workers.

use std::{io::Write, sync::Arc};

use glm_agent::{
    Budget,
    batch::{Queue, TaskResult, Watcher, Worker},
    budget::Account,
    render::Style,
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::WorkerArgs,
    batch::{board::line, crew::Crew},
    exit::{self, Failure},
    interrupt, servers,
    settings::Settings,
    setup,
};

/// Works until it is told to stop, or nothing is left to do.
pub async fn worker(args: WorkerArgs, settings: &Settings) -> Result<u8, Failure> {
    let queue = Queue::open(&args.queue).await?;
    let name = queue.name().to_owned();
    // A worker may spend what its tasks do.
    let account = Account::new(Budget::UNLIMITED);
    let crew = Crew::gather(&args.agent, settings, &[], account, args.quiet).await?;
    let connected = crew.servers();
    let worker = Worker::new(queue, crew)
        .name(&this_process())
        .jobs(args.parallel.into())
        .retries(args.retries)
        .lease(args.lease)
        .drains(args.drain);
    let style = setup::style(args.agent.color, &std::io::stderr());
    let lines: Arc<dyn Watcher> = if args.quiet {
        Arc::new(())
    } else {
        writeln!(std::io::stderr(), "working for {name}")?;
        Arc::new(Lines(style))
    };
    let stop = CancellationToken::new();
    let signal = interrupt::watch_unattended(&stop);
    worker.run(&lines, &stop).await;
    signal.abort();
    servers::close(connected).await;
    Ok(exit::ANSWERED)
}

/// What the queue calls this worker, for people who look.
fn this_process() -> String {
    let machine = std::fs::read_to_string("/etc/hostname");
    let machine = machine.or_else(|_| std::env::var("COMPUTERNAME"));
    let machine = machine.unwrap_or_else(|_| "a machine".to_owned());
    format!("{}, process {}", machine.trim(), std::process::id())
}

/// A line a task.
struct Lines(Style);

impl Watcher for Lines {
    fn done(&self, result: &TaskResult) {
        // Progress is a courtesy: without a stderr the work goes on.
        let _ = writeln!(std::io::stderr(), "{}", line(result, self.0));
    }
}
