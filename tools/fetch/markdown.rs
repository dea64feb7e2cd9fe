//! A page's text as Markdown.

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use htmd::{Element, HtmlToMarkdown, Node, element_handler::Handlers};
use markup5ever_rcdom::NodeData;
use url::Url;

/// Elements whose content is no text of the page.
const SKIPPED: [&str; 5] = ["script", "style", "noscript", "svg", "template"];

/// Deepest nesting that is converted: the conversion recurses. Browsers nest no
/// deeper than 512.
const DEPTH: usize = 1_000;

/// Most tags times deepest nesting. The parser's time and memory grow with it,
/// so that a small page could otherwise take gigabytes.
const WORK: usize = 10_000_000;

/// Stack for the recursion, in bytes: far more than `DEPTH` levels need.
const STACK: usize = 64 << 20;

/// Elements that are empty or end by themselves where the next one starts, so
/// that they do not nest however often their end tag is left out.
const SHALLOW: [&str; 26] = [
    "area", "base", "br", "col", "colgroup", "dd", "dt", "embed", "hr", "img", "input", "li",
    "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr",
    "track", "wbr",
];

/// What a page says of itself, found on the way through it.
#[derive(Default)]
struct Outline {
    title: Option<String>,
    has_heading: bool,
}

/// Converts the page at `address`. Its `<title>` becomes the first heading if it has
/// no `<h1>`, and its links lead to whole addresses.
///
/// # Errors
/// What is wrong with the page, for one that is nested beyond reason.
pub(super) async fn markdown(page: String, address: Url) -> Result<String, String> {
    nests_within_reason(&page)?;
    let (done, result) = tokio::sync::oneshot::channel();
    // A thread of its own, for the stack and because parsing megabytes takes a
    // while. Nobody waits for it once the call is over.
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || done.send(convert(&page, &address)))
        .map_err(|error| error.to_string())?;
    result
        .await
        .map_err(|_| "its HTML could not be converted".to_owned())?
}

/// Bounds the nesting by the tags that are open at most, told from the text
/// alone: markup in comments and scripts counts too.
fn nests_within_reason(page: &str) -> Result<(), String> {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut deepest, mut tags) = (0, 0, 0);
    for after in page.split('<').skip(1) {
        let (ends, after) = match after.strip_prefix('/') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let name = after.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/');
        let name = after
            .split_at(name.unwrap_or(after.len()))
            .0
            .to_ascii_lowercase();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        tags += 1;
        if SHALLOW.contains(&name.as_str()) {
            continue;
        }
        let count = open.entry(name).or_default();
        if !ends {
            *count += 1;
            depth += 1;
        } else if *count > 0 {
            *count -= 1;
            depth -= 1;
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEPTH || deepest.saturating_mul(tags) > WORK {
        return Err(format!(
            "its HTML is too deep: {tags} tags, up to {deepest} of them unclosed"
        ));
    }
    Ok(())
}

fn convert(page: &str, address: &Url) -> Result<String, String> {
    let outline = Arc::new(Mutex::new(Outline::default()));
    let (on_title, on_heading) = (Arc::clone(&outline), Arc::clone(&outline));
    let converter = HtmlToMarkdown::builder()
        .skip_tags(SKIPPED.to_vec())
        .add_handler(
            vec!["title"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                let title = handlers.walk_children(element.node).content;
                let mut outline = on_title.lock().unwrap_or_else(PoisonError::into_inner);
                outline.title.get_or_insert(title);
                None
            },
        )
        .add_handler(
            vec!["h1"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                on_heading
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .has_heading = true;
                handlers.fallback(element)
            },
        )
        .build();
    let tree = converter
        .html_to_tree(page)
        .map_err(|error| error.to_string())?;
    let base = base(&tree).and_then(|base| address.join(&base).ok());
    resolve_links(&tree, base.as_ref().unwrap_or(address));
    let text = converter.tree_to_markdown(&tree);
    let outline = outline.lock().unwrap_or_else(PoisonError::into_inner);
    let title = outline
        .title
        .as_deref()
        .map(|t| t.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(match title {
        Some(title) if !title.is_empty() && !outline.has_heading => format!("# {title}\n\n{text}"),
        _ => text,
    })
}

/// What the page's `<base>` says that its links are relative to.
fn base(node: &Rc<Node>) -> Option<String> {
    if let NodeData::Element { name, attrs, .. } = &node.data
        && &*name.local == "base"
    {
        let attrs = attrs.borrow();
        let href = attrs.iter().find(|attr| &*attr.name.local == "href");
        return href.map(|href| href.value.to_string());
    }
    node.children.borrow().iter().find_map(base)
}

/// Makes addresses whole: a model may only fetch those that it has seen.
fn resolve_links(node: &Rc<Node>, base: &Url) {
    if let NodeData::Element { attrs, .. } = &node.data {
        for attr in attrs.borrow_mut().iter_mut() {
            let leads_somewhere = matches!(&*attr.name.local, "href" | "src");
            // What stays on the page needs no address.
            if leads_somewhere
                && !attr.value.starts_with('#')
                && let Ok(whole) = base.join(&attr.value)
            {
                attr.value = String::from(whole).into();
            }
        }
    }
    for child in node.children.borrow().iter() {
        resolve_links(child, base);
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    async fn markdown(page: String) -> Result<String, String> {
        let address = Url::parse("https://a.test/b/").unwrap();
        super::markdown(page, address).await
    }

    #[tokio::test]
    async fn pages_become_markdown() {
        for (page, text) in [
            (
                "<h1>News</h1><p>It is <b>sunny</b>.</p>",
                "# News\n\nIt is **sunny**.",
            ),
            (
                "<title> A &amp;\n b </title><p>Text<script>x</script><style>y</style>",
                "# A & b\n\nText",
            ),
            ("<title>T</title><h1>H</h1><p>x", "# H\n\nx"),
            (
                "<svg><title>icon</title></svg><noscript>no</noscript>x",
                "x",
            ),
            (
                "<h2>a</h2><ul><li>b<li><a href=/c>d</a></ul>",
                "## a\n\n*   b\n*   [d](https://a.test/c)",
            ),
            (
                "<base href=/x/><a href=y?z#1>d</a> <a href=#1>e</a> <img src=//b.test/f alt=f>",
                "[d](https://a.test/x/y?z#1) [e](#1) ![f](https://b.test/f)",
            ),
            ("", ""),
        ] {
            assert_eq!(
                markdown(page.to_owned()).await.as_deref(),
                Ok(text),
                "{page}"
            );
        }
    }

    #[tokio::test]
    async fn nesting_is_bounded() {
        for tag in ["<div>", "<b>", "<ul><li>", "<blockquote>", "<b></i>"] {
            assert!(markdown(tag.repeat(900)).await.is_ok(), "{tag}");
            let error = markdown(tag.repeat(1_001)).await.unwrap_err();
            assert!(
                error.starts_with("its HTML is too deep: "),
                "{tag}: {error}"
            );
        }
        // Each paragraph would open all of the fonts anew.
        let fonts: String = (0..500).map(|n| format!("<font size={n}>")).collect();
        let error = markdown(fonts + &"<p>x</p>".repeat(20_000))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "its HTML is too deep: 40500 tags, up to 500 of them unclosed"
        );
        // Left-out end tags are no nesting.
        assert!(markdown("<p>x<li>y<td>z<br>".repeat(5_000)).await.is_ok());
    }
}
