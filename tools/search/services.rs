//! Services that answer in JSON. Their forms are documented at
//!
//! - SearXNG: <https://docs.searxng.org/dev/search_api.html>
//! - Brave: <https://api-dashboard.search.brave.com/app/documentation/web-search/get-started>
//! - Tavily: <https://docs.tavily.com/documentation/api-reference/endpoint/search> and, for its
//!   limits, <https://docs.tavily.com/documentation/rate-limits>
//! - Zhipu: <https://docs.bigmodel.cn/api-reference/工具-api/网络搜索> and, for its errors,
//!   <https://docs.bigmodel.cn/cn/faq/api-code>
//! - Bing: <https://learn.microsoft.com/bing/search-apis/bing-web-search/reference/endpoints>.
//!   Its own service ended in August 2025; others answer alike.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use dom_query::Document;
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use url::Url;

use super::{Hit, NoAnswer, Provider, Query, ask::ask};
use crate::{
    Secret, ToolContext,
    net_guard::{NetGuard, Outgoing},
    text,
};

/// As much as is repeated of an answer of another form, in bytes.
const EXCERPT: usize = 200;

/// A service, and how it is asked.
#[derive(Debug)]
pub struct Service {
    form: &'static Form,
    place: Url,
    guard: NetGuard,
}

