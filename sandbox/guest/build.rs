//! Builds the guest: fetches its packages with pip, has componentize-py make a
//! component of them, with the interpreter's memory after its imports in it, and
//! compiles that for this machine.

use super::{REQUIREMENTS, sources};
use crate::{Error, pip};
use std::{ffi::OsString, fs, path::Path};
use wasmtime::Engine;

/// Part of the cache key: a change to the steps below is a change to the guest.
pub(super) const STEPS: &str = include_str!("build.rs");

/// Runs componentize-py, of which a wheel has a Python module only.
const COMPONENTIZE: &str = "import sys, componentize_py\n\
    sys.argv[0] = 'componentize-py'\n\
    componentize_py.script()";

/// The compiled guest. Works in a temporary folder under `folder`, whose lock the
/// caller holds.
pub(super) async fn build(
    engine: &Engine,
    folder: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<u8>, Error> {
    let python = pip::python().await?;
    let work = pip::workshop(folder)?;
    let work = work.path();
    for (name, source) in sources() {
        let path = work.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        fs::write(&path, source).map_err(Error::io("write", &path))?;
    }

    progress("fetching Python for the sandbox, once (CPython 3.14 and sympy, 24 MB)");
    let packages = pip::fetch(&python, REQUIREMENTS, work).await?;
    progress("building the sandbox, once (about half a minute)");
    let component = componentize(&python, &packages, work).await?;
    progress("compiling the sandbox for this machine, once (about half a minute)");
    let engine = engine.clone();
    let compiled =
        tokio::task::spawn_blocking(move || engine.precompile_component(&component)).await;
    compiled
        .map_err(|error| Error::Wasm {
            action: "compile",
            source: error.into(),
        })?
        .map_err(Error::wasm("compile"))
}

/// Makes the component. Whatever the build could see may end up in the
/// interpreter's memory, so it sees an empty environment.
async fn componentize(python: &OsString, packages: &Path, work: &Path) -> Result<Vec<u8>, Error> {
    let component = work.join("guest.wasm");
    let mut componentize = pip::command(python);
    componentize
        .env_clear()
        .env("PYTHONPATH", packages)
        .env("TMPDIR", work)
        .current_dir(work)
        .args([
            "-c",
            COMPONENTIZE,
            "--wit-path",
            "sandbox.wit",
            "--world",
            "sandbox",
        ])
        .args(["componentize", "--python-path", ".", "--python-path"])
        .arg(packages)
        .args(["standard", "--output"])
        .arg(&component);
    pip::run(componentize).await.map_err(|said| Error::Build {
        detail: pip::end_of(&said),
    })?;
    fs::read(&component).map_err(Error::io("read", &component))
}
