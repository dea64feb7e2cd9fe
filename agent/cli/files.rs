//! `glm session files`: what is in a session's /mnt/data.

use std::path::Path;

use glm_agent::{
    Error, Session,
    files::{self, Entry},
    paths,
    render::terminal::printable,
    tools::text::size,
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::exit::Failure;

/// The files of these names, and those in these folders; all of them if nothing
/// is named.
pub fn named(id: &str, names: &[String]) -> Result<Vec<Entry>, Failure> {
    let folder = Session::files_of(&paths::sessions_dir()?, id)?;
    let all = files::list(&folder)?;
    let is_meant = |entry: &Entry, name: &str| {
        let rest = entry.artifact.name.strip_prefix(name.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for name in names {
        if !all.iter().any(|entry| is_meant(entry, name)) {
            return Err(Error::NoFile {
                id: id.to_owned(),
                name: name.clone(),
            }
            .into());
        }
    }
    let is_asked_for =
        |entry: &Entry| names.is_empty() || names.iter().any(|name| is_meant(entry, name));
    Ok(all.into_iter().filter(is_asked_for).collect())
}

/// Copies them out, and returns where they are, a line each.
pub fn copy(id: &str, entries: &[Entry], to: &Path, force: bool) -> Result<String, Failure> {
    let folder = Session::files_of(&paths::sessions_dir()?, id)?;
    let mut text = String::new();
    for Entry { artifact, .. } in entries {
        let path = files::copy_out(&folder, &artifact.name, to, force)?;
        text += &format!("{}\n", printable(&path.display().to_string()));
    }
    Ok(text)
}

/// One line a file, in columns.
pub fn table(entries: &[Entry]) -> String {
    let rows: Vec<[String; 4]> = entries.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [names, types, sizes] = [0, 1, 2].map(width);
    rows.iter()
        .map(|[name, media_type, size, time]| {
            format!("{name:<names$}  {media_type:<types$}  {size:>sizes$}  {time}\n")
        })
        .collect()
}

fn row(entry: &Entry) -> [String; 4] {
    let Entry { artifact, .. } = entry;
    let time = modified(entry).to_zoned_datetime(TimeZone::system());
    [
        printable(&artifact.name),
        printable(&artifact.media_type),
        size(artifact.size),
        time.strftime("%Y-%m-%d %H:%M").to_string(),
    ]
}

/// What a program reads of a file.
pub fn object(entry: &Entry) -> Value {
    let Entry { artifact, .. } = entry;
    json!({
        "name": artifact.name,
        "media_type": artifact.media_type,
        "size": artifact.size,
        "modified": modified(entry),
    })
}

fn modified(entry: &Entry) -> Timestamp {
    Timestamp::try_from(entry.modified).unwrap_or(Timestamp::UNIX_EPOCH)
}