/// What differs from service to service.
pub(super) struct Form {
    pub name: &'static str,
    /// Where it is; `None` for one that is somewhere else for everybody.
    pub home: Option<&'static str>,
    pub secret: Option<&'static str>,
    /// The time between two questions at least.
    every: Duration,
    /// The longest question that it takes, in characters.
    longest: usize,
    request: fn(&mut Outgoing, &Query),
    /// The header in which the key is sent, and what stands before it.
    key: Option<(HeaderName, &'static str)>,
    /// Where the list of pages is, and what its entries call title, address and
    /// snippet.
    list: &'static str,
    fields: [&'static str; 3],
    /// Whether its texts are written as HTML.
    is_html: bool,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

static FORMS: [Form; 5] = [
    Form {
        name: "searxng",
        home: None,
        secret: None,
        // The engines that it asks take it for a robot otherwise.
        every: Duration::from_millis(500),
        longest: 1_000,
        request: |request, query| {
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("format", "json");
            if let Some(range) = period(query, ["day", "week", "month", "year"]) {
                pairs.append_pair("time_range", range);
            }
        },
        key: None,
        list: "/results",
        fields: ["title", "url", "content"],
        is_html: false,
    },
    Form {
        name: "brave",
        home: Some("https://api.search.brave.com/res/v1/web/search"),
        secret: Some("BRAVE_API_KEY"),
        // What its smallest plan takes.
        every: Duration::from_secs(1),
        longest: 400,
        request: |request, query| {
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("count", &query.count.to_string())
                .append_pair("text_decorations", "false");
            if let Some(freshness) = period(query, ["pd", "pw", "pm", "py"]) {
                pairs.append_pair("freshness", freshness);
            }
        },
        key: Some((HeaderName::from_static("x-subscription-token"), "")),
        list: "/web/results",
        fields: ["title", "url", "description"],
        is_html: true,
    },
    Form {
        name: "tavily",
        home: Some("https://api.tavily.com/search"),
        secret: Some("TAVILY_API_KEY"),
        // 100 a minute with a key for development.
        every: Duration::from_millis(600),
        longest: 400,
        request: |request, query| {
            let mut body = json!({"query": query.text, "max_results": query.count});
            if let Some(range) = period(query, ["day", "week", "month", "year"])
                && let Some(body) = body.as_object_mut()
            {
                body.insert("time_range".to_owned(), range.into());
            }
            post(request, &body);
        },
        key: Some((AUTHORIZATION, "Bearer ")),
        list: "/results",
        fields: ["title", "url", "content"],
        is_html: false,
    },
    Form {
        name: "bing",
        home: None,
        secret: Some("BING_API_KEY"),
        // Three a second in its smallest plan.
        every: Duration::from_millis(350),
        longest: 1_000,
        request: |request, query| {
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("count", &query.count.to_string())
                .append_pair("textDecorations", "false");
            if let Some(freshness) = period(query, ["Day", "Week", "Month", ""]) {
                pairs.append_pair("freshness", freshness);
            }
        },
        key: Some((HeaderName::from_static("ocp-apim-subscription-key"), "")),
        list: "/webPages/value",
        fields: ["name", "url", "snippet"],
        is_html: false,
    },
    Form {
        name: "zhipu",
        home: Some("https://open.bigmodel.cn/api/paas/v4/web_search"),
        secret: Some("ZHIPU_API_KEY"),
        every: Duration::from_millis(350),
        longest: 70,
        request: |request, query| {
            let periods = ["oneDay", "oneWeek", "oneMonth", "oneYear"];
            post(
                request,
                &json!({
                    "search_engine": "search_std",
                    "search_query": query.text,
                    "search_intent": false,
                    "count": query.count,
                    "search_recency_filter": period(query, periods).unwrap_or("noLimit"),
                }),
            );
        },
        key: Some((AUTHORIZATION, "Bearer ")),
        list: "/search_result",
        fields: ["title", "link", "content"],
        is_html: false,
    },
];

/// The form of the service of this name.
pub(super) fn form(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

/// The shortest period that holds as many days as are asked for; `None` where there
/// is none.
pub(super) fn period(query: &Query, periods: [&'static str; 4]) -> Option<&'static str> {
    let [day, week, month, year] = periods;
    let period = match query.recency_days? {
        0..=1 => day,
        2..=7 => week,
        8..=31 => month,
        _ => year,
    };
    (!period.is_empty()).then_some(period)
}

/// A question without the words that are more than a service takes.
pub(super) fn shortened(query: &Query, longest: usize) -> Query {
    let mut text = query.text.trim();
    if let Some((end, _)) = text.char_indices().nth(longest) {
        let (start, rest) = text.split_at(end);
        let is_cut = !rest.starts_with(char::is_whitespace);
        let whole = start.rfind(char::is_whitespace).filter(|_| is_cut);
        text = start.split_at(whole.unwrap_or(end)).0.trim_end();
    }
    Query {
        text: text.to_owned(),
        ..query.clone()
    }
}

fn post(request: &mut Outgoing, body: &Value) {
    request.method = Method::POST;
    request
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.body = Some(body.to_string().into_bytes());
}

impl Service {
    /// A service of this form at an address.
    pub(super) fn new(form: &'static Form, place: Url, guard: NetGuard) -> Self {
        Self {
            form,
            place: search_of(form, place),
            guard,
        }
    }

    fn request(&self, query: &Query, key: Option<&Secret>) -> Result<Outgoing, NoAnswer> {
        let mut request = Outgoing {
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            ..Outgoing::get(self.place.clone())
        };
        (self.form.request)(&mut request, &shortened(query, self.form.longest));
        if let (Some(key), Some((header, before))) = (key, &self.form.key) {
            let value = format!("{before}{}", key.reveal().trim());
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                let name = self.form.secret.unwrap_or_default();
                NoAnswer::Refused(format!(
                    "the secret {name} is no key: it has characters that cannot be sent"
                ))
            })?;
            value.set_sensitive(true);
            request.headers.insert(header, value);
        }
        Ok(request)
    }

    /// The pages that an answer lists.
    fn read(&self, body: &[u8]) -> Result<Vec<Hit>, NoAnswer> {
        let refused = |reason: String| NoAnswer::Refused(reason);
        let start = body.trim_ascii_start();
        if start.is_empty() {
            // So Bing answers what it takes for an attack.
            return Err(busy("it answered with nothing".to_owned()));
        }
        if start.starts_with(b"<") {
            let page = Document::from(String::from_utf8_lossy(body).as_ref());
            let title = text::clean(page.select_single("title").text().trim(), EXCERPT);
            return Err(refused(format!(
                "it answered with a web page, “{title}”, and not in JSON\nhint: is `{}` where it \
                 answers programs?",
                self.place
            )));
        }
        let answer: Value = serde_json::from_slice(body)
            .map_err(|error| refused(format!("its answer is no JSON: {error}")))?;
        match answer.pointer(self.form.list) {
            Some(Value::Array(entries)) => {
                let mut seen = HashSet::new();
                let mut hits: Vec<Hit> = entries.iter().filter_map(|e| self.hit(e)).collect();
                hits.retain(|hit| seen.insert(hit.url.clone()));
                match out_of_order(&answer) {
                    Some(reason) if hits.is_empty() => Err(busy(reason)),
                    _ => Ok(hits),
                }
            }
            // Nothing was found.
            None | Some(Value::Null) if answer.is_object() && answer.get("error").is_none() => {
                Ok(Vec::new())
            }
            _ => Err(refused(format!(
                "its answer is of another form: {}",
                text::clean(&answer.to_string(), EXCERPT)
            ))),
        }
    }

    fn hit(&self, entry: &Value) -> Option<Hit> {
        let text = |field: &str| {
            let text = entry.get(field).and_then(Value::as_str).unwrap_or_default();
            if self.form.is_html && text.contains(['<', '&']) {
                one_line(&Document::from(text).text())
            } else {
                one_line(text)
            }
        };
        let [title, address, snippet] = self.form.fields;
        let url = Url::parse(entry.get(address)?.as_str()?.trim()).ok()?;
        let is_page = matches!(url.scheme(), "http" | "https");
        is_page.then(|| Hit {
            title: text(title),
            url,
            snippet: text(snippet),
        })
    }
}

fn busy(reason: String) -> NoAnswer {
    NoAnswer::Busy {
        reason,
        after: None,
    }
}

/// What SearXNG says of the engines that do not answer it.
fn out_of_order(answer: &Value) -> Option<String> {
    let engines = answer.get("unresponsive_engines")?.as_array()?;
    let engines = engines.iter().map(|engine| match engine.as_array() {
        Some(parts) => {
            let parts = parts.iter().filter_map(Value::as_str);
            parts.collect::<Vec<_>>().join(": ")
        }
        None => engine.as_str().unwrap_or_default().to_owned(),
    });
    let engines = engines.collect::<Vec<_>>().join("; ");
    let engines = text::clean(&engines, EXCERPT);
    (!engines.is_empty()).then(|| format!("its engines do not answer it: {engines}"))
}

/// A text without line breaks and more than one space.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// SearXNG's instances are known by their first page.
fn search_of(form: &Form, mut place: Url) -> Url {
    if form.name == "searxng" && !place.path().ends_with("/search") {
        let path = format!("{}/search", place.path().trim_end_matches('/'));
        place.set_path(&path);
    }
    place
}

#[async_trait]
impl Provider for Service {
    fn name(&self) -> &str {
        self.form.name
    }

    fn secret(&self) -> Option<&str> {
        self.form.secret
    }

    fn every(&self) -> Duration {
        self.form.every
    }

    async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, NoAnswer> {
        let secret = self.form.secret;
        let key = secret.map(|name| cx.secret(name)).transpose()?;
        let request = self.request(query, key.as_ref())?;
        let (_, body) = ask(&self.guard, request, secret, cx).await?;
        self.read(&body)
    }
}
