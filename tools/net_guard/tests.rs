#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

fn guard(patterns: &[&str]) -> NetGuard {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    NetGuard::from_patterns(&patterns).unwrap()
}

fn verdict(guard: &NetGuard, address: &str) -> Result<(), ToolError> {
    guard.check(&parse(address)?)
}

#[test]
fn what_is_not_public_is_refused() {
    let guard = guard(&[]);
    for address in [
        "http://localhost/",
        "http://LOCALHOST:8000/",
        "http://localhost./",
        "http://a.localhost/",
        "http://printer.local/",
        "http://printer.local./",
        "http://metadata.google.internal/",
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://127.255.255.254/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1",
        "http://0/",
        "http://0.0.0.0:80/",
        "http://0.1.2.3/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xA9FEA9FE/",
        "http://100.64.0.1/",
        "http://100.127.255.255/",
        "http://192.0.0.1/",
        "http://192.0.2.1/",
        "http://198.18.0.1/",
        "http://198.19.255.255/",
        "http://198.51.100.1/",
        "http://203.0.113.1/",
        "http://224.0.0.1/",
        "http://239.255.255.255/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001::1]/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[4000::1]/",
        "http://[100::1]/",
    ] {
        let result = verdict(&guard, address);
        assert!(
            matches!(result, Err(ToolError::User(_))),
            "{address}: {result:?}"
        );
    }
}

#[test]
fn what_is_no_web_address_goes_back_to_the_model() {
    let guard = guard(&["127.0.0.1"]);
    for address in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:text/html,x",
        "javascript:alert(1)",
        "gopher://127.0.0.1/",
        "http://user@example.com/",
        "http://user:pass@127.0.0.1/",
        "http://example.com@127.0.0.1/",
        "http://:secret@127.0.0.1/",
        "http://",
        "http://[::1",
        "http://256.1.1.1/",
        "example.com",
        "",
    ] {
        let result = verdict(&guard, address);
        assert!(
            matches!(result, Err(ToolError::Model(_))),
            "{address}: {result:?}"
        );
    }
}

#[test]
fn the_public_internet_is_reached() {
    let guard = guard(&[]);
    for address in [
        "https://example.com/",
        "http://example.com:8080/a?b#c",
        " https://example.com ",
        "https://localhost.example.com/",
        "https://internal.example/",
        "http://1.1.1.1/",
        "http://11.0.0.1/",
        "http://100.63.255.255/",
        "http://100.128.0.1/",
        "http://172.15.0.1/",
        "http://172.32.0.1/",
        "http://198.20.0.1/",
        "http://223.255.255.255/",
        "https://[2606:4700::1111]/",
        "https://[2001:4860:4860::8888]/",
    ] {
        assert_eq!(verdict(&guard, address), Ok(()), "{address}");
    }
}

#[test]
fn patterns_let_through_exactly_what_they_name() {
    for (pattern, through, refused) in [
        ("127.0.0.1", "http://127.0.0.1:9/", "http://127.0.0.2/"),
        (
            "127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8001/",
        ),
        ("127.0.0.1:80", "http://127.0.0.1/", "https://127.0.0.1/"),
        ("localhost", "http://localhost.:1/", "http://a.localhost/"),
        ("LocalHost:443", "https://localhost/", "http://localhost/"),
        ("*.local", "http://a.b.local/", "http://local/"),
        (
            "*.a.local:81",
            "http://b.a.local:81/",
            "http://ba.local:81/",
        ),
        ("[::1]:8000", "http://[::1]:8000/", "http://[::1]/"),
        ("::1", "http://[0::1]:5/", "http://127.0.0.1/"),
        ("[fd00::1]", "http://[fd00::1]/", "http://[fd00::2]/"),
    ] {
        let guard = guard(&[pattern]);
        assert_eq!(verdict(&guard, through), Ok(()), "{pattern}");
        let result = verdict(&guard, refused);
        assert!(
            matches!(result, Err(ToolError::User(_))),
            "{pattern}: {result:?}"
        );
    }
}

#[test]
fn malformed_patterns_are_reported() {
    for pattern in [
        "",
        "*",
        "*.",
        "a.*.b",
        "http://a",
        "a/b",
        "a:0",
        "a:b",
        "a:99999",
        "u@a",
        "*.127.0.0.1",
        "[::1",
        "a b",
    ] {
        let result = NetGuard::from_patterns(&[pattern.to_owned()]);
        assert!(
            matches!(result, Err(Error::HostPattern { .. })),
            "{pattern}: {result:?}"
        );
    }
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let refusal = verdict(&guard(&[]), "http://127.0.0.1:8000/x").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "refused to reach `127.0.0.1`: this machine\n\
         hint: pass --allow-host 127.0.0.1:8000 if you trust it"
    );
}

/// A guard for which every name has these addresses.
fn resolving_to(addresses: &[&str], patterns: &[&str]) -> NetGuard {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    let found: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    let lookup: Lookup = Arc::new(move |_| {
        let found = found.clone();
        Box::pin(async move { Ok(found) })
    });
    NetGuard::with_lookup(&patterns, lookup).unwrap()
}

#[tokio::test]
async fn a_name_is_refused_if_any_of_its_addresses_is() {
    for addresses in [
        &["10.0.0.1"][..],
        &["1.1.1.1", "127.0.0.1"],
        &["::ffff:10.0.0.1"],
    ] {
        let refusal = resolving_to(addresses, &[])
            .get("http://example.com/")
            .await
            .unwrap_err();
        let ToolError::User(message) = refusal else {
            panic!("{refusal:?}")
        };
        assert!(
            message.starts_with("refused to reach `example.com`: it resolves to "),
            "{message}"
        );
        assert!(
            message.ends_with("hint: pass --allow-host example.com:80 if you trust it"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_allowed_name_is_reached_at_its_port_only() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = tokio::spawn(async move { listener.accept().await.map(drop) });
    let guard = resolving_to(&["127.0.0.1"], &[&format!("inside.example:{port}")]);

    let other = guard.get("http://inside.example:1/").await.unwrap_err();
    assert!(matches!(other, ToolError::User(_)), "{other:?}");
    let closed = guard
        .get(&format!("http://inside.example:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(closed, ToolError::Transient(_)), "{closed:?}");
    accepted.await.unwrap().unwrap();
}
