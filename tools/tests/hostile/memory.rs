//! How much memory it takes to read what never ends. A program of its own, so that
//! nothing else is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(target_os = "linux")]

#[allow(dead_code)]
mod server;

use std::io::Write;

use async_compression::{
    Level,
    tokio::bufread::{GzipEncoder, ZstdEncoder},
    zstd::CParameter,
};
use glm_agent_tools::{
    Registry, ToolContext,
    fetch::web_fetch,
    net_guard::NetGuard,
    reader::{Limits, Reader},
};
use serde_json::json;
use server::Server;
use tokio::io::{AsyncReadExt, repeat};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

/// What reading may take beyond what the process took before, in kB: the page, what is
/// made of it, and what a window of zstd holds.
const MORE: u64 = 100_000;

/// The most memory that this process has held so far, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

/// Sends a head, and then the same bytes until nobody reads them.
fn endless(head: &str, then: Vec<u8>) -> Server {
    let head = format!("{HEAD}{head}\r\n");
    Server::at("127.0.0.1:0", move |_, stream| {
        stream.write_all(head.as_bytes())?;
        loop {
            stream.write_all(&then)?;
        }
    })
}

#[tokio::test]
async fn what_never_ends_is_read_in_constant_memory() {
    let many = vec![b'a'; 1 << 16];
    let chunk = [b"10000\r\n".as_slice(), &many, b"\r\n"].concat();
    // A page of 16 MiB, which goes on with the next one of its kind.
    let much = || tokio::io::BufReader::new(repeat(b'a').take(16 << 20));
    let (mut gzip, mut zstd) = (Vec::new(), Vec::new());
    GzipEncoder::new(much())
        .read_to_end(&mut gzip)
        .await
        .unwrap();
    // It asks its reader to remember 128 MiB, the most that a reader will.
    ZstdEncoder::with_quality_and_params(much(), Level::Default, &[CParameter::window_log(27)])
        .read_to_end(&mut zstd)
        .await
        .unwrap();
    let servers = [
        endless("", many.clone()),
        endless("Content-Length: 5000000000\r\n", many),
        endless("Transfer-Encoding: chunked\r\n", chunk),
        endless("Content-Encoding: gzip\r\n", gzip),
        endless("Content-Encoding: zstd\r\n", zstd),
    ];
    let guard = NetGuard::from_patterns(&["127.0.0.1".to_owned()]).unwrap();
    let registry = Registry::new(vec![web_fetch(Reader::new(guard, Limits::default()))]).unwrap();
    let before = peak();
    for server in &servers {
        let arguments = json!({ "url": server.url() });
        let output = registry
            .call("web_fetch", arguments, ToolContext::default())
            .await
            .unwrap();
        assert!(output.text.starts_with("aaaaaaaa"), "{:.99}", output.text);
        let more = peak() - before;
        assert!(more < MORE, "{more} kB");
    }
    println!("{} kB more than the {before} kB before", peak() - before);
}
