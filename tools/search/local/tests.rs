//! Folders that are searched, changed and searched again.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{super::named::providers, *};
use crate::net_guard::NetGuard;

const ENGLISH: [(&str, &str); 6] = [
    (
        "install.md",
        "# Installing\n\nDownload the archive, unpack it and put the program on your path. The \
         installation takes a minute, and needs no network once the archive is there.",
    ),
    (
        "network/proxy.md",
        "# Proxies\n\nBehind a proxy, set the address of the proxy first. The network is reached \
         through it; names are resolved by it. To install certificates, see the manual.",
    ),
    (
        "network/dns.txt",
        "Names are resolved by the system's resolver. A timeout of two seconds is the default.",
    ),
    (
        "recipes/soup.html",
        "<html><head><title>Onion soup</title><style>p { color: network }</style></head><body>\
         <nav>Home</nav><p>Slice the onions thinly and let them brown slowly in butter.</p></body></html>",
    ),
    (
        "recipes/Café crème.md",
        "Boil water. Pour it over the coffee; add cream.",
    ),
    (
        "notes.rst",
        "Nothing of interest stands here, but for a mention of onions.",
    ),
];

const CHINESE: [(&str, &str); 4] = [
    (
        "天气.md",
        "# 北京天气\n\n北京今天晴，气温二十度，明天有小雨，请带伞。",
    ),
    (
        "美食.md",
        "# 上海美食\n\n上海的小笼包很有名，南翔的尤其好吃。北京烤鸭则在北京。",
    ),
    (
        "茶.md",
        "# 喝茶\n\n绿茶和红茶的区别在于发酵。龙井产于杭州。",
    ),
    ("计划.txt", "下周去杭州旅行，看西湖，顺便买龙井。"),
];

fn folder(documents: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::Builder::new().prefix("docs").tempdir().unwrap();
    for (name, text) in documents {
        write(&folder, name, text);
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn local(folder: &TempDir) -> Local {
    Local::open(folder.path()).unwrap().named("docs".to_owned())
}

fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        recency_days: None,
        count: 7,
    }
}

async fn search(local: &Local, query: &Query) -> Vec<Hit> {
    local.search(query, &ToolContext::default()).await.unwrap()
}

