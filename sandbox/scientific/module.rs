//! The scientific guest, loaded: a core module, where the standard guest is a
//! component.

use super::{
    host::{self, Host},
    pack::Pack,
};
use crate::{
    Error, Limits,
    controls::Controls,
    host::{CALL_BYTES, WASM_STACK},
    interpreter::bindings::Raised,
    output::Sink,
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use wasmtime::{Config, Engine, InstancePre, Memory, OptLevel, Store, TypedFunc};

/// Bytes of WebAssembly memory are taken by this many.
const WASM_PAGE: u64 = 64 << 10;
/// Bytes that the host's memory is shared by, or not, at the least.
const HOST_PAGE: usize = 4 << 10;
/// Bytes of an image that are read at a time.
const CHUNK: usize = 1 << 20;

/// The compiler's settings. A compiled guest is valid for these alone.
pub(super) fn engine() -> Result<Engine, Error> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_exceptions(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK)
        // A map from machine code to WebAssembly, which nobody reads: a fifth of the
        // size.
        .generate_address_map(false);
    Engine::new(&config).map_err(Error::wasm("configure wasmtime for"))
}

/// The guest, loaded and linked: interpreters start from it in a few hundredths of
/// a second.
pub(crate) struct Module {
    engine: Engine,
    module: InstancePre<Host>,
    pack: Pack,
}

impl Module {
    /// Loads an installed pack.
    ///
    /// # Errors
    /// If wasmtime refuses its code.
    pub(crate) fn load(pack: Pack) -> Result<Self, Error> {
        let engine = engine()?;
        let module = deserialize(&engine, &pack.code)?;
        let module = host::linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&module))
            .map_err(Error::wasm("link"))?;
        Ok(Self {
            engine,
            module,
            pack,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// An interpreter with its packages imported, that sees `data_folder` as
    /// `/mnt/data` and prints to `sink`.
    ///
    /// # Errors
    /// If a folder or the image of its memory cannot be read, or `limits` leave it
    /// too little memory.
    pub(crate) async fn start(
        &self,
        data_folder: &Path,
        limits: &Limits,
        sink: Sink,
    ) -> Result<Interpreter, Error> {
        let mut interpreter = self.blank(data_folder, limits, sink).await?;
        interpreter.restore(&self.pack.memory, limits).await?;
        Ok(interpreter)
    }

    /// An interpreter as it comes in the pack, without the notebook.
    pub(super) async fn blank(
        &self,
        data_folder: &Path,
        limits: &Limits,
        sink: Sink,
    ) -> Result<Interpreter, Error> {
        let host = Host::new(&self.pack, data_folder, limits, sink)?;
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.controls.memory);
        store.set_hostcall_fuel(CALL_BYTES);
        // At each epoch the guest yields, and the executor sees its timers.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        let instance = match self.module.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(_) if store.data().controls.memory.refused => return Err(too_little(limits)),
            Err(error) => return Err(Error::wasm("start")(error)),
        };
        let exports = |store: &mut Store<Host>| {
            Ok(Exports {
                memory: instance
                    .get_memory(&mut *store, "memory")
                    .ok_or_else(|| wasmtime::format_err!("it exports no memory"))?,
                host_alloc: instance.get_typed_func(&mut *store, "host_alloc")?,
                turn: instance.get_typed_func(&mut *store, "turn")?,
            })
        };
        let exports = exports(&mut store).map_err(Error::wasm("start"))?;
        Ok(Interpreter { store, exports })
    }
}

fn too_little(limits: &Limits) -> Error {
    Error::Memory {
        limit: limits.memory_bytes,
    }
}

/// Maps compiled code into this process.
#[allow(
    unsafe_code,
    reason = "wasmtime runs the file's machine code as it is. It is our own: its folder is private to \
              its owner, and its hash was checked, or it has just been written"
)]
pub(super) fn deserialize(engine: &Engine, path: &Path) -> Result<wasmtime::Module, Error> {
    // SAFETY: see the reason above; the file is never changed, only replaced.
    unsafe { wasmtime::Module::deserialize_file(engine, path) }.map_err(Error::wasm("load"))
}

