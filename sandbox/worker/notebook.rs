//! The process of one session: takes cells from its socket, and has a checkpoint
//! before each.

use super::{
    checkpoint::{self, Checkpoint, Forked},
    clean_pages::CleanPages,
    jail,
    template::{Loaded, executor},
    walls::{Wall, Walls},
    wire::{self, FromNotebook, Start, ToNotebook},
};
use crate::{data_folder, interpreter::Report};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::{fs::File, io, os::unix::net::UnixStream, path::PathBuf};

/// Cells after which pages that were only read are forgotten.
const CELLS_TO_FORGET: u64 = 64;

pub(super) struct Notebook {
    loaded: Loaded,
    socket: UnixStream,
    data_dir: PathBuf,
    walls: Walls,
    template: Pid,
    checkpoint: Option<Checkpoint>,
    /// Whether the variables may have changed since the checkpoint.
    changed: bool,
    /// Cells that have ended well.
    cells: u64,
    /// None where the system does not tell of them, and in a promoted checkpoint:
    /// its cells are a little slower.
    clean_pages: Option<CleanPages>,
}

impl Notebook {
    /// Turns a fork of the template into the notebook of a session; ends the
    /// process if that fails, after saying why.
    pub(super) fn start(
        loaded: Loaded,
        socket: UnixStream,
        start: Start,
        walls: Vec<Wall>,
        template: Pid,
    ) -> Self {
        let mut notebook = Self {
            loaded,
            socket,
            data_dir: start.data_dir.clone(),
            walls: Walls { walls },
            template,
            checkpoint: None,
            changed: true,
            cells: 0,
            clean_pages: None,
        };
        if let Err(error) = notebook.shut_in(&start) {
            notebook.say(&FromNotebook::Failed {
                detail: error.to_string(),
            });
            checkpoint::exit();
        }
        notebook
    }

    fn shut_in(&mut self, start: &Start) -> Result<(), Box<dyn std::error::Error>> {
        let Start {
            data_dir,
            scratch,
            limits,
        } = start;
        self.loaded
            .socket
            .set(self.socket.try_clone()?)
            .map_err(|_| "the socket was set before")?;
        std::env::set_current_dir("/")?;
        if self.loaded.interpreter.memory_bytes() > limits.memory_bytes {
            return Err(crate::Error::Memory {
                limit: limits.memory_bytes,
            }
            .into());
        }
        let first = scratch.as_ref().unwrap_or(data_dir);
        data_folder::redirect(&self.loaded.placeholder, first)?;
        self.loaded.interpreter.moved_to(first.clone());
        self.loaded.placeholder = File::open(first)?;
        checkpoint::set_signals()?;
        self.clean_pages = CleanPages::find().ok();
        let folders: Vec<_> = [Some(data_dir), scratch.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect();
        self.walls.walls.extend(jail::close(
            &folders,
            self.loaded.library.as_deref(),
            limits,
        ));
        self.end_with_the_template()?;
        Ok(())
    }

    /// Whoever kills the template kills the notebooks. (The setting does not pass
    /// on to forks, nor survive a change of capabilities.)
    fn end_with_the_template(&self) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() != Some(self.template) {
            checkpoint::exit();
        }
        Ok(())
    }

    /// Runs cells until the program closes the socket.
    pub(super) fn serve(mut self) -> ! {
        self.say(&FromNotebook::Started);
        loop {
            if self.changed {
                self.make_checkpoint();
            }
            let Ok(Some(frame)) = wire::read(&self.socket) else {
                break;
            };
            match frame {
                ToNotebook::Run {
                    code,
                    limits,
                    tape,
                    replay,
                } => {
                    self.say(&FromNotebook::Begun);
                    // Without it, only the limit of wall time holds.
                    let _ = checkpoint::limit_cpu(limits.cpu);
                    let Ok(executor) = executor() else { break };
                    let run = self.loaded.interpreter.run(&code, &limits, tape, replay);
                    let report = executor.block_on(run);
                    drop(executor);
                    self.end_cell(report);
                }
                ToNotebook::Adopt => {
                    let moved = data_folder::redirect(&self.loaded.placeholder, &self.data_dir)
                        .and_then(|()| {
                            File::open(&self.data_dir)
                                .map_err(crate::Error::io("open the folder", &self.data_dir))
                        });
                    match moved {
                        Ok(folder) => {
                            self.loaded.placeholder = folder;
                            self.loaded.interpreter.moved_to(self.data_dir.clone());
                            self.changed = true;
                            self.say(&FromNotebook::Adopted);
                        }
                        Err(error) => {
                            let detail = error.to_string();
                            self.say(&FromNotebook::Failed { detail });
                            break;
                        }
                    }
                }
                ToNotebook::Ping => self.say(&FromNotebook::Pong),
                ToNotebook::Probe => {
                    let walls = super::probe::probe(&self.walls);
                    self.say(&FromNotebook::Probed { walls });
                }
            }
        }
        if let Some(checkpoint) = self.checkpoint.take() {
            checkpoint.release();
        }
        checkpoint::exit()
    }

    /// Tells what came of a cell. One that was stopped is undone by dying.
    fn end_cell(&mut self, report: Report) {
        let dead = report.outcome.is_undone();
        self.say(&FromNotebook::Ended(report));
        if dead {
            checkpoint::exit();
        }
        // The program was woken; it goes first where they share a processor.
        std::thread::yield_now();
        self.cells += 1;
        self.changed = true;
        if self.cells.is_multiple_of(CELLS_TO_FORGET) {
            self.clean_pages = self
                .clean_pages
                .take()
                .filter(|pages| pages.forget().is_ok());
        }
    }

    fn make_checkpoint(&mut self) {
        loop {
            match Checkpoint::make(self.checkpoint.take()) {
                Ok(Forked::Original(checkpoint)) => {
                    self.checkpoint = Some(checkpoint);
                    self.changed = false;
                    return;
                }
                Ok(Forked::Promoted(death)) => {
                    if self.end_with_the_template().is_err() {
                        checkpoint::exit();
                    }
                    self.say(&FromNotebook::Promoted {
                        cells: self.cells,
                        death,
                    });
                    // And now one of its own.
                }
                // The program rebuilds the variables, should they be lost.
                Err(_) => return,
            }
        }
    }

    fn say(&self, frame: &FromNotebook) {
        if wire::write(&self.socket, frame).is_err() {
            checkpoint::exit();
        }
    }
}
