//! The text of PDFs.

mod font;
mod layout;
mod streams;

use lopdf::{Document, LoadOptions, Object};

use super::apart::Deadline;
use crate::text;
use layout::Reading;

/// Longest PDF that is read, in bytes.
pub(super) const LARGEST: usize = 30_000_000;

/// Bytes that one stream may unpack to.
const STREAM: usize = 20_000_000;

/// Longest text that is taken from one, in bytes.
const TEXT: usize = 4_000_000;

/// The title of a PDF, empty if it names none, and its text, page by page.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(body: &[u8], deadline: Deadline) -> Result<(String, String), String> {
    if body.len() >= LARGEST {
        let largest = text::size(LARGEST as u64);
        return Err(format!("it is a PDF of more than {largest}"));
    }
    streams::check(body, deadline)?;
    let options = LoadOptions {
        max_decompressed_size: Some(STREAM),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(body, options);
    let document = document.map_err(|error| match error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) => PASSWORD.to_owned(),
        error => format!("it is a damaged PDF: {error}"),
    })?;
    if document.is_encrypted() {
        return Err(PASSWORD.to_owned());
    }
    let pages = document.get_pages();
    let count = pages.len();
    let mut all = String::new();
    let mut damaged = 0;
    for (number, id) in pages {
        let page = Reading::new(&document, deadline).page(id);
        if deadline.is_over() {
            return Err("it takes too long to read".to_owned());
        }
        match page {
            Ok(page) if page.is_empty() => {}
            Ok(page) => all.push_str(&format!("[Page {number} of {count}]\n\n{page}\n\n")),
            Err(error) => {
                tracing::debug!("page {number} cannot be read: {error}");
                damaged += 1;
            }
        }
        if all.len() > TEXT {
            all.push_str(&format!("[the pages after {number} are left out]"));
            break;
        }
    }
    if all.is_empty() {
        return Err(match (count, damaged) {
            (0, _) => "it is a PDF without pages",
            (_, 0) => "it is a PDF without text, of pictures only, as scanned pages are",
            _ => "it is a damaged PDF: none of its pages can be read",
        }
        .to_owned());
    }
    if damaged > 0 {
        all.push_str(&format!("[{damaged} of {count} pages are damaged]"));
    }
    Ok((title(&document), all.trim_end().to_owned()))
}

const PASSWORD: &str = "it is a PDF that only opens with a password";

/// The title that a document has in its description.
fn title(document: &Document) -> String {
    let title = || {
        let (_, info) = document
            .dereference(document.trailer.get(b"Info").ok()?)
            .ok()?;
        let title = info.as_dict().ok()?.get(b"Title").ok()?;
        let (_, title) = document.dereference(title).ok()?;
        matches!(title, Object::String(..)).then(|| lopdf::decode_text_string(title).ok())?
    };
    let title = title().unwrap_or_default();
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
