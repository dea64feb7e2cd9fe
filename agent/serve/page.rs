//! The page at `/`: a chat in a browser. It loads nothing from anywhere else, and
//! what models and tools write is text in it, never markup.

use axum::{
    Router,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use super::Service;
use crate::render::html::BASE;

/// Its parts: where they are, what they are, and what they hold.
const PARTS: [(&str, &str, &str); 7] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    ),
    ("/page/base.css", "text/css; charset=utf-8", BASE),
    (
        "/page/style.css",
        "text/css; charset=utf-8",
        include_str!("page/style.css"),
    ),
    (
        "/page/page.js",
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    ),
    (
        "/page/server.js",
        "text/javascript; charset=utf-8",
        include_str!("page/server.js"),
    ),
    (
        "/page/markdown.js",
        "text/javascript; charset=utf-8",
        include_str!("page/markdown.js"),
    ),
    (
        "/page/calls.js",
        "text/javascript; charset=utf-8",
        include_str!("page/calls.js"),
    ),
];

/// What the page may do: its own scripts and styles, this server, and images that it
/// was given.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a path is a part of the page.
pub(super) fn is_part(path: &str) -> bool {
    PARTS.iter().any(|(part, ..)| *part == path)
}

pub(super) fn router() -> Router<Service> {
    let route = |router: Router<Service>, (path, kind, text)| {
        router.route(path, get(move || async move { part(kind, text) }))
    };
    PARTS.into_iter().fold(Router::new(), route)
}

fn part(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        // Another version may be served tomorrow.
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
