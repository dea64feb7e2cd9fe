//! What is kept, and what is asked of servers about it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    server::{Asked, answer},
    *,
};

/// What was asked about a path that is served with these headers, and has a version.
async fn reads(headers: &'static [(&str, &str)], times: usize) -> (Vec<String>, Vec<Asked>) {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::new(move |_, asked| {
        let is_known = asked
            .get("if-none-match")
            .is_some_and(|tag| tag == "\"v1\"")
            || asked.get("if-modified-since").is_some();
        if is_known {
            return answer(304, headers, "");
        }
        let number = count.fetch_add(1, Ordering::SeqCst);
        let mut all = vec![("content-type", "text/plain")];
        all.extend(headers);
        answer(200, &all, format!("version {number}"))
    })
    .await;
    let reader = reader(&server);
    let mut texts = Vec::new();
    for _ in 0..times {
        let page = read(&reader, &server, "/page", Form::Markdown)
            .await
            .unwrap();
        texts.push(page.text.clone());
    }
    (texts, server.asked())
}

#[tokio::test]
async fn a_fresh_page_is_not_asked_for_again() {
    let (texts, asked) = reads(&[("cache-control", "max-age=60")], 3).await;
    assert_eq!(texts, ["version 0"; 3]);
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_stale_page_is_asked_about_by_its_validators() {
    for headers in [
        &[("cache-control", "no-cache"), ("etag", "\"v1\"")][..],
        &[
            ("cache-control", "max-age=0"),
            ("last-modified", "Mon, 06 May 2024 10:00:00 GMT"),
        ],
    ] {
        let headers: &'static [(&str, &str)] = headers.to_vec().leak();
        let (texts, asked) = reads(headers, 3).await;
        assert_eq!(texts, ["version 0"; 3], "{headers:?}");
        assert_eq!(asked.len(), 3);
        let conditional = |(_, headers): &Asked| {
            headers.contains_key("if-none-match") || headers.contains_key("if-modified-since")
        };
        assert_eq!(asked.iter().filter(|asked| conditional(asked)).count(), 2);
    }
}

#[tokio::test]
async fn what_must_not_be_kept_is_not() {
    for headers in [
        &[("cache-control", "no-store"), ("etag", "\"v1\"")][..],
        &[("vary", "*")],
    ] {
        let headers: &'static [(&str, &str)] = headers.to_vec().leak();
        let (texts, asked) = reads(headers, 2).await;
        assert_eq!(texts, ["version 0", "version 1"], "{headers:?}");
        assert!(
            asked
                .iter()
                .all(|(_, headers)| !headers.contains_key("if-none-match"))
        );
    }
}

#[tokio::test]
async fn who_reads_on_reads_the_same_page() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::new(move |_, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let body = format!("version {number}\n").repeat(10_000);
        answer(200, &[("content-type", "text/plain")], body)
    })
    .await;
    let reader = reader(&server);
    let url = server.at("/long");
    let mut texts = Vec::new();
    for fresh in [Fresh::Now, Fresh::ReadOn, Fresh::Now] {
        let page = reader
            .page(&url, Extent::Main, Form::Markdown, fresh)
            .await
            .unwrap();
        texts.push(page.text[..9].to_owned());
    }
    assert_eq!(texts, ["version 0", "version 0", "version 1"]);
}

#[tokio::test]
async fn a_redirect_may_lead_elsewhere_each_time() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::new(move |path, asked| {
        let fresh = [
            ("content-type", "text/plain"),
            ("cache-control", "max-age=600"),
            ("etag", "\"same\""),
        ];
        match path {
            "/now" => {
                let number = count.fetch_add(1, Ordering::SeqCst);
                answer(302, &[("location", &format!("/{number}"))], "")
            }
            // A tag says something about its own page only.
            path if asked.contains_key("if-none-match") && path != "/0" => answer(304, &fresh, ""),
            path => answer(200, &fresh, format!("page {path}")),
        }
    })
    .await;
    let reader = reader(&server);
    let mut texts = Vec::new();
    for _ in 0..2 {
        let page = read(&reader, &server, "/now", Form::Markdown)
            .await
            .unwrap();
        texts.push(page.text.clone());
    }
    assert_eq!(texts[0], "page /0");
    assert!(texts[1] != texts[0], "{texts:?}");
}

#[tokio::test]
async fn what_is_kept_has_a_bound() {
    let server = Server::new(|_, _| {
        let headers = [
            ("content-type", "text/plain"),
            ("cache-control", "max-age=600"),
        ];
        answer(200, &headers, "word ".repeat(900_000))
    })
    .await;
    let reader = reader(&server);
    for number in 0..12 {
        read(&reader, &server, &format!("/{number}"), Form::Markdown)
            .await
            .unwrap();
    }
    // 9 MB each, as they came and as a page.
    assert_eq!(reader.kept.count(), 7);
    // The last one is still there, the first one is not.
    read(&reader, &server, "/11", Form::Markdown).await.unwrap();
    assert_eq!(server.paths().len(), 12);
    read(&reader, &server, "/0", Form::Markdown).await.unwrap();
    assert_eq!(server.paths().len(), 13);
}
