//! What the guest is given: WASI with one folder, two output streams, clocks and
//! randomness, under limits.

use crate::{Error, Limits, controls::Controls, disk, output::Sink};
use std::path::Path;
use wasmtime::{
    Config, Engine, OptLevel, ResourceLimiter,
    component::{Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Where the guest sees the session's folder.
pub(crate) const DATA_FOLDER: &str = "/mnt/data";

/// Stack of the WebAssembly code in bytes. Python's recursion limit of 1000
/// must hit before this does, in C code that recurses as well.
pub(crate) const WASM_STACK: usize = 8 << 20;

/// Bytes a guest may pass to the host in one call.
pub(crate) const CALL_BYTES: usize = 16 << 20;

/// Random bytes a guest may ask for in one call.
pub(crate) const RANDOM_BYTES: u64 = 1 << 20;

/// Instances, tables and elements of one guest: several times what it has.
const INSTANCES: usize = 200;
const TABLES: usize = 64;
const TABLE_ELEMENTS: usize = 100_000;
const MEMORIES: usize = 4;

/// The compiler's settings. A compiled guest is valid for these alone.
pub(crate) fn engine() -> Result<Engine, Error> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK);
    Engine::new(&config).map_err(Error::wasm("configure wasmtime for"))
}

/// All a guest may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    disk::add_to_linker(&mut linker)?;
    sleep::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The host's side of one interpreter.
pub(crate) struct Host {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) controls: Controls,
}

impl Host {
    pub(crate) fn new(data_folder: &Path, limits: &Limits, sink: Sink) -> Result<Self, Error> {
        let controls = Controls::new(data_folder, limits, sink);
        let wasi = controls.wasi([], Some(data_folder))?.build();
        Ok(Self::with(wasi, controls, limits))
    }

    pub(crate) fn with(wasi: WasiCtx, controls: Controls, limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        // A file in use takes up to three entries.
        table.set_max_capacity(limits.open_files.saturating_mul(3).saturating_add(64));
        Self {
            wasi,
            table,
            controls,
        }
    }
}

/// Sleep, which a cell that is run again need not do again.
mod sleep {
    use super::Host;
    use wasmtime::{StoreContextMut, component::Linker};
    use wasmtime_wasi::{clocks::WasiClocksView, p2::bindings::clocks::monotonic_clock};

    /// The interface as `wasmtime-wasi` names it; the calls below replace its own.
    const INTERFACE: &str = "wasi:clocks/monotonic-clock@0.2.12";

    pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
        linker.allow_shadowing(true);
        let mut clock = linker.instance(INTERFACE)?;
        clock.func_wrap(
            "subscribe-duration",
            |mut cx: StoreContextMut<'_, Host>, (duration,): (u64,)| {
                let host = cx.data_mut();
                let duration = if host.controls.recorder.replays() {
                    0
                } else {
                    duration
                };
                Ok((monotonic_clock::Host::subscribe_duration(
                    &mut host.clocks(),
                    duration,
                )?,))
            },
        )?;
        clock.func_wrap(
            "subscribe-instant",
            |mut cx: StoreContextMut<'_, Host>, (when,): (u64,)| {
                let host = cx.data_mut();
                let pollable = if host.controls.recorder.replays() {
                    // The other way reads the clock as well.
                    wasmtime_wasi::HostMonotonicClock::now(&host.controls.recorder);
                    monotonic_clock::Host::subscribe_duration(&mut host.clocks(), 0)?
                } else {
                    monotonic_clock::Host::subscribe_instant(&mut host.clocks(), when)?
                };
                Ok((pollable,))
            },
        )?;
        linker.allow_shadowing(false);
        Ok(())
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// The limit on all memories of a guest together.
pub(crate) struct Memory {
    limit: usize,
    pub(crate) used: usize,
    /// Whether growth was refused in the current cell.
    pub(crate) refused: bool,
}

impl Memory {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.memory_bytes,
            used: 0,
            refused: false,
        }
    }

    /// Begins a cell.
    pub(crate) fn start(&mut self, limits: &Limits) {
        self.limit = limits.memory_bytes;
        self.refused = false;
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        let fits = used <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if fits {
            self.used = used;
        } else {
            self.refused = true;
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= maximum.unwrap_or(TABLE_ELEMENTS).min(TABLE_ELEMENTS))
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_limited_over_all_memories_together() {
        let mut memory = Memory {
            limit: 100,
            used: 0,
            refused: false,
        };
        let grown = [(0, 60), (0, 30), (30, 50), (30, 40)]
            .map(|(current, desired)| memory.memory_growing(current, desired, None).unwrap());
        assert_eq!(grown, [true, true, false, true]);
        assert!(memory.refused);
    }
}
