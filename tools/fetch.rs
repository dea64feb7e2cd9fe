//! `web_fetch`: a web page as Markdown.

pub(crate) mod body;
pub(crate) mod markdown;

use std::time::Duration;

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
use serde_json::{Value, json};

use crate::{Effects, Invoke, Tool, ToolContext, ToolError, ToolOutput, net_guard::NetGuard, text};
use body::{Kind, read};

/// Longest excerpt of an error page, in bytes.
const EXCERPT: usize = 300;

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Bytes read of a page, after decompression. The rest is left out.
    /// Default: 5 million.
    pub max_bytes: usize,
    /// Time from the first look-up to the last byte. Default: 20 s.
    pub total: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            max_bytes: 5_000_000,
            total: Duration::from_secs(20),
        }
    }
}

/// The tool: gets pages from where `guard` lets it.
pub fn web_fetch(guard: NetGuard, limits: FetchLimits) -> Tool {
    let spec = ToolSpec::function(
        "web_fetch",
        "Fetch a web page and return its text as Markdown.",
        json!({
            "type": "object",
            "properties": {
                "url": {"type": "string", "description": "Address of the page, http or https."},
            },
            "required": ["url"],
        }),
    );
    Tool::with_state(spec, WebFetch { guard, limits })
        .effects(Effects {
            network: true,
            ..Effects::default()
        })
        .idempotent(true)
        .timeout(limits.total)
}

struct WebFetch {
    guard: NetGuard,
    limits: FetchLimits,
}

#[async_trait]
impl Invoke for WebFetch {
    fn addresses(&self, arguments: &Value) -> Vec<String> {
        let url = arguments.get("url").and_then(Value::as_str);
        url.map(str::to_owned).into_iter().collect()
    }

    async fn invoke(&self, arguments: Value, _cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let address = arguments
            .get("url")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let response = self.guard.get(address).await?;
        let (status, url) = (response.status(), response.url().clone());
        let kind = Kind::of(&response);
        if !status.is_success() {
            let page = match kind {
                Ok(kind) => {
                    let body = read(response, self.limits.max_bytes).await?;
                    kind.text(&url, body).await?
                }
                Err(_) => String::new(),
            };
            let excerpt = text::clean(page.trim(), EXCERPT);
            let separator = if excerpt.is_empty() { "" } else { ":\n" };
            return Err(ToolError::Model(format!(
                "`{address}` answered {status}{separator}{excerpt}"
            )));
        }
        let kind = kind?;
        let body = read(response, self.limits.max_bytes).await?;
        Ok(kind.text(&url, body).await?.into())
    }
}

#[cfg(test)]
mod tests;
