//! The frame of the pages that are written to files.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// What all pages look like, those that are served, too.
pub(crate) const BASE: &str = include_str!("base.css");

/// A page that stands on its own: it loads nothing and runs nothing. Its styles are
/// those of all pages and `style`, and a policy in it forbids all else but images
/// that are in it.
pub(crate) fn document(title: &str, style: &str, body: &Markup) -> String {
    let style = format!("{BASE}{style}");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="glm-agent";
                title { (title) }
                style { (PreEscaped(&style)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn policy(style: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'none'"
    )
}
