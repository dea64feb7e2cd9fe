#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use serde_json::json;

use super::*;
use crate::{Registry, net_guard::NetGuard, reader::Limits, text};

/// Serves these bytes to each connection; the address of it.
fn serve(response: impl Into<Vec<u8>>) -> String {
    let response = response.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            // The client may stop reading when it has enough.
            let _ = stream.write_all(&response);
        }
    });
    host
}

fn page(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn fetch(allowed: &[&str], limits: Limits, arguments: Value) -> Result<String, ToolError> {
    let patterns: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    let guard = NetGuard::from_patterns(&patterns).unwrap();
    let registry = Registry::new(vec![web_fetch(Reader::new(guard, limits))]).unwrap();
    let output = registry
        .call("web_fetch", arguments, ToolContext::default())
        .await?;
    assert!(output.citations[0].url.starts_with("http://"));
    Ok(output.text)
}

async fn at(allowed: &[&str], host: &str) -> Result<String, ToolError> {
    let arguments = json!({"url": format!("http://{host}/")});
    fetch(allowed, Limits::default(), arguments).await
}

async fn fetched(response: impl Into<Vec<u8>>) -> Result<String, ToolError> {
    let host = serve(response);
    at(&[&host], &host).await.map_err(|error| match error {
        ToolError::Model(message) => ToolError::Model(message.replace(&host, "HOST")),
        other => other,
    })
}

#[tokio::test]
async fn a_page_is_markdown_in_its_own_character_set() {
    let news = b"<h1>News</h1><p>It is <b>sunny</b>.</p>";
    let text = "# News\n\nIt is **sunny**.";
    assert_eq!(
        fetched(page("200 OK\r\nContent-Type: text/html", news)).await,
        Ok(text.into())
    );
    for (head, body) in [
        ("text/html; charset=iso-8859-1", &b"caf\xe9"[..]),
        ("text/html", b"<meta charset=\"latin1\">caf\xe9"),
        ("text/html", "café".as_bytes()),
        ("text/plain;Charset=\"windows-1252\"", b"caf\xe9"),
    ] {
        let output = fetched(page(&format!("200 OK\r\nContent-Type: {head}"), body)).await;
        assert_eq!(output, Ok("café".into()), "{head}");
    }
    let json = page("200 OK\r\nContent-Type: application/json", b"{\"a\": [1]}");
    assert_eq!(fetched(json).await, Ok("{\"a\": [1]}".into()));
}

#[tokio::test]
async fn errors_and_other_types_go_back_to_the_model() {
    for (response, message) in [
        (
            page("404 Not Found\r\nContent-Type: text/html", b"<p>gone</p>"),
            "`http://HOST/` answered 404 Not Found:\ngone",
        ),
        (
            page("200 OK\r\nContent-Type: image/png", b"x"),
            "`http://HOST/` is of type `image/png`; only HTML, text, JSON, feeds and PDFs can be read",
        ),
        (
            page("302 Found\r\nLocation: /", b""),
            "`http://HOST/` redirects more than 10 times",
        ),
    ] {
        assert_eq!(
            fetched(response).await,
            Err(ToolError::Model(message.into()))
        );
    }
}

#[tokio::test]
async fn private_addresses_are_refused_also_behind_a_redirect() {
    let inside = serve(page("200 OK\r\nContent-Type: text/plain", b"secret"));
    let outside = serve(page(
        &format!("302 Found\r\nLocation: http://{inside}/"),
        b"",
    ));
    let refusal = Err(ToolError::User(format!(
        "refused to reach `127.0.0.1`: this machine\nhint: pass --allow-host {inside} if you trust it"
    )));
    assert_eq!(at(&[], &inside).await, refusal);
    assert_eq!(at(&[&outside], &outside).await, refusal);
    assert_eq!(at(&["127.0.0.1"], &outside).await, Ok("secret".into()));
}

#[tokio::test]
async fn what_is_read_is_bounded_after_decompression() {
    // 64 MiB in some 65 kB.
    let bomb = std::process::Command::new("sh")
        .args(["-c", "head -c 67108864 /dev/zero | tr '\\0' a | gzip -9"])
        .output()
        .unwrap()
        .stdout;
    assert!(bomb.len() < 100_000);
    let zipped = page(
        "200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip",
        &bomb,
    );
    let plain = page("200 OK\r\nContent-Type: text/plain", &vec![b'a'; 6_000_000]);
    for response in [zipped, plain] {
        let host = serve(response);
        let arguments = json!({"url": format!("http://{host}/"), "part": 1_000_000});
        let error = fetch(&[&host], Limits::default(), arguments)
            .await
            .unwrap_err();
        let last: usize = error
            .to_string()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let arguments = json!({"url": format!("http://{host}/"), "part": last});
        let text = fetch(&[&host], Limits::default(), arguments).await.unwrap();
        let rest = text.split("\n\n[").next().unwrap().len();
        let first = at(&[&host], &host).await.unwrap();
        let part = first.split("\n\n[").next().unwrap().len();
        assert_eq!((last - 1) * part + rest, 5_000_000);
    }
}

#[tokio::test]
async fn a_long_page_is_read_part_by_part() {
    let body = "A sentence of some words that says little.\n".repeat(1_000);
    let host = serve(page("200 OK\r\nContent-Type: text/plain", body.as_bytes()));
    let mut all = String::new();
    let mut next = Some(1);
    while let Some(part) = next {
        let arguments = json!({"url": format!("http://{host}/"), "part": part});
        let text = fetch(&[&host], Limits::default(), arguments).await.unwrap();
        assert!(text.len() <= text::CAP && !text.contains("left out"));
        let (said, note) = text.rsplit_once("\n\n[part ").unwrap();
        all.push_str(said);
        all.push('\n');
        let read_on = note.split_once("; read on with \"part\": ");
        next = read_on.map(|(_, number)| number.trim_end_matches(']').parse().unwrap());
        assert!(note.starts_with(&format!("{part} of ")), "{note}");
    }
    assert_eq!(all, body);
    let arguments = json!({"url": format!("http://{host}/"), "part": 99});
    let error = fetch(&[&host], Limits::default(), arguments)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/` has no part 99: its last one is "),
        "{error}"
    );
}

#[tokio::test]
async fn the_main_text_is_read_unless_the_whole_page_is_asked_for() {
    let story = "<p>The story goes on, with commas, and with words enough to be one.</p>".repeat(8);
    let body = format!("<nav><a href=/x>Menu</a></nav><article><h1>Title</h1>{story}</article>");
    let host = serve(page("200 OK\r\nContent-Type: text/html", body.as_bytes()));
    for (whole, has_menu) in [(None, false), (Some(false), false), (Some(true), true)] {
        let arguments = json!({"url": format!("http://{host}/"), "whole": whole});
        let text = fetch(&[&host], Limits::default(), arguments).await.unwrap();
        assert_eq!(text.contains("Menu"), has_menu, "{text}");
        assert!(text.contains("# Title\n\nThe story goes on"), "{text}");
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let limits = Limits {
        total: Duration::from_millis(100),
        ..Limits::default()
    };
    let message = format!("`http://{host}/` did not come within 0.1 s");
    let arguments = json!({"url": format!("http://{host}/")});
    assert_eq!(
        fetch(&[&host], limits, arguments).await,
        Err(ToolError::Model(message))
    );
}
