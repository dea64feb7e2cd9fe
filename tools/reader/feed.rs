//! Feeds of news as pages: entries in their order, each with its link.

use feed_rs::model::{Entry, Link, Text};

/// Entries that are shown at most.
const ENTRIES: usize = 200;

/// The HTML of a feed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn page(feed: &str, base: &str) -> Result<String, String> {
    // What it was written in is decided; the declaration may say otherwise.
    let feed = feed.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let feed = match feed
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
    {
        Some((_, rest)) => rest,
        None => feed,
    };
    let parser = feed_rs::parser::Builder::new().base_uri(Some(base)).build();
    let feed = parser
        .parse(feed.as_bytes())
        .map_err(|error| format!("it is no feed: {error}"))?;
    let title = feed.title.map_or(String::new(), |title| plain(&title));
    let mut page = format!("<title>{title}</title><h1>{title}</h1>");
    if let Some(about) = &feed.description {
        page.push_str(&format!("<p>{}</p>", plain(about)));
    }
    for entry in feed.entries.iter().take(ENTRIES) {
        page.push_str(&shown(entry));
    }
    if feed.entries.len() > ENTRIES {
        let more = feed.entries.len() - ENTRIES;
        page.push_str(&format!("<p>[{more} older entries are not shown]</p>"));
    }
    Ok(page)
}

fn shown(entry: &Entry) -> String {
    let title = entry
        .title
        .as_ref()
        .map(plain)
        .filter(|title| !title.is_empty());
    let link = address(&entry.links);
    let title = title
        .or_else(|| link.map(escaped))
        .unwrap_or_else(|| "Entry".to_owned());
    let heading = match link {
        Some(link) => format!("<a href=\"{}\">{title}</a>", escaped(link)),
        None => title,
    };
    let date = entry.published.or(entry.updated);
    let date = date.map(|date| date.format("%Y-%m-%d %H:%M UTC").to_string());
    let authors = entry.authors.iter().map(|author| escaped(&author.name));
    let about: Vec<_> = date
        .into_iter()
        .chain(authors.filter(|name| !name.is_empty()))
        .collect();
    let about = match about.as_slice() {
        [] => String::new(),
        about => format!("<p>{}</p>", about.join(", ")),
    };
    let content = entry
        .content
        .as_ref()
        .and_then(|content| content.body.clone());
    let text = entry
        .summary
        .as_ref()
        .map(|summary| summary.content.clone())
        .or(content);
    format!(
        "<h2>{heading}</h2>{about}<div>{}</div>",
        text.unwrap_or_default()
    )
}

/// Where an entry is to be read.
fn address(links: &[Link]) -> Option<&str> {
    let is_page = |link: &&Link| link.rel.as_deref().is_none_or(|rel| rel == "alternate");
    links
        .iter()
        .find(is_page)
        .or(links.first())
        .map(|link| link.href.as_str())
}

/// A text in one line, as HTML without tags.
fn plain(text: &Text) -> String {
    let words = if text.content_type.subty().as_str() == "html" || text.content.contains('<') {
        dom_query::Document::from(text.content.as_str())
            .text()
            .to_string()
    } else {
        text.content.clone()
    };
    escaped(&words.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
