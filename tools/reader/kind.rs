//! What kind of thing a server sends, from what it says and from how it begins.

use reqwest::{Response, header::CONTENT_TYPE};

use super::charset::{self, Markup};

/// How many bytes are looked at to tell text from what is none.
const SAMPLE: usize = 1024;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    /// News, by RSS, Atom or JSON Feed.
    Feed,
    Pdf,
    /// Whatever else can be read as it is.
    Text,
}

/// A media type, as a server names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Without parameters, in lower case; empty if none is named.
    pub essence: String,
    pub charset: Option<String>,
}

/// Types beside `text/*`, `*+json` and `*+xml` that are text.
const TEXT: [&str; 18] = [
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/json5",
    "application/jsonl",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-httpd-php",
    "application/x-tex",
    "application/x-latex",
    "application/sql",
    "application/graphql",
    "application/x-subrip",
];

impl MediaType {
    pub fn of(response: &Response) -> Self {
        let header = response.headers().get(CONTENT_TYPE);
        let header = header.map_or(String::new(), |value| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        });
        let essence = header.split(';').next().unwrap_or_default();
        Self {
            essence: essence.trim().to_ascii_lowercase(),
            charset: charset::charset_of(&header),
        }
    }

    /// What a body of this type is; `None` for what cannot be read.
    pub fn kind(&self, body: &[u8]) -> Option<Kind> {
        let start = body.get(..SAMPLE).unwrap_or(body);
        if start.starts_with(b"%PDF-") {
            return Some(Kind::Pdf);
        }
        let has_bom = encoding_rs::Encoding::for_bom(start).is_some();
        let is_binary = start.contains(&0) && !has_bom;
        match self.essence.as_str() {
            "text/html" | "application/xhtml+xml" => Some(Kind::Html),
            "application/pdf" => Some(Kind::Pdf),
            "application/rss+xml"
            | "application/atom+xml"
            | "application/feed+json"
            | "application/rdf+xml" => Some(Kind::Feed),
            xml if xml.ends_with("/xml") || xml.ends_with("+xml") => Some(sniffed(start)),
            _ if is_binary => None,
            "" => Some(sniffed(start)),
            _ if self.is_text() => Some(Kind::Text),
            _ => None,
        }
    }

    /// Whether no body of this type can be read.
    pub fn is_unreadable(&self) -> bool {
        let named = !matches!(
            self.essence.as_str(),
            "" | "application/octet-stream" | "binary/octet-stream"
        );
        named && self.kind(&[]).is_none()
    }

    /// Whether bodies of this type are text, whatever is in them.
    fn is_text(&self) -> bool {
        let essence = self.essence.as_str();
        essence.starts_with("text/")
            || essence.ends_with("+json")
            || essence.ends_with("+xml")
            || TEXT.contains(&essence)
    }

    /// Where a body may name its character set.
    pub fn markup(&self, kind: Kind) -> Markup {
        match kind {
            Kind::Html if self.essence != "application/xhtml+xml" => Markup::Html,
            Kind::Html | Kind::Feed => Markup::Xml,
            Kind::Text if self.essence.ends_with("xml") => Markup::Xml,
            Kind::Text | Kind::Pdf => Markup::None,
        }
    }
}

/// Markup by its first tag; anything else is text.
fn sniffed(start: &[u8]) -> Kind {
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let mut rest = start.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    // Declarations and comments stand before the first tag.
    while let Some(after) = ["<?", "<!--"]
        .iter()
        .find_map(|open| rest.strip_prefix(open))
    {
        rest = after
            .split_once('>')
            .map_or("", |(_, rest)| rest.trim_start());
    }
    if rest.starts_with("<!doctype html") || rest.starts_with("<html") {
        Kind::Html
    } else if ["<rss", "<feed", "<rdf:rdf"]
        .iter()
        .any(|tag| rest.starts_with(tag))
    {
        Kind::Feed
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_told_from_its_type_and_its_start() {
        for (essence, body, kind) in [
            ("text/html", "anything", Some(Kind::Html)),
            ("", "<!-- a --><!DOCTYPE html><p>x", Some(Kind::Html)),
            ("", "just words", Some(Kind::Text)),
            ("", "\0\u{1}binary", None),
            ("text/plain", "words", Some(Kind::Text)),
            ("text/plain", "\0\u{1}binary", None),
            ("text/plain", "%PDF-1.7", Some(Kind::Pdf)),
            ("application/octet-stream", "%PDF-1.7", Some(Kind::Pdf)),
            ("application/octet-stream", "words", None),
            ("image/png", "x", None),
            ("image/svg+xml", "<svg/>", Some(Kind::Text)),
            ("application/json", "{}", Some(Kind::Text)),
            ("application/ld+json", "{}", Some(Kind::Text)),
            (
                "text/xml",
                "<?xml version='1.0'?>\n<rss version='2.0'>",
                Some(Kind::Feed),
            ),
            (
                "application/xml",
                "<feed xmlns='http://www.w3.org/2005/Atom'>",
                Some(Kind::Feed),
            ),
            ("application/xml", "<sitemap/>", Some(Kind::Text)),
            (
                "application/xml",
                "<?xml version='1.0'?><!-- a > b",
                Some(Kind::Text),
            ),
            ("application/rss+xml", "", Some(Kind::Feed)),
        ] {
            let media_type = MediaType {
                essence: essence.to_owned(),
                charset: None,
            };
            assert_eq!(media_type.kind(body.as_bytes()), kind, "{essence}: {body}");
        }
    }
}
