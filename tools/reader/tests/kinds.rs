//! What can be read, and what is said about the rest.

use super::{
    server::{answer, html},
    *,
};

const RSS: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel>
<title>Harbour news</title><link>https://harbour.example/</link><description>What floats</description>
<item><title>A crane &amp; a whale</title><link>https://harbour.example/whale</link><pubDate>Mon, 06 May 2024 10:00:00 GMT</pubDate><description>&lt;p&gt;It was &lt;b&gt;seen&lt;/b&gt; at dawn, by a café.&lt;/p&gt;</description></item>
<item><title>Low water</title><link>/low</link><description>Tomorrow</description></item></channel></rss>"#;

const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Notes</title><id>x</id><updated>2024-05-06T10:00:00Z</updated>
<entry><title type="html">One &lt;i&gt;note&lt;/i&gt;</title><id>1</id><link href="https://a.example/1"/><updated>2024-05-06T10:00:00Z</updated><summary>Short.</summary></entry></feed>"#;

#[tokio::test]
async fn feeds_are_lists_of_entries_with_links() {
    let server = Server::new(|path, _| match path {
        "/rss" => answer(
            200,
            &[("content-type", "application/rss+xml; charset=utf-8")],
            RSS,
        ),
        "/atom" => answer(200, &[("content-type", "text/xml")], ATOM),
        "/torn" => answer(
            200,
            &[("content-type", "application/rss+xml")],
            "<rss><channel><item>",
        ),
        _ => answer(
            200,
            &[("content-type", "application/rss+xml")],
            "<rss version='2.0'><channel><title>x</title></channel></rss>".to_owned(),
        ),
    })
    .await;
    let reader = reader(&server);
    let rss = read(&reader, &server, "/rss", Form::Markdown)
        .await
        .unwrap();
    let low = server.at("/low");
    assert_eq!(
        rss.text,
        format!(
            "# Harbour news\n\nWhat floats\n\n## [A crane & a whale](https://harbour.example/whale)\n\n\
             2024-05-06 10:00 UTC\n\nIt was **seen** at dawn, by a café.\n\n## [Low water]({low})\n\nTomorrow"
        )
    );
    let numbered = read(&reader, &server, "/rss", Form::Numbered)
        .await
        .unwrap();
    assert!(
        numbered
            .text
            .contains("## 【0†A crane & a whale†harbour.example】"),
        "{}",
        numbered.text
    );
    assert_eq!(numbered.links[1], low);
    let atom = read(&reader, &server, "/atom", Form::Markdown)
        .await
        .unwrap();
    assert!(
        atom.text.contains("## [One note](https://a.example/1)"),
        "{}",
        atom.text
    );
    assert_eq!(
        read(&reader, &server, "/empty", Form::Markdown)
            .await
            .unwrap()
            .text,
        "# x"
    );
    let torn = read(&reader, &server, "/torn", Form::Markdown)
        .await
        .unwrap_err();
    assert!(
        torn.to_string().contains("cannot be read: it is no feed: "),
        "{torn}"
    );
}

#[tokio::test]
async fn text_is_read_as_it_is() {
    for (media_type, body) in [
        ("text/plain", "a  b\n\tc"),
        ("application/json", "{\"a\": [1]}"),
        ("text/csv", "a,b\n1,2"),
        ("application/xml", "<sitemap><loc>x</loc></sitemap>"),
        ("", "no type at all"),
    ] {
        let server = Server::new(move |_, _| {
            let headers = [("content-type", media_type)];
            let headers = if media_type.is_empty() {
                &[][..]
            } else {
                &headers[..]
            };
            answer(200, headers, body)
        })
        .await;
        let page = read(&reader(&server), &server, "/x", Form::Markdown)
            .await
            .unwrap();
        assert_eq!(page.text, body, "{media_type}");
        assert_eq!(page.title, "x");
    }
}

