//! The browser as functions, for models that were not trained with `simple_browser`.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::{
    Browser, is_document,
    numbers::{Added, Numbers},
    shown,
};
use crate::{
    Invoke, PastCall, Tool, ToolContext, ToolError, ToolOutput,
    reader::{Extent, Form, Fresh, PART},
    schema::parameters_of,
};

/// Results of a search that are shown: few, for the models that need functions.
const RESULTS: usize = 5;

/// Places of a page that are shown at most.
const PLACES: usize = 12;

#[derive(Deserialize, JsonSchema)]
struct SearchArguments {
    /// What to look for
    query: String,
    /// Only pages of the last days
    #[schemars(range(min = 1))]
    recency_days: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
struct OpenArguments {
    /// The number of a result or a link that was shown, or an address; else the last page
    page: Option<String>,
    /// Which part of a long page, from 1
    #[schemars(range(min = 1))]
    part: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
struct FindArguments {
    /// Words that stand there
    text: String,
}

pub(super) fn tools(browser: &Browser) -> Vec<Tool> {
    let tool = |name, description, parameters, what| {
        let spec = ToolSpec::function(name, description, parameters);
        let browser = browser.clone();
        Tool::with_state(spec, Function { browser, what })
    };
    vec![
        tool(
            "web_search",
            "Search the web. Results are numbered; open them with web_open.",
            parameters_of::<SearchArguments>(),
            What::Search,
        ),
        tool(
            "web_open",
            "Read a web page, from a result, a link or an address.",
            parameters_of::<OpenArguments>(),
            What::Open,
        ),
        tool(
            "web_find",
            "Find words in the page that was opened last.",
            parameters_of::<FindArguments>(),
            What::Find,
        ),
    ]
}

struct Function {
    browser: Browser,
    what: What,
}

enum What {
    Search,
    Open,
    Find,
}

fn read<A: DeserializeOwned>(arguments: Value) -> Result<A, ToolError> {
    serde_json::from_value(arguments).map_err(|error| ToolError::Model(error.to_string()))
}

/// An address, if this is one and not a number.
fn address(page: &str) -> Option<Url> {
    Url::parse(page.trim()).ok()
}

#[async_trait]
impl Invoke for Function {
    fn addresses(&self, arguments: &Value) -> Vec<String> {
        let page = arguments.get("page").and_then(Value::as_str);
        let url = page
            .filter(|_| matches!(self.what, What::Open))
            .and_then(address);
        let url = url.filter(|url| !is_document(url.as_str()));
        url.map(String::from).into_iter().collect()
    }

    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        match self.what {
            What::Search => self.search(read(arguments)?, &cx).await,
            What::Open => self.open(&read(arguments)?, &cx).await,
            What::Find => self.find(&read(arguments)?, &cx).await,
        }
    }

    async fn resume(&self, session: &str, past: Vec<PastCall>) {
        let added = past.into_iter().map(|call| call.replay);
        let added = added.filter_map(|added| serde_json::from_value(added).ok());
        self.with(session, |numbers| added.for_each(|a| numbers.resume(a)));
    }

    async fn close(&self, session: &str) {
        self.all().remove(session);
    }
}

impl Function {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Numbers>> {
        let numbers = &self.browser.0.numbers;
        numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a session's numbers. They are free while pages are loaded, so that
    /// several are loaded at the same time.
    fn with<T>(&self, session: &str, look: impl FnOnce(&mut Numbers) -> T) -> T {
        look(self.all().entry(session.to_owned()).or_default())
    }

