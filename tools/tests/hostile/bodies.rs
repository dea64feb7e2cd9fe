//! Answers that never come, never end, or are not what they say.

use std::{io::Write, net::TcpStream, time::Duration};

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use glm_agent_tools::ToolError;
use tokio::io::{AsyncReadExt, repeat};

use crate::{builder, fetched, guard, server::Server};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// Sends the first, and then the second until nobody reads it.
fn endless(first: &str, then: Vec<u8>) -> Server {
    let first = first.to_owned();
    Server::at("127.0.1.1:0", move |_, stream| {
        stream.write_all(first.as_bytes())?;
        loop {
            stream.write_all(&then)?;
        }
    })
}

/// Sends a text and is silent from then on, without ending.
fn silent_after(first: impl Into<Vec<u8>>) -> Server {
    let first = first.into();
    Server::at("127.0.1.1:0", move |_, stream| {
        stream.write_all(&first)?;
        wait_for_end(stream)
    })
}

fn wait_for_end(stream: &mut TcpStream) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(|_| ())
}

/// Sends a text, and then a byte of the second at a time.
fn slow(first: &str, byte: u8) -> Server {
    let first = first.to_owned();
    Server::at("127.0.1.1:0", move |_, stream| {
        stream.write_all(first.as_bytes())?;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(&[byte])?;
        }
    })
}

/// What asking such a server ends in, its address replaced.
async fn outcome(server: &Server, total: Duration) -> Result<String, ToolError> {
    let guard = builder().idle_timeout(SHORT).build().unwrap();
    // A call would be made again after such an error, so the guard is asked itself.
    if let Err(ToolError::Transient(message)) = guard.get(&server.url()).await {
        let message = message.replace(&server.url(), "URL");
        return Err(ToolError::Transient(message));
    }
    match fetched(guard, &server.url(), total, 1_000_000).await {
        Ok(output) => Ok(output.text),
        Err(ToolError::Model(message)) => {
            Err(ToolError::Model(message.replace(&server.url(), "URL")))
        }
        Err(other) => Err(other),
    }
}

#[tokio::test]
async fn who_keeps_silent_is_given_up() {
    let unanswered = ToolError::Transient("`URL` did not answer within 0.3 s".to_owned());
    for (server, is_what) in [
        (silent_after(""), "no answer"),
        (silent_after("HTTP/1.1 200 OK\r\nX: "), "half a head"),
        (slow("HTTP/1.1 200 OK\r\nX: ", b'x'), "a slow head"),
        (
            slow("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: ", b'x'),
            "a slow head after a promise",
        ),
    ] {
        assert_eq!(
            outcome(&server, LONG).await,
            Err(unanswered.clone()),
            "{is_what}"
        );
    }
    let server = silent_after(format!("{HEAD}Content-Length: 9\r\n\r\nhello"));
    assert_eq!(
        outcome(&server, LONG).await,
        Err(ToolError::Model(
            "`URL` could not be read to its end: operation timed out".to_owned()
        ))
    );
}

