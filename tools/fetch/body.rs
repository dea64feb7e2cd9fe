//! The body of an answer, as text.

use std::{borrow::Cow, error::Error};

use encoding_rs::{Encoding, UTF_8};
use reqwest::{Response, header::CONTENT_TYPE};
use url::Url;

use crate::ToolError;

/// How far into a page its `<meta charset>` must stand (HTML standard), in bytes.
const PRESCAN: usize = 1024;

/// The first `max` bytes of a page, decompressed.
pub(crate) async fn read(mut response: Response, max: usize) -> Result<Vec<u8>, ToolError> {
    let mut body = Vec::new();
    while body.len() < max {
        let chunk = response.chunk().await.map_err(|error| {
            // The outer errors say no more than that it could not be read.
            let causes = std::iter::successors(Some(&error as &dyn Error), |e| e.source());
            let cause = causes.last().map(ToString::to_string).unwrap_or_default();
            ToolError::Model(format!(
                "`{}` could not be read to its end: {cause}",
                response.url()
            ))
        })?;
        let Some(chunk) = chunk else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(max);
    Ok(body)
}

/// What a page is written in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    pub html: bool,
    /// As the server names it.
    pub charset: Option<String>,
}

impl Kind {
    pub fn of(response: &Response) -> Result<Self, ToolError> {
        let header = response.headers().get(CONTENT_TYPE);
        let header = header.map_or("text/html", |value| value.to_str().unwrap_or_default());
        let (essence, parameters) = header.split_once(';').unwrap_or((header, ""));
        let essence = essence.trim().to_ascii_lowercase();
        let charset = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.to_owned())
        });
        let html = matches!(essence.as_str(), "text/html" | "application/xhtml+xml");
        let textual = essence.starts_with("text/")
            || essence.ends_with("+json")
            || essence.ends_with("+xml")
            || matches!(essence.as_str(), "application/json" | "application/xml");
        if !textual {
            return Err(ToolError::Model(format!(
                "`{}` is of type `{essence}`; only text, HTML and JSON can be read",
                response.url()
            )));
        }
        Ok(Self { html, charset })
    }

    /// A body as it was written, in whatever character set.
    pub fn decoded(&self, body: &[u8]) -> String {
        let label = match &self.charset {
            None if self.html => meta_charset(body),
            label => label.clone(),
        };
        decoded(body, label.as_deref()).into_owned()
    }

    /// The text of a body that came from `address`.
    pub async fn text(self, address: &Url, body: Vec<u8>) -> Result<String, ToolError> {
        let page = self.decoded(&body);
        if !self.html {
            return Ok(page);
        }
        super::markdown::markdown(page, address.clone())
            .await
            .map_err(|reason| ToolError::Model(format!("`{address}` cannot be read: {reason}")))
    }
}

/// The page as text, in the character set of its byte order mark, else of
/// `label`, else UTF-8.
pub(crate) fn decoded<'b>(body: &'b [u8], label: Option<&str>) -> Cow<'b, str> {
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    encoding.unwrap_or(UTF_8).decode(body).0
}

/// The character set that a page names itself, near its start.
pub(crate) fn meta_charset(body: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(body.get(..PRESCAN).unwrap_or(body)).to_ascii_lowercase();
    let (_, after) = start.split_once("charset=")?;
    let after = after.trim_start_matches(['"', '\'', ' ']);
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c));
    Some(after.split_at(end.unwrap_or(after.len())).0.to_owned())
}
