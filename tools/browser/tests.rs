//! The browser's tools, called as the registry calls them, on pages of a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;
use crate::{
    Observation, PastCall, Registry, ToolOutput,
    net_guard::NetGuard,
    reader::{
        Limits,
        tests::server::{Server, answer, html},
    },
    search::{NoAnswer, Provider},
};

/// Finds the same pages whatever is asked.
struct Finds(Vec<Hit>);

#[async_trait]
impl Provider for Finds {
    fn name(&self) -> &str {
        "test"
    }

    async fn search(&self, query: &Query, _cx: &ToolContext) -> Result<Vec<Hit>, NoAnswer> {
        if query.text == "nothing" {
            return Ok(Vec::new());
        }
        Ok(self.0.clone())
    }
}

/// A page of so many paragraphs, each with a link.
fn long(paragraphs: usize) -> String {
    let paragraphs = (0..paragraphs).map(|n| {
        format!("<p>Paragraph {n} tells of the <a href=\"/deep/{n}\">thing {n}</a>, at some length and with some care.</p>")
    });
    format!(
        "<title>A long page</title>{}",
        paragraphs.collect::<String>()
    )
}

struct Bench {
    server: Server,
    browser: Browser,
}

impl Bench {
    async fn new() -> Self {
        let server = Server::new(|path, _| match path {
            "/a" => html(
                "<title>Page A</title><h1>Page A</h1><p>Some <b>bold</b> words, and <a href=\"/b\">page B</a> \
                 or <a href=\"https://other.test/\">elsewhere</a>.</p><pre>x\n\ny</pre>",
            ),
            "/b" => html("<title>Page B</title><p>The words of B.</p>"),
            "/long" => html(long(400)),
            path if path.starts_with("/deep/") => html(format!("<p>deep {path}")),
            _ => answer(404, &[("content-type", "text/html")], "<p>gone"),
        })
        .await;
        let browser = Self::browser(&server);
        Self { server, browser }
    }

    /// As another process would have it.
    fn browser(server: &Server) -> Browser {
        let hits = ["/a", "/gone", "/b", "/long"].iter().map(|path| Hit {
            title: format!("Title of {path}"),
            url: server.at(path),
            snippet: format!("what {path} says"),
        });
        let guard = NetGuard::from_patterns(&[server.host()]).unwrap();
        let search = Search::new(vec![Arc::new(Finds(hits.collect()))]);
        Browser::new(Reader::new(guard, Limits::default()), search)
    }

    async fn call(&self, name: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        let mut tools = self.browser.functions();
        tools.push(self.browser.simple());
        let registry = Registry::new(tools).unwrap();
        let cx = ToolContext {
            session: "one".to_owned(),
            ..ToolContext::default()
        };
        registry.call(name, arguments, cx).await
    }

    /// What `simple_browser` shows, the server's address left out.
    async fn simple(&self, actions: &str) -> Vec<(String, String)> {
        let output = self.call("simple_browser", actions.into()).await.unwrap();
        let first = Observation {
            metadata: output.metadata,
            text: output.text,
        };
        let host = self.server.host();
        let all = std::iter::once(first).chain(output.more);
        all.map(|seen| (seen.metadata, seen.text.replace(&host, "HOST")))
            .collect()
    }
}

fn owned(shown: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = shown
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

#[tokio::test]
async fn a_search_is_shown_as_glm4_was_trained_to_read_it() {
    let bench = Bench::new().await;
    let host = bench.server.at("/").host_str().unwrap().to_owned();
    let lines = ["/a", "/gone", "/b", "/long"].iter().enumerate();
    let lines =
        lines.map(|(n, path)| format!(" # 【{n}†Title of {path}†{host}】\nwhat {path} says\n"));
    let shown = format!("{}Visible: 0% - 100%", lines.collect::<String>());
    assert_eq!(
        bench.simple("search(\"anything\", recency_days=7)").await,
        owned(&[("browser_result", &shown)])
    );
}

#[tokio::test]
async fn clicked_pages_are_quoted_and_failures_do_not_keep_the_others_away() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.simple("mclick([0])").await,
        owned(&[(
            "system_error",
            "there is no 0: nothing was searched or opened yet"
        )])
    );
    bench.simple("search('anything')").await;
    assert_eq!(
        bench.simple("mclick([2, 1, 9, 0, 2])").await,
        owned(&[
            ("quote_result [7†source]", "The words of B."),
            (
                "system_error",
                "`http://HOST/gone` answered 404 Not Found:\ngone"
            ),
            (
                "system_error",
                "there is no 9: the numbers that were shown last are 0 to 3"
            ),
            (
                "quote_result [8†source]",
                "# Page A\nSome bold words, and page B or elsewhere.\n```\nx\n\ny\n```"
            ),
        ])
    );
    // The numbers of the search still lead where they led, and quotes go on.
    assert_eq!(
        bench.simple("mclick([2])").await,
        owned(&[("quote_result [9†source]", "The words of B.")])
    );
}

