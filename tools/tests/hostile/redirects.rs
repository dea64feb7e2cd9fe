//! What goes along when a server sends a request elsewhere, and where it ends.

use std::{io::Write, time::Duration};

use glm_agent_tools::{ToolError, net_guard::Outgoing};
use reqwest::{
    Method,
    header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

use crate::{
    builder, fetched, guard, refusal,
    server::{Server, answer, redirect, text},
};

#[tokio::test]
async fn a_chain_ends_where_it_becomes_private() {
    let private = Server::saying("127.0.0.1:0", text("secret"));
    let second = Server::saying("127.0.1.2:0", redirect(307, &private.url()));
    let first = Server::saying("127.0.1.1:0", redirect(302, &second.url()));
    let refused = refusal(guard().get(&first.url()).await, "the chain");
    assert_eq!(
        refused,
        format!(
            "refused to reach `127.0.0.1`: this machine\n\
             hint: pass --allow-host 127.0.0.1:{} if you trust it",
            private.port
        )
    );
    let counts = [&first, &second, &private].map(Server::connections);
    assert_eq!(counts, [1, 1, 0]);
}

#[tokio::test]
async fn a_loop_ends() {
    let server = Server::at("127.0.1.1:0", |head, stream| {
        stream.write_all(&redirect(
            302,
            &format!("{}x", head.split(' ').nth(1).unwrap()),
        ))
    });
    let result = guard().get(&server.url()).await;
    let message = format!("`{}` redirects more than 10 times", server.url());
    assert_eq!(result.unwrap_err(), ToolError::Model(message));
    assert_eq!(server.connections(), 11);
}

#[tokio::test]
async fn rules_hold_after_a_redirect() {
    let last = Server::saying("127.0.1.2:0", text("page"));
    let first = Server::saying("127.0.1.1:0", redirect(302, &last.url()));
    let of = |pattern: &str| vec![pattern.to_owned()];
    let denying = builder().deny(&of("127.0.1.2")).build().unwrap();
    assert_eq!(
        refusal(denying.get(&first.url()).await, "deny"),
        "refused to reach `127.0.1.2`: `127.0.1.2` denies it"
    );
    let only = builder().only(&of(&first.host)).build().unwrap();
    assert_eq!(
        refusal(only.get(&first.url()).await, "only"),
        format!(
            "refused to reach `127.0.1.2`: it is not among the only hosts that may be reached\n\
             hint: pass --only-host {} as well if it should be",
            last.host
        )
    );
    assert_eq!(last.connections(), 0);
    let both = builder().only(&of("127.0.1.0/24")).build().unwrap();
    let page = both.get(&first.url()).await.unwrap();
    assert_eq!(page.text().await.unwrap(), "page");
}

#[tokio::test]
async fn secrets_and_cookies_stay_where_they_are() {
    let other = Server::saying("127.0.1.2:0", text("other"));
    let to = other.url();
    let first = Server::at("127.0.1.1:0", move |head, stream| {
        let next = if head.starts_with("GET /a") {
            &to
        } else {
            "/a"
        };
        stream.write_all(&answer(
            "302 Found",
            &format!("Set-Cookie: id=1\r\nLocation: {next}"),
            "",
        ))
    });
    let mut key = HeaderValue::from_static("k3y");
    key.set_sensitive(true);
    let request = Outgoing {
        method: Method::POST,
        headers: HeaderMap::from_iter([
            (AUTHORIZATION, HeaderValue::from_static("Bearer k3y")),
            (COOKIE, HeaderValue::from_static("k3y=1")),
            (HeaderName::from_static("x-key"), key),
        ]),
        body: Some(b"posted".to_vec()),
        ..Outgoing::get(Url::parse(&first.url()).unwrap())
    };
    let page = guard().send(request).await.unwrap();
    assert_eq!(page.text().await.unwrap(), "other");
    let keys = |head: &String| head.matches("k3y").count();
    let heads = first.requests();
    assert_eq!(heads.iter().map(keys).collect::<Vec<_>>(), [3, 3]);
    assert!(heads[1].starts_with("GET /a HTTP/1.1\r\n"), "{}", heads[1]);
    let [head] = &other.requests()[..] else {
        panic!("one request")
    };
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    assert_eq!(keys(head), 0, "{head}");
    for head in heads.iter().chain([head]) {
        assert!(!head.contains("id=1"), "{head}");
        assert!(!head.to_lowercase().contains("referer:"), "{head}");
    }
}

#[tokio::test]
async fn what_was_posted_is_sent_on_to_nobody() {
    let other = Server::saying("127.0.1.2:0", text("other"));
    let first = Server::saying("127.0.1.1:0", redirect(307, &other.url()));
    let request = Outgoing {
        method: Method::POST,
        body: Some(b"posted".to_vec()),
        ..Outgoing::get(Url::parse(&first.url()).unwrap())
    };
    let message = format!(
        "`{}` would have what was sent to it sent on to `{}`, which was not done",
        first.url(),
        other.url()
    );
    assert_eq!(
        guard().send(request).await.unwrap_err(),
        ToolError::Model(message)
    );
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn what_is_no_redirect_is_not_followed() {
    let other = Server::saying("127.0.1.2:0", text("other"));
    for status in [200, 201, 300, 304, 305, 306, 404] {
        let first = Server::saying("127.0.1.1:0", redirect(status, &other.url()));
        let page = guard().get(&first.url()).await.unwrap();
        assert_eq!(page.status().as_u16(), status);
    }
    let refresh = format!("<meta http-equiv=refresh content='0;url={}'>", other.url());
    let page = format!(
        "{refresh}<script>location = '{}'</script><p>here</p>",
        other.url()
    );
    let header = format!("Content-Type: text/html\r\nRefresh: 0; url={}", other.url());
    let first = Server::saying("127.0.1.1:0", answer("200 OK", &header, &page));
    let read = fetched(guard(), &first.url(), Duration::from_secs(60), 5_000_000).await;
    assert!(read.unwrap().text.contains("here"));
    assert_eq!(other.connections(), 0);
}
