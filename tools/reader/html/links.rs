//! Links and images.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use htmd::{Element, HtmlToMarkdownBuilder, element_handler::Handlers};
use url::Url;

use super::{Form, in_one_line};
use crate::reader::apart::Deadline;

/// Longest address that is shown or remembered, in bytes.
const ADDRESS: usize = 2_000;

/// The links and images of a page, as they are met.
pub(super) struct Links {
    form: Form,
    host: Option<String>,
    found: Vec<Url>,
    numbers: HashMap<Url, usize>,
    images: usize,
}

/// Has links and images written by `links`.
pub(super) fn handlers(
    builder: HtmlToMarkdownBuilder,
    links: &Arc<Mutex<Links>>,
    deadline: Deadline,
) -> HtmlToMarkdownBuilder {
    let (on_link, on_image) = (Arc::clone(links), Arc::clone(links));
    builder
        .add_handler(
            vec!["a"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                if deadline.is_over() {
                    return None;
                }
                let words = handlers.walk_children(element.node).content;
                let mut links = on_link.lock().unwrap_or_else(PoisonError::into_inner);
                Some(links.link(&words, address(&element, "href")).into())
            },
        )
        .add_handler(
            vec!["img"],
            move |_: &dyn Handlers, element: Element<'_>| {
                let alt = element.attrs.iter().find(|attr| &*attr.name.local == "alt");
                let alt = alt.map(|alt| alt.value.to_string()).unwrap_or_default();
                let mut links = on_image.lock().unwrap_or_else(PoisonError::into_inner);
                Some(links.image(&alt, address(&element, "src")).into())
            },
        )
}

/// Where an element leads, if it can be followed and shown.
fn address(element: &Element<'_>, name: &str) -> Option<Url> {
    let attr = element.attrs.iter().find(|attr| &*attr.name.local == name);
    let value = attr.filter(|attr| attr.value.len() <= ADDRESS);
    let url = value.and_then(|attr| Url::parse(&attr.value).ok())?;
    matches!(url.scheme(), "http" | "https" | "file").then_some(url)
}

impl Links {
    pub fn new(page: &Url, form: Form) -> Self {
        Self {
            form,
            host: page.host_str().map(str::to_owned),
            found: Vec::new(),
            numbers: HashMap::new(),
            images: 0,
        }
    }

    /// Where the numbers lead.
    pub fn take(&mut self) -> Vec<Url> {
        std::mem::take(&mut self.found)
    }

    fn link(&mut self, words: &str, url: Option<Url>) -> String {
        // Code and tables in a link stay what they are, without the link.
        if words.contains("\n```") {
            return words.to_owned();
        }
        let words = in_one_line(words);
        let words = words.trim_start_matches(['#', ' ']);
        let Some(url) = url.filter(|_| !words.is_empty()) else {
            return words.to_owned();
        };
        match self.form {
            Form::Markdown => return format!("[{words}]({})", target(&url)),
            Form::Quoted => return words.to_owned(),
            Form::Numbered => {}
        }
        let host = match url.host_str() {
            Some(host) if Some(host) != self.host.as_deref() => format!("†{host}"),
            _ => String::new(),
        };
        let next = self.found.len();
        let number = *self.numbers.entry(url.clone()).or_insert(next);
        if number == next {
            self.found.push(url);
        }
        format!("【{number}†{words}{host}】")
    }

    fn image(&mut self, alt: &str, url: Option<Url>) -> String {
        let alt = in_one_line(alt);
        match (self.form, url) {
            (Form::Markdown, Some(url)) => {
                format!("![{}]({})", alt.replace([']', '['], " "), target(&url))
            }
            (Form::Markdown, None) if alt.is_empty() => String::new(),
            (Form::Markdown, None) => format!("[Image: {alt}]"),
            (Form::Numbered | Form::Quoted, _) => {
                let number = self.images;
                self.images += 1;
                if alt.is_empty() {
                    format!("[Image {number}]")
                } else {
                    format!("[Image {number}: {alt}]")
                }
            }
        }
    }
}

/// An address as Markdown takes it.
fn target(url: &Url) -> String {
    if url.as_str().contains(['(', ')']) {
        format!("<{url}>")
    } else {
        url.to_string()
    }
}
