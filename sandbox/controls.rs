//! What limits an interpreter and sees what it does: the same for every guest.

use crate::{
    Error, Limits, Outcome, Stream, Tape, cell,
    disk::Disk,
    host::{DATA_FOLDER, Memory, RANDOM_BYTES},
    interpreter::Report,
    output::{Printer, Sink},
    tape::Recorder,
};
use std::path::Path;
use wasmtime::Trap;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

pub(crate) struct Controls {
    pub(crate) printer: Printer,
    pub(crate) disk: Disk,
    pub(crate) memory: Memory,
    pub(crate) recorder: Recorder,
}

impl Controls {
    pub(crate) fn new(data_folder: &Path, limits: &Limits, sink: Sink) -> Self {
        Self {
            printer: Printer::new(sink),
            disk: Disk::new(data_folder.into(), limits),
            memory: Memory::new(limits),
            recorder: Recorder::new(),
        }
    }

    /// WASI for a guest: output, clocks, randomness and the folders that it may read,
    /// with their names, and at last `data_folder`, which it may write to as well. No
    /// environment or standard input, and no address is allowed.
    pub(crate) fn wasi<'a>(
        &self,
        readable: impl IntoIterator<Item = (&'a Path, &'a str)>,
        data_folder: Option<&Path>,
    ) -> Result<WasiCtxBuilder, Error> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(self.printer.descriptor(Stream::Stdout))
            .stderr(self.printer.descriptor(Stream::Stderr))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            // A worker must have no second thread, and in process a cell has one
            // of its own while it runs.
            .allow_blocking_current_thread(true)
            .max_random_size(RANDOM_BYTES)
            .secure_random(self.recorder.clone())
            .insecure_random(self.recorder.clone())
            .insecure_random_seed(0)
            .monotonic_clock(self.recorder.clone())
            .wall_clock(self.recorder.clone());
        for (folder, name) in readable {
            wasi.preopened_dir(folder, name, FsPerms::ReadOnly)
                .map_err(Error::wasm("open the library of"))?;
        }
        if let Some(data_folder) = data_folder {
            wasi.preopened_dir(data_folder, DATA_FOLDER, FsPerms::ReadWrite)
                .map_err(Error::wasm("open the data folder of"))?;
        }
        Ok(wasi)
    }

    /// Begins a cell.
    pub(crate) fn start(&mut self, limits: &Limits, tape: Tape, replay: bool) {
        self.printer.start(limits.output_bytes);
        self.disk.start(limits);
        self.memory.start(limits);
        self.recorder.start(tape, replay);
    }

    /// Ends it.
    pub(crate) fn report(
        &self,
        mut value: Option<String>,
        outcome: Outcome,
        limits: &Limits,
    ) -> Report {
        let mut truncated = self.printer.finish();
        if let Some(value) = &mut value
            && value.len() > limits.output_bytes
        {
            value.truncate(value.floor_char_boundary(limits.output_bytes));
            truncated = true;
        }
        let mut notes = Vec::new();
        if let Outcome::Raised { .. } = outcome
            && self.memory.refused
        {
            notes.push(format!(
                "the memory limit is {}",
                cell::size(limits.memory_bytes as u64)
            ));
        }
        notes.extend(self.disk.refused());
        Report {
            value,
            outcome,
            truncated,
            notes,
            tape: self.recorder.take(),
        }
    }

    /// What became of a cell whose guest is dead.
    pub(crate) fn stopped_by(&self, error: &wasmtime::Error, limits: &Limits) -> Outcome {
        let reason = match (
            error.downcast_ref::<I32Exit>(),
            error.downcast_ref::<Trap>(),
        ) {
            // WASI passes on whether it succeeded, not with which status.
            (Some(I32Exit(_)), _) => "the code ended the interpreter".to_owned(),
            (_, Some(Trap::StackOverflow)) => {
                "the interpreter's stack overflowed: the recursion or the nesting was too deep"
                    .to_owned()
            }
            _ if self.memory.refused => {
                return Outcome::OutOfMemory {
                    limit: limits.memory_bytes,
                };
            }
            (_, Some(trap)) => format!("the interpreter crashed: {trap}"),
            _ => format!("the interpreter crashed: {}", error.root_cause()),
        };
        Outcome::Stopped { reason }
    }
}
