//! How a batch is getting on, on stderr.

use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use glm_agent::{
    batch::{Status, Summary, TaskResult, Watcher},
    render::{Style, terminal::printable},
};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

/// How often a line tells how far it is, where stderr is no terminal.
const PACE: Duration = Duration::from_secs(30);

/// A bar where stderr is a terminal, a line now and then elsewhere.
pub struct Board {
    quiet: bool,
    style: Style,
    bar: Option<ProgressBar>,
    progress: Mutex<Progress>,
}

struct Progress {
    begun: Instant,
    told: Instant,
    tasks: u64,
    /// With a result from before.
    before: u64,
    /// With a result from now.
    done: u64,
    failed: u64,
}

impl Board {
    /// For a batch that stands like this.
    pub fn new(summary: &Summary, quiet: bool, style: Style) -> Self {
        let now = Instant::now();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| bar(summary));
        Self {
            quiet,
            style,
            bar,
            progress: Mutex::new(Progress {
                begun: now,
                told: now,
                tasks: summary.tasks,
                before: summary.before,
                done: 0,
                failed: 0,
            }),
        }
    }

    /// Waits for work, which finishes what it is at when it is told to stop.
    pub async fn finishing<T>(&self, stop: &CancellationToken, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = stop.cancelled() => {}
        }
        self.say("finishing the tasks that run; Ctrl-C again ends at once");
        work.await
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        // Progress is a courtesy: without a stderr the work goes on.
        let write = || {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Watcher for Board {
    fn done(&self, result: &TaskResult) {
        let Ok(mut progress) = self.progress.lock() else {
            return;
        };
        progress.done += 1;
        progress.failed += u64::from(result.status == Status::Failed);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if progress.failed > 0 {
                bar.set_message(format!("{} failed", progress.failed));
            }
        } else if progress.told.elapsed() >= PACE {
            progress.told = Instant::now();
            self.say(&progress.line());
        }
        if matches!(result.status, Status::Failed | Status::Waiting) {
            self.say(&line(result, self.style));
        }
    }
}

impl Progress {
    fn line(&self) -> String {
        let rate = self.done as f64 / self.begun.elapsed().as_secs_f64();
        let left = self.tasks.saturating_sub(self.before + self.done);
        format!(
            "{} of {}, {rate:.1} a second, about {} left",
            self.before + self.done,
            tasks(self.tasks),
            time(left as f64 / rate)
        )
    }
}

/// A result in a line.
pub fn line(result: &TaskResult, style: Style) -> String {
    let mark = match result.status {
        Status::Answered | Status::Limited => "✓".to_owned(),
        Status::Waiting => style.bold("●"),
        Status::Failed => style.red("✗"),
    };
    let id = printable(&result.id);
    match result.error.as_deref().and_then(|why| why.lines().next()) {
        Some(why) => format!("{mark} {id}: {}", printable(why)),
        None => format!("{mark} {id}"),
    }
}

fn bar(summary: &Summary) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(Some(summary.tasks), target);
    let style = "  {bar:30} {pos}/{len} tasks, {per_sec}, {eta} left {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_position(summary.before);
    // What was done before says nothing of the pace.
    bar.reset_eta();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// So many tasks.
pub fn tasks(count: u64) -> String {
    match count {
        1 => "1 task".to_owned(),
        _ => format!("{count} tasks"),
    }
}

/// A time as people read it.
pub fn time(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if time < Duration::from_secs(10) {
        return format!("{:.1} seconds", time.as_secs_f64());
    }
    HumanDuration(time).to_string()
}
