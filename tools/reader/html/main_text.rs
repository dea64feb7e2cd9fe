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

/// Shortest text that is taken for what a page is there for, in letters.
const SHORTEST: usize = 200;

/// How many letters a character is worth that stands for a word or a syllable.
const IDEOGRAPH: usize = 3;

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
    remove_rows_of_links(&rest);
    let (said, in_all) = letters(&rest);
    let found = Document::from(main.html.as_str());
    remove_rows_of_links(&found);
    let (own, _) = letters(&found);
    if own >= SHORTEST && own.saturating_mul(100) >= said.saturating_mul(SHARE) {
        return Some(Main {
            title: main.title,
            html: found.html().to_string(),
        });
    }
    // What the author marked as surroundings is no part of it in any case.
    (in_all >= SHORTEST).then(|| Main {
        title: main.title,
        html: rest.html().to_string(),
    })
}

/// Removes lines that are nothing but links with signs between them, as stand above and
/// below a text. Lists stay, which may be what the page is there for.
fn remove_rows_of_links(page: &Document) {
    for row in page.select("center, p, div, td").iter() {
        let has_blocks = row
            .select("p, div, ul, ol, table, pre, h1, h2, h3")
            .exists();
        let links = row.select("a");
        if has_blocks || links.length() < 2 {
            continue;
        }
        let in_links: usize = links.iter().map(|link| count(&link.text())).sum();
        if count(&row.text()) == in_links {
            row.remove();
        }
    }
}

/// How many letters and digits a page has outside of links, and in all.
fn letters(page: &Document) -> (usize, usize) {
    let links = page
        .select("a")
        .iter()
        .map(|link| count(&link.text()))
        .sum();
    let all = count(&page.select("body").text());
    (all.saturating_sub(links), all)
}

fn count(text: &str) -> usize {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters
        .map(|c| match c {
            '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => IDEOGRAPH,
            _ => 1,
        })
        .sum()
}
