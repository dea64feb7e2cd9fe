//! Compiling the pack's guest, the longest step of installing it: a hundred
//! megabytes of WebAssembly.
//!
//! All that the compiler makes of them is in memory until it writes the result, near
//! 2 GB, with one thread as with many. So it is done in a process of its own, if
//! this program can be one, and the memory goes back to the system at its end.

use super::module;
use crate::{Error, pip, worker};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{self, Instant};

/// Part of the key: a change to the steps below is a change to the code.
pub(super) const STEPS: &str = include_str!("compile.rs");

/// Set in the environment of a program that is to compile: the module's file.
pub(crate) const COMPILER: &str = "GLM_SANDBOX_COMPILE";

/// How often it is said that it goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// Compiles the guest of a file for this machine; returns the result's file.
pub(super) async fn compile(
    module: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, Error> {
    progress(
        "compiling the scientific pack for this machine, once (one to two minutes, with 2 GB of \
         memory)",
    );
    let compiling = async {
        if let Some(program) = worker::this_program() {
            let mut compiler = pip::command(program);
            compiler.env_clear().env(COMPILER, module);
            return pip::run(compiler).await.map_err(|said| Error::Build {
                detail: pip::end_of(&said),
            });
        }
        let module = module.to_owned();
        tokio::task::spawn_blocking(move || compile_file(&module))
            .await
            .map_err(|error| Error::Build {
                detail: error.to_string(),
            })?
    };
    tokio::pin!(compiling);
    let started = Instant::now();
    loop {
        match time::timeout(PATIENCE, &mut compiling).await {
            Ok(compiled) => return compiled.map(|()| compiled_file(module)),
            Err(_) => progress(&format!(
                "still compiling the scientific pack ({} s)",
                started.elapsed().as_secs()
            )),
        }
    }
}

/// Does the work of a program in whose environment [`COMPILER`] is set. Returns the
/// exit code.
#[allow(
    clippy::print_stderr,
    reason = "the process is a compiler and nothing else, and this is how it says what is wrong"
)]
pub(crate) fn run_compiler(module: &Path) -> i32 {
    match compile_file(module) {
        Ok(()) => 0,
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            eprintln!("{error}: {}", source.unwrap_or_default());
            1
        }
    }
}

fn compile_file(module: &Path) -> Result<(), Error> {
    let wasm = fs::read(module).map_err(Error::io("read", module))?;
    let wasm = without_custom_sections(&wasm).unwrap_or(wasm);
    let compiled = module::engine()?
        .precompile_module(&wasm)
        .map_err(Error::wasm("compile"))?;
    let file = compiled_file(module);
    fs::write(&file, compiled).map_err(Error::io("write", &file))
}

fn compiled_file(module: &Path) -> PathBuf {
    module.with_extension("compiled")
}

/// A module without its custom sections: names of functions that no message shows,
/// a seventh of the file. `None` if it is no module.
fn without_custom_sections(wasm: &[u8]) -> Option<Vec<u8>> {
    /// Magic number and version.
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let (header, mut rest) = wasm.split_at_checked(HEADER)?;
    let mut kept = header.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let (length, bytes) = leb128(after)?;
        let section = 1 + bytes + length;
        let (section, next) = rest.split_at_checked(section)?;
        if *kind != CUSTOM {
            kept.extend_from_slice(section);
        }
        rest = next;
    }
    Some(kept)
}

/// A number, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for (position, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((number, position + 1));
        }
    }
    None
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
    fn custom_sections_are_left_out() {
        let header = b"\0asm\x01\0\0\0".as_slice();
        let types = [1, 4, 1, 0x60, 0, 0];
        // Its length is written in two bytes, as linkers do.
        let custom = [0, 0x85, 0, 4, b'n', b'a', b'm', b'e'];
        let module = [header, &types, &custom].concat();
        assert_eq!(
            without_custom_sections(&module),
            Some([header, &types].concat())
        );
        assert_eq!(without_custom_sections(&module[..module.len() - 1]), None);
        assert_eq!(without_custom_sections(b"\0asm"), None);
    }
}
