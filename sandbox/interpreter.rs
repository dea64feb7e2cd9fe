//! One instantiated guest: what runs a cell, in a worker process or in this one.

use crate::{
    Error, Limits, Outcome, Tape,
    controls::Controls,
    guest::Guest,
    host::{CALL_BYTES, Host},
    output::Sink,
    scientific::module,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wasmtime::Store;

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "guest/sandbox.wit",
        world: "sandbox",
        exports: { default: async },
        additional_derives: [serde::Deserialize],
    });
}

/// What an interpreter says of a cell besides its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) value: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) truncated: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) tape: Tape,
}

/// CPython with the variables of a session.
pub(crate) enum Interpreter {
    Standard {
        store: Store<Host>,
        guest: bindings::Sandbox,
    },
    Scientific(module::Interpreter),
}

impl Interpreter {
    /// An interpreter that sees `data_folder` as `/mnt/data` and prints to `sink`.
    pub(crate) async fn start(
        guest: &Guest,
        data_folder: &Path,
        limits: &Limits,
        sink: Sink,
    ) -> Result<Self, Error> {
        let (engine, component) = match guest {
            Guest::Standard { engine, component } => (engine, component),
            Guest::Scientific(module) => {
                let interpreter = module.start(data_folder, limits, sink).await?;
                return Ok(Self::Scientific(interpreter));
            }
        };
        let host = Host::new(data_folder, limits, sink)?;
        let mut store = Store::new(engine, host);
        store.limiter(|host| &mut host.controls.memory);
        store.set_hostcall_fuel(CALL_BYTES);
        // At each epoch the guest yields, and the executor sees its timers.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        match component.instantiate_async(&mut store).await {
            Ok(guest) => Ok(Self::Standard { store, guest }),
            Err(_) if store.data().controls.memory.refused => Err(Error::Memory {
                limit: limits.memory_bytes,
            }),
            Err(error) => Err(Error::wasm("start")(error)),
        }
    }

    /// What it takes up now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.controls().memory.used
    }

    /// Runs one cell to its end, however long that takes. With `replay`, the cell
    /// sees of clocks and randomness what is on the tape; else it is recorded. An
    /// interpreter whose report [`is_undone`](Outcome::is_undone) is dead.
    pub(crate) async fn run(
        &mut self,
        code: &str,
        limits: &Limits,
        tape: Tape,
        replay: bool,
    ) -> Report {
        self.controls_mut().start(limits, tape, replay);
        let (value, outcome) = match self.call(code, limits).await {
            Ok(Ok(value)) => (value, Outcome::Finished),
            Ok(Err(raised)) => {
                let outcome = Outcome::Raised {
                    kind: raised.kind,
                    message: raised.message,
                    traceback: raised.traceback,
                };
                (None, outcome)
            }
            Err(error) => (None, self.controls().stopped_by(&error, limits)),
        };
        if !outcome.is_undone() && !self.is_sound(limits).await {
            let outcome = if self.controls().memory.refused {
                let limit = limits.memory_bytes;
                Outcome::OutOfMemory { limit }
            } else {
                let reason = "it left the interpreter unable to run another cell".into();
                Outcome::Stopped { reason }
            };
            return self.stopped(outcome, limits);
        }
        self.controls().report(value, outcome, limits)
    }

    async fn call(
        &mut self,
        code: &str,
        limits: &Limits,
    ) -> wasmtime::Result<Result<Option<String>, bindings::Raised>> {
        match self {
            Self::Standard { store, guest } => {
                store.set_epoch_deadline(1);
                guest.call_run(store, code, limits.recursion).await
            }
            Self::Scientific(interpreter) => interpreter.run(code, limits.recursion).await,
        }
    }

    /// Whether it runs an empty cell. Code can break what runs it, and such a cell
    /// is better undone than followed by others that all fail.
    async fn is_sound(&mut self, limits: &Limits) -> bool {
        matches!(self.call("", limits).await, Ok(Ok(None)))
    }

    /// The report of a cell whose [`run`](Self::run) was dropped before its end.
    pub(crate) fn stopped(&mut self, outcome: Outcome, limits: &Limits) -> Report {
        self.controls().report(None, outcome, limits)
    }

    /// Says that `/mnt/data` is another folder now, for the quota.
    pub(crate) fn moved_to(&self, data_folder: PathBuf) {
        self.controls().disk.move_to(data_folder);
    }

    fn controls(&self) -> &Controls {
        match self {
            Self::Standard { store, .. } => &store.data().controls,
            Self::Scientific(interpreter) => interpreter.controls(),
        }
    }

    fn controls_mut(&mut self) -> &mut Controls {
        match self {
            Self::Standard { store, .. } => &mut store.data_mut().controls,
            Self::Scientific(interpreter) => interpreter.controls_mut(),
        }
    }
}
