//! The browser as functions, for models that were not trained with `simple_browser`.

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::{Browser, Tab, citation, shown};
use crate::{
    Invoke, PastCall, Tool, ToolContext, ToolError, ToolOutput,
    reader::{Extent, Form, Fresh, PART},
    schema::parameters_of,
};

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
    /// The number of a result or a link that was shown last, or an address; left out, it
    /// is the page that was opened last
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
        // Documents of a local provider are the user's.
        let url = url.filter(|url| url.scheme() != "file");
        url.map(String::from).into_iter().collect()
    }

    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let tab = self.browser.tab(&cx.session);
        let mut tab = tab.lock().await;
        let output = match self.what {
            What::Search => self.search(&mut tab, read(arguments)?, &cx).await,
            What::Open => self.open(&mut tab, &read(arguments)?).await,
            What::Find => self.find(&tab, &read(arguments)?).await,
        }?;
        tab.steps += 1;
        Ok(ToolOutput {
            replay: serde_json::to_value(&*tab).ok(),
            ..output
        })
    }

    async fn resume(&self, session: &str, past: Vec<PastCall>) {
        self.browser.resume(session, past).await;
    }

    async fn close(&self, session: &str) {
        self.browser.close(session);
    }
}

impl Function {
    async fn search(
        &self,
        tab: &mut Tab,
        arguments: SearchArguments,
        cx: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let SearchArguments {
            query,
            recency_days,
        } = arguments;
        let hits = self.browser.find(tab, query, recency_days, cx).await?;
        let entries = hits.iter().map(
            |hit| json!({"title": hit.title, "url": hit.url.as_str(), "snippet": hit.snippet}),
        );
        Ok(ToolOutput {
            text: shown(&hits),
            json: Some(entries.collect()),
            citations: hits
                .iter()
                .enumerate()
                .map(|(number, hit)| citation(number, &hit.title, &hit.url))
                .collect(),
            ..ToolOutput::default()
        })
    }

    async fn open(
        &self,
        tab: &mut Tab,
        arguments: &OpenArguments,
    ) -> Result<ToolOutput, ToolError> {
        let url = match &arguments.page {
            Some(page) => self.target(tab, page)?,
            None => opened(tab)?.clone(),
        };
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
        let quote = tab.quote();
        let text = format!(
            "TITLE: {}\nURL: {}\nCite as 【{quote}†source】\n\n{}\n\nVisible: {from}% - {to}%{more}",
            page.title, page.url, part.text
        );
        tab.show(&page, &part);
        tab.page = Some(url);
        Ok(ToolOutput {
            text,
            citations: vec![citation(quote, &page.title, &page.url)],
            ..ToolOutput::default()
        })
    }

    /// Where a page is that is named by a number or an address.
    fn target(&self, tab: &Tab, page: &str) -> Result<Url, ToolError> {
        if let Some(url) = address(page) {
            return Ok(url);
        }
        let number = page.trim().trim_matches(['【', '】', '[', ']', '#', ' ']);
        let number = number.split('†').next().unwrap_or_default().parse();
        let number = number.map_err(|_| {
            ToolError::Model(format!(
                "`{page}` is neither an address nor the number of a result"
            ))
        })?;
        let link = tab.link(number).map_err(ToolError::Model)?;
        Ok(link.url.clone())
    }

    async fn find(&self, tab: &Tab, arguments: &FindArguments) -> Result<ToolOutput, ToolError> {
        let url = opened(tab)?;
        let reader = &self.browser.0.reader;
        let page = reader.page(url, Extent::Main, Form::Numbered, Fresh::ReadOn);
        let page = page.await?;
        let found = page.find(&arguments.text, PLACES, PART);
        if found.is_empty() {
            let message = format!("`{}` does not stand in `{}`", arguments.text, page.title);
            return Ok(message.into());
        }
        let has_parts = page.parts(PART) > 1;
        let lines = found.iter().map(|(part, line)| {
            if has_parts {
                format!("- part {part}: {line}")
            } else {
                format!("- {line}")
            }
        });
        Ok(lines.collect::<Vec<_>>().join("\n").into())
    }
}

/// The page that was opened last.
fn opened(tab: &Tab) -> Result<&Url, ToolError> {
    let page = tab.page.as_ref();
    page.ok_or_else(|| ToolError::Model("no page was opened yet".to_owned()))
}
