#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::IpAddr;

use super::{pattern::Pattern, *};

fn guard(patterns: &[&str]) -> NetGuard {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    NetGuard::from_patterns(&patterns).unwrap()
}

fn verdict(guard: &NetGuard, address: &str) -> Result<(), ToolError> {
    guard.check(&parse(address)?)
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
        "https://home.example.com/",
        "https://notlocalhost.example/",
        "https://[2606:4700::5eff:7f00:1]/",
        "http://168.63.129.17/",
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
        ("127.0.0.1", "http://127.0.0.1:8/", "http://127.0.0.2/"),
        (
            "127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8001/",
        ),
        ("127.0.0.1:80", "http://127.0.0.1/", "https://127.0.0.1/"),
        ("localhost", "http://localhost.:2/", "http://a.localhost/"),
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
        ("10.0.0.0/8", "http://10.9.9.9:81/", "http://11.0.0.1:25/"),
        ("10.1.2.3/8", "http://10.9.9.9/", "http://192.168.0.1/"),
        ("10.0.0.0/8:81", "http://10.9.9.9:81/", "http://10.9.9.9/"),
        ("fd00::/8", "http://[fdff::1]/", "http://[fc00::1]/"),
        ("[fd00::]/8:81", "http://[fd00::1]:81/", "http://[fd00::1]/"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/", "http://[::1]/"),
        ("db", "http://db/", "http://db2/"),
        // A port of another service is reached by its number only.
        ("10.0.0.7:25", "http://10.0.0.7:25/", "http://10.0.0.7/"),
        (
            "mail.example:25",
            "http://mail.example:25/",
            "http://mail.example:110/",
        ),
        (
            "mail.example",
            "http://mail.example/",
            "http://mail.example:25/",
        ),
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
        "10.0.0.0/33",
        "10.0.0.0/8/8",
        "10.0.0.0/",
        "*.10.0.0.0/8",
        "a.example/24",
        "fd00::/8:0",
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

#[test]
fn refused_patterns_win_and_only_patterns_exclude() {
    let of =
        |patterns: &[&str]| -> Vec<String> { patterns.iter().map(ToString::to_string).collect() };
    let guard = NetGuard::builder()
        .allow(&of(&["127.0.0.0/8", "inside.corp"]))
        .deny(&of(&["127.0.0.2", "*.ads.example", "a.example:8080"]))
        .only(&of(&["127.0.0.0/8", "*.example", "inside.corp:443"]))
        .build()
        .unwrap();
    for (address, refusal) in [
        ("http://127.0.0.1/", None),
        (
            "http://127.0.0.2/",
            Some("refused to reach `127.0.0.2`: `127.0.0.2` denies it"),
        ),
        (
            "http://[::ffff:127.0.0.2]/",
            Some("refused to reach `[::ffff:7f00:2]`: `127.0.0.2` denies it"),
        ),
        ("http://a.example/", None),
        (
            "http://a.example:8080/",
            Some("refused to reach `a.example`: `a.example:8080` denies it"),
        ),
        (
            "http://x.ads.example./",
            Some("refused to reach `x.ads.example.`: `*.ads.example` denies it"),
        ),
        ("https://inside.corp/", None),
        // The range among the patterns tells of a name when it is resolved.
        ("http://other.test/", None),
        (
            "http://1.1.1.1/",
            Some(
                "refused to reach `1.1.1.1`: it is not among the only hosts that may be reached\n\
                 hint: pass --only-host 1.1.1.1:80 as well if it should be",
            ),
        ),
    ] {
        let refusal = refusal.map(|text| ToolError::User(text.to_owned()));
        assert_eq!(verdict(&guard, address).err(), refusal, "{address}");
    }
}

#[test]
fn patterns_of_addresses_judge_what_a_name_resolves_to() {
    let of = |patterns: &[&str]| -> Vec<Pattern> {
        patterns
            .iter()
            .map(|pattern| pattern.parse().unwrap())
            .collect()
    };
    let rules = Rules {
        allow: of(&["10.0.0.0/8:8080"]),
        deny: of(&["8.8.8.0/24:443", "10.6.0.0/16"]),
        only: of(&["named.example", "10.0.0.0/8", "8.8.0.0/16"]),
        public: Vec::new(),
    };
    for (name, port, ip, is_reached) in [
        ("a.example", 8080, "10.1.1.1", true),
        ("a.example", 80, "10.1.1.1", false),
        ("a.example", 8080, "10.6.1.1", false),
        ("a.example", 80, "8.8.8.8", true),
        ("a.example", 443, "8.8.8.8", false),
        ("a.example", 80, "9.9.9.9", false),
        ("named.example", 80, "9.9.9.9", true),
        ("named.example", 80, "192.168.0.1", false),
    ] {
        let verdict = rules.judge_resolved(name, port, ip.parse().unwrap());
        assert_eq!(
            verdict.is_ok(),
            is_reached,
            "{name}:{port} {ip} {verdict:?}"
        );
    }
    assert!(rules.judge_unresolved("named.example", 80).is_ok());
    assert!(rules.judge_unresolved("a.example", 80).is_err());
}

/// A guard for which every name has these addresses.
fn resolving_to(addresses: &[&str], patterns: &[&str]) -> NetGuard {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    let found: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    let guard = NetGuard::builder().allow(&patterns).lookup(move |_| {
        let found = found.clone();
        async move { Ok(found) }
    });
    guard.build().unwrap()
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

    let other = guard.get("http://inside.example:2/").await.unwrap_err();
    assert!(matches!(other, ToolError::User(_)), "{other:?}");
    let closed = guard
        .get(&format!("http://inside.example:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(closed, ToolError::Transient(_)), "{closed:?}");
    accepted.await.unwrap().unwrap();
}