    async fn search(
        &self,
        arguments: SearchArguments,
        cx: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let SearchArguments {
            query,
            recency_days,
        } = arguments;
        let hits = self.browser.find(query, recency_days, RESULTS, cx).await?;
        let mut added = Added::default();
        let numbers: Vec<usize> = self.with(&cx.session, |numbers| {
            let hits = hits.iter();
            hits.map(|hit| numbers.number(&hit.url, &mut added))
                .collect()
        });
        let numbered = || numbers.iter().copied().zip(&hits);
        let entries = numbered().map(|(number, hit)| {
            json!({"number": number, "title": hit.title, "url": hit.url.as_str(), "snippet": hit.snippet})
        });
        let citations =
            numbered().map(|(number, hit)| self.browser.citation(number, &hit.title, &hit.url));
        Ok(ToolOutput {
            text: shown(numbered()),
            json: Some(entries.collect()),
            citations: citations.collect(),
            replay: serde_json::to_value(added).ok(),
            ..ToolOutput::default()
        })
    }

    async fn open(
        &self,
        arguments: &OpenArguments,
        cx: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let url = self.with(&cx.session, |numbers| match &arguments.page {
            Some(page) => target(numbers, page),
            None => numbers.opened().cloned(),
        });
        let url = url.map_err(ToolError::Model)?;
        let number = arguments.part.unwrap_or(1) as usize;
        let fresh = if number > 1 {
            Fresh::ReadOn
        } else {
            Fresh::Now
        };
        let reader = &self.browser.0.reader;
        let page = reader
            .page(&url, Extent::Main, Form::Numbered, fresh)
            .await?;
        let Some(part) = page.part(number, PART) else {
            let parts = page.parts(PART);
            let message = format!(
                "`{}` has no part {number}: its last one is {parts}",
                page.url
            );
            return Err(ToolError::Model(message));
        };
        let (from, to) = part.visible;
        let more = match part.next() {
            Some(next) => format!("; read on with \"part\": {next}"),
            None => String::new(),
        };
        let mut added = Added::default();
        let (own, text) = self.with(&cx.session, |numbers| {
            numbers.open(&url, &mut added);
            let own = numbers.number(&url, &mut added);
            (own, numbers.renumbered(&page, part.text, &mut added))
        });
        let text = format!(
            "TITLE: {}\nURL: {}\nCite as 【{own}†source】\n\n{text}\n\nVisible: {from}% - {to}%{more}",
            page.title, page.url
        );
        Ok(ToolOutput {
            text,
            citations: vec![self.browser.citation(own, &page.title, &page.url)],
            replay: serde_json::to_value(added).ok(),
            ..ToolOutput::default()
        })
    }

    async fn find(
        &self,
        arguments: &FindArguments,
        cx: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let url = self.with(&cx.session, |numbers| numbers.opened().cloned());
        let url = url.map_err(ToolError::Model)?;
        let reader = &self.browser.0.reader;
        let page = reader.page(&url, Extent::Main, Form::Numbered, Fresh::ReadOn);
        let page = page.await?;
        let mut found = page.find(&arguments.text, PLACES, PART);
        if found.is_empty() {
            let message = format!("`{}` does not stand in `{}`", arguments.text, page.title);
            return Ok(message.into());
        }
        let mut added = Added::default();
        self.with(&cx.session, |numbers| {
            for (_, line) in &mut found {
                *line = numbers.renumbered(&page, line, &mut added);
            }
        });
        let has_parts = page.parts(PART) > 1;
        let lines = found.iter().map(|(part, line)| {
            if has_parts {
                format!("- part {part}: {line}")
            } else {
                format!("- {line}")
            }
        });
        Ok(ToolOutput {
            text: lines.collect::<Vec<_>>().join("\n"),
            replay: serde_json::to_value(added).ok(),
            ..ToolOutput::default()
        })
    }
}

/// Where a page is that is named by a number or an address.
fn target(numbers: &Numbers, page: &str) -> Result<Url, String> {
    if let Some(url) = address(page) {
        return Ok(url);
    }
    let number = page.trim().trim_matches(['【', '】', '[', ']', '#', ' ']);
    let number = number.split('†').next().unwrap_or_default().parse();
    let number =
        number.map_err(|_| format!("`{page}` is neither an address nor the number of a result"))?;
    numbers.address(number).cloned()
}
