//! One instantiated guest: what runs a cell, in a worker process or in this one.

use crate::{
    Error, Limits, Outcome, Tape, cell,
    guest::Guest,
    host::{CALL_BYTES, Host},
    output::Sink,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "guest/sandbox.wit",
        world: "sandbox",
        exports: { default: async },
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
pub(crate) struct Interpreter {
    store: Store<Host>,
    guest: bindings::Sandbox,
}

impl Interpreter {
    /// An interpreter that sees `data_folder` as `/mnt/data` and prints to `sink`.
    pub(crate) async fn start(
        guest: &Guest,
        data_folder: &Path,
        limits: &Limits,
        sink: Sink,
    ) -> Result<Self, Error> {
        let host = Host::new(data_folder, limits, sink)?;
        let mut store = Store::new(guest.engine(), host);
        store.limiter(|host| &mut host.memory);
        store.set_hostcall_fuel(CALL_BYTES);
        // At each epoch the guest yields, and the executor sees its timers.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        let guest = match guest.component().instantiate_async(&mut store).await {
            Ok(guest) => guest,
            Err(_) if store.data().memory.refused => {
                return Err(Error::Memory {
                    limit: limits.memory_bytes,
                });
            }
            Err(error) => return Err(Error::wasm("start")(error)),
        };
        Ok(Self { store, guest })
    }

    /// What it takes up now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory.used
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
        self.store.data_mut().start(limits, tape, replay);
        self.store.set_epoch_deadline(1);
        let returned = self
            .guest
            .call_run(&mut self.store, code, limits.recursion)
            .await;
        let (value, outcome) = match returned {
            Ok(Ok(value)) => (value, Outcome::Finished),
            Ok(Err(raised)) => {
                let outcome = Outcome::Raised {
                    kind: raised.kind,
                    message: raised.message,
                    traceback: raised.traceback,
                };
                (None, outcome)
            }
            Err(error) => (None, self.stopped_by(&error, limits)),
        };
        if !outcome.is_undone() && !self.is_sound(limits).await {
            let outcome = if self.store.data().memory.refused {
                let limit = limits.memory_bytes;
                Outcome::OutOfMemory { limit }
            } else {
                let reason = "it left the interpreter unable to run another cell".into();
                Outcome::Stopped { reason }
            };
            return self.report(None, outcome, limits);
        }
        self.report(value, outcome, limits)
    }

    /// Whether it runs an empty cell. Code can break what runs it, and such a cell
    /// is better undone than followed by others that all fail.
    async fn is_sound(&mut self, limits: &Limits) -> bool {
        let returned = self
            .guest
            .call_run(&mut self.store, "", limits.recursion)
            .await;
        matches!(returned, Ok(Ok(None)))
    }

    /// The report of a cell whose [`run`](Self::run) was dropped before its end.
    pub(crate) fn stopped(&mut self, outcome: Outcome, limits: &Limits) -> Report {
        self.report(None, outcome, limits)
    }

    /// Says that `/mnt/data` is another folder now, for the quota.
    pub(crate) fn moved_to(&self, data_folder: PathBuf) {
        self.store.data().disk.move_to(data_folder);
    }

    fn report(&mut self, mut value: Option<String>, outcome: Outcome, limits: &Limits) -> Report {
        let host = self.store.data();
        let mut truncated = host.printer.finish();
        if let Some(value) = &mut value
            && value.len() > limits.output_bytes
        {
            value.truncate(value.floor_char_boundary(limits.output_bytes));
            truncated = true;
        }
        let mut notes = Vec::new();
        if let Outcome::Raised { .. } = outcome
            && host.memory.refused
        {
            notes.push(format!(
                "the memory limit is {}",
                cell::size(limits.memory_bytes as u64)
            ));
        }
        notes.extend(host.disk.refused());
        Report {
            value,
            outcome,
            truncated,
            notes,
            tape: host.recorder.take(),
        }
    }

    fn stopped_by(&self, error: &wasmtime::Error, limits: &Limits) -> Outcome {
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
            _ if self.store.data().memory.refused => {
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