#[tokio::test]
async fn an_opened_page_numbers_its_links_and_they_can_be_clicked() {
    let bench = Bench::new().await;
    let url = bench.server.at("/a");
    let shown = "TITLE: Page A\n\n\nURL: http://HOST/a\n# Page A\n\nSome bold words, and 【0†page B】 or \
        【1†elsewhere†other.test】.\n\n```\nx\n\ny\n```\nVisible: 0% - 100%";
    assert_eq!(
        bench.simple(&format!("open_url('{url}')")).await,
        owned(&[("browser_result", shown)])
    );
    assert_eq!(
        bench.simple("mclick([0])").await,
        owned(&[("quote_result [7†source]", "The words of B.")])
    );
}

#[tokio::test]
async fn several_actions_are_done_in_order_and_what_is_none_is_said_to_be() {
    let bench = Bench::new().await;
    let shown = bench
        .simple("search('x')\nfind('y')\nmclick([0, 2])\nopen_url('nowhere')\nsearch('nothing')")
        .await;
    let metadata: Vec<_> = shown
        .iter()
        .map(|(metadata, _)| metadata.as_str())
        .collect();
    assert_eq!(
        metadata,
        [
            "browser_result",
            "system_error",
            "quote_result [7†source]",
            "quote_result [8†source]",
            "system_error",
            "browser_result"
        ]
    );
    assert!(
        shown[4].1.starts_with("`nowhere` is not an address: "),
        "{}",
        shown[4].1
    );
    assert_eq!(shown[5].1, "nothing was found\nVisible: 0% - 100%");
    let failed = bench
        .call("simple_browser", "mclick([99])".into())
        .await
        .unwrap();
    assert!(failed.failed);
}

#[tokio::test]
async fn of_a_long_page_the_first_part_is_shown_and_only_its_links_lead_on() {
    let bench = Bench::new().await;
    let url = bench.server.at("/long");
    let shown = bench.simple(&format!("open_url('{url}')")).await;
    let (_, text) = &shown[0];
    let visible = text.rsplit_once("\nVisible: 0% - ").unwrap().1;
    let visible: usize = visible.trim_end_matches('%').parse().unwrap();
    assert!((10..90).contains(&visible), "{visible}");
    let marks = text.split('【').skip(1);
    let last = marks
        .filter_map(|mark| mark.split_once('†')?.0.parse::<usize>().ok())
        .max();
    let last = last.unwrap();
    let clicked = bench.simple(&format!("mclick([{last}])")).await;
    assert_eq!(
        clicked,
        owned(&[("quote_result [7†source]", &format!("deep /deep/{last}"))])
    );
    let clicked = bench.simple(&format!("mclick([{}])", last + 1)).await;
    assert_eq!(clicked[0].0, "system_error");
}

#[tokio::test]
async fn a_session_goes_on_in_another_process() {
    let bench = Bench::new().await;
    let mut past = Vec::new();
    let url = bench.server.at("/a");
    for actions in [
        "search('x')".to_owned(),
        "mclick([0])".to_owned(),
        format!("open_url('{url}')"),
    ] {
        let output = bench
            .call("simple_browser", actions.as_str().into())
            .await
            .unwrap();
        past.push(PastCall {
            arguments: actions.into(),
            // As it comes back from the log.
            replay: serde_json::from_str(&output.replay.unwrap().to_string()).unwrap(),
        });
    }
    // The log may tell of them in any order.
    past.reverse();
    let other = Bench {
        browser: Bench::browser(&bench.server),
        server: bench.server,
    };
    other.browser.simple().resume("one", past.clone()).await;
    assert_eq!(
        other.simple("mclick([0])").await,
        owned(&[("quote_result [8†source]", "The words of B.")])
    );
    // What it is told again is no news.
    other.browser.simple().resume("one", past).await;
    assert_eq!(
        other.simple("mclick([0])").await,
        owned(&[("quote_result [9†source]", "The words of B.")])
    );
    other.browser.simple().close("one").await;
    assert_eq!(other.simple("mclick([0])").await[0].0, "system_error");
}

