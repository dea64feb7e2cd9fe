//! Nothing that is not public is reached, by whatever a page does.

use std::{
    net::{IpAddr, UdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use glm_agent_tools::{
    ToolError,
    chromium::{Chromium, ChromiumOptions},
    net_guard::NetGuard,
};

use crate::{
    body, chromium, options, render,
    site::{Site, html, redirect},
};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The ways of scripts.
const WAYS: [&str; 8] = [
    "fetch", "opaque", "tls", "redirect", "socket", "events", "xhr", "worker",
];

/// Asks for an address in every way that a page has, and says which of the scripts' it has
/// tried to their end.
fn every_way(host: &str) -> String {
    format!(
        "<script src=http://{host}/script></script>\
         <img src=http://{host}/image><iframe src=http://{host}/frame></iframe>\
         <link rel=stylesheet href=http://{host}/style>\
         <link rel=preconnect href=http://{host}><link rel=dns-prefetch href=http://{host}>\
         <link rel=prefetch href=http://{host}/prefetch>\
         <object data=http://{host}/object></object><video src=http://{host}/video></video>\
         <script>\
         const tries = {{\
           fetch: fetch('http://{host}/fetch'), \
           opaque: fetch('http://{host}/fetch', {{mode: 'no-cors'}}), \
           tls: fetch('https://{host}/tls', {{mode: 'no-cors'}}), \
           redirect: fetch('/redirect'), \
           socket: new Promise((_, no) => {{ new WebSocket('ws://{host}/socket').onerror = no }}), \
           events: new Promise((_, no) => {{ \
             new EventSource('http://{host}/events').onerror = no }}), \
           xhr: new Promise((_, no) => {{ const x = new XMLHttpRequest(); x.onerror = no; \
             x.open('GET', 'http://{host}/xhr'); x.send() }}), \
           worker: new Promise((_, no) => {{ const w = new Worker(URL.createObjectURL(new Blob([\
             `fetch('http://{host}/worker').catch(() => postMessage(0))`]))); w.onmessage = no }})}};\
         fetch('/slow');\
         navigator.sendBeacon('http://{host}/beacon');\
         for (const [name, tried] of Object.entries(tries)) \
           tried.catch(() => 0).then(() => document.body.prepend(name + ' '))</script>"
    )
}

#[tokio::test]
async fn a_page_reaches_no_private_server_in_any_way() {
    let private = Arc::new(Site::private());
    let port = private.port();
    let hosts = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("private.example:{port}"),
    ];
    let pages = hosts.clone();
    let site = Site::new(move |request| {
        if request.path == "/slow" {
            // Keeps the page from being at rest until all has been tried.
            std::thread::sleep(Duration::from_secs(2));
            return html("");
        }
        let number: Option<usize> = request.path.trim_start_matches('/').parse().ok();
        match number {
            Some(number) => html(&every_way(&pages[number])),
            None => redirect(&format!("http://127.0.0.1:{port}/redirected")),
        }
    });
    let guard = NetGuard::builder()
        .allow(&[site.address.to_string()])
        .lookup(|_| async { Ok(vec![LOOPBACK]) });
    let options = ChromiumOptions {
        images: true,
        ..options()
    };
    let chromium = Chromium::new(guard.build().unwrap(), options);
    for (number, host) in hosts.iter().enumerate() {
        let page = render(&chromium, &site.url(&format!("/{number}"))).await;
        let page = page.unwrap_or_else(|error| panic!("{host}: {error}"));
        // The proxy's own answer, which says no, is one to a script that may not read it.
        for way in WAYS {
            let tried = page.html.contains(&format!("{way} "));
            assert!(tried, "{host}, {way}: {}", page.html);
        }
        assert!(!page.html.contains("secret"), "{host}: {}", page.html);
    }
    assert_eq!(private.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn going_on_to_a_private_server_is_refused_with_the_reason() {
    let private = Site::private();
    let to = private.url("/");
    let site = Site::new(move |request| match request.path.as_str() {
        "/server" => redirect(&to),
        "/tls" => redirect(&to.replace("http:", "https:")),
        "/script" => html(&format!("<script>location = '{to}'</script>")),
        "/data" => html("<script>location = 'data:text/html,hi'</script>stayed"),
        _ => html("<script>location = 'file:///etc/passwd'</script>stayed"),
    });
    let chromium = chromium(&site);
    let refused = ToolError::User(format!(
        "refused to reach `127.0.0.1`: this machine\nhint: pass --allow-host 127.0.0.1:{} if you \
         trust it",
        private.port()
    ));
    for path in ["/server", "/tls", "/script"] {
        let error = render(&chromium, &site.url(path)).await.unwrap_err();
        assert_eq!(error, refused, "{path}");
    }
    let error = render(&chromium, &private.url("/")).await.unwrap_err();
    assert_eq!(error, refused);
    for path in ["/data", "/file"] {
        let page = render(&chromium, &site.url(path)).await.unwrap();
        assert!(body(&page).ends_with("stayed"), "{path}: {}", page.html);
    }
    assert_eq!(private.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn only_the_web_is_shown() {
    let chromium = Chromium::new(NetGuard::from_patterns(&[]).unwrap(), options());
    for address in [
        "file:///etc/passwd",
        "data:text/html,hi",
        "chrome://version",
        "javascript:1",
        "view-source:http://example.com",
        "about:blank",
    ] {
        let error = render(&chromium, address).await.unwrap_err();
        assert!(matches!(error, ToolError::Model(_)), "{address}: {error:?}");
    }
}

#[tokio::test]
async fn a_name_that_comes_to_mean_this_machine_is_refused() {
    let site = Site::at("127.0.1.1:0", |_| {
        html(
            "<p></p><script>fetch('/secret').then(got => got.text()).then(text => \
             document.body.append(text))</script>",
        )
    });
    let private = Site::at(&format!("127.0.0.1:{}", site.port()), |_| html("secret"));
    let served = site.log();
    let guard = NetGuard::builder()
        .public(&["127.0.1.0/24".to_owned()])
        .lookup(move |_| {
            let is_first = served.lock().unwrap().is_empty();
            let ip = if is_first { "127.0.1.1" } else { "127.0.0.1" };
            async move { Ok(vec![ip.parse().unwrap()]) }
        });
    let chromium = Chromium::new(guard.build().unwrap(), options());
    let url = format!("http://rebinds.example:{}/", site.port());
    let page = render(&chromium, &url).await.unwrap();
    assert!(body(&page).contains("refused to reach"), "{}", page.html);
    assert_eq!(
        (site.asked(), private.asked()),
        (vec!["/".to_owned()], vec![])
    );
}

#[tokio::test]
async fn nothing_goes_out_beside_the_proxy() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let site = Site::new(move |request| {
        if request.path == "/slow" {
            std::thread::sleep(Duration::from_secs(3));
        }
        html(&format!(
            "<p></p><script>\
             const peer = new RTCPeerConnection({{iceServers: [\
               {{urls: 'stun:127.0.0.1:{port}'}}, \
               {{urls: 'turn:127.0.0.1:{port}', username: 'u', credential: 'c'}}]}});\
             peer.createDataChannel('c'); peer.createOffer().then(o => peer.setLocalDescription(o));\
             peer.onicegatheringstatechange = () => {{\
               if (peer.iceGatheringState === 'complete') document.body.append('gathered ') }};\
             try {{ new WebTransport('https://127.0.0.1:{port}/').ready.catch(() => 0) }} catch {{}}\
             fetch('/slow').then(() => document.body.append('done'))</script>"
        ))
    });
    let page = render(&chromium(&site), &site.url("/")).await.unwrap();
    assert!(body(&page).contains("done"), "{}", page.html);
    socket.set_nonblocking(true).unwrap();
    let heard = socket.recv_from(&mut [0; 2000]);
    assert_eq!(heard.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn chromium_speaks_to_nobody_by_itself() {
    let site = Site::new(|_| {
        html("<form><input type=password name=p><input name=creditcard></form><p>un texte</p>")
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let guard = NetGuard::builder()
        .allow(&[
            "site.example".to_owned(),
            format!("site.example:{}", site.port()),
        ])
        .lookup(move |name| {
            log.lock().unwrap().push(name);
            async { Ok(vec![LOOPBACK]) }
        });
    let chromium = Chromium::new(guard.build().unwrap(), options());
    let url = format!("http://site.example:{}/", site.port());
    render(&chromium, &url).await.unwrap();
    // What it would do once it has started, it does within seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    render(&chromium, &url).await.unwrap();
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["site.example"]);
}
