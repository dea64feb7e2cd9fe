//! `web_fetch`: what is at an address, as Markdown.

pub(crate) mod body;

use std::time::Duration;

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{
    Citation, Effects, Invoke, Tool, ToolContext, ToolError, ToolOutput,
    reader::{Extent, Form, Fresh, PART, Reader},
    schema::parameters_of,
};

/// How much longer than a page the call may take that reads it.
const MARGIN: Duration = Duration::from_secs(5);

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// Address of the page, http or https.
    url: String,
    /// Which part of a long page, from 1.
    #[schemars(range(min = 1))]
    part: Option<u32>,
    /// Also what surrounds the page's main text, such as menus.
    whole: Option<bool>,
}

/// The tool: what `reader` reads at an address.
pub fn web_fetch(reader: Reader) -> Tool {
    let spec = ToolSpec::function(
        "web_fetch",
        "Fetch a web page and return its text as Markdown.",
        parameters_of::<Arguments>(),
    );
    let limit = reader.limits().total.saturating_add(MARGIN);
    Tool::with_state(spec, WebFetch(reader))
        .effects(Effects {
            network: true,
            ..Effects::default()
        })
        .idempotent(true)
        .timeout(limit)
}

struct WebFetch(Reader);

#[async_trait]
impl Invoke for WebFetch {
    fn addresses(&self, arguments: &Value) -> Vec<String> {
        let url = arguments.get("url").and_then(Value::as_str);
        url.map(str::to_owned).into_iter().collect()
    }

    async fn invoke(&self, arguments: Value, _cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let Arguments { url, part, whole } = serde_json::from_value(arguments)
            .map_err(|error| ToolError::Model(error.to_string()))?;
        let url = address(&url)?;
        let extent = match whole {
            Some(true) => Extent::Whole,
            _ => Extent::Main,
        };
        let number = part.unwrap_or(1) as usize;
        let fresh = if number > 1 {
            Fresh::ReadOn
        } else {
            Fresh::Now
        };
        let page = self.0.page(&url, extent, Form::Markdown, fresh).await?;
        let Some(part) = page.part(number, PART) else {
            let parts = page.parts(PART);
            return Err(ToolError::Model(format!(
                "`{url}` has no part {number}: its last one is {parts}"
            )));
        };
        let mut text = part.text.to_owned();
        if let (number, parts @ 2..) = part.number {
            let (from, to) = part.visible;
            text.push_str(&format!("\n\n[part {number} of {parts}: {from}% - {to}%"));
            if let Some(next) = part.next() {
                text.push_str(&format!("; read on with \"part\": {next}"));
            }
            text.push(']');
        }
        Ok(ToolOutput {
            text,
            citations: vec![Citation {
                mark: String::new(),
                title: page.title.clone(),
                url: page.url.to_string(),
            }],
            ..ToolOutput::default()
        })
    }
}

/// An address as a model writes it.
///
/// # Errors
/// [`ToolError::Model`] if it is none.
pub(crate) fn address(text: &str) -> Result<Url, ToolError> {
    let text = text.trim();
    Url::parse(text).map_err(|reason| {
        ToolError::Model(format!(
            "`{text}` is not an address: {reason}; expected one such as https://example.com/page"
        ))
    })
}

#[cfg(test)]
mod tests;