/// CPython with the variables of a session.
pub(crate) struct Interpreter {
    store: Store<Host>,
    exports: Exports,
}

struct Exports {
    memory: Memory,
    /// Bytes to the address of as many that the host may write, or 0.
    host_alloc: TypedFunc<i32, i32>,
    /// Address and length of Python source, to a status. It runs the source in
    /// `__main__`, prints the exception that leaves it, and frees it.
    turn: TypedFunc<(i32, i32), i32>,
}

impl Interpreter {
    pub(crate) fn controls(&self) -> &Controls {
        &self.store.data().controls
    }

    pub(crate) fn controls_mut(&mut self) -> &mut Controls {
        &mut self.store.data_mut().controls
    }

    /// Runs one cell to its end, however long that takes, and returns the `repr` of
    /// its last expression, if it ends with one that is not `None`. `recursion` is
    /// the deepest recursion that the code may ask for.
    ///
    /// # Errors
    /// If the guest trapped or exited, or did not say what came of the cell. It is
    /// of no more use then.
    pub(crate) async fn run(
        &mut self,
        code: &str,
        recursion: u32,
    ) -> wasmtime::Result<Result<Option<String>, Raised>> {
        // JSON's strings are Python's as well.
        let code = serde_json::to_string(code)?;
        self.store.data_mut().answer = None;
        self.turn(&format!(
            "__import__('scientific').run({code}, {recursion})"
        ))
        .await?;
        let answer = self.store.data_mut().answer.take();
        let answer = answer.ok_or_else(|| wasmtime::format_err!("it did not answer"))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Runs Python source outside the notebook; returns whether it raised nothing.
    pub(super) async fn turn(&mut self, source: &str) -> wasmtime::Result<bool> {
        let Exports {
            memory,
            host_alloc,
            turn,
        } = &self.exports;
        self.store.set_epoch_deadline(1);
        let length = i32::try_from(source.len())?;
        let address = host_alloc.call_async(&mut self.store, length).await?;
        if address == 0 {
            wasmtime::bail!("it has no memory left for the code");
        }
        memory.write(
            &mut self.store,
            address.cast_unsigned() as usize,
            source.as_bytes(),
        )?;
        let status = turn.call_async(&mut self.store, (address, length)).await?;
        Ok(status == 0)
    }

    /// Its memory. At rest that is all its state: it has no WebAssembly tables or
    /// globals that change, and no files are open.
    pub(super) fn image(&self) -> &[u8] {
        self.exports.memory.data(&self.store)
    }

    /// Continues where the interpreter of an image was.
    async fn restore(&mut self, image: &Path, limits: &Limits) -> Result<(), Error> {
        let failed = || Error::io("read", image);
        let mut file = File::open(image).map_err(failed())?;
        let size = file.metadata().map_err(failed())?.len();
        let memory = self.exports.memory;
        let more = (size / WASM_PAGE).saturating_sub(memory.size(&self.store));
        if memory.grow_async(&mut self.store, more).await.is_err() {
            return Err(too_little(limits));
        }
        let mut chunk = vec![0; CHUNK];
        let mut read = || {
            for part in memory.data_mut(&mut self.store).chunks_mut(CHUNK) {
                let chunk = chunk
                    .get_mut(..part.len())
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                file.read_exact(chunk)?;
                // A page that is not written to stays shared between interpreters.
                for (page, wanted) in part.chunks_mut(HOST_PAGE).zip(chunk.chunks(HOST_PAGE)) {
                    if page != wanted {
                        page.copy_from_slice(wanted);
                    }
                }
            }
            io::Result::Ok(())
        };
        read().map_err(failed())
    }
}
