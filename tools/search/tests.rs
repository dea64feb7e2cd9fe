//! Providers and their services, which are served on loopback.

use std::collections::VecDeque;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::Response,
};
use tokio::net::TcpListener;

use super::*;
use crate::{Granted, Secrets, net_guard::NetGuard};

/// A service that gives these answers in turn, and keeps what it is asked.
struct Served {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

async fn serve(answers: Vec<Answer>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, answers) = (
        Arc::clone(&asked),
        Arc::new(Mutex::new(VecDeque::from(answers))),
    );
    let respond = move |request: Request| {
        let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
        async move {
            let request = shown(request).await;
            kept.lock().unwrap().push(request);
            let answer = answers.lock().unwrap().pop_front();
            let (status, headers, body) = answer.unwrap_or((500, &[], "asked too often"));
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Body::from(body)).unwrap()
        }
    };
    let router = axum::Router::new().fallback(respond);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { address, asked }
}

/// A request whole, but for what the client writes of itself and the connection.
async fn shown(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let own = ["host", "user-agent", "accept-encoding", "content-length"];
    let headers = parts.headers.iter();
    let mut headers: Vec<String> = headers
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = to_bytes(body, 100_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let first = format!("{} {}", parts.method, parts.uri);
    let lines = [vec![first], headers, vec![body]].concat();
    lines.join("\n").trim_end().to_owned()
}

impl Served {
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let own = |text: &String| text.replace(&self.address, "http://SERVICE");
        asked.iter().map(own).collect()
    }

    /// A provider of this kind, which is here.
    fn named(&self, kind: &str) -> String {
        format!("{kind}:{}", self.address)
    }
}

fn search(names: &[String]) -> Search {
    let reach = |url: &Url, is_named: bool| {
        assert!(is_named);
        let own = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        NetGuard::from_patterns(&[own])
    };
    Search::from_names(names, &reach).unwrap()
}

/// The context of a call that may use the search's secrets, of which each is `k3y!`.
fn context(search: &Search) -> ToolContext {
    let secrets = Secrets::new(|name| (name != "GONE").then(|| "k3y!".to_owned()));
    ToolContext {
        secrets: Granted::new(&search.secrets(), &secrets),
        ..ToolContext::default()
    }
}

fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        recency_days: None,
        count: 7,
    }
}

async fn asked(search: &Search, query: &Query) -> Result<Vec<Hit>, String> {
    let found = search.search(query, &context(search)).await;
    found.map_err(|error| error.to_string())
}

fn hit(title: &str, url: &str, snippet: &str) -> Hit {
    Hit {
        title: title.to_owned(),
        url: Url::parse(url).unwrap(),
        snippet: snippet.to_owned(),
    }
}

/// The two pages that all recorded answers hold.
fn found() -> Vec<Hit> {
    vec![
        hit(
            "Tools of GLM-4",
            "https://docs.example.org/glm-4/tools",
            "How GLM-4 calls tools, and what it is answered.",
        ),
        hit(
            "Vec<T> & friends",
            "https://blog.example.net/generics",
            "Generic types.",
        ),
    ]
}

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../tests/data/search/", $name))
    };
}

