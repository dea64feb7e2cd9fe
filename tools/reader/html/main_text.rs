//! What a page is there for, apart from what surrounds it.

use dom_query::Document;
use dom_smoothie::{Config, Readability};
use url::Url;

/// Elements of a page that surround what it is there for, as its author marked them.
const AROUND: &str = "nav, body > header, body > footer, aside, dialog, \
    [role=navigation], [role=banner], [role=contentinfo], [role=complementary], \
    [role=search], [role=dialog], [role=alertdialog]";

/// What holds no text at all.
const SILENT: &str = "script, style, noscript, template, svg, form, [hidden]";

/// Shortest text that is taken for what a page is there for, in characters.
const SHORTEST: usize = 200;

/// How much of the text outside of links must be in it, in hundredths: of a page of
/// many equal parts, such as a discussion, one alone is no more than a guess.
const SHARE: usize = 50;

/// Most tags of a page that is looked through: the time that it takes grows faster than
/// the page.
const TAGS: usize = 60_000;

/// What a page is there for.
pub(super) struct Main {
    pub title: String,
    pub html: String,
}

/// Finds it; `None` where it cannot be told from the rest.
pub(super) fn find(page: &str, address: &Url) -> Option<Main> {
    if page.matches('<').count() > 2 * TAGS {
        return None;
    }
    let config = Config {
        // The languages of code are classes.
        keep_classes: true,
        ..Config::default()
    };
    let mut readable = Readability::new(page, Some(address.as_str()), Some(config)).ok()?;
    let article = readable.parse().ok()?;
    let main = Main {
        title: article.title,
        html: article.content.to_string(),
    };
    let rest = Document::from(page);
    rest.select(SILENT).remove();
    rest.select(AROUND).remove();
    let said = own_words(&rest);
    let found = own_words(&Document::from(main.html.as_str()));
    if article.length >= SHORTEST && found.saturating_mul(100) >= said.saturating_mul(SHARE) {
        return Some(main);
    }
    // What the author marked as surroundings is no part of it in any case.
    (said >= SHORTEST).then(|| Main {
        title: main.title,
        html: rest.html().to_string(),
    })
}

/// Characters outside of links, spaces not counted.
fn own_words(page: &Document) -> usize {
    let count = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let links = page
        .select("a")
        .iter()
        .map(|link| count(&link.text()))
        .sum();
    count(&page.select("body").text()).saturating_sub(links)
}
