//! A browser without a screen: searches, opens what was found, and reads it.
//!
//! [`Browser::simple`] is the tool `simple_browser` that GLM-4 was trained with;
//! [`Browser::functions`] are the same for models that call functions. A result is
//! cited as `【7†source】`, by the number with which it was shown.

mod actions;
mod functions;
mod simple;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::{
    Citation, Effects, PastCall, Tool, ToolContext, ToolError,
    reader::{Page, Part, Reader},
    search::{Hit, Query, Search},
};

/// The number of the first page that is opened from a list; GLM-4 was trained with it.
/// Results of a search are numbered from 0 and stay below.
const FIRST_QUOTE: u32 = 7;

/// Searches the web and reads pages, for any number of sessions. Cheap to clone.
#[derive(Clone)]
pub struct Browser(Arc<Inner>);

struct Inner {
    reader: Reader,
    search: Search,
    tabs: Mutex<HashMap<String, Arc<AsyncMutex<Tab>>>>,
}

/// What a session's browser shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tab {
    /// How many calls led here.
    steps: u64,
    /// The number of the next page that is opened.
    next_quote: u32,
    /// What the numbers lead to that were shown last.
    links: Vec<Link>,
    /// The page that was opened last.
    page: Option<Url>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Link {
    number: usize,
    url: Url,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
}

impl Default for Tab {
    fn default() -> Self {
        Self {
            steps: 0,
            next_quote: FIRST_QUOTE,
            links: Vec::new(),
            page: None,
        }
    }
}

impl Tab {
    fn quote(&mut self) -> u32 {
        let number = self.next_quote;
        self.next_quote = self.next_quote.saturating_add(1);
        number
    }

    /// Remembers what was shown of a page: its links in this part, and no others, so
    /// that no number leads to where nobody has seen it lead.
    fn show(&mut self, page: &Page, part: &Part<'_>) {
        let mut numbers: Vec<usize> = part.links().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let links = numbers.into_iter().filter_map(|number| {
            Some(Link {
                number,
                url: page.links.get(number)?.clone(),
                title: String::new(),
            })
        });
        self.links = links.collect();
    }

    /// Where a number leads that was shown last.
    fn link(&self, number: i64) -> Result<&Link, String> {
        let wanted = usize::try_from(number).ok();
        let link = self.links.iter().find(|link| Some(link.number) == wanted);
        link.ok_or_else(|| match (self.links.first(), self.links.last()) {
            (Some(first), Some(last)) => format!(
                "there is no {number}: the numbers that were shown last are {} to {}",
                first.number, last.number
            ),
            _ if self.steps == 0 => {
                format!("there is no {number}: nothing was searched or opened yet")
            }
            _ => format!("there is no {number}: what was shown last has no numbers"),
        })
    }
}

impl Browser {
    /// A browser that reads pages by `reader` and finds them by `search`, whose own
    /// documents it reads, too.
    pub fn new(reader: Reader, search: Search) -> Self {
        Self(Arc::new(Inner {
            reader: reader.documents(search.clone()),
            search,
            tabs: Mutex::default(),
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

    fn tab(&self, session: &str) -> Arc<AsyncMutex<Tab>> {
        let mut tabs = self.0.tabs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tabs.entry(session.to_owned()).or_default())
    }

    fn close(&self, session: &str) {
        let mut tabs = self.0.tabs.lock().unwrap_or_else(PoisonError::into_inner);
        tabs.remove(session);
    }

    /// Shows again what a session's browser showed in another process.
    async fn resume(&self, session: &str, past: Vec<PastCall>) {
        let tabs = past
            .into_iter()
            .filter_map(|call| serde_json::from_value(call.replay).ok());
        let Some(last) = tabs.max_by_key(|tab: &Tab| tab.steps) else {
            return;
        };
        let tab = self.tab(session);
        let mut tab = tab.lock().await;
        if tab.steps < last.steps {
            *tab = last;
        }
    }

    /// Searches, and makes the hits what numbers lead to.
    async fn find(
        &self,
        tab: &mut Tab,
        text: String,
        recency_days: Option<u32>,
        cx: &ToolContext,
    ) -> Result<Vec<Hit>, ToolError> {
        let query = Query {
            text,
            recency_days,
            count: FIRST_QUOTE as usize,
        };
        let hits = self.0.search.search(&query, cx).await?;
        let links = hits.iter().enumerate().map(|(number, hit)| Link {
            number,
            url: hit.url.clone(),
            title: hit.title.clone(),
        });
        tab.links = links.collect();
        Ok(hits)
    }
}

/// A page as a source of what is said about it.
fn citation(mark: impl ToString, title: &str, url: &Url) -> Citation {
    Citation {
        mark: mark.to_string(),
        title: title.to_owned(),
        url: url.to_string(),
    }
}

/// What numbers are shown for a search, as GLM-4 was trained to read it.
fn shown(hits: &[Hit]) -> String {
    let lines = hits.iter().enumerate().map(|(number, hit)| {
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