#[tokio::test]
async fn each_service_is_asked_in_its_form_and_its_answer_is_read() {
    let cases = [
        (
            "searxng",
            recorded!("searxng.json"),
            "GET /search?q=glm-4+tools&format=json&time_range=week\naccept: application/json",
        ),
        (
            "brave",
            recorded!("brave.json"),
            "GET /?q=glm-4+tools&count=7&text_decorations=false&freshness=pw\n\
             accept: application/json\nx-subscription-token: k3y!",
        ),
        (
            "tavily",
            recorded!("tavily.json"),
            "POST /\naccept: application/json\nauthorization: Bearer k3y!\n\
             content-type: application/json\n\
             {\"query\":\"glm-4 tools\",\"max_results\":7,\"time_range\":\"week\"}",
        ),
        (
            "zhipu",
            recorded!("zhipu.json"),
            "POST /\naccept: application/json\nauthorization: Bearer k3y!\n\
             content-type: application/json\n\
             {\"search_engine\":\"search_std\",\"search_query\":\"glm-4 tools\",\
             \"search_intent\":false,\"count\":7,\"search_recency_filter\":\"oneWeek\"}",
        ),
        (
            "bing",
            recorded!("bing.json"),
            "GET /?q=glm-4+tools&count=7&textDecorations=false&freshness=Week\n\
             accept: application/json\nocp-apim-subscription-key: k3y!",
        ),
        (
            "duckduckgo",
            recorded!("duckduckgo.html"),
            "POST /\naccept: */*\ncontent-type: application/x-www-form-urlencoded\n\
             referer: http://SERVICE/\nq=glm-4+tools&b=&df=w",
        ),
    ];
    for (kind, answer, request) in cases {
        let served = serve(vec![(200, &[], answer)]).await;
        let search = search(&[served.named(kind)]);
        let query = Query {
            recency_days: Some(7),
            ..query(" glm-4 tools ")
        };
        let mut expected = found();
        if kind == "brave" {
            expected[0].snippet = "How GLM-4 calls tools, and what it's answered.".to_owned();
        }
        assert_eq!(asked(&search, &query).await, Ok(expected), "{kind}");
        assert_eq!(served.asked(), [request], "{kind}");
        // The same question is not asked again.
        assert!(asked(&search, &query).await.is_ok());
        assert_eq!(served.asked().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn an_age_is_asked_for_only_where_one_is_wanted() {
    for (kind, answer, request) in [
        (
            "tavily",
            recorded!("tavily.json"),
            "{\"query\":\"x\",\"max_results\":7}",
        ),
        ("zhipu", recorded!("zhipu.json"), "\"noLimit\"}"),
        ("duckduckgo", recorded!("duckduckgo.html"), "q=x&b="),
    ] {
        let served = serve(vec![(200, &[], answer)]).await;
        asked(&search(&[served.named(kind)]), &query("x"))
            .await
            .unwrap();
        let requests = served.asked();
        assert!(requests[0].ends_with(request), "{requests:?}");
    }
}

#[test]
fn a_question_is_cut_between_words_where_it_is_too_long() {
    let cut = |text: &str, longest| services::shortened(&query(text), longest).text;
    assert_eq!(cut("one two three", 13), "one two three");
    assert_eq!(cut("one two three", 12), "one two");
    assert_eq!(cut("one two three", 7), "one two");
    assert_eq!(cut("北京今天天气", 4), "北京今天");
    assert_eq!(cut("", 4), "");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let html = "<html><head><title>Sign in</title></head></html>";
    let cases: [(&str, Answer, &str); 14] = [
        (
            "brave",
            (422, &[], recorded!("brave-key.json")),
            "it answered 422 Unprocessable Entity: The provided subscription token is invalid.\n\
             hint: is the secret BRAVE_API_KEY its key?",
        ),
        (
            "brave",
            (429, &[], recorded!("brave-quota.json")),
            "its quota is used up; it answered 429 Too Many Requests: Request quota limit exceeded \
             for plan.",
        ),
        (
            "tavily",
            (401, &[], recorded!("tavily-key.json")),
            "it answered 401 Unauthorized: Unauthorized: missing or invalid API key.\n\
             hint: is the secret TAVILY_API_KEY its key?",
        ),
        (
            "tavily",
            (432, &[], recorded!("tavily-plan.json")),
            "its quota is used up; it answered 432: This request exceeds your \
             plan's set usage limit. Please upgrade your plan or contact support@tavily.com",
        ),
        (
            "zhipu",
            (429, &[], recorded!("zhipu-account.json")),
            "its quota is used up; it answered 429 Too Many Requests: 您的账户已欠费，请充值后重试",
        ),
        (
            "bing",
            (403, &[], recorded!("bing-quota.json")),
            "its quota is used up; it answered 403 Forbidden: Out of call volume quota. Quota will \
             be replenished in 12 days.",
        ),
        ("bing", (200, &[], ""), "it answered with nothing"),
        (
            "searxng",
            (403, &[], "<h1>Forbidden</h1>"),
            "it answered 403 Forbidden\nhint: it may want a login, or not answer programs: SearXNG \
             does once `json` is among the `formats` in its settings.yml",
        ),
        (
            "searxng",
            (200, &[], html),
            "it answered with a web page, “Sign in”, and not in JSON\nhint: is \
             `http://SERVICE/search` where it answers programs?",
        ),
        (
            "searxng",
            (200, &[], recorded!("searxng-suspended.json")),
            "its engines do not answer it: brave: Suspended: too many requests; duckduckgo: CAPTCHA",
        ),
        (
            "tavily",
            (200, &[], "{\"results\": \"none\"}"),
            "its answer is of another form: {\"results\":\"none\"}",
        ),
        (
            "tavily",
            (200, &[], "{\"results\": ["),
            "its answer is no JSON: EOF while parsing a list at line 1 column 13",
        ),
        (
            "duckduckgo",
            (202, &[], recorded!("duckduckgo-riddle.html")),
            "it takes this for a robot, and asks for a riddle to be solved\nhint: use a service \
             that is meant for programs, such as --search brave",
        ),
        (
            "duckduckgo",
            (200, &[], html),
            "its page is not as it was: there are no results on it, nor does it say that none were \
             found",
        ),
    ];
    for (kind, answer, reason) in cases {
        let (status, _, body) = answer;
        let served = serve(vec![(status, &[("retry-after", "60")], body); 2]).await;
        let search = search(&[served.named(kind)]);
        let error = asked(&search, &query("x")).await.unwrap_err();
        let error = error.replace(&served.address, "http://SERVICE");
        assert_eq!(error, format!("cannot search\n{kind}: {reason}"));
    }
}

#[tokio::test]
async fn a_key_that_a_service_repeats_stays_secret() {
    let answer = "{\"detail\": {\"error\": \"no such key: k3y!\"}}";
    let served = serve(vec![(401, &[], answer)]).await;
    let search = search(&[served.named("tavily")]);
    let error = asked(&search, &query("x")).await.unwrap_err();
    assert_eq!(
        error,
        "cannot search\ntavily: it answered 401 Unauthorized: no such key: [secret TAVILY_API_KEY]\n\
         hint: is the secret TAVILY_API_KEY its key?"
    );
}

#[tokio::test]
async fn a_key_that_is_missing_is_named_and_nothing_is_asked() {
    let served = serve(Vec::new()).await;
    let search = search(&[served.named("brave")]);
    let secrets = Secrets::new(|_| None);
    let cx = ToolContext {
        secrets: Granted::new(&search.secrets(), &secrets),
        ..ToolContext::default()
    };
    let error = search.search(&query("x"), &cx).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot search\nbrave: the secret `BRAVE_API_KEY` is missing\nhint: set the environment \
         variable BRAVE_API_KEY, or name its place in glm.toml: [secrets] BRAVE_API_KEY = { file = \
         \"...\" }"
    );
    assert!(served.asked().is_empty());
}

#[tokio::test]
async fn the_next_is_asked_where_one_is_busy_and_the_busy_one_is_left_alone() {
    let busy = serve(vec![(429, &[("retry-after", "3600")], "")]).await;
    let empty = serve(vec![(200, &[], recorded!("duckduckgo-none.html"))]).await;
    let last = serve(vec![(200, &[], recorded!("tavily.json")); 2]).await;
    let search = search(&[
        busy.named("brave"),
        empty.named("duckduckgo"),
        last.named("tavily"),
    ]);
    assert_eq!(asked(&search, &query("one")).await, Ok(found()));
    let counts = || [&busy, &empty, &last].map(|served| served.asked().len());
    assert_eq!(counts(), [1, 1, 1]);
    assert!(asked(&search, &query("two")).await.is_ok());
    assert_eq!(counts()[0], 1);
}

#[tokio::test]
async fn who_is_left_alone_is_named_with_the_reason() {
    let busy = serve(vec![(429, &[("retry-after", "3600")], "")]).await;
    let search = search(&[busy.named("brave")]);
    let first = asked(&search, &query("one")).await.unwrap_err();
    assert_eq!(
        first,
        "cannot search\nbrave: it answered 429 Too Many Requests"
    );
    let second = asked(&search, &query("two")).await.unwrap_err();
    let seconds: String = second.chars().filter(char::is_ascii_digit).collect();
    let second = second.replace(&seconds[..4], "N");
    assert_eq!(
        second,
        "cannot search\nbrave: left alone for another N s: it answered 429 Too Many Requests"
    );
    assert_eq!(busy.asked().len(), 1);
}

#[tokio::test]
async fn a_short_pause_is_waited_for_where_nobody_else_answers() {
    let busy = (429, &[("retry-after", "1")][..], "");
    let served = serve(vec![busy, (200, &[], recorded!("brave.json"))]).await;
    let search = search(&[served.named("brave")]);
    assert_eq!(asked(&search, &query("one")).await.unwrap().len(), 2);
    assert_eq!(served.asked().len(), 2);
}

#[tokio::test]
async fn that_nothing_was_found_is_an_answer() {
    let served = serve(vec![
        (200, &[], "{\"results\": []}"),
        (200, &[], "{\"query\": \"two\"}"),
    ])
    .await;
    let search = search(&[served.named("searxng")]);
    assert_eq!(asked(&search, &query("one")).await, Ok(Vec::new()));
    assert_eq!(asked(&search, &query("two")).await, Ok(Vec::new()));
}

#[test]
fn what_cannot_be_a_provider_is_refused() {
    let reach = |_: &Url, _: bool| NetGuard::from_patterns(&[]);
    let expected = "expected `local:FOLDER`, `searxng:URL`, `brave`, `tavily`, `zhipu`, `bing:URL` \
                    or `duckduckgo`";
    for (name, shown, reason) in [
        ("google", "google", expected),
        ("local", "local", expected),
        ("local:", "local:", expected),
        (
            "local:/no/such/folder",
            "local:/no/such/folder",
            "cannot read `/no/such/folder`: No such file or directory (os error 2)",
        ),
        (
            "searxng",
            "searxng",
            "it has no address that all know: write `searxng:URL`",
        ),
        (
            "bing",
            "bing",
            "it has no address that all know: write `bing:URL`",
        ),
        (
            "searxng:here",
            "searxng:here",
            "`here` is no address: relative URL without a base",
        ),
        (
            "searxng:ftp://a.test",
            "searxng:ftp://a.test",
            "its address must begin with https:// or http://",
        ),
        (
            "searxng:https://me:pass@a.test",
            "searxng",
            "leave the user name and the password out of its address",
        ),
    ] {
        let error = Search::from_names(&[name.to_owned()], &reach).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot search by `{shown}`: {reason}")
        );
    }
    let all = ["brave", "tavily", "zhipu", "duckduckgo"].map(str::to_owned);
    let search = Search::from_names(&all, &reach).unwrap();
    assert_eq!(
        format!("{search:?}"),
        "[\"brave\", \"tavily\", \"zhipu\", \"duckduckgo\"]"
    );
    assert_eq!(
        search.secrets(),
        ["BRAVE_API_KEY", "TAVILY_API_KEY", "ZHIPU_API_KEY"]
    );
}
