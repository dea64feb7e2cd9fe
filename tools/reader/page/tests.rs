#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::prelude::*;

use super::*;
use crate::reader::tokens;

fn page(text: &str) -> Page {
    let url = Url::parse("https://a.test/").unwrap();
    Page::new(url, "A", text.to_owned(), Vec::new())
}

#[test]
fn parts_end_at_lines_and_leave_nothing_out() {
    let line = "three little words\n";
    let page = page(&line.repeat(100));
    let parts: Vec<_> = (1..).map_while(|n| page.part(n, 100)).collect();
    assert_eq!(parts.len(), page.parts(100));
    assert!(parts.len() > 3);
    let lines: usize = parts.iter().map(|part| part.text.lines().count()).sum();
    assert_eq!(lines, 100);
    assert_eq!(parts[0].visible.0, 0);
    assert_eq!(parts.last().unwrap().visible.1, 100);
    assert!(
        parts
            .windows(2)
            .all(|pair| pair[0].visible.1 == pair[1].visible.0)
    );
    assert_eq!(parts[0].next(), Some(2));
    assert_eq!(parts.last().unwrap().next(), None);
    assert_eq!(page.part(0, 100), None);
    let empty = super::tests::page("");
    assert_eq!(empty.part(1, 100).unwrap().visible, (0, 100));
    assert_eq!(empty.part(2, 100), None);
}

#[test]
fn words_are_found_with_what_stands_around_them_and_in_which_part() {
    let long = format!("{} the ÜBER word {}", "a ".repeat(300), "b ".repeat(300));
    let page = page(&format!("first\n{long}\nüber again"));
    let found = page.find(" über ", 5, 300);
    let parts: Vec<_> = found.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [2, page.parts(300)]);
    assert!(
        found
            .iter()
            .all(|(_, line)| line.to_lowercase().contains("über"))
    );
    assert!(found.iter().all(|(_, line)| line.len() < 420), "{found:?}");
    let linked = super::tests::page("see the 【12†thing that†b.test】 floats");
    let found = linked.find("the thing that floats", 5, 300);
    assert_eq!(found, [(1, "see the thing that floats".to_owned())]);
    assert!(page.find("nowhere", 5, 300).is_empty());
    assert!(page.find("", 5, 300).is_empty());
    assert_eq!(page.find("r", 1, 300).len(), 1);
}

#[test]
fn a_part_knows_its_links() {
    let page = page("see 【0†this】, 【12†that†b.test】 and 【x†none】, 【3】");
    let part = page.part(1, 100).unwrap();
    assert_eq!(part.links().collect::<Vec<_>>(), [0, 12]);
}

#[test]
fn a_title_is_never_missing_nor_endless() {
    let name = |url: &str, title: &str| {
        Page::new(Url::parse(url).unwrap(), title, String::new(), Vec::new()).title
    };
    assert_eq!(name("https://a.test/b/c.txt", ""), "c.txt");
    assert_eq!(name("https://a.test/", ""), "a.test");
    assert_eq!(name("https://a.test/", &"é".repeat(900)).len(), 300);
}

proptest! {
    #[test]
    fn the_parts_are_the_page(text in "(\\PC{0,40}\n?){0,12}", tokens in 1..60usize) {
        let ends = ends(&text, tokens);
        prop_assert_eq!(ends.last(), Some(&text.len()));
        prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(ends.iter().all(|end| text.is_char_boundary(*end)));
        let mut start = 0;
        for end in ends {
            let part = &text[start..end];
            prop_assert!(tokens::count(part) <= tokens || part.chars().count() == 1);
            start = end;
        }
    }
}
