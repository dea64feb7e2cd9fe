//! The guest: CPython and its library as a WebAssembly component, compiled for
//! this machine.

mod build;

use crate::{
    Error,
    cache::{self, Cache},
    host::{self, Host},
    interpreter::bindings::SandboxPre,
    scientific::{module::Module, pack::Pack},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};
use wasmtime::{Engine, component::Component};

/// What the standard guest is built from but for its matplotlib, by path.
const SOURCES: [(&str, &str); 5] = [
    ("sandbox.wit", include_str!("guest/sandbox.wit")),
    ("standard.py", include_str!("guest/standard.py")),
    ("notebook.py", include_str!("guest/notebook.py")),
    ("library.py", include_str!("guest/library.py")),
    ("event_loop.py", include_str!("guest/event_loop.py")),
];
const REQUIREMENTS: &str = include_str!("guest/requirements.lock");

/// The modules of the guest's matplotlib, by name.
macro_rules! plotting {
    ($($module:literal)*) => {
        [$((
            concat!("plotting/", $module, ".py"),
            include_str!(concat!("guest/plotting/", $module, ".py")),
        )),*]
    };
}
const PLOTTING: [(&str, &str); 44] = plotting![
    "__init__" "area_charts" "artist" "axes" "axes_page" "axis" "axis_page" "bar_charts"
    "cm" "collections" "colorbar" "colors" "container" "data" "dates" "decorations" "figure"
    "grids" "gridspec" "image" "image_charts" "layout" "legend" "line_charts" "lines"
    "markers" "mathtext" "missing" "patches" "pyplot" "rcsetup" "saving" "scale" "span"
    "spines" "statistical_charts" "strokes" "style" "svg" "sympy_plots" "text" "ticker"
    "typeset" "view"
];

/// All files that the guest is built from, by path.
fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.into_iter().chain(PLOTTING)
}

/// A guest as it is in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Compiled {
    /// A file.
    Standard(PathBuf),
    Scientific(Pack),
}

impl Compiled {
    /// The folder that its interpreters read from.
    pub(crate) fn library(&self) -> Option<&Path> {
        match self {
            Self::Standard(_) => None,
            Self::Scientific(pack) => Some(&pack.library),
        }
    }
}

/// A guest, loaded and linked: interpreters start from it in milliseconds.
pub(crate) enum Guest {
    Standard {
        engine: Engine,
        component: SandboxPre<Host>,
    },
    Scientific(Module),
}

impl Guest {
    pub(crate) fn load(compiled: &Compiled) -> Result<Self, Error> {
        let path = match compiled {
            Compiled::Standard(path) => path,
            Compiled::Scientific(pack) => return Module::load(pack.clone()).map(Self::Scientific),
        };
        let engine = host::engine()?;
        let component = deserialize(&engine, path)?;
        let component = host::linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .and_then(SandboxPre::new)
            .map_err(Error::wasm("link"))?;
        Ok(Self::Standard { engine, component })
    }

    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Self::Standard { engine, .. } => engine,
            Self::Scientific(module) => module.engine(),
        }
    }
}

/// The standard guest, compiled, in the cache, where it is built first if need be.
pub(crate) async fn compiled(
    cache_dir: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Compiled, Error> {
    let engine = host::engine()?;
    let cache = Cache::open(cache_dir.join("sandbox"))?;
    let key = key(&engine);
    if let Some(path) = from_cache(&engine, &cache, &key)? {
        return Ok(Compiled::Standard(path));
    }
    let _lock = cache
        .lock(|| progress("waiting for another process that builds the Python sandbox"))
        .await?;
    if let Some(path) = from_cache(&engine, &cache, &key)? {
        return Ok(Compiled::Standard(path));
    }
    let compiled = build::build(&engine, cache.folder(), progress).await?;
    cache.store(&key, &compiled).map(Compiled::Standard)
}

/// Bytes of the compiled guest, if the cache has it, whole and of this version.
pub(crate) fn built(cache_dir: &Path) -> Result<Option<u64>, Error> {
    let engine = host::engine()?;
    let cache = Cache::open(cache_dir.join("sandbox"))?;
    let Some(path) = from_cache(&engine, &cache, &key(&engine))? else {
        return Ok(None);
    };
    let size = path.metadata().map_err(Error::io("read", &path))?.len();
    Ok(Some(size))
}

/// Names a compiled guest: by what it is built from, and by everything of the
/// compiler and the processor that its code depends on.
fn key(engine: &Engine) -> String {
    let mut compiler = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compiler);
    let mut hash = Sha256::new();
    hash.update(compiler.finish().to_le_bytes());
    hash.update(build::STEPS);
    hash.update(REQUIREMENTS);
    for (name, source) in sources() {
        for part in [name, source] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    let mut key = cache::hex(&hash.finalize());
    key.truncate(16);
    key
}

/// The file of `key`, unless it is missing, damaged or refused by wasmtime.
fn from_cache(engine: &Engine, cache: &Cache, key: &str) -> Result<Option<PathBuf>, Error> {
    let Some(path) = cache.find(key)? else {
        return Ok(None);
    };
    match deserialize(engine, &path) {
        Ok(_) => Ok(Some(path)),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "unusable cache entry");
            Ok(None)
        }
    }
}

/// Maps compiled code into this process.
#[allow(
    unsafe_code,
    reason = "wasmtime runs the file's machine code as it is. It is our own: its folder is private to \
              its owner, and its hash was checked, or it has just been written"
)]
fn deserialize(engine: &Engine, path: &Path) -> Result<Component, Error> {
    // SAFETY: see the reason above; the file is never changed, only replaced.
    unsafe { Component::deserialize_file(engine, path) }.map_err(Error::wasm("load"))
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
    fn every_module_of_the_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/plotting");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".py"))
            .map(|name| format!("plotting/{name}"))
            .collect();
        files.sort();
        assert_eq!(PLOTTING.map(|(path, _)| path.to_owned()).to_vec(), files);
    }

    #[test]
    fn the_key_depends_on_the_compiler_settings() {
        let ours = crate::host::engine().unwrap();
        let other = Engine::default();
        assert_eq!(key(&ours), key(&crate::host::engine().unwrap()));
        assert_ne!(key(&ours), key(&other));
    }

    #[test]
    fn an_entry_that_wasmtime_refuses_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().into()).unwrap();
        cache.store("k", b"not compiled code").unwrap();
        assert!(
            from_cache(&crate::host::engine().unwrap(), &cache, "k")
                .unwrap()
                .is_none()
        );
    }
}
