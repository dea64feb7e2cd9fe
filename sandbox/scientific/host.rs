//! What the scientific guest is given: WASI preview 1 with the session's folder,
//! the pack's library, two output streams, clocks and randomness, under limits.

use super::pack::Pack;
use crate::{Error, Limits, controls::Controls, disk, output::Sink};
use std::path::Path;
use wasmtime::{Engine, Linker};
use wasmtime_wasi::p1::{self, WasiP1Ctx};

/// What the guest takes itself for; it looks for its library from there.
const PROGRAM: &str = "/usr/local/bin/python.wasm";

/// Descriptors below this are not the cells': the standard streams, the folders of
/// the [`Pack`], and `/mnt/data`.
const FIRST_FILE: u32 = 6;

/// All that the guest may import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |host: &mut Host| &mut host.wasi)?;
    disk::preview1::add_to_linker(&mut linker)?;
    super::sleep::add_to_linker(&mut linker)?;
    super::answer::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The host's side of one interpreter.
pub(crate) struct Host {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) controls: Controls,
    /// Descriptors below this are not to be closed.
    pub(crate) first_file: u32,
    /// What the guest said came of the cell.
    pub(super) answer: Option<Vec<u8>>,
}

impl Host {
    /// That of a program which opens its files after the standard streams and the
    /// folders it has been given.
    pub(crate) fn of_program(wasi: WasiP1Ctx, controls: Controls, first_file: u32) -> Self {
        Self {
            wasi,
            controls,
            first_file,
            answer: None,
        }
    }

    pub(super) fn new(
        pack: &Pack,
        data_folder: &Path,
        limits: &Limits,
        sink: Sink,
    ) -> Result<Self, Error> {
        let controls = Controls::new(data_folder, limits, sink);
        let folders = pack.folders();
        let readable = folders
            .iter()
            .map(|(folder, name)| (folder.as_path(), *name));
        // The order of the folders is part of what an interpreter that has started
        // knows.
        let mut wasi = controls.wasi(readable, Some(data_folder))?;
        wasi.arg(PROGRAM);
        Ok(Self {
            wasi: wasi.build_p1(),
            controls,
            first_file: FIRST_FILE,
            answer: None,
        })
    }
}
