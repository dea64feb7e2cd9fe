//! How deep a page is nested, told from its text alone.

use std::collections::HashMap;

/// Deepest nesting that is converted: the conversion recurses. Browsers nest no
/// deeper than 512.
const DEPTH: usize = 1_000;

/// Most tags times deepest nesting. The parser's time and memory grow with it,
/// so that a small page could otherwise take gigabytes.
const WORK: usize = 10_000_000;

/// Elements that are empty or end by themselves where the next one starts, so
/// that they do not nest however often their end tag is left out.
const SHALLOW: [&str; 26] = [
    "area", "base", "br", "col", "colgroup", "dd", "dt", "embed", "hr", "img", "input", "li",
    "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr",
    "track", "wbr",
];

/// Bounds the nesting by the tags that are open at most: markup in comments and
/// scripts counts too.
///
/// # Errors
/// What is wrong with a page that is nested beyond reason.
pub(super) fn check(page: &str) -> Result<(), String> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_bounded() {
        for tag in ["<div>", "<b>", "<ul><li>", "<blockquote>", "<b></i>"] {
            assert!(check(&tag.repeat(900)).is_ok(), "{tag}");
            let error = check(&tag.repeat(1_001)).unwrap_err();
            assert!(
                error.starts_with("its HTML is too deep: "),
                "{tag}: {error}"
            );
        }
        // Each paragraph would open all of the fonts anew.
        let fonts: String = (0..500).map(|n| format!("<font size={n}>")).collect();
        assert_eq!(
            check(&(fonts + &"<p>x</p>".repeat(20_000))).unwrap_err(),
            "its HTML is too deep: 40500 tags, up to 500 of them unclosed"
        );
        // Left-out end tags are no nesting.
        assert!(check(&"<p>x<li>y<td>z<br>".repeat(5_000)).is_ok());
    }
}
