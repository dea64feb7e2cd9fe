//! A page's text as Markdown.

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use dom_smoothie::Readability;
use htmd::{Element, HtmlToMarkdown, HtmlToMarkdownBuilder, Node, element_handler::Handlers};
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

/// How much shorter than the whole page its main text may be and still be taken for
/// it, in characters: a page of links has none.
const MAIN: usize = 200;

/// A page whose links are numbers, as GLM-4's browser shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Numbered {
    /// Its title, empty if it has none.
    pub title: String,
    /// Its text; a link is `【0†words】`, to another host `【0†words†host】`.
    pub text: String,
    /// Where the links lead, by their numbers.
    pub links: Vec<Url>,
}

/// How much of a page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// What it is there for: no navigation, no advertisements.
    Main,
}

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
    apart(move || convert(&page, &address)).await
}

/// The same with numbers for links.
///
/// # Errors
/// As [`markdown`].
pub(crate) async fn numbered(
    page: String,
    address: Url,
    extent: Extent,
) -> Result<Numbered, String> {
    nests_within_reason(&page)?;
    apart(move || convert_numbered(&page, &address, extent)).await
}

/// Runs a conversion on a thread of its own, for the stack and because parsing
/// megabytes takes a while. Nobody waits for it once the call is over.
async fn apart<T: Send + 'static>(
    convert: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || done.send(convert()))
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
    let (text, outline) = translate(page, address, HtmlToMarkdown::builder())?;
    Ok(match outline.title {
        Some(title) if !title.is_empty() && !outline.has_heading => format!("# {title}\n\n{text}"),
        _ => text,
    })
}

fn convert_numbered(page: &str, address: &Url, extent: Extent) -> Result<Numbered, String> {
    let main = match extent {
        Extent::Main => main_part(page, address),
        Extent::Whole => None,
    };
    let links = Arc::new(Mutex::new(Links {
        host: address.host_str().map(str::to_owned),
        ..Links::default()
    }));
    let (on_link, on_image) = (Arc::clone(&links), Arc::clone(&links));
    let builder = HtmlToMarkdown::builder()
        .add_handler(
            vec!["a"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                let words = handlers.walk_children(element.node).content;
                let href = element
                    .attrs
                    .iter()
                    .find(|attr| &*attr.name.local == "href");
                let url = href.and_then(|href| Url::parse(&href.value).ok());
                let mut links = on_link.lock().unwrap_or_else(PoisonError::into_inner);
                Some(links.link(&words, url).into())
            },
        )
        .add_handler(
            vec!["img"],
            move |_: &dyn Handlers, element: Element<'_>| {
                let alt = element.attrs.iter().find(|attr| &*attr.name.local == "alt");
                let alt = alt.map(|alt| alt.value.to_string()).unwrap_or_default();
                let mut links = on_image.lock().unwrap_or_else(PoisonError::into_inner);
                Some(links.image(&alt).into())
            },
        )
        .add_handler(
            vec!["b", "strong"],
            |handlers: &dyn Handlers, element: Element<'_>| {
                Some(handlers.walk_children(element.node))
            },
        );
    let (title, part) = match &main {
        Some((title, part)) => (Some(title.clone()), part.as_str()),
        None => (None, page),
    };
    let (text, outline) = translate(part, address, builder)?;
    let title = title.or(outline.title).unwrap_or_default();
    let mut links = links.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Numbered {
        title,
        text,
        links: std::mem::take(&mut links.found),
    })
}

/// The title of a page and the HTML of what it is there for, if that can be told.
fn main_part(page: &str, address: &Url) -> Option<(String, String)> {
    let mut readable = Readability::new(page, Some(address.as_str()), None).ok()?;
    let article = readable.parse().ok()?;
    (article.length >= MAIN).then(|| (article.title, article.content.to_string()))
}

/// The links and images of a page, as they are met.
#[derive(Default)]
struct Links {
    host: Option<String>,
    found: Vec<Url>,
    images: usize,
}

impl Links {
    fn link(&mut self, words: &str, url: Option<Url>) -> String {
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https" | "file"));
        let Some(url) = url.filter(|_| !words.is_empty()) else {
            return words;
        };
        let host = match url.host_str() {
            Some(host) if Some(host) != self.host.as_deref() => format!("†{host}"),
            _ => String::new(),
        };
        let number = self.found.iter().position(|known| *known == url);
        let number = number.unwrap_or_else(|| {
            self.found.push(url);
            self.found.len() - 1
        });
        format!("【{number}†{words}{host}】")
    }

    fn image(&mut self, alt: &str) -> String {
        let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
        let number = self.images;
        self.images += 1;
        if alt.is_empty() {
            format!("[Image {number}]")
        } else {
            format!("[Image {number}: {alt}]")
        }
    }
}

/// A page's Markdown, by a converter that may have handlers of its own.
fn translate(
    page: &str,
    address: &Url,
    builder: HtmlToMarkdownBuilder,
) -> Result<(String, Outline), String> {
    let outline = Arc::new(Mutex::new(Outline::default()));
    let (on_title, on_heading) = (Arc::clone(&outline), Arc::clone(&outline));
    let converter = builder
        .skip_tags(SKIPPED.to_vec())
        .add_handler(
            vec!["title"],
            move |handlers: &dyn Handlers, element: Element<'_>| {
                let title = handlers.walk_children(element.node).content;
                let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
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
    let mut outline = outline.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((text, std::mem::take(&mut outline)))
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
