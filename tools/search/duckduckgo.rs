//! DuckDuckGo's page for browsers without scripts: needs no key, and is meant for
//! people, so it is the last resort.

use async_trait::async_trait;
use dom_query::Document;
use url::Url;

use super::{Hit, Provider, Query, ask};
use crate::{
    ToolContext, ToolError,
    net_guard::{NetGuard, Outgoing},
};

const PLACE: &str = "https://html.duckduckgo.com/html/";

/// The search engine DuckDuckGo.
#[derive(Debug)]
pub struct DuckDuckGo {
    guard: NetGuard,
    place: Option<Url>,
}

impl DuckDuckGo {
    /// The service at its home or at `place`.
    pub fn new(guard: NetGuard, place: Option<Url>) -> Self {
        Self { guard, place }
    }
}

#[async_trait]
impl Provider for DuckDuckGo {
    fn name(&self) -> &str {
        "duckduckgo"
    }

    async fn search(&self, query: &Query, _cx: &ToolContext) -> Result<Vec<Hit>, ToolError> {
        let mut url = match &self.place {
            Some(place) => place.clone(),
            None => Url::parse(PLACE).map_err(|error| ToolError::User(error.to_string()))?,
        };
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("q", &query.text);
            if let Some(days) = query.recency_days {
                let period = match days {
                    0..=1 => "d",
                    2..=7 => "w",
                    8..=31 => "m",
                    _ => "y",
                };
                pairs.append_pair("df", period);
            }
        }
        let body = ask(&self.guard, Outgoing::get(url), self.name()).await?;
        let page = String::from_utf8_lossy(&body).into_owned();
        let hits = read(&page);
        if hits.is_empty() && !page.contains("no-results") {
            return Err(ToolError::Transient(
                "duckduckgo shows no results, and does not say that there are none: it may \
                 take this for a robot"
                    .to_owned(),
            ));
        }
        Ok(hits)
    }
}

/// The results on a page, without its advertisements.
fn read(page: &str) -> Vec<Hit> {
    let page = Document::from(page);
    let results = page.select(".result:not(.result--ad)");
    let hits = results.iter().filter_map(|result| {
        let link = result.select("a.result__a");
        let text = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Hit {
            title: text(&link.text()),
            url: target(&link.attr("href")?)?,
            snippet: text(&result.select(".result__snippet").text()),
        })
    });
    hits.collect()
}

/// Where a link leads, past the page that counts who follows it.
fn target(link: &str) -> Option<Url> {
    let url = Url::parse("https://duckduckgo.com/")
        .ok()?
        .join(link)
        .ok()?;
    let through = url.query_pairs().find(|(name, _)| name == "uddg");
    match through {
        Some((_, target)) => Url::parse(&target).ok(),
        None => Some(url),
    }
}
