//! HTML as Markdown.

mod code;
mod links;
mod main_text;
mod nesting;
mod table;
mod tree;

use std::sync::{Arc, Mutex, PoisonError};

use htmd::{Element, HtmlToMarkdown, element_handler::Handlers};
use url::Url;

use super::apart::Deadline;
use links::Links;

/// Elements whose content is no text of the page.
const SKIPPED: [&str; 12] = [
    "script", "style", "noscript", "svg", "template", "iframe", "object", "canvas", "audio",
    "video", "datalist", "select",
];

/// Elements at which the [`Deadline`] is looked at: a long page has many of them.
const CHECKED: [&str; 14] = [
    "div",
    "p",
    "li",
    "ul",
    "ol",
    "section",
    "article",
    "blockquote",
    "h2",
    "h3",
    "dl",
    "dd",
    "em",
    "i",
];

/// How much of a page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// What it is there for: no navigation, no advertisements.
    Main,
}

/// How links, images and stress are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// As Markdown writes them, links with whole addresses. The title is the first
    /// heading.
    Markdown,
    /// As GLM-4's browser does: a link is `【0†words】`, to another host
    /// `【0†words†host】`; an image is `[Image 0: words]`; nothing is bold.
    Numbered,
    /// As its pages are quoted: like that, but a link is its words.
    Quoted,
}

/// A page as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Converted {
    /// Its title, empty if it has none.
    pub title: String,
    pub text: String,
    /// Where the links lead, by their numbers; only where they are numbered.
    pub links: Vec<Url>,
}

/// What a page says of itself, found on the way through it.
#[derive(Default)]
struct Outline {
    title: Option<String>,
    heading: Option<String>,
}

/// Converts the page at `address`.
///
/// # Errors
/// What is wrong with the page, for one that is nested beyond reason or takes too long.
pub(super) fn convert(
    page: &str,
    address: &Url,
    extent: Extent,
    form: Form,
    deadline: Deadline,
) -> Result<Converted, String> {
    nesting::check(page)?;
    let main = match extent {
        Extent::Main => main_text::find(page, address),
        Extent::Whole => None,
    };
    if deadline.is_over() {
        return Err("it takes too long to read".to_owned());
    }
    let part = main.as_ref().map_or(page, |main| main.html.as_str());
    let (text, outline, links) = translate(part, address, form, deadline)?;
    let named = main
        .map(|main| main.title)
        .filter(|title| !title.is_empty());
    let title = named.or(outline.title).or_else(|| outline.heading.clone());
    let title = title.unwrap_or_default();
    let text = match form {
        Form::Markdown if outline.heading.is_none() && !title.is_empty() => {
            format!("# {title}\n\n{text}")
        }
        _ => text,
    };
    Ok(Converted { title, text, links })
}

fn translate(
    page: &str,
    address: &Url,
    form: Form,
    deadline: Deadline,
) -> Result<(String, Outline, Vec<Url>), String> {
    let outline = Arc::new(Mutex::new(Outline::default()));
    let (on_title, on_heading) = (Arc::clone(&outline), Arc::clone(&outline));
    let links = Arc::new(Mutex::new(Links::new(address, form)));
    let mut builder = HtmlToMarkdown::builder()
        .add_handler(
            CHECKED.to_vec(),
            move |handlers: &dyn Handlers, element: Element<'_>| {
                if deadline.is_over() {
                    return None;
                }
                handlers.fallback(element)
            },
        )
        .add_handler(
            vec!["title"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                let title = in_one_line(&handlers.walk_children(element.node).content);
                let mut outline = on_title.lock().unwrap_or_else(PoisonError::into_inner);
                outline.title.get_or_insert(title);
                None
            },
        )
        .add_handler(
            vec!["h1"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                let heading = in_one_line(&tree::text(element.node));
                let mut outline = on_heading.lock().unwrap_or_else(PoisonError::into_inner);
                if !heading.is_empty() {
                    outline.heading.get_or_insert(heading);
                }
                drop(outline);
                handlers.fallback(element)
            },
        )
        .add_handler(vec!["pre"], code::handle)
        .add_handler(
            vec!["table"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                if deadline.is_over() {
                    return None;
                }
                table::handle(handlers, element)
            },
        );
    builder = links::handlers(builder, &links, deadline);
    if form != Form::Markdown {
        builder = builder.add_handler(
            vec!["b", "strong"],
            |handlers: &dyn Handlers, element: Element<'_>| {
                Some(handlers.walk_children(element.node))
            },
        );
    }
    let converter = builder.skip_tags(SKIPPED.to_vec()).build();
    let tree = converter
        .html_to_tree(page)
        .map_err(|error| error.to_string())?;
    tree::prepare(&tree, address);
    let text = converter.tree_to_markdown(&tree);
    if deadline.is_over() {
        return Err("it takes too long to read".to_owned());
    }
    let outline = std::mem::take(&mut *outline.lock().unwrap_or_else(PoisonError::into_inner));
    let links = links.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok((text, outline, links))
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
