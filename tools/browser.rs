//! A browser without a screen: searches, opens what was found, and reads it.
//!
//! [`Browser::simple`] is the tool `simple_browser` that GLM-4 was trained with;
//! [`Browser::functions`] are the same for models that call functions. A result is
//! cited as `【7†source】`, by the number with which it was shown.

mod actions;
mod functions;
mod numbers;
mod simple;
mod tab;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::{
    Citation, Effects, Tool, ToolContext, ToolError,
    reader::Reader,
    search::{self, Hit, Query, Search},
};
use numbers::Numbers;
use tab::Tab;

/// Searches the web and reads pages, for any number of sessions. Cheap to clone.
#[derive(Clone)]
pub struct Browser(Arc<Inner>);

struct Inner {
    reader: Reader,
    search: Search,
    /// Of sessions that call `simple_browser`.
    tabs: Mutex<HashMap<String, Arc<AsyncMutex<Tab>>>>,
    /// Of sessions that call functions.
    numbers: Mutex<HashMap<String, Numbers>>,
}

impl Browser {
    /// A browser that reads pages by `reader` and finds them by `search`, whose own
    /// documents it reads, too.
    pub fn new(reader: Reader, search: Search) -> Self {
        Self(Arc::new(Inner {
            reader: reader.documents(search.clone()),
            search,
            tabs: Mutex::default(),
            numbers: Mutex::default(),
        }))
    }

    /// The tool `simple_browser`, for models of the GLM-4 family.
    pub fn simple(&self) -> Tool {
        self.declared(simple::tool(self.clone()))
    }

    /// The tools `web_search`, `web_open` and `web_find`.
    pub fn functions(&self) -> Vec<Tool> {
        let tools = functions::tools(self);
        tools.into_iter().map(|tool| self.declared(tool)).collect()
    }

    /// What policy should know of such a tool.
    fn declared(&self, tool: Tool) -> Tool {
        let effects = Effects {
            network: true,
            ..Effects::default()
        };
        let tool = tool
            .effects(effects)
            // Questions go to the service that the user chose, and addresses must be
            // known.
            .sends(false)
            .idempotent(true)
            // Several pages are opened at the same time.
            .timeout(
                self.0
                    .reader
                    .limits()
                    .total
                    .saturating_add(Duration::from_secs(10)),
            );
        let secrets = self.0.search.secrets();
        secrets.iter().fold(tool, |tool, name| tool.secret(name))
    }

    async fn find(
        &self,
        text: String,
        recency_days: Option<u32>,
        count: usize,
        cx: &ToolContext,
    ) -> Result<Vec<Hit>, ToolError> {
        let query = Query {
            text,
            recency_days,
            count,
        };
        self.0.search.search(&query, cx).await
    }

    /// A page as a source of what is said about it, for people to open.
    fn citation(&self, mark: impl ToString, title: &str, url: &Url) -> Citation {
        Citation {
            mark: mark.to_string(),
            title: title.to_owned(),
            url: self.0.search.place(url).into(),
        }
    }
}

/// Whether an address is that of a document of the user's: reading it sends nothing
/// to anybody.
fn is_document(address: &str) -> bool {
    let scheme = address.trim_start().split(':').next().unwrap_or_default();
    ["file", search::SCHEME]
        .iter()
        .any(|own| scheme.eq_ignore_ascii_case(own))
}

/// How the results of a search are shown, each with its number, as GLM-4 was trained to
/// read it.
fn shown<'h>(hits: impl Iterator<Item = (usize, &'h Hit)>) -> String {
    let lines = hits.map(|(number, hit)| {
        let host = hit.url.host_str().unwrap_or("local");
        format!(" # 【{number}†{}†{host}】\n{}", hit.title, hit.snippet)
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        "nothing was found".to_owned()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
