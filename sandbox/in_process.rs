//! Cells in this process, where there can be no worker: one wall, and no
//! checkpoint.

use crate::{
    Error, Limits, Outcome, Output, Tape, data_folder,
    guest::{Compiled, Guest},
    interpreter::{Interpreter, Report},
    ticker::Ticker,
};
use std::{fs::File, path::Path};
use tokio::{sync::mpsc, time};

/// The guest, loaded into this process.
pub(crate) struct Local {
    guest: Guest,
    ticker: Ticker,
}

impl Local {
    pub(crate) fn load(compiled: &Compiled) -> Result<Self, Error> {
        let guest = Guest::load(compiled)?;
        let ticker = Ticker::new(guest.engine().clone())?;
        Ok(Self { guest, ticker })
    }

    /// Starts an interpreter that sees `folder`.
    pub(crate) async fn start(&self, folder: &Path, limits: &Limits) -> Result<Embedded, Error> {
        let (sink, printed) = mpsc::unbounded_channel();
        let sink = Box::new(move |piece| {
            // Nobody listens between cells.
            let _ = sink.send(piece);
        });
        Ok(Embedded {
            interpreter: Interpreter::start(&self.guest, folder, limits, sink).await?,
            printed,
            folder: File::open(folder).map_err(Error::io("open the folder", folder))?,
        })
    }
}

/// An interpreter in this process.
pub(crate) struct Embedded {
    interpreter: Interpreter,
    printed: mpsc::UnboundedReceiver<Output>,
    /// What it has for `/mnt/data`.
    folder: File,
}

impl Embedded {
    /// Runs one cell. If its report [is undone](Outcome::is_undone), or the future
    /// is dropped, the interpreter is of no more use.
    pub(crate) async fn run(
        &mut self,
        local: &Local,
        code: &str,
        limits: &Limits,
        tape: Tape,
        replay: bool,
        watch: &mut (dyn FnMut(Output) + Send),
    ) -> Report {
        let Self {
            interpreter,
            printed,
            ..
        } = self;
        let ended = {
            let _running = local.ticker.running();
            let run = time::timeout(limits.wall, interpreter.run(code, limits, tape, replay));
            tokio::pin!(run);
            loop {
                tokio::select! {
                    biased;
                    Some(piece) = printed.recv() => watch(piece),
                    ended = &mut run => break ended,
                }
            }
        };
        let report = ended.unwrap_or_else(|_| {
            let limit = limits.wall;
            interpreter.stopped(Outcome::TimedOut { limit }, limits)
        });
        while let Ok(piece) = printed.try_recv() {
            watch(piece);
        }
        report
    }

    /// Has `/mnt/data` be `folder` from now on.
    pub(crate) fn adopt(&mut self, folder: &Path) -> Result<(), Error> {
        data_folder::redirect(&self.folder, folder)?;
        self.folder = File::open(folder).map_err(Error::io("open the folder", folder))?;
        self.interpreter.moved_to(folder.into());
        Ok(())
    }
}
