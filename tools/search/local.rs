//! A folder of documents, searched by their words: works offline.
//!
//! A document's address is `local://FOLDER/path/in/it.md`, with the folder's name for
//! a host: short enough for a model to read, and it tells a model nothing of where on
//! the user's disk the folder is. What is cited is the file itself, which the user
//! can open.
//!
//! Documents are text from outside, as pages are: people keep in their folders what
//! they downloaded.

mod folder;
mod index;
mod words;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use tantivy::TantivyError;
use url::Url;

use super::{Document, Hit, NoAnswer, Provider, Query};
use crate::{ToolContext, ToolError};
use folder::Folder;
use index::{Index, View};

/// Of the addresses of documents.
pub(crate) const SCHEME: &str = "local";

/// Documents in a folder and those below it: Markdown, plain text and HTML.
pub struct Local {
    folder: Folder,
    /// What stands for the folder in addresses.
    host: String,
    index: Arc<Mutex<Option<Index>>>,
}

impl Local {
    /// The documents in a folder.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let folder = Folder::open(folder)?;
        let name = folder.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy().to_lowercase();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let host: String = name.chars().map(plain).collect();
        let host = host.trim_matches('-');
        Ok(Self {
            host: if host.is_empty() { "documents" } else { host }.to_owned(),
            folder,
            index: Arc::default(),
        })
    }

    /// The same with this in the place of its folder's name in addresses.
    #[must_use]
    pub(super) fn named(self, host: String) -> Self {
        Self { host, ..self }
    }

    /// What stands for the folder in addresses.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    fn address(&self, path: &Path) -> Option<Url> {
        let mut url = Url::parse(&format!("{SCHEME}://{}/", self.host)).ok()?;
        let mut parts = url.path_segments_mut().ok()?;
        parts.clear();
        for part in path {
            parts.push(&part.to_string_lossy());
        }
        drop(parts);
        Some(url)
    }

    /// The name in the folder of what is at an address, or in a file.
    fn name(&self, url: &Url) -> Option<PathBuf> {
        if url.scheme() == "file" {
            let path = url.to_file_path().ok()?;
            return Some(path.strip_prefix(self.folder.path()).ok()?.to_owned());
        }
        if url.scheme() != SCHEME || url.host_str() != Some(&self.host) {
            return None;
        }
        let parts = url.path_segments()?.map(|part| {
            let part = percent_decode_str(part).decode_utf8().ok()?;
            Some(part.into_owned())
        });
        parts.collect()
    }
}

/// The index with what changed in the folder taken in. Questions that come meanwhile
/// wait for it, and not for each other.
fn current(index: &Mutex<Option<Index>>, folder: &Folder) -> Result<View, TantivyError> {
    let mut kept = index.lock().unwrap_or_else(PoisonError::into_inner);
    // One that failed half-way is made anew.
    let mut index = match kept.take() {
        Some(index) => index,
        None => Index::new()?,
    };
    let read = index.update(folder)?;
    tracing::debug!("read {read} documents of `{}`", folder.path().display());
    let view = index.view();
    *kept = Some(index);
    Ok(view)
}

#[async_trait]
impl Provider for Local {
    fn name(&self) -> &str {
        SCHEME
    }

    async fn search(&self, query: &Query, _cx: &ToolContext) -> Result<Vec<Hit>, NoAnswer> {
        let (folder, index) = (self.folder.clone(), Arc::clone(&self.index));
        let query = query.clone();
        let searched = tokio::task::spawn_blocking(move || {
            let view = current(&index, &folder)?;
            view.search(&query, &folder)
        });
        let found = match searched.await {
            Ok(found) => found.map_err(|error| NoAnswer::Refused(error.to_string()))?,
            Err(error) => return Err(NoAnswer::Refused(error.to_string())),
        };
        let hits = found.into_iter().filter_map(|found| {
            Some(Hit {
                url: self.address(&found.path)?,
                title: found.title,
                snippet: found.snippet,
            })
        });
        Ok(hits.collect())
    }

    async fn document(&self, url: &Url) -> Option<Result<Document, ToolError>> {
        let (folder, name) = (self.folder.clone(), self.name(url)?);
        let read = tokio::task::spawn_blocking(move || folder.read(&name));
        let reason = match read.await {
            Ok(Some(Ok(document))) => return Some(Ok(document)),
            Ok(None) => "there is no such document".to_owned(),
            Ok(Some(Err(error))) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Some(Err(ToolError::Model(format!(
            "cannot read `{url}`: {reason}"
        ))))
    }

    fn place(&self, url: &Url) -> Option<Url> {
        Url::from_file_path(self.folder.path().join(self.name(url)?)).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
