//! The documents in a folder: which there are, and what is in them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use walkdir::WalkDir;

use super::super::Document;
use crate::reader::charset::{self, Markup};

/// What is read as text.
const TEXT: [&str; 6] = ["md", "markdown", "txt", "rst", "adoc", "org"];
/// What is read as HTML.
const HTML: [&str; 3] = ["html", "htm", "xhtml"];

/// The largest document that is read, in bytes.
const LARGEST: u64 = 10_000_000;

/// Documents in one folder at most.
const MOST: usize = 100_000;

/// What tells that a document changed: when, and its length in bytes.
pub(super) type Stamp = (SystemTime, u64);

/// A folder of documents. Hidden files, and links, are none of them.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Its whole path, without links.
    root: PathBuf,
}

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The documents, by their paths in it.
    pub documents: BTreeMap<PathBuf, Stamp>,
    /// What could not be looked at, and why.
    pub failures: BTreeMap<PathBuf, String>,
}

impl Folder {
    pub fn open(folder: &Path) -> Result<Self, String> {
        let root = folder.canonicalize();
        let root = root.map_err(|error| format!("cannot read `{}`: {error}", folder.display()))?;
        if !root.is_dir() {
            return Err(format!("`{}` is no folder", folder.display()));
        }
        Ok(Self { root })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The documents that there are now.
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        let walk = WalkDir::new(&self.root).into_iter();
        let shown = walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
        for entry in shown {
            let looked = entry.and_then(|entry| Ok((entry.metadata()?, entry)));
            let (metadata, entry) = match looked {
                Ok(looked) => looked,
                Err(error) => {
                    let path = error.path().unwrap_or(&self.root).to_owned();
                    listing.failures.insert(path, error.to_string());
                    continue;
                }
            };
            // Of a link, it is the link's own that was asked for.
            if !metadata.is_file() || is_html(entry.path()).is_none() {
                continue;
            }
            let Ok(name) = entry.path().strip_prefix(&self.root) else {
                continue;
            };
            if metadata.len() > LARGEST {
                let reason = format!("it has more than {} MB", LARGEST / 1_000_000);
                listing.failures.insert(entry.path().to_owned(), reason);
                continue;
            }
            if listing.documents.len() >= MOST {
                let reason = format!("only {MOST} documents are searched");
                listing.failures.insert(self.root.clone(), reason);
                break;
            }
            let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let stamp = (changed, metadata.len());
            listing.documents.insert(name.to_owned(), stamp);
        }
        listing
    }

    /// Reads the document of this name; `None` if there is none: neither `..` nor a
    /// link leads out of the folder, and what is hidden stays so.
    pub fn read(&self, name: &Path) -> Option<io::Result<Document>> {
        let html = is_html(name)?;
        let mut parts = name.components();
        let is_plain = parts.all(|part| match part {
            Component::Normal(name) => !is_hidden(name),
            _ => false,
        });
        let path = self.root.join(name);
        // Whatever a link in it leads to, it leads somewhere else.
        if !is_plain || path.canonicalize().ok()? != path || !path.is_file() {
            return None;
        }
        Some(fs::read(&path).map(|bytes| {
            let markup = if html { Markup::Html } else { Markup::None };
            Document {
                text: charset::decoded(&bytes, None, markup, None),
                html,
            }
        }))
    }
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a file is HTML; `None` for what is not read.
fn is_html(path: &Path) -> Option<bool> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let html = HTML.contains(&extension.as_str());
    (html || TEXT.contains(&extension.as_str())).then_some(html)
}

/// The title of a document, and its text without markup that would be found as words.
pub(super) fn parts(name: &Path, document: &Document) -> (String, String) {
    let stem = || name.file_stem().unwrap_or_default().to_string_lossy();
    if document.html {
        let page = dom_query::Document::from(document.text.as_str());
        let title = page.select_single("title").text().trim().to_owned();
        page.select("head, script, style, noscript, template, svg")
            .remove();
        let text = page.formatted_text().to_string();
        let title = if title.is_empty() {
            stem().into_owned()
        } else {
            title
        };
        return (title, text);
    }
    let mut lines = document.text.lines();
    let heading = lines.find_map(|line| line.trim().strip_prefix("# "));
    let title = heading.map_or_else(|| stem().into_owned(), |title| title.trim().to_owned());
    (title, document.text.clone())
}
