//! Programs in WebAssembly, run once: WASI commands, as components (0.2) or as core
//! modules (preview 1).
//!
//! ```no_run
//! # async fn example() -> Result<(), glm_agent_sandbox::Error> {
//! use glm_agent_sandbox::{Limits, program::{End, Program}};
//! use std::path::Path;
//!
//! let program = Program::open(Path::new("tool.wasm"))?;
//! let print = |piece: glm_agent_sandbox::Output| eprint!("{}", piece.text);
//! let run = program.run("{}".into(), None, &Limits::default(), print).await?;
//! assert_eq!(run.end, End::Exited(0));
//! # Ok(())
//! # }
//! ```
//!
//! A program may do what a cell of the notebook [may](crate): compute, read the
//! clocks and random numbers, print, and read and write one folder at `/mnt/data`,
//! under the same limits; it has no network, no environment and no arguments. It
//! runs in this process, with WebAssembly's wall alone, and no limit of processor
//! time but [`Limits::wall`]. It is compiled when it first runs.

use crate::{
    Error, Limits, Output, Tape, cell,
    controls::Controls,
    disk,
    host::{self, CALL_BYTES, Host},
    scientific::host::Host as ModuleHost,
    ticker::Ticker,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use tokio::{runtime, sync::oneshot, time};
use wasmtime::{
    Engine, InstancePre, Linker, Module, ResourceLimiter, Store, Trap, component::Component,
};
use wasmtime_wasi::{
    I32Exit, WasiCtxBuilder, p1,
    p2::{bindings::CommandPre, pipe::MemoryInputPipe},
};

/// How files begin: magic number, version and layer.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// The standard streams come before the folder.
const STREAMS: u32 = 3;

/// A program. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    file: Arc<File>,
}

struct File {
    path: PathBuf,
    wasm: Vec<u8>,
    compiled: OnceLock<Result<Compiled, String>>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

struct Compiled {
    engine: Engine,
    ticker: Ticker,
    linked: Linked,
}

enum Linked {
    Component(CommandPre<Host>),
    Module(InstancePre<ModuleHost>),
}

/// How a run ended, and what it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// Whether it printed more than [`Limits::output_bytes`]; the rest is lost.
    pub truncated: bool,
    /// The limit of files that it ran into, in words.
    pub refused: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code; components say no more than 0 or 1.
    Exited(i32),
    /// At [`Limits::wall`].
    TimedOut,
    /// It crashed after [`Limits::memory_bytes`] was reached.
    OutOfMemory,
    /// It crashed, in words.
    Crashed(String),
}

impl Program {
    /// Reads a program from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is neither a component nor a module.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wasm = fs::read(path).map_err(Error::io("read", path))?;
        if !wasm.starts_with(&MODULE) && !wasm.starts_with(&COMPONENT) {
            return Err(Error::Program {
                path: path.into(),
                reason: "it does not begin as one".into(),
            });
        }
        Ok(Self {
            file: Arc::new(File {
                path: path.into(),
                wasm,
                compiled: OnceLock::new(),
            }),
        })
    }

    /// Runs it once. It reads `stdin`, sees `folder` as `/mnt/data`, and `watch` gets
    /// what it prints as it prints it. Dropping the future stops it.
    ///
    /// # Errors
    /// If it cannot be compiled, lacks something that it imports, or needs more memory
    /// than the limit to start. Never for anything that it does.
    pub async fn run(
        &self,
        stdin: String,
        folder: Option<&Path>,
        limits: &Limits,
        watch: impl FnMut(Output) + Send + 'static,
    ) -> Result<Run, Error> {
        let (file, limits) = (Arc::clone(&self.file), limits.clone());
        let folder = folder.map(Path::to_owned);
        let (_wanted, dropped) = oneshot::channel::<()>();
        // It computes without yielding to others, and its files are read in place.
        let run = tokio::task::spawn_blocking(move || {
            let failed = |error| Error::wasm("start")(wasmtime::Error::new(error));
            let executor = runtime::Builder::new_current_thread().enable_time().build();
            executor.map_err(failed)?.block_on(async {
                tokio::select! {
                    run = file.run(stdin, folder.as_deref(), &limits, Box::new(watch)) => run,
                    _ = dropped => Ok(Run { end: End::TimedOut, truncated: false, refused: None }),
                }
            })
        });
        run.await.map_err(|error| Error::Program {
            path: self.file.path.clone(),
            reason: error.to_string(),
        })?
    }
}

impl File {
    fn compiled(&self) -> Result<&Compiled, Error> {
        let compiled = self
            .compiled
            .get_or_init(|| Compiled::of(&self.wasm).map_err(|error| format!("{error:#}")));
        compiled
            .as_ref()
            .map_err(|reason| self.wrong(reason.clone()))
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Program {
            path: self.path.clone(),
            reason,
        }
    }