/// `<p>packed words`, as the programs gzip, brotli and zstd pack it.
const PACKED: [(&str, &[u8]); 3] = [
    (
        "gzip",
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xb3\x29\xb0\x2b\x48\x4c\xce\x4e\x4d\x51\x28\xcf\x2f\x4a\x29\
          \x06\0\x80\x1b\x86\x4f\x0f\0\0\0",
    ),
    (
        "br",
        b"\x1b\x0e\0\xf8\x25\x79\x7c\xe0\x6a\x10\x4d\xaa\x88\x98\xba\x91\x02",
    ),
    (
        "zstd",
        b"\x28\xb5\x2f\xfd\x20\x0f\x79\0\0\x3c\x70\x3e\x70\x61\x63\x6b\x65\x64\x20\x77\x6f\x72\x64\x73",
    ),
];

#[tokio::test]
async fn packed_pages_are_unpacked() {
    let server = Server::new(|path, _| {
        let (encoding, packed) = PACKED
            .into_iter()
            .find(|(name, _)| path[1..] == **name)
            .unwrap();
        answer(
            200,
            &[
                ("content-type", "text/html"),
                ("content-encoding", encoding),
            ],
            packed,
        )
    })
    .await;
    let reader = reader(&server);
    for (encoding, _) in PACKED {
        let page = read(&reader, &server, &format!("/{encoding}"), Form::Markdown)
            .await
            .unwrap();
        assert_eq!(page.text, "packed words", "{encoding}");
    }
    let (_, headers) = &server.asked()[0];
    let accepted = headers["accept-encoding"].to_str().unwrap();
    assert!(
        PACKED
            .iter()
            .all(|(encoding, _)| accepted.contains(encoding)),
        "{accepted}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_said_to_be_what_it_is() {
    let server = Server::new(|path, _| match path {
        "/png" => answer(200, &[("content-type", "image/png")], vec![0_u8; 9]),
        "/zip" => answer(
            200,
            &[("content-type", "application/octet-stream")],
            "PK\u{3}\u{4}",
        ),
        "/liar" => answer(200, &[("content-type", "text/plain")], vec![0_u8; 9]),
        "/none" => answer(200, &[], vec![0_u8; 9]),
        "/gone" => answer(
            410,
            &[("content-type", "text/html")],
            "<h1>Gone</h1><p>for good",
        ),
        "/busy" => answer(503, &[("content-type", "text/html")], "later"),
        _ => html(""),
    })
    .await;
    let reader = reader(&server);
    let only = "only HTML, text, JSON, feeds and PDFs can be read";
    for (path, error) in [
        (
            "/png",
            ToolError::Model(format!("`URL` is of type `image/png`; {only}")),
        ),
        (
            "/zip",
            ToolError::Model(format!(
                "`URL` is of type `application/octet-stream`; {only}"
            )),
        ),
        (
            "/liar",
            ToolError::Model(format!("`URL` is of type `text/plain`; {only}")),
        ),
        (
            "/none",
            ToolError::Model(format!("`URL` is something that is no text; {only}")),
        ),
        (
            "/gone",
            ToolError::Model("`URL` answered 410 Gone:\n# Gone\n\nfor good".to_owned()),
        ),
        (
            "/busy",
            ToolError::Transient("`URL` answered 503 Service Unavailable:\nlater".to_owned()),
        ),
    ] {
        let failed = read(&reader, &server, path, Form::Markdown)
            .await
            .unwrap_err();
        let url = server.at(path).to_string();
        let failed = match failed {
            ToolError::Model(said) => ToolError::Model(said.replace(&url, "URL")),
            ToolError::Transient(said) => ToolError::Transient(said.replace(&url, "URL")),
            other => other,
        };
        assert_eq!(failed, error);
    }
    assert_eq!(
        read(&reader, &server, "/empty", Form::Markdown)
            .await
            .unwrap()
            .text,
        ""
    );
}

#[tokio::test]
async fn servers_are_told_who_asks() {
    let server = Server::new(|_, _| html("x")).await;
    read(&reader(&server), &server, "/", Form::Markdown)
        .await
        .unwrap();
    let (_, headers) = &server.asked()[0];
    let agent = headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with(&format!("{PRODUCT}/")), "{agent}");
    assert!(
        agent.ends_with(&format!(" (+{})", env!("CARGO_PKG_REPOSITORY"))),
        "{agent}"
    );
}