#[tokio::test]
async fn functions_open_results_links_addresses_and_parts() {
    let bench = Bench::new().await;
    let early = bench.call("web_find", json!({"text": "x"})).await;
    assert_eq!(
        early,
        Err(ToolError::Model("no page was opened yet".to_owned()))
    );
    let found = bench
        .call("web_search", json!({"query": "x"}))
        .await
        .unwrap();
    assert_eq!(
        found.json.unwrap()[2]["url"],
        bench.server.at("/b").as_str()
    );
    assert_eq!(found.citations[0].mark, "0");

    let opened = bench
        .call("web_open", json!({"page": "【3†Title of /long】"}))
        .await
        .unwrap();
    assert!(
        opened.text.starts_with("TITLE: A long page\nURL: http://"),
        "{}",
        opened.text
    );
    assert!(
        opened
            .text
            .contains("\nCite as 【3†source】\n\nParagraph 0 tells"),
        "{}",
        opened.text
    );
    assert!(
        opened.text.ends_with("%; read on with \"part\": 2"),
        "{}",
        opened.text
    );
    assert_eq!(opened.citations[0].mark, "3");

    // The rest is read on without the page being asked for again.
    let mut read = opened.text.matches("Paragraph ").count();
    for part in 2.. {
        match bench.call("web_open", json!({"part": part})).await {
            Ok(output) => read += output.text.matches("Paragraph ").count(),
            Err(error) => {
                let last = part - 1;
                let said = format!(
                    "`{}` has no part {part}: its last one is {last}",
                    bench.server.at("/long")
                );
                assert_eq!(error, ToolError::Model(said));
                break;
            }
        }
    }
    assert_eq!(read, 400);
    let found = bench
        .call("web_find", json!({"text": "the THING 399"}))
        .await
        .unwrap();
    assert!(found.text.starts_with("- part "), "{}", found.text);
    assert!(
        found.text.contains("Paragraph 399 tells of the"),
        "{}",
        found.text
    );
    let missing = bench
        .call("web_find", json!({"text": "zebra"}))
        .await
        .unwrap();
    assert_eq!(missing.text, "`zebra` does not stand in `A long page`");
    let asked = bench.server.paths();
    assert_eq!(asked.iter().filter(|path| *path == "/long").count(), 1);

    let wrong = bench.call("web_open", json!({"page": "the first"})).await;
    let said = "`the first` is neither an address nor the number of a result";
    assert_eq!(wrong, Err(ToolError::Model(said.to_owned())));
    let url = bench.server.at("/b");
    let opened = bench
        .call("web_open", json!({"page": url.as_str()}))
        .await
        .unwrap();
    assert!(
        opened
            .text
            .contains("\n\nThe words of B.\n\nVisible: 0% - 100%"),
        "{}",
        opened.text
    );
}

#[tokio::test]
async fn a_number_means_the_same_page_for_a_whole_session() {
    let bench = Bench::new().await;
    let mut past = Vec::new();
    let mut call = async |name: &str, arguments: Value| {
        let output = bench.call(name, arguments.clone()).await.unwrap();
        past.push(PastCall {
            arguments,
            replay: output.replay.clone().unwrap(),
        });
        output
    };
    call("web_search", json!({"query": "x"})).await;
    // Page A has links to B, which is result 2, and to a page that is new.
    let a = call("web_open", json!({"page": "0"})).await;
    assert!(a.text.contains("【2†page B】"), "{}", a.text);
    assert!(a.text.contains("【4†elsewhere†other.test】"), "{}", a.text);
    let b = call("web_open", json!({"page": "2"})).await;
    assert!(b.text.contains("Cite as 【2†source】"), "{}", b.text);
    assert_eq!(b.citations[0].mark, "2");

    let other = Bench {
        browser: Bench::browser(&bench.server),
        server: bench.server,
    };
    for tool in other.browser.functions() {
        tool.resume("one", past.clone()).await;
    }
    let again = other
        .call("web_open", json!({"page": "【2†page B】"}))
        .await;
    assert_eq!(again.unwrap().text, b.text);
    let gone = other.call("web_open", json!({"page": "5"})).await;
    let said = "there is no 5: the numbers shown are 0 to 4";
    assert_eq!(gone, Err(ToolError::Model(said.to_owned())));
}

#[tokio::test]
async fn pages_opened_in_one_reply_are_loaded_at_the_same_time() {
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let server = Server::new(|path, _| html(format!("<p>The words of {path}."))).await;
    let hits = ["/a", "/b"].iter().map(|path| Hit {
        title: (*path).to_owned(),
        url: server.at(path),
        snippet: String::new(),
    });
    let guard = NetGuard::from_patterns(&[server.host()]).unwrap();
    let search = Search::new(vec![Arc::new(Finds(hits.collect()))]);
    let waits = Arc::new(Waits(both));
    let reader = Reader::new(guard, Limits::default()).render_with(waits as _);
    let bench = Bench {
        browser: Browser::new(reader, search),
        server,
    };
    bench
        .call("web_search", json!({"query": "x"}))
        .await
        .unwrap();
    let open = |page: &str| bench.call("web_open", json!({ "page": page }));
    // Each page is shown only once both are being loaded.
    let (a, b) = tokio::join!(open("0"), open("1"));
    assert!(a.unwrap().text.contains("Cite as 【0†source】\n\nshown"));
    assert!(b.unwrap().text.contains("Cite as 【1†source】\n\nshown"));
}

/// Shows a page once another is shown as well.
struct Waits(Arc<tokio::sync::Barrier>);

#[async_trait]
impl crate::reader::Render for Waits {
    async fn render(&self, url: &Url) -> Result<crate::reader::Rendered, ToolError> {
        self.0.wait().await;
        Ok(crate::reader::Rendered {
            url: url.clone(),
            html: "<p>shown".to_owned(),
        })
    }
}