    async fn run(
        &self,
        stdin: String,
        folder: Option<&Path>,
        limits: &Limits,
        sink: crate::output::Sink,
    ) -> Result<Run, Error> {
        let compiled = self.compiled()?;
        let mut controls = Controls::new(folder.unwrap_or(Path::new("")), limits, sink);
        controls.start(limits, Tape::blank()?, false);
        let mut wasi = controls.wasi([], folder)?;
        wasi.stdin(MemoryInputPipe::new(stdin));
        let _running = compiled.ticker.running();
        let running = compiled.run(wasi, controls, folder.is_some(), limits);
        let (ended, controls) = running.await;
        let end = match ended {
            None => End::TimedOut,
            Some(Ok(code)) => End::Exited(code),
            Some(Err(error)) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => End::Exited(*code),
                None if controls.memory.refused => End::OutOfMemory,
                None => match error.downcast_ref::<Trap>() {
                    Some(trap) => End::Crashed(trap.to_string()),
                    None => return Err(self.wrong(format!("{error:#}"))),
                },
            },
        };
        Ok(Run {
            end,
            truncated: controls.printer.finish(),
            refused: controls.disk.refused(),
        })
    }
}

impl Compiled {
    fn of(wasm: &[u8]) -> wasmtime::Result<Self> {
        let engine = host::engine().map_err(wasmtime::Error::new)?;
        let linked = if wasm.starts_with(&COMPONENT) {
            let component = Component::from_binary(&engine, wasm)?;
            let linked = host::linker(&engine)?.instantiate_pre(&component)?;
            Linked::Component(CommandPre::new(linked)?)
        } else {
            let module = Module::from_binary(&engine, wasm)?;
            let mut linker = Linker::new(&engine);
            p1::add_to_linker_async(&mut linker, |host: &mut ModuleHost| &mut host.wasi)?;
            disk::preview1::add_to_linker(&mut linker)?;
            Linked::Module(linker.instantiate_pre(&module)?)
        };
        Ok(Self {
            ticker: Ticker::new(engine.clone()).map_err(wasmtime::Error::new)?,
            engine,
            linked,
        })
    }

    /// The exit code, unless time is up.
    async fn run(
        &self,
        mut wasi: WasiCtxBuilder,
        controls: Controls,
        has_folder: bool,
        limits: &Limits,
    ) -> (Option<wasmtime::Result<i32>>, Controls) {
        match &self.linked {
            Linked::Component(command) => {
                let host = Host::with(wasi.build(), controls, limits);
                let mut store = self.store(host, |host| &mut host.controls.memory);
                let running = async {
                    let command = command.instantiate_async(&mut store).await?;
                    let ended = command.wasi_cli_run().call_run(&mut store).await?;
                    Ok(i32::from(ended.is_err()))
                };
                let ended = time::timeout(limits.wall, running).await.ok();
                (ended, store.into_data().controls)
            }
            Linked::Module(module) => {
                let first_file = STREAMS + u32::from(has_folder);
                let host = ModuleHost::of_program(wasi.build_p1(), controls, first_file);
                let mut store = self.store(host, |host| &mut host.controls.memory);
                let running = async {
                    let instance = module.instantiate_async(&mut store).await?;
                    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
                    start.call_async(&mut store, ()).await?;
                    Ok(0)
                };
                let ended = time::timeout(limits.wall, running).await.ok();
                (ended, store.into_data().controls)
            }
        }
    }

    fn store<T: Send + 'static>(
        &self,
        host: T,
        memory: impl (FnMut(&mut T) -> &mut host::Memory) + Send + Sync + 'static,
    ) -> Store<T> {
        let mut memory = memory;
        let mut store = Store::new(&self.engine, host);
        store.limiter(move |host| -> &mut dyn ResourceLimiter { memory(host) });
        store.set_hostcall_fuel(CALL_BYTES);
        // At each epoch the program yields, and the executor sees its timers.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        store
    }
}

impl End {
    /// What is wrong with it, for the model; `None` where all went well.
    pub fn complaint(&self, limits: &Limits) -> Option<String> {
        match self {
            Self::Exited(0) => None,
            Self::Exited(code) => Some(format!("the program failed: exit status: {code}")),
            Self::TimedOut => Some(format!(
                "the program was stopped at its time limit of {} s",
                limits.wall.as_secs_f64()
            )),
            Self::OutOfMemory => Some(format!(
                "the program ran out of memory: its limit is {}",
                cell::size(limits.memory_bytes as u64)
            )),
            Self::Crashed(why) => Some(format!("the program crashed: {why}")),
        }
    }
}
