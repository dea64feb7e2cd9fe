//! DuckDuckGo's page for browsers without scripts: needs no key, and is meant for
//! people, so it is asked seldom and is the last resort.
//!
//! The page documents nothing but itself: its form is sent as it stands there, and
//! its results are read from it.

use std::time::Duration;

use async_trait::async_trait;
use dom_query::Document;
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, REFERER},
};
use url::{Url, form_urlencoded};

use super::{
    Hit, NoAnswer, Provider, Query,
    ask::ask,
    services::{one_line, period, shortened},
};
use crate::{
    ToolContext,
    net_guard::{NetGuard, Outgoing},
};

pub(super) const NAME: &str = "duckduckgo";

/// Where it is.
pub(super) const PLACE: &str = "https://html.duckduckgo.com/html/";

/// The longest question that it takes, in characters.
const LONGEST: usize = 499;

/// How long it is left alone after it took this for a robot.
const SUSPECTED: Duration = Duration::from_secs(900);

/// The search engine DuckDuckGo.
#[derive(Debug)]
pub struct DuckDuckGo {
    guard: NetGuard,
    place: Url,
}

impl DuckDuckGo {
    pub(super) fn new(guard: NetGuard, place: Url) -> Self {
        Self { guard, place }
    }

    fn request(&self, query: &Query) -> Outgoing {
        let query = shortened(query, LONGEST);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("q", &query.text).append_pair("b", "");
        if let Some(period) = period(&query, ["d", "w", "m", "y"]) {
            form.append_pair("df", period);
        }
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        // The form stands on the page that it is sent to.
        if let Ok(place) = HeaderValue::try_from(self.place.as_str()) {
            headers.insert(REFERER, place);
        }
        Outgoing {
            method: Method::POST,
            headers,
            body: Some(form.finish().into_bytes()),
            ..Outgoing::get(self.place.clone())
        }
    }
}

#[async_trait]
impl Provider for DuckDuckGo {
    fn name(&self) -> &str {
        NAME
    }

    fn every(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, NoAnswer> {
        let (status, body) = ask(&self.guard, self.request(query), None, cx).await?;
        read(status, &String::from_utf8_lossy(&body))
    }
}

/// The results on a page, without its advertisements.
fn read(status: StatusCode, page: &str) -> Result<Vec<Hit>, NoAnswer> {
    let page = Document::from(page);
    // The page with a riddle for people comes with the status 202.
    let is_riddle = page
        .select("#challenge-form, .anomaly-modal__title")
        .exists();
    if is_riddle || status == StatusCode::ACCEPTED {
        return Err(NoAnswer::Busy {
            reason: "it takes this for a robot, and asks for a riddle to be solved\nhint: use a \
                     service that is meant for programs, such as --search brave"
                .to_owned(),
            after: Some(SUSPECTED),
        });
    }
    let results = page.select(".result:not(.result--ad)");
    let hits: Vec<Hit> = results
        .iter()
        .filter_map(|result| {
            let link = result.select("a.result__a");
            Some(Hit {
                title: one_line(&link.text()),
                url: target(&link.attr("href")?)?,
                snippet: one_line(&result.select(".result__snippet").text()),
            })
        })
        .collect();
    if hits.is_empty() && !page.select(".no-results").exists() {
        return Err(NoAnswer::Refused(
            "its page is not as it was: there are no results on it, nor does it say that none were \
             found"
                .to_owned(),
        ));
    }
    Ok(hits)
}

/// Where a link leads, past the page that counts who follows it; `None` for one that
/// leads to DuckDuckGo itself, such as an advertisement.
fn target(link: &str) -> Option<Url> {
    let url = Url::parse(PLACE).ok()?.join(link).ok()?;
    let through = url.query_pairs().find(|(name, _)| name == "uddg");
    let url = match through {
        Some((_, target)) => Url::parse(&target).ok()?,
        None => url,
    };
    let host = url.host_str()?;
    let is_own = host == "duckduckgo.com" || host.ends_with(".duckduckgo.com");
    (!is_own).then_some(url)
}
