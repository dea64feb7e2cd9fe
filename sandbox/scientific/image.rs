//! The memory that every session starts with: an interpreter's, once the notebook is
//! in it and the packages are imported.

use super::module::Module;
use crate::{Error, Output, Tape, pip, ticker::Ticker};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The notebook's modules, in the order in which they import each other.
const SOURCES: [(&str, &str); 4] = [
    ("event_loop", include_str!("../guest/event_loop.py")),
    ("notebook", include_str!("../guest/notebook.py")),
    ("figures", include_str!("../guest/scientific/figures.py")),
    (
        "scientific",
        include_str!("../guest/scientific/scientific.py"),
    ),
];
const LOADER: &str = include_str!("../guest/scientific/loader.py");

/// All that the guest is given to run, for the key.
pub(super) fn sources() -> String {
    let sources = SOURCES.map(|(name, source)| [name, source].concat());
    [LOADER, &sources.concat()].concat()
}

/// Starts an interpreter in an empty folder, where it sees nothing of this machine,
/// and returns its memory when it waits for the first cell.
pub(super) async fn take(module: &Module, work: &Path) -> Result<Vec<u8>, Error> {
    let data_folder = work.join("data");
    fs::create_dir(&data_folder).map_err(Error::io("create the folder", &data_folder))?;
    let limits = super::limits();
    let printed = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&printed);
    let sink = Box::new(move |piece: Output| lock(&sink).push_str(&piece.text));
    let mut interpreter = module.blank(&data_folder, &limits, sink).await?;
    interpreter
        .controls_mut()
        .start(&limits, Tape::blank()?, false);
    let sources =
        serde_json::Map::from_iter(SOURCES.map(|(name, source)| (name.to_owned(), source.into())));
    let source = format!(
        "{LOADER}\n\nsources = {}\nload(sources)",
        serde_json::Value::from(sources)
    );
    let ticker = Ticker::new(module.engine().clone())?;
    let running = ticker.running();
    let started = interpreter
        .turn(&source)
        .await
        .map_err(Error::wasm("start"))?;
    drop(running);
    if !started {
        return Err(Error::Build {
            detail: pip::end_of(&lock(&printed)),
        });
    }
    Ok(interpreter.image().to_vec())
}

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}
