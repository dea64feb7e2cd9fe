//! Services that answer in JSON. Their forms are documented at
//!
//! - SearXNG: <https://docs.searxng.org/dev/search_api.html>
//! - Brave: <https://api-dashboard.search.brave.com/app/documentation/web-search/get-started>
//! - Tavily: <https://docs.tavily.com/documentation/api-reference/endpoint/search>
//! - Bing: <https://learn.microsoft.com/bing/search-apis/bing-web-search/reference/endpoints>
//! - Zhipu: <https://docs.bigmodel.cn/api-reference/工具-api/网络搜索>

use async_trait::async_trait;
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use url::Url;

use super::{Hit, Provider, Query, ask};
use crate::{
    Secret, ToolContext, ToolError,
    net_guard::{NetGuard, Outgoing},
};

/// A service, and how it is asked.
#[derive(Debug)]
pub struct Service {
    form: &'static Form,
    place: Url,
    guard: NetGuard,
}

/// What differs from service to service.
struct Form {
    name: &'static str,
    /// Where it is; empty for one that has no home.
    place: &'static str,
    secret: Option<&'static str>,
    request: fn(&mut Outgoing, &Query),
    /// How the key is sent.
    key: Option<(HeaderName, &'static str)>,
    /// Where the list of pages is, and what its entries call title, address and
    /// snippet.
    list: &'static str,
    fields: [&'static str; 3],
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

static FORMS: [Form; 5] = [
    Form {
        name: "searxng",
        place: "",
        secret: None,
        request: |request, query| {
            let range = query.recency_days.map(|days| match days {
                0..=1 => "day",
                2..=7 => "week",
                8..=31 => "month",
                _ => "year",
            });
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("format", "json");
            if let Some(range) = range {
                pairs.append_pair("time_range", range);
            }
        },
        key: None,
        list: "/results",
        fields: ["title", "url", "content"],
    },
    Form {
        name: "brave",
        place: "https://api.search.brave.com/res/v1/web/search",
        secret: Some("BRAVE_API_KEY"),
        request: |request, query| {
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("count", &query.count.to_string())
                .append_pair("text_decorations", "false");
            if let Some(freshness) = freshness(query.recency_days, ["pd", "pw", "pm", "py"]) {
                pairs.append_pair("freshness", freshness);
            }
        },
        key: Some((HeaderName::from_static("x-subscription-token"), "")),
        list: "/web/results",
        fields: ["title", "url", "description"],
    },
    Form {
        name: "tavily",
        place: "https://api.tavily.com/search",
        secret: Some("TAVILY_API_KEY"),
        request: |request, query| {
            let range = freshness(query.recency_days, ["day", "week", "month", "year"]);
            post(
                request,
                &json!({"query": query.text, "max_results": query.count, "time_range": range}),
            );
        },
        key: Some((AUTHORIZATION, "Bearer ")),
        list: "/results",
        fields: ["title", "url", "content"],
    },
    Form {
        name: "bing",
        place: "https://api.bing.microsoft.com/v7.0/search",
        secret: Some("BING_API_KEY"),
        request: |request, query| {
            let mut pairs = request.url.query_pairs_mut();
            pairs
                .append_pair("q", &query.text)
                .append_pair("count", &query.count.to_string())
                .append_pair("textDecorations", "false");
            if let Some(freshness) = freshness(query.recency_days, ["Day", "Week", "Month", ""]) {
                pairs.append_pair("freshness", freshness);
            }
        },
        key: Some((HeaderName::from_static("ocp-apim-subscription-key"), "")),
        list: "/webPages/value",
        fields: ["name", "url", "snippet"],
    },
    Form {
        name: "zhipu",
        place: "https://open.bigmodel.cn/api/paas/v4/web_search",
        secret: Some("ZHIPU_API_KEY"),
        request: |request, query| {
            let periods = ["oneDay", "oneWeek", "oneMonth", "oneYear"];
            let period = freshness(query.recency_days, periods).unwrap_or("noLimit");
            post(
                request,
                &json!({
                    "search_engine": "search_std",
                    "search_query": query.text,
                    "search_intent": false,
                    "count": query.count,
                    "search_recency_filter": period,
                }),
            );
        },
        key: Some((AUTHORIZATION, "Bearer ")),
        list: "/search_result",
        fields: ["title", "link", "content"],
    },
];

/// The shortest period that holds as many days; `None` where there is none.
fn freshness(days: Option<u32>, periods: [&'static str; 4]) -> Option<&'static str> {
    let [day, week, month, year] = periods;
    let period = match days? {
        0..=1 => day,
        2..=7 => week,
        8..=31 => month,
        _ => year,
    };
    (!period.is_empty()).then_some(period)
}

fn post(request: &mut Outgoing, body: &Value) {
    request.method = Method::POST;
    request
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.body = Some(body.to_string().into_bytes());
}

impl Service {
    /// The service of this name, at its home or at `place`; `None` if there is none.
    pub(super) fn named(
        name: &str,
        place: Option<Url>,
        guard: NetGuard,
    ) -> Option<Result<Self, String>> {
        let form = FORMS.iter().find(|form| form.name == name)?;
        let place = match place {
            Some(place) => Ok(place),
            None => Url::parse(form.place).map_err(|_| format!("expected `{name}:URL`")),
        };
        Some(place.map(|place| Self {
            form,
            place: search_of(form, place),
            guard,
        }))
    }

    fn request(&self, query: &Query, key: Option<&Secret>) -> Result<Outgoing, ToolError> {
        let mut request = Outgoing {
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            ..Outgoing::get(self.place.clone())
        };
        (self.form.request)(&mut request, query);
        if let (Some(key), Some((header, before))) = (key, &self.form.key) {
            let value = format!("{before}{}", key.reveal().trim());
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                ToolError::User(format!("the key of {} cannot be sent", self.form.name))
            })?;
            value.set_sensitive(true);
            request.headers.insert(header, value);
        }
        Ok(request)
    }
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

    async fn search(&self, query: &Query, cx: &ToolContext) -> Result<Vec<Hit>, ToolError> {
        let key = self.form.secret.map(|name| cx.secret(name)).transpose()?;
        let request = self.request(query, key.as_ref())?;
        let body = ask(&self.guard, request, self.form.name).await?;
        let unread = |reason: String| {
            ToolError::User(format!(
                "{} answered in another form: {reason}",
                self.form.name
            ))
        };
        let answer: Value =
            serde_json::from_slice(&body).map_err(|error| unread(error.to_string()))?;
        match answer.pointer(self.form.list) {
            Some(Value::Array(entries)) => Ok(entries
                .iter()
                .filter_map(|entry| hit(entry, self.form.fields))
                .collect()),
            // Nothing was found.
            None | Some(Value::Null) if answer.is_object() && answer.get("error").is_none() => {
                Ok(Vec::new())
            }
            _ => Err(unread(crate::text::clean(&answer.to_string(), 200))),
        }
    }
}

fn hit(entry: &Value, [title, address, snippet]: [&str; 3]) -> Option<Hit> {
    let text = |field: &str| {
        let text = entry.get(field).and_then(Value::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    Some(Hit {
        title: text(title),
        url: Url::parse(&text(address)).ok()?,
        snippet: text(snippet),
    })
}
