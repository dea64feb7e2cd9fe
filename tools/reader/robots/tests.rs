#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;
use crate::reader::{
    Extent, Form, Fresh, Limits, Reader,
    tests::server::{Server, answer, html},
};

fn honouring(server: &Server) -> Reader {
    let guard = NetGuard::from_patterns(&[server.host()]).unwrap();
    Reader::new(guard, Limits::default()).robots(Robots::Honour)
}

/// What becomes of a page, beside what robots.txt says.
async fn read(reader: &Reader, server: &Server, path: &str) -> Result<String, String> {
    let url = server.at(path);
    let page = reader.page(&url, Extent::Main, Form::Markdown, Fresh::Now);
    let page = page.await.map(|page| page.text.clone());
    page.map_err(|error| error.to_string().replace(&server.host(), "HOST"))
}

const RULES: &str = "# for all\nUser-agent: *\nDisallow: /\n\nUser-agent: glm-agent\n\
    Disallow: /private # not for programs\nDisallow: /*.cgi$\nAllow: /private/open\n";

#[tokio::test]
async fn what_a_site_forbids_is_not_read_and_the_rule_is_named() {
    let server = Server::new(|path, _| match path {
        "/robots.txt" => answer(200, &[("content-type", "text/plain")], RULES),
        "/moved" => answer(302, &[("location", "/private/there")], ""),
        _ => html("a page"),
    })
    .await;
    let reader = honouring(&server);
    for path in ["/", "/private/open/a", "/a.cgi?b", "/public"] {
        assert_eq!(
            read(&reader, &server, path).await,
            Ok("a page".to_owned()),
            "{path}"
        );
    }
    for (path, url, rule) in [
        ("/private/x", "/private/x", "Disallow: /private"),
        ("/a/b.cgi", "/a/b.cgi", "Disallow: /*.cgi$"),
        ("/moved", "/private/there", "Disallow: /private"),
    ] {
        assert_eq!(
            read(&reader, &server, path).await,
            Err(format!(
                "`http://HOST{url}` was not read: its site's robots.txt forbids it, by its rule `{rule}`\n\
                 hint: ask the site's owner, or have robots.txt ignored if a person asked for this page"
            ))
        );
    }
    let asked = server.paths();
    let count = |wanted: &str| asked.iter().filter(|path| *path == wanted).count();
    assert_eq!(count("/robots.txt"), 1);
    assert_eq!(count("/private/x"), 0);
    // A person may read it all.
    let reader = reader.robots(Robots::Ignore);
    assert_eq!(
        read(&reader, &server, "/private/x").await,
        Ok("a page".to_owned())
    );
}

#[tokio::test]
async fn what_a_site_does_not_say_is_taken_as_the_standard_has_it() {
    for (status, is_allowed) in [
        (404, true),
        (401, true),
        (403, true),
        (500, false),
        (503, false),
        (429, false),
    ] {
        let server = Server::new(move |path, _| match path {
            "/robots.txt" => answer(status, &[], "User-agent: *\nDisallow: /"),
            _ => html("a page"),
        })
        .await;
        let read = read(&honouring(&server), &server, "/x").await;
        assert_eq!(read.is_ok(), is_allowed, "{status}: {read:?}");
        if let Err(reason) = read {
            assert!(
                reason.contains("robots.txt cannot be read, it answered"),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn a_long_or_strange_robots_txt_is_read_as_far_as_it_goes() {
    for (text, path, is_allowed) in [
        (
            format!(
                "User-agent: *\nDisallow: /x\n{}",
                "# filler\n".repeat(100_000)
            ),
            "/x",
            false,
        ),
        (
            format!(
                "{}User-agent: *\nDisallow: /x",
                "# filler\n".repeat(100_000)
            ),
            "/x",
            true,
        ),
        (
            "\u{feff}User-agent: GLM-Agent\nDisallow: /x".to_owned(),
            "/x",
            false,
        ),
        ("\0\u{1}\u{2}".to_owned(), "/x", true),
        ("<html><body>not found</body></html>".to_owned(), "/x", true),
        (String::new(), "/x", true),
        ("User-agent: *\nDisallow:".to_owned(), "/x", true),
        (
            format!("User-agent: *\nDisallow: /{}", "*a".repeat(50_000)),
            "/x",
            true,
        ),
    ] {
        let start = crate::text::clean(&text, 60);
        let server = Server::new(move |path, _| match path {
            "/robots.txt" => answer(200, &[], text.clone()),
            _ => html("a page"),
        })
        .await;
        let read = read(&honouring(&server), &server, path).await;
        assert_eq!(read.is_ok(), is_allowed, "{start:?}: {read:?}");
    }
}
