//! The schemas in `schemas/`, and what must fit them.

use std::{fs, path::Path, sync::LazyLock};

use glm_agent::Event;
use jsonschema::Validator;
use serde_json::Value;

/// Judges a line of a session's log.
pub static EVENT: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&Event::schema()).unwrap());

/// Checks that the file in `schemas/` says what the types say.
pub fn published(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.json"));
    let text = format!("{schema:#}\n");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "UPDATE_SCHEMAS=1 writes {}", path.display());
}

/// Checks every whole line of the logs of sessions below a folder that a program could
/// read as an event.
pub fn check_logs(sessions: &Path) {
    let folders = fs::read_dir(sessions).into_iter().flatten();
    for folder in folders.map(|entry| entry.unwrap().path()) {
        let log = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
        let whole = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        for line in whole {
            // Some tests damage their logs.
            if serde_json::from_str::<Event>(line).is_ok() {
                let line = serde_json::from_str(line).unwrap();
                let faults: Vec<_> = EVENT.iter_errors(&line).map(|e| e.to_string()).collect();
                assert_eq!(faults, [""; 0], "{line:#}");
            }
        }
    }
}
