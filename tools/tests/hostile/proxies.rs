//! Requests go through a proxy when the user says so, and never because a variable
//! does; what may not be reached is refused all the same.

use std::{io, process::Command};

use glm_agent_tools::{
    ToolError,
    net_guard::{NetGuard, Proxy},
};

use crate::{
    builder, refusal,
    server::{Server, redirect, text},
};

/// Tells the tests below that they run in a process made for them.
const CHILD: &str = "HOSTILE_CHILD";

/// A guard with a proxy, for which names resolve as they say.
fn through(proxy: &Server, only: &[&str]) -> NetGuard {
    let only: Vec<_> = only.iter().map(ToString::to_string).collect();
    builder()
        .allow(&["127.0.0.1".to_owned()])
        .only(&only)
        .proxy(proxy.url().parse().unwrap())
        .lookup(|name| async move {
            match name.as_str() {
                "public.example" => Ok(vec!["127.0.1.1".parse().unwrap()]),
                "private.example" => Ok(vec!["10.0.0.1".parse().unwrap()]),
                _ => Err(io::Error::other("no such name")),
            }
        })
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_proxy_gets_what_may_be_reached() {
    let proxy = Server::saying("127.0.0.1:0", text("by proxy"));
    let guard = through(&proxy, &[]);
    for url in [
        "http://public.example/a",
        "http://unknown.example/b",
        "http://public.example:8080/c",
    ] {
        let page = guard.get(url).await.unwrap();
        assert_eq!(page.text().await.unwrap(), "by proxy");
        let head = proxy.requests().pop().unwrap();
        assert!(
            head.starts_with(&format!("GET {url} HTTP/1.1\r\n")),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_proxy_gets_nothing_else() {
    let proxy = Server::saying("127.0.0.1:0", redirect(302, "http://private.example/"));
    let guard = through(&proxy, &[]);
    for (url, what) in [
        (
            "http://private.example/",
            "it resolves to 10.0.0.1, a private network",
        ),
        ("http://10.0.0.1/", "a private network"),
        (
            "http://169.254.169.254/",
            "the local link, where clouds keep credentials",
        ),
        ("http://printer.local/", "a name of the local network"),
        ("http://metadata/", "a name of the local network"),
        ("http://[::1]/", "this machine"),
        (
            "http://public.example:25/",
            "port 25 is that of another service than the web's",
        ),
    ] {
        let refused = refusal(guard.get(url).await, url);
        assert_eq!(
            refused.lines().next().unwrap().split_once(": ").unwrap().1,
            what
        );
    }
    assert_eq!(proxy.connections(), 0);
    let refused = refusal(guard.get("http://public.example/").await, "a redirect");
    assert!(
        refused.starts_with("refused to reach `private.example`: it resolves"),
        "{refused}"
    );
    assert_eq!(proxy.connections(), 1);

    let guard = through(&proxy, &["127.0.0.0/8", "named.example"]);
    let refused = refusal(guard.get("http://unknown.example/").await, "only");
    assert!(refused.contains("is not among the only hosts"), "{refused}");
    refusal(guard.get("http://named.example/").await, "a redirect");
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn this_machine_is_reached_without_a_proxy() {
    let proxy = Server::saying("127.0.0.1:0", text("by proxy"));
    let here = Server::saying("127.0.0.1:0", text("here"));
    let page = through(&proxy, &[]).get(&here.url()).await.unwrap();
    assert_eq!(page.text().await.unwrap(), "here");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_proxy_is_shown_its_password_and_named_without_it() {
    let proxy = Server::saying("127.0.0.1:0", "HTTP/1.1 403 Forbidden\r\n\r\n");
    let with_password = format!("http://user:p4ss@{}", proxy.host);
    let guard = builder()
        .proxy(with_password.parse().unwrap())
        .lookup(|_| async { Ok(vec!["127.0.1.1".parse().unwrap()]) })
        .build()
        .unwrap();
    let Err(ToolError::Transient(message)) = guard.get("https://public.example/").await else {
        panic!("no tunnel")
    };
    assert!(
        message.starts_with(&format!(
            "cannot reach `https://public.example/` through the proxy `http://{}`: ",
            proxy.host
        )),
        "{message}"
    );
    let head = proxy.requests().pop().unwrap();
    assert!(
        head.starts_with("CONNECT public.example:443 HTTP/1.1\r\n"),
        "{head}"
    );
    // user:p4ss
    assert!(head.contains("Basic dXNlcjpwNHNz"), "{head}");
}

/// Runs a test of this program again, with variables that name a proxy.
fn again(test: &str, proxy: &Server, server: &Server, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(CHILD, server.url());
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        command.env_remove(name);
    }
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, proxy.url());
    }
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn variables_alone_change_nothing() {
    if let Ok(url) = std::env::var(CHILD) {
        let guard = builder().build().unwrap();
        let page = guard.get(&url).await.unwrap();
        assert_eq!(page.text().await.unwrap(), "straight");
        // Nobody listens there.
        let Err(ToolError::Transient(message)) = guard.get("http://127.0.1.255:4/").await else {
            panic!("an answer from nobody")
        };
        let hint = message.lines().last().unwrap();
        assert_eq!(
            hint,
            "hint: HTTP_PROXY is set and not used, since names are checked here: pass --proxy \
             env if the way out is through it"
        );
        return;
    }
    let proxy = Server::saying("127.0.0.1:0", text("by proxy"));
    let server = Server::saying("127.0.1.1:0", text("straight"));
    again(
        "proxies::variables_alone_change_nothing",
        &proxy,
        &server,
        &[],
    );
    assert_eq!((proxy.connections(), server.connections()), (0, 1));
}

#[tokio::test]
async fn variables_count_when_the_user_says_so() {
    if let Ok(url) = std::env::var(CHILD) {
        let guard = builder()
            .proxy(Proxy::Env)
            .lookup(|_| async { Err(io::Error::other("no such name")) })
            .build()
            .unwrap();
        let other = "http://unknown.example/";
        for (url, said) in [(url.as_str(), "straight"), (other, "by proxy")] {
            let page = guard.get(url).await.unwrap();
            assert_eq!(page.text().await.unwrap(), said);
        }
        return;
    }
    let proxy = Server::saying("127.0.0.1:0", text("by proxy"));
    let server = Server::saying("127.0.1.1:0", text("straight"));
    again(
        "proxies::variables_count_when_the_user_says_so",
        &proxy,
        &server,
        &[("NO_PROXY", "127.0.1.1")],
    );
    assert_eq!((proxy.connections(), server.connections()), (1, 1));
}
