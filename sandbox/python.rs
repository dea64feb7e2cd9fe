//! The notebook: [`Sandbox`] is loaded once, a [`Session`] is one interpreter.

use crate::{
    Cell, Error, Limits, Outcome, Output, Tape, cell,
    files::{self, Snapshot},
    guest::{self, Compiled},
    interpreter::Report,
    runner::{Runner, Runners, Workers},
    scientific,
    worker::Walls,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tempfile::TempDir;

const UNDONE: &str = "variables are as they were before this cell, files in /mnt/data are kept";
const CANCELLED: &str = "the previous cell was cancelled, and variables are as they were before it";

/// The guest, compiled and loaded. Cheap to clone; once per process is enough.
#[derive(Clone)]
pub struct Sandbox {
    runners: Arc<Runners>,
}

impl Sandbox {
    /// Loads the guest from `cache_dir`, where it is built and compiled on first
    /// use: with Python and pip, from the network, in about a minute. `progress`
    /// gets one line a step of that, and none when the cache has it.
    ///
    /// On Linux, cells run in worker processes: of this program itself, if it calls
    /// [`run_if_worker`](crate::run_if_worker), or of `glm` on the path. Where there
    /// is neither, they run in this process, with one wall instead of two, and
    /// `progress` is told so.
    ///
    /// Two processes may open one cache at the same time; one builds and the
    /// other waits.
    ///
    /// # Errors
    ///
    /// If the cache cannot be read or written, or the guest is not in it and
    /// cannot be built; [`Error`] says what is missing and what to do.
    pub async fn open(
        cache_dir: &Path,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, Error> {
        Self::open_with(cache_dir, &Workers::Found, progress).await
    }

    /// How many bytes the guest in `cache_dir` takes up; `None` if
    /// [`open`](Self::open) would have to build it.
    ///
    /// # Errors
    ///
    /// If the cache cannot be read.
    pub fn built(cache_dir: &Path) -> Result<Option<u64>, Error> {
        guest::built(cache_dir)
    }

    /// As [`open`](Self::open), with a say in where cells run.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if [`Workers::Program`] cannot be used.
    pub async fn open_with(
        cache_dir: &Path,
        workers: &Workers,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, Error> {
        let compiled = guest::compiled(cache_dir, progress).await?;
        Self::of(&compiled, workers, progress).await
    }

    /// As [`open_with`](Self::open_with), with the guest of the
    /// [scientific pack](scientific) instead of the standard one.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with), and if the pack is not
    /// [installed](scientific::install).
    pub async fn open_scientific(
        cache_dir: &Path,
        workers: &Workers,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, Error> {
        let pack = scientific::find(cache_dir)?.ok_or(Error::NotInstalled)?;
        Self::of(&Compiled::Scientific(pack), workers, progress).await
    }

    async fn of(
        compiled: &Compiled,
        workers: &Workers,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, Error> {
        let runners = Runners::open(compiled, workers, progress).await?;
        Ok(Self {
            runners: Arc::new(runners),
        })
    }

    /// A new interpreter, in milliseconds. It sees `data_dir`, which is created
    /// if it does not exist, as `/mnt/data`, its working directory.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created or opened, or `limits` leave the
    /// interpreter too little memory to start.
    pub async fn session(&self, data_dir: &Path, limits: Limits) -> Result<Session, Error> {
        std::fs::create_dir_all(data_dir).map_err(Error::io("create the folder", data_dir))?;
        let data_dir =
            std::path::absolute(data_dir).map_err(Error::io("find the folder", data_dir))?;
        let runner = self.runners.start(&data_dir, None, &limits).await?;
        Ok(Session {
            sandbox: self.clone(),
            data_dir,
            limits,
            history: Vec::new(),
            runner: Some(runner),
            running: false,
        })
    }

    /// What stands between a cell and this machine, tried out from within.
    ///
    /// # Errors
    ///
    /// If no session can be started.
    pub async fn walls(&self) -> Result<Walls, Error> {
        self.runners.walls().await
    }
}

/// A cell that ran, as it takes to run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its source.
    pub code: String,
    /// What it read of clocks and randomness.
    pub tape: Tape,
    /// Whether it raised an exception.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raised: bool,
    /// The files it wrote, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Recorded {
    /// What to keep of a cell; nothing, if it was undone.
    pub fn of(code: &str, cell: &Cell) -> Option<Self> {
        (!cell.outcome.is_undone()).then(|| Self {
            code: code.into(),
            tape: cell.tape.clone(),
            raised: cell.outcome != Outcome::Finished,
            files: cell
                .artifacts
                .iter()
                .map(|file| file.name.clone())
                .collect(),
        })
    }
}

/// One notebook: cells run in it one after the other and share their variables.
pub struct Session {
    sandbox: Sandbox,
    data_dir: PathBuf,
    limits: Limits,
    /// The cells that made the variables what they are.
    history: Vec<Recorded>,
    /// None where it is gone, and must be built anew.
    runner: Option<Runner>,
    /// Whether a cell runs, or its future was dropped before its end.
    running: bool,
}

impl Session {
    /// Runs one cell; see [`Cell`] for what comes of it. A cell that is stopped is
    /// undone: the next one finds the variables as they were before it.
    ///
    /// Dropping the future stops the cell as the time limit would.
    ///
    /// # Errors
    ///
    /// If a new interpreter is needed and cannot be started. Never for anything
    /// that the code did.
    pub async fn run(&mut self, code: &str) -> Result<Cell, Error> {
        self.run_watched(code, &mut |_| {}).await
    }

    /// As [`run`](Self::run), and `watch` gets what the cell prints as it prints it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_watched(
        &mut self,
        code: &str,
        watch: &mut (dyn FnMut(&Output) + Send),
    ) -> Result<Cell, Error> {
        let started = Instant::now();
        let mut notes = Vec::new();
        self.settle(&mut notes).await?;
        let before = Snapshot::of(&self.data_dir);

        let mut output = Vec::new();
        let mut room = self.limits.output_bytes;
        let mut print = |mut piece: Output| {
            // The other side keeps to the limit, unless it is not what it was.
            piece.text.truncate(piece.text.floor_char_boundary(room));
            room -= piece.text.len();
            if !piece.text.is_empty() {
                watch(&piece);
                cell::push(&mut output, piece);
            }
        };
        let report = match self.run_cell(code, &mut print).await? {
            Some(report) => report,
            // Its process was dead before it took the cell.
            None => {
                self.settle(&mut notes).await?;
                let again = self.run_cell(code, &mut print).await?;
                again.ok_or_else(|| Error::Worker {
                    detail: "it dies before it runs a cell".into(),
                })?
            }
        };
        let Report {
            mut value,
            outcome,
            mut truncated,
            notes: reported,
            tape,
        } = report;
        if let Some(value) = &mut value
            && value.len() > self.limits.output_bytes
        {
            value.truncate(value.floor_char_boundary(self.limits.output_bytes));
            truncated = true;
        }
        truncated |= room == 0;
        if truncated {
            notes.push(format!(
                "output was cut at {}",
                cell::size(self.limits.output_bytes as u64)
            ));
        }
        notes.extend(reported);
        if outcome.is_undone() {
            notes.push(UNDONE.into());
        }
        let cell = Cell {
            output,
            value,
            outcome,
            artifacts: before.changes(&self.data_dir),
            truncated,
            notes,
            wall: started.elapsed(),
            tape,
        };
        self.history.extend(Recorded::of(code, &cell));
        Ok(cell)
    }

    /// Takes over the variables that these cells left, of a session that ended with
    /// its process: they run again, each with what it read of clocks and
    /// randomness, before the next cell does. What they write of files is thrown
    /// away, since `/mnt/data` has them.
    pub fn restore(&mut self, history: Vec<Recorded>) {
        self.history = history;
        self.runner = None;
    }

    /// Limits of the cells from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        let Limits {
            memory_bytes,
            disk_bytes,
            open_files,
            ..
        } = self.limits;
        let more = limits.memory_bytes > memory_bytes
            || limits.disk_bytes > disk_bytes
            || limits.open_files > open_files;
        if more {
            // A process can only lose rights: the variables move to another one.
            self.runner = None;
        }
        self.limits = limits;
    }

    /// Ends with an interpreter that is ready for a cell.
    async fn settle(&mut self, notes: &mut Vec<String>) -> Result<(), Error> {
        if std::mem::take(&mut self.running) {
            notes.push(CANCELLED.into());
            self.runner.take_if(|runner| runner.dies_with_its_cell());
        }
        if let Some(runner) = &mut self.runner
            && runner.settle().await.is_err()
        {
            self.runner = None;
        }
        if self.runner.is_none() {
            self.runner = Some(self.rebuilt(notes).await?);
        }
        Ok(())
    }

    /// Runs a cell; `None` if nothing has come of it at all.
    async fn run_cell(
        &mut self,
        code: &str,
        print: &mut (dyn FnMut(Output) + Send),
    ) -> Result<Option<Report>, Error> {
        let Some(runner) = &mut self.runner else {
            return Err(Error::Worker {
                detail: "there is none".into(),
            });
        };
        let tape = Tape::blank()?;
        self.running = true;
        let report = runner
            .run(code, &self.limits, tape.clone(), false, print)
            .await;
        self.running = false;
        match report {
            Ok(report) => {
                if report.outcome.is_undone() && runner.dies_with_its_cell() {
                    self.runner = None;
                }
                Ok(Some(report))
            }
            // It is gone, and its checkpoint with it; the next cell has another.
            Err(_) => {
                let begun = runner.has_begun();
                self.runner = None;
                Ok(begun.then(|| Report {
                    value: None,
                    outcome: Outcome::Stopped {
                        reason: "the interpreter's process was killed".into(),
                    },
                    truncated: false,
                    notes: Vec::new(),
                    tape,
                }))
            }
        }
    }

    /// A new interpreter with the variables of the cells that ran.
    async fn rebuilt(&mut self, notes: &mut Vec<String>) -> Result<Runner, Error> {
        let runners = Arc::clone(&self.sandbox.runners);
        if self.history.is_empty() {
            return runners.start(&self.data_dir, None, &self.limits).await;
        }
        let scratch =
            TempDir::new().map_err(Error::io("create a folder in", std::env::temp_dir()))?;
        let written: Vec<String> = self
            .history
            .iter()
            .flat_map(|recorded| recorded.files.clone())
            .collect();
        files::copy_all_but(&self.data_dir, &written, scratch.path())?;
        let mut runner = runners
            .start(&self.data_dir, Some(scratch.path()), &self.limits)
            .await?;
        let mut different = 0;
        for recorded in &self.history {
            let tape = recorded.tape.clone();
            let report = runner
                .run(&recorded.code, &self.limits, tape, true, &mut |_| {})
                .await?;
            let undone = report.outcome.is_undone();
            if undone && runner.dies_with_its_cell() {
                notes.push("variables of earlier cells are lost".into());
                return runners.start(&self.data_dir, None, &self.limits).await;
            }
            let raised = report.outcome != Outcome::Finished;
            different += usize::from(undone || raised != recorded.raised);
        }
        runner.adopt(&self.data_dir).await?;
        if different > 0 {
            notes.push(format!(
                "the interpreter was started anew and ran the earlier cells again; {different} of \
                 {} came out differently, so check the variables",
                self.history.len()
            ));
        }
        Ok(runner)
    }
}
