//! What becomes of pages, also of bad ones.

use std::time::Duration;

use glm_agent_tools::{
    ToolError,
    chromium::{Chromium, ChromiumOptions},
};

use crate::{
    body, chromium, guard, options, render,
    site::{Site, answer_with, html, redirect},
};

#[tokio::test]
async fn text_that_scripts_build_is_read_where_it_is_shown() {
    let site = Site::new(|request| match request.path.as_str() {
        "/data" => answer_with("200 OK", "content-type: text/plain\r\n", "fetched"),
        "/frame" => html("a frame"),
        _ => html(
            "<style>p { color: red }</style><noscript>no scripts?</noscript>\
             <p id=a></p><my-box><b>slotted</b></my-box><script>\
             customElements.define('my-box', class extends HTMLElement {\
               constructor() { super(); this.attachShadow({mode: 'open'}).innerHTML = \
                 '<i>in the shadow</i><slot></slot>' } });\
             setTimeout(async () => {\
               a.textContent = await (await fetch('/data')).text() }, 300)</script>",
        ),
    });
    let page = render(&chromium(&site), &site.url("/")).await.unwrap();
    assert_eq!(
        (page.url.as_str(), body(&page)),
        (
            site.url("/").as_str(),
            "<p id=\"a\">fetched</p><my-box><i>in the shadow</i><slot><b>slotted</b></slot></my-box>"
        )
    );
}

#[tokio::test]
async fn redirects_of_servers_and_of_scripts_are_followed() {
    let site = Site::new(|request| match request.path.as_str() {
        "/1" => redirect("/2"),
        "/2" => html("<script>location = '/3'</script>"),
        "/3" => html("<meta http-equiv=refresh content='0; url=/4'>"),
        _ => html("<script>history.pushState({}, '', '/5')</script>there"),
    });
    let page = render(&chromium(&site), &site.url("/1")).await.unwrap();
    assert_eq!(
        (page.url.as_str(), body(&page)),
        (site.url("/5").as_str(), "there")
    );
}

#[tokio::test]
async fn what_says_no_is_an_error_with_its_status() {
    let site = Site::new(|_| answer_with("404 Not Found", "content-type: text/html\r\n", "none"));
    let url = site.url("/");
    let error = render(&chromium(&site), &url).await.unwrap_err();
    assert_eq!(
        error,
        ToolError::Model(format!("`{url}` answered 404 Not Found"))
    );
}

#[tokio::test]
async fn a_page_that_never_ends_is_taken_as_it_stands() {
    let site = Site::new(|request| match request.path.as_str() {
        "/hangs" => request
            .begin("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<body><p>the beginning</p>"),
        "/silent" => request.begin(""),
        "/polls" => html("<p>polls</p><script>fetch('/silent')</script>"),
        "/loops" => html("<p>loops</p><script>for (;;);</script><p>never</p>"),
        _ => html(
            "<p>loops later</p><script>onload = () => setTimeout(() => { for (;;); })</script>",
        ),
    });
    let options = ChromiumOptions {
        page_time: Duration::from_secs(4),
        ..options()
    };
    let chromium = Chromium::new(guard(&site), options);
    for (path, start) in [
        ("/hangs", "<p>the beginning</p>"),
        ("/polls", "<p>polls</p>"),
        ("/loops", "<p>loops</p>"),
        ("/later", "<p>loops later</p>"),
    ] {
        let page = render(&chromium, &site.url(path)).await;
        let page = page.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(body(&page).starts_with(start), "{path}: {}", page.html);
    }
    let url = site.url("/silent");
    assert_eq!(
        render(&chromium, &url).await,
        Err(ToolError::Transient(format!(
            "`{url}` did not answer within 4 s"
        )))
    );
}

#[tokio::test]
async fn dialogs_are_dismissed_and_windows_closed() {
    let site = Site::new(|request| match request.path.as_str() {
        "/window" => html("<script>fetch('/from-the-window')</script>"),
        _ => html(
            "<p id=p></p><script>alert(1);\
             p.textContent = `${confirm(2)} ${prompt(3)}`;\
             window.open('/window'); onbeforeunload = () => 'stay';\
             setInterval(() => alert(4), 10)</script>",
        ),
    });
    let page = render(&chromium(&site), &site.url("/")).await.unwrap();
    assert!(
        body(&page).starts_with("<p id=\"p\">false null</p>"),
        "{}",
        page.html
    );
    assert_eq!(
        site.asked().iter().filter(|p| p.contains("window")).count(),
        0
    );
}

#[tokio::test]
async fn a_download_is_no_page() {
    let site = Site::new(|request| match request.path.as_str() {
        "/file" => answer_with(
            "200 OK",
            "content-type: application/octet-stream\r\ncontent-disposition: attachment\r\n",
            "bytes",
        ),
        _ => html("<a id=a href=/file download>f</a><script>a.click()</script>"),
    });
    let chromium = chromium(&site);
    let url = site.url("/file");
    let error = render(&chromium, &url).await.unwrap_err();
    assert!(
        matches!(&error, ToolError::Model(text) if text.contains("download")),
        "{error:?}"
    );
    let page = render(&chromium, &site.url("/")).await.unwrap();
    assert_eq!(
        body(&page),
        "<a id=\"a\" href=\"/file\" download=\"\">f</a>"
    );
}

#[tokio::test]
async fn a_huge_document_is_cut_off() {
    let site = Site::new(|_| {
        html(
            "<p></p><script>for (let i = 0; i < 2e5; i++) document.body.append('é€'.repeat(5))</script>",
        )
    });
    let options = ChromiumOptions {
        max_bytes: 10_000,
        ..options()
    };
    let chromium = Chromium::new(guard(&site), options);
    let page = render(&chromium, &site.url("/")).await.unwrap();
    assert!(
        (9_990..=10_000).contains(&page.html.len()),
        "{}",
        page.html.len()
    );
}

#[tokio::test]
async fn pages_do_not_share_what_they_keep() {
    let site = Site::new(|request| match request.path.as_str() {
        "/slow" => {
            std::thread::sleep(Duration::from_secs(1));
            html("")
        }
        "/set" => html(
            "<p></p><script>document.cookie = 'a=1'; localStorage.a = 1; fetch('/slow').then(() => \
             document.body.append('set ' + document.cookie))</script>",
        ),
        _ => html(
            "<p></p><script>fetch('/slow').then(() => document.body.append(\
             `${document.cookie || 'no cookie'}, ${localStorage.a}`))</script>",
        ),
    });
    let chromium = chromium(&site);
    let (set, look) = (site.url("/set"), site.url("/look"));
    let (set, at_the_same_time) = tokio::join!(render(&chromium, &set), render(&chromium, &look));
    assert!(body(&set.unwrap()).contains("set a=1"));
    let later = render(&chromium, &look).await.unwrap();
    for page in [at_the_same_time.unwrap(), later] {
        assert!(
            body(&page).contains("no cookie, undefined"),
            "{}",
            page.html
        );
    }
}