/// The names of what is found, best first.
async fn found(local: &Local, text: &str) -> Vec<String> {
    let hits = search(local, &query(text)).await;
    let names = hits.iter().map(|hit| local.name(&hit.url).unwrap());
    names
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_best_document_comes_first() {
    let english = folder(&ENGLISH);
    let english = local(&english);
    for (question, best) in [
        ("how do I install the program?", "install.md"),
        ("proxy address", "network/proxy.md"),
        ("DNS resolver timeout", "network/dns.txt"),
        ("onion soup", "recipes/soup.html"),
        ("browning onions", "recipes/soup.html"),
        ("cafe creme", "recipes/Café crème.md"),
        ("\"names\" AND (resolved) title:x^2", "network/dns.txt"),
    ] {
        let names = found(&english, question).await;
        assert_eq!(names.first().map(String::as_str), Some(best), "{question}");
    }
    assert_eq!(
        found(&english, "onions").await,
        ["recipes/soup.html", "notes.rst"]
    );
    // What stands in the page's style sheet is not its text.
    let of_network = found(&english, "network").await;
    assert_eq!(of_network, ["install.md", "network/proxy.md"]);
    assert!(found(&english, "submarine").await.is_empty());
    assert!(found(&english, "?!").await.is_empty());

    let chinese = folder(&CHINESE);
    let chinese = local(&chinese);
    for (question, best) in [
        ("北京的天气怎么样", "天气.md"),
        ("上海有什么好吃的", "美食.md"),
        ("茶", "茶.md"),
        ("龙井产地", "茶.md"),
        ("杭州旅行", "计划.txt"),
        ("烤鸭", "美食.md"),
    ] {
        let names = found(&chinese, question).await;
        assert_eq!(names.first().map(String::as_str), Some(best), "{question}");
    }
    assert_eq!(found(&chinese, "龙井").await.len(), 2);
}

#[tokio::test]
async fn a_hit_shows_the_words_and_says_where_the_document_is() {
    let long = format!(
        "{}The needle is here. {}",
        "hay ".repeat(500),
        "hay ".repeat(500)
    );
    let folder = folder(&[
        ("a b/long é.txt", &long),
        ("only-title.md", "# Needle\n\nSome text."),
    ]);
    let local = local(&folder);
    let mut hits = search(&local, &query("needle")).await;
    hits.sort_by_key(|hit| hit.title.clone());
    let [titled, long] = hits.as_slice() else {
        panic!("{hits:?}")
    };
    assert_eq!(titled.title, "Needle");
    assert_eq!(titled.snippet, "# Needle Some text.");
    assert_eq!(long.title, "long é");
    assert!(
        long.snippet.contains("The needle is here."),
        "{}",
        long.snippet
    );
    assert!(long.snippet.len() <= 310);
    assert_eq!(long.url.as_str(), "local://docs/a%20b/long%20%C3%A9.txt");
    let place = local.place(&long.url).unwrap();
    let file = folder.path().canonicalize().unwrap().join("a b/long é.txt");
    assert_eq!(place.to_file_path().unwrap(), file);
    for url in [&long.url, &place] {
        let document = local.document(url).await.unwrap().unwrap();
        assert!(document.text.contains("needle") && !document.html);
    }
}

#[tokio::test]
async fn recent_documents_are_those_that_were_changed_lately() {
    let folder = folder(&[("old.md", "pears and apples"), ("new.md", "apples")]);
    let old = SystemTime::now() - Duration::from_secs(10 * 86_400);
    let file = File::options()
        .write(true)
        .open(folder.path().join("old.md"));
    file.unwrap().set_modified(old).unwrap();
    let local = local(&folder);
    for (days, expected) in [(9, 1), (11, 2), (u32::MAX, 2)] {
        let query = Query {
            recency_days: Some(days),
            ..query("apples")
        };
        assert_eq!(search(&local, &query).await.len(), expected, "{days}");
    }
}

#[test]
fn only_what_changed_is_read_again() {
    let dir = folder(&ENGLISH);
    let folder = Folder::open(dir.path()).unwrap();
    let mut index = Index::new().unwrap();
    let found = |index: &Index, text: &str| {
        let found = index.view().search(&query(text), &folder).unwrap();
        found
            .into_iter()
            .map(|found| found.title)
            .collect::<Vec<_>>()
    };
    assert_eq!(index.update(&folder).unwrap(), 6);
    assert_eq!(index.update(&folder).unwrap(), 0);
    write(&dir, "notes.rst", "About submarines, and nothing else.");
    assert_eq!(index.update(&folder).unwrap(), 1);
    assert_eq!(found(&index, "submarine"), ["notes"]);
    assert_eq!(found(&index, "onions"), ["Onion soup"]);
    write(&dir, "new.txt", "Another submarine.");
    fs::remove_file(dir.path().join("notes.rst")).unwrap();
    assert_eq!(index.update(&folder).unwrap(), 1);
    assert_eq!(found(&index, "submarine"), ["new"]);
    fs::remove_dir_all(dir.path().join("recipes")).unwrap();
    assert_eq!(index.update(&folder).unwrap(), 0);
    assert!(found(&index, "onions").is_empty());
    // Many small changes leave no more pieces behind than a few.
    for number in 0..40 {
        write(
            &dir,
            "new.txt",
            &format!("Submarine {number}{}", "!".repeat(number)),
        );
        assert_eq!(index.update(&folder).unwrap(), 1);
    }
    assert_eq!(found(&index, "submarine"), ["new"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_hidden_or_elsewhere_stays_so() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("secret.md", "treasure")]);
    let dir = folder(&[
        ("docs/shown.md", "treasure"),
        ("docs/.hidden.md", "treasure"),
        ("docs/.git/x.md", "treasure"),
        ("docs/program.bin", "treasure"),
        ("above.md", "treasure"),
    ]);
    let root = dir.path().join("docs");
    symlink(outside.path().join("secret.md"), root.join("link.md")).unwrap();
    symlink(outside.path(), root.join("folder")).unwrap();
    symlink(&root, root.join("loop")).unwrap();
    let large = File::create(root.join("large.txt")).unwrap();
    large.set_len(10_000_001).unwrap();

    let listing = Folder::open(&root).unwrap().list();
    let names: Vec<_> = listing.documents.keys().collect();
    assert_eq!(names, [Path::new("shown.md")]);
    let failed = root.canonicalize().unwrap().join("large.txt");
    let failures: Vec<_> = listing.failures.into_iter().collect();
    assert_eq!(failures, [(failed, "it has more than 10 MB".to_owned())]);

    let local = Local::open(&root).unwrap();
    assert_eq!(found(&local, "treasure").await, ["shown.md"]);
    let shown = Url::parse("local://docs/shown.md").unwrap();
    let shown = local.document(&shown);
    assert_eq!(shown.await.unwrap().unwrap().text, "treasure");
    for address in [
        "local://docs/link.md",
        "local://docs/folder/secret.md",
        "local://docs/loop/shown.md",
        "local://docs/.hidden.md",
        "local://docs/.git/x.md",
        "local://docs/program.bin",
        "local://docs/../above.md",
        "local://docs/%2e%2e/above.md",
        "local://docs/..%2fabove.md",
        "local://docs//etc/passwd.md",
        "local://docs/%00.md",
        "local://docs/gone.md",
        "local://docs/",
    ] {
        let url = Url::parse(address).unwrap();
        let error = local.document(&url).await.unwrap().unwrap_err();
        assert_eq!(
            error,
            ToolError::Model(format!("cannot read `{url}`: there is no such document")),
        );
    }
    let above = Url::from_file_path(dir.path().canonicalize().unwrap().join("above.md")).unwrap();
    for url in [above, Url::parse("local://other/shown.md").unwrap()] {
        assert_eq!(local.document(&url).await, None, "{url}");
    }
}

#[test]
fn folders_of_one_name_are_told_apart() {
    let dir = folder(&[
        ("a/Docs/x.md", ""),
        ("b/docs/x.md", ""),
        ("c/文档/x.md", ""),
    ]);
    let named = |name: &str| format!("local:{}", dir.path().join(name).display());
    let names = ["a/Docs", "b/docs", "c/文档"].map(named);
    let reach = |_: &Url, _: bool| NetGuard::from_patterns(&[]);
    let providers = providers(&names, &reach).unwrap();
    let places = ["docs", "docs-2", "documents"].map(|host| {
        let url = Url::parse(&format!("local://{host}/x.md")).unwrap();
        let place = providers.iter().find_map(|provider| provider.place(&url));
        place.unwrap().to_file_path().unwrap()
    });
    let root = dir.path().canonicalize().unwrap();
    assert_eq!(
        places,
        ["a/Docs/x.md", "b/docs/x.md", "c/文档/x.md"].map(|name| root.join(name))
    );
}
