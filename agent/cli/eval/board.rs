//! How an evaluation is getting on, on stderr.

use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use glm_agent::eval::Outcome;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::batch::board::time;

/// How often a line tells how far it is, where stderr is no terminal.
const PACE: Duration = Duration::from_secs(30);

/// A bar where stderr is a terminal, a line now and then elsewhere.
pub struct Board {
    quiet: bool,
    bar: Option<ProgressBar>,
    progress: Mutex<Progress>,
}

struct Progress {
    begun: Instant,
    told: Instant,
    entries: usize,
    /// With an outcome from before.
    before: usize,
    /// With an outcome from now.
    done: usize,
    /// Those of them that are right.
    right: usize,
}

impl Board {
    /// For so many entries, some of which have an outcome from before.
    pub fn new(entries: usize, before: usize, quiet: bool) -> Self {
        let now = Instant::now();
        let is_shown = !quiet && before < entries && std::io::stderr().is_terminal();
        Self {
            quiet,
            bar: is_shown.then(|| bar(entries, before)),
            progress: Mutex::new(Progress {
                begun: now,
                told: now,
                entries,
                before,
                done: 0,
                right: 0,
            }),
        }
    }

    /// There is an outcome.
    pub fn done(&self, outcome: &Outcome) {
        let Ok(mut progress) = self.progress.lock() else {
            return;
        };
        progress.done += 1;
        progress.right += usize::from(outcome.valid);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(format!("{}: {} right", outcome.category, progress.right));
        } else if !self.quiet && progress.told.elapsed() >= PACE {
            progress.told = Instant::now();
            // Progress is a courtesy: without a stderr the work goes on.
            let _ = writeln!(std::io::stderr(), "{}", progress.line());
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress {
    fn line(&self) -> String {
        let rate = self.done as f64 / self.begun.elapsed().as_secs_f64();
        let done = self.before + self.done;
        let left = self.entries.saturating_sub(done);
        format!(
            "{done} of {} entries, {rate:.1} a second, about {} left, {} of {} right",
            self.entries,
            time(left as f64 / rate),
            self.right,
            self.done
        )
    }
}

fn bar(entries: usize, before: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(Some(entries as u64), target);
    let style = "  {bar:30} {pos}/{len} entries, {per_sec}, {eta} left, {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_position(before as u64);
    // What was done before says nothing of the pace.
    bar.reset_eta();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
