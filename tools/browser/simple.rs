//! `simple_browser`: calls as GLM-4 writes them, answers as it was trained to read
//! them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures::future;
use glm_agent_model::ToolSpec;
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use super::{
    Browser,
    actions::{self, Action},
    is_document, shown,
    tab::{FIRST_QUOTE, Tab},
};
use crate::{
    Citation, Invoke, Observation, PastCall, Tool, ToolContext, ToolError, ToolOutput,
    fetch::address,
    reader::{Extent, Form, Fresh, PART},
    text,
};

/// What the observations of pages and of lists are marked with, and those of what went
/// wrong.
const RESULT: &str = "browser_result";
const ERROR: &str = "system_error";

/// Pages that are opened in one call at most.
const PAGES: usize = 10;

/// Tokens of all the pages that are opened in one call.
const TOKENS: usize = 12_000;

pub(super) fn tool(browser: Browser) -> Tool {
    Tool::with_state(ToolSpec::SimpleBrowser, Simple(browser))
}

struct Simple(Browser);

/// What one action came to.
#[derive(Default)]
struct Done {
    observations: Vec<Observation>,
    citations: Vec<Citation>,
}

impl Done {
    fn failed(reason: &str) -> Self {
        Self {
            observations: vec![observation(ERROR, text::clean(reason, text::CAP))],
            citations: Vec::new(),
        }
    }
}

fn observation(metadata: &str, text: String) -> Observation {
    Observation {
        metadata: metadata.to_owned(),
        text,
    }
}

#[async_trait]
impl Invoke for Simple {
    fn addresses(&self, arguments: &Value) -> Vec<String> {
        let actions = actions::parse(arguments.as_str().unwrap_or_default());
        let opened = actions.into_iter().filter_map(|action| match action {
            Ok(Action::Open(url)) => Some(url),
            _ => None,
        });
        opened.filter(|url| !is_document(url)).collect()
    }

    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let tab = self.tab(&cx.session);
        let mut tab = tab.lock().await;
        let mut observations = Vec::new();
        let mut citations = Vec::new();
        for action in actions::parse(arguments.as_str().unwrap_or_default()) {
            let done = match action {
                Ok(action) => self.act(&mut tab, action, &cx).await,
                Err(reason) => Done::failed(&reason),
            };
            observations.extend(done.observations);
            citations.extend(done.citations);
        }
        tab.steps += 1;
        let failed = observations.iter().all(|seen| seen.metadata == ERROR);
        let mut observations = observations.into_iter();
        let first = observations.next().unwrap_or_default();
        Ok(ToolOutput {
            text: first.text,
            metadata: first.metadata,
            more: observations.collect(),
            failed,
            citations,
            replay: serde_json::to_value(&*tab).ok(),
            ..ToolOutput::default()
        })
    }

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

    async fn close(&self, session: &str) {
        self.tabs().remove(session);
    }
}

impl Simple {
    fn tabs(&self) -> MutexGuard<'_, HashMap<String, Arc<AsyncMutex<Tab>>>> {
        self.0.0.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tab(&self, session: &str) -> Arc<AsyncMutex<Tab>> {
        Arc::clone(self.tabs().entry(session.to_owned()).or_default())
    }

    async fn act(&self, tab: &mut Tab, action: Action, cx: &ToolContext) -> Done {
        let done = match action {
            Action::Search {
                query,
                recency_days,
            } => self.search(tab, query, recency_days, cx).await,
            Action::Open(address) => self.open(tab, &address).await,
            Action::Click(ids) => Ok(self.click(tab, &ids).await),
        };
        done.unwrap_or_else(|error| Done::failed(&error.to_string()))
    }

    async fn search(
        &self,
        tab: &mut Tab,
        query: String,
        recency_days: Option<u32>,
        cx: &ToolContext,
    ) -> Result<Done, ToolError> {
        let count = FIRST_QUOTE as usize;
        let hits = self.0.find(query, recency_days, count, cx).await?;
        tab.list(hits.iter().map(|hit| &hit.url));
        let text = format!("{}\nVisible: 0% - 100%", shown(hits.iter().enumerate()));
        let sources = hits.iter().enumerate();
        Ok(Done {
            observations: vec![observation(RESULT, text)],
            citations: sources
                .map(|(number, hit)| self.0.citation(number, &hit.title, &hit.url))
                .collect(),
        })
    }

    async fn open(&self, tab: &mut Tab, opened: &str) -> Result<Done, ToolError> {
        let url = address(opened)?;
        let reader = &self.0.0.reader;
        let page = reader
            .page(&url, Extent::Whole, Form::Numbered, Fresh::Now)
            .await?;
        let first = page.part(1, PART);
        let (shown, (from, to)) = first.map_or(("", (0, 100)), |part| (part.text, part.visible));
        let text = format!(
            "TITLE: {}\n\n\nURL: {}\n{shown}\nVisible: {from}% - {to}%",
            page.title, page.url
        );
        if let Some(first) = first {
            tab.show(&page, &first);
        }
        Ok(Done {
            observations: vec![observation(RESULT, text)],
            citations: vec![self.0.citation("", &page.title, &page.url)],
        })
    }

    /// Opens pages at the same time; they are quoted in the order of their numbers.
    async fn click(&self, tab: &mut Tab, ids: &[i64]) -> Done {
        let mut ids = ids.to_vec();
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        let wanted: Vec<_> = ids
            .iter()
            .take(PAGES)
            .map(|id| tab.link(*id).cloned())
            .collect();
        let reader = &self.0.0.reader;
        let loads = wanted.into_iter().map(|wanted| async move {
            let url = wanted.map_err(ToolError::Model)?;
            reader
                .page(&url, Extent::Main, Form::Quoted, Fresh::Now)
                .await
        });
        let pages: Vec<Result<_, ToolError>> = future::join_all(loads).await;
        let tokens = (TOKENS / pages.len().max(1)).min(PART);
        let mut done = Done::default();
        for page in pages {
            match page {
                Ok(page) => {
                    let number = tab.quote();
                    let first = page.part(1, tokens);
                    let text = dense(first.map_or("", |part| part.text));
                    let metadata = format!("quote_result [{number}†source]");
                    done.observations.push(observation(&metadata, text));
                    done.citations
                        .push(self.0.citation(number, &page.title, &page.url));
                }
                Err(error) => done
                    .observations
                    .extend(Done::failed(&error.to_string()).observations),
            }
        }
        if ids.len() > PAGES {
            let reason = format!("only {PAGES} pages are opened at a time");
            done.observations.extend(Done::failed(&reason).observations);
        }
        done
    }
}

/// A text without empty lines, but for those of code.
fn dense(text: &str) -> String {
    let mut fence = None;
    let lines = text.lines().filter(|line| {
        let mark = line.trim_start();
        let ticks = mark.len() - mark.trim_start_matches('`').len();
        match fence {
            Some(open) if ticks >= open && mark.trim().len() == ticks => fence = None,
            None if ticks >= 3 => fence = Some(ticks),
            _ => {}
        }
        fence.is_some() || !line.trim().is_empty()
    });
    lines.collect::<Vec<_>>().join("\n")
}