#[tokio::test]
async fn who_is_slow_is_given_up_at_the_time_limit() {
    for server in [
        slow(&format!("{HEAD}\r\n"), b'x'),
        slow(&format!("{HEAD}Content-Length: 5000000000\r\n\r\n"), b'x'),
        slow(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n1;"), b'x'),
    ] {
        let result = fetched(guard(), &server.url(), Duration::from_secs(1), 1_000_000).await;
        let Err(ToolError::Model(message)) = result else {
            panic!("{result:?}")
        };
        assert!(
            message.contains("time limit of 1 s") || message.contains("within 1 s"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_never_ends_is_cut() {
    let many = vec![b'a'; 1 << 16];
    let chunk = [b"10000\r\n".as_slice(), &many, b"\r\n"].concat();
    for server in [
        endless(&format!("{HEAD}\r\n"), many.clone()),
        endless(
            &format!("{HEAD}Content-Length: 5000000000\r\n\r\n"),
            many.clone(),
        ),
        endless(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"), chunk),
        endless(
            &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"),
            b"1\r\na\r\n".repeat(999),
        ),
    ] {
        let text = outcome(&server, LONG).await.unwrap();
        assert!(text.starts_with("aaaaaaaa"), "{text:.99}");
        assert!(text.len() < 1_001_000, "{}", text.len());
    }
}

#[tokio::test]
async fn what_swells_is_cut() {
    // 64 MiB each.
    let much = || repeat(b'a').take(64 << 20);
    let buffered = || tokio::io::BufReader::new(much());
    let (mut gzip, mut brotli, mut zstd) = (Vec::new(), Vec::new(), Vec::new());
    GzipEncoder::new(buffered())
        .read_to_end(&mut gzip)
        .await
        .unwrap();
    let level = async_compression::Level::Precise(4);
    BrotliEncoder::with_quality(buffered(), level)
        .read_to_end(&mut brotli)
        .await
        .unwrap();
    ZstdEncoder::new(buffered())
        .read_to_end(&mut zstd)
        .await
        .unwrap();
    for (encoding, packed) in [("gzip", gzip), ("br", brotli), ("zstd", zstd)] {
        assert!(packed.len() < 100_000, "{encoding}: {}", packed.len());
        let head = format!(
            "{HEAD}Content-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        );
        let server = silent_after([head.as_bytes(), &packed].concat());
        let text = outcome(&server, LONG).await.unwrap();
        assert!(text.starts_with("aaaaaaaa"), "{encoding}: {text:.99}");
        assert!(text.len() < 1_001_000, "{encoding}: {}", text.len());
    }
}

#[tokio::test]
async fn what_is_packed_otherwise_is_refused() {
    for encoding in ["gzip, gzip", "br, gzip, zstd", "deflate", "compress", "exi"] {
        let head = format!("{HEAD}Content-Encoding: {encoding}\r\nContent-Length: 1\r\n\r\nx");
        let server = silent_after(head);
        assert_eq!(
            outcome(&server, LONG).await,
            Err(ToolError::Model(format!(
                "`URL` answered in the encoding `{encoding}`; only one of gzip, br and zstd is read"
            )))
        );
    }
    let server = silent_after(format!(
        "{HEAD}Content-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"
    ));
    assert_eq!(outcome(&server, LONG).await, Ok("hello".to_owned()));
}

#[tokio::test]
async fn heads_are_bounded() {
    let line = "X: ".to_owned() + &"x".repeat(1000) + "\r\n";
    for (server, reason) in [
        (
            silent_after(format!("{HEAD}{}\r\n", "X: y\r\n".repeat(1000))),
            "message head is too large",
        ),
        (
            endless(HEAD, line.into_bytes()),
            "message head is too large",
        ),
        (
            endless("HTTP/1.1 200 OK\r\nX: ", vec![b'x'; 1000]),
            "message head is too large",
        ),
    ] {
        assert_eq!(
            outcome(&server, LONG).await,
            Err(ToolError::Transient(format!(
                "cannot reach `URL`: {reason}"
            )))
        );
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_is_told() {
    for (answer, reason) in [
        ("", "connection closed before message completed"),
        ("HTTP/1.1 200", "connection closed before message completed"),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "invalid HTTP version parsed"),
        (
            "<html>HTTP/0.9</html>\r\n\r\n",
            "invalid HTTP version parsed",
        ),
        (
            "HTTP/1.1 999999 OK\r\n\r\n",
            "invalid HTTP status-code parsed",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "invalid content-length parsed",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "invalid content-length parsed",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "invalid content-length parsed",
        ),
        (
            "HTTP/1.1 200 OK\r\nBroken\r\n\r\n",
            "invalid HTTP header parsed",
        ),
    ] {
        let server = Server::saying("127.0.1.1:0", answer);
        assert_eq!(
            outcome(&server, LONG).await,
            Err(ToolError::Transient(format!(
                "cannot reach `URL`: {reason}"
            ))),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_breaks_off_is_told() {
    let chunked = |rest: &str| format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{rest}");
    for (answer, reason) in [
        (
            format!("{HEAD}Content-Length: 100\r\n\r\nhello"),
            "end of file before message length reached",
        ),
        (
            chunked("5\r\nhello\r\n"),
            "unexpected EOF during chunk size line",
        ),
        (
            chunked("ZZ\r\nhello"),
            "Invalid chunk size line: missing size digit",
        ),
        (
            chunked("-1\r\nhello"),
            "Invalid chunk size line: missing size digit",
        ),
        (chunked("5\r\nhelloXX5\r\nhello"), "Invalid chunk body CR"),
        (
            chunked("FFFFFFFFFFFFFFFFF\r\nhello"),
            "invalid chunk size: overflow",
        ),
        (
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000))),
            "chunk extensions over limit",
        ),
        (
            chunked(&format!(
                "5\r\nhello\r\n0\r\nX: {}\r\n\r\n",
                "x".repeat(20_000)
            )),
            "chunk trailers bytes over limit",
        ),
        (
            format!("{HEAD}Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nhello, hello"),
            "Invalid gzip header",
        ),
    ] {
        let server = Server::saying("127.0.1.1:0", answer.clone());
        assert_eq!(
            outcome(&server, LONG).await,
            Err(ToolError::Model(format!(
                "`URL` could not be read to its end: {reason}"
            ))),
            "{answer:.200}"
        );
    }
    // What comes after the length that was told is not of this answer.
    let server = Server::saying(
        "127.0.1.1:0",
        format!("{HEAD}Content-Length: 5\r\n\r\nhello, and more"),
    );
    assert_eq!(outcome(&server, LONG).await, Ok("hello".to_owned()));
}
