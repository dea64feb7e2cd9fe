//! A browser without a screen: searches, opens what was found, and reads it.
//!
//! [`Browser::simple`] is the tool `simple_browser` that GLM-4 was trained with;
//! [`Browser::functions`] are the same for models that call functions. A result is
//! cited as `【7†source】`, by the number with which it was shown.

mod actions;
mod functions;
mod page;
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
    fetch::{
        FetchLimits,
        body::{Kind, read},
        markdown::{Extent, Numbered, numbered},
    },
    net_guard::NetGuard,
    search::{Document, Hit, Query, Search},
    text,
};
use page::Page;

/// The number of the first page that is opened from a list; GLM-4 was trained with it.
/// Results of a search are numbered from 0 and stay below.
const FIRST_QUOTE: u32 = 7;

/// Pages that are kept, to be read on without asking their servers again.
const PAGES: usize = 32;

/// Links of a page that are remembered: those that are shown, and few pages have more.
const LINKS: usize = 200;

/// Longest excerpt of an error page, in bytes.
const EXCERPT: usize = 200;

/// Searches the web and reads pages, for any number of sessions. Cheap to clone.
#[derive(Clone)]
pub struct Browser(Arc<Inner>);

struct Inner {
    guard: NetGuard,
    search: Search,
    limits: FetchLimits,
    tabs: Mutex<HashMap<String, Arc<AsyncMutex<Tab>>>>,
    pages: Mutex<HashMap<(Url, Extent), Arc<Page>>>,
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

    fn show(&mut self, page: &Page) {
        let links = page.links.iter().take(LINKS).cloned();
        self.links = links
            .map(|url| Link {
                url,
                title: String::new(),
            })
            .collect();
    }

    /// Where a number leads that was shown last.
    fn link(&self, number: i64) -> Result<&Link, String> {
        let link = usize::try_from(number).ok().and_then(|n| self.links.get(n));
        link.ok_or_else(|| match self.links.len() {
            0 => "nothing was searched or opened yet".to_owned(),
            count => format!(
                "there is no {number}: what was shown last ends with {}",
                count - 1
            ),
        })
    }
}

impl Browser {
    /// A browser that reaches what `guard` lets it, and finds pages by `search`.
    pub fn new(guard: NetGuard, search: Search, limits: FetchLimits) -> Self {
        Self(Arc::new(Inner {
            guard,
            search,
            limits,
            tabs: Mutex::default(),
            pages: Mutex::default(),
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
            .timeout(self.0.limits.total.saturating_add(Duration::from_secs(10)));
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
        let links = hits.iter().map(|hit| Link {
            url: hit.url.clone(),
            title: hit.title.clone(),
        });
        tab.links = links.collect();
        Ok(hits)
    }

    /// The page at an address, as it was or anew.
    async fn load(&self, url: &Url, extent: Extent) -> Result<Arc<Page>, ToolError> {
        let key = (url.clone(), extent);
        let kept = {
            let pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
            pages.get(&key).cloned()
        };
        if let Some(page) = kept {
            return Ok(page);
        }
        let loading = tokio::time::timeout(self.0.limits.total, self.fetch(url, extent));
        let page = loading.await.map_err(|_| {
            let limit = self.0.limits.total.as_secs();
            ToolError::Model(format!("`{url}` did not come within {limit} s"))
        })??;
        let page = Arc::new(page);
        let mut pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= PAGES {
            pages.clear();
        }
        pages.insert(key, Arc::clone(&page));
        Ok(page)
    }

    async fn fetch(&self, url: &Url, extent: Extent) -> Result<Page, ToolError> {
        if let Some(document) = self.0.search.document(url).await {
            return page_of(url.clone(), document?, extent).await;
        }
        let response = self.0.guard.get(url.as_str()).await?;
        let (status, url) = (response.status(), response.url().clone());
        if !status.is_success() {
            let excerpt = match Kind::of(&response) {
                Ok(kind) => {
                    let body = read(response, self.0.limits.max_bytes).await?;
                    let text = kind.text(&url, body).await.unwrap_or_default();
                    text::clean(text.trim(), EXCERPT)
                }
                Err(_) => String::new(),
            };
            let message = format!("`{url}` answered {status}: {excerpt}");
            return Err(ToolError::Model(
                message.trim_end_matches([':', ' ']).to_owned(),
            ));
        }
        let kind = Kind::of(&response)?;
        let body = read(response, self.0.limits.max_bytes).await?;
        let document = Document {
            text: kind.decoded(&body),
            html: kind.html,
        };
        page_of(url, document, extent).await
    }
}

/// A page from what is at an address.
async fn page_of(url: Url, document: Document, extent: Extent) -> Result<Page, ToolError> {
    let Numbered { title, text, links } = if document.html {
        let converted = numbered(document.text, url.clone(), extent).await;
        converted.map_err(|reason| ToolError::Model(format!("`{url}` cannot be read: {reason}")))?
    } else {
        Numbered {
            text: document.text,
            ..Numbered::default()
        }
    };
    let name = || {
        let last = url.path_segments().and_then(|mut parts| parts.next_back());
        let last = last.filter(|name| !name.is_empty());
        last.or(url.host_str()).unwrap_or_default().to_owned()
    };
    Ok(Page {
        title: if title.is_empty() { name() } else { title },
        text,
        links,
        url,
    })
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
