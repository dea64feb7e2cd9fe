//! Estimates of tokens beside real vocabularies of GLM-4's kind: byte pairs, 100,000 and
//! 200,000 of them. GLM-4's own has 150,000, with more Chinese than the first.

use crate::reader::{page::PART, tokens};
use tiktoken_rs::{CoreBPE, cl100k_base, o200k_base};

/// Texts of the kinds that pages are made of.
fn texts() -> Vec<(&'static str, String)> {
    let file = |path: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(path).unwrap()
    };
    let chinese = file("../tests/data/pages/chinese.html");
    let chinese: String = chinese.chars().filter(|c| !c.is_ascii()).collect();
    let table: String = (0..400)
        .map(|n| {
            format!(
                "| {n} | {:.3} | 2024-05-{:02} | -{n}% |\n",
                n as f64 / 7.0,
                n % 28
            )
        })
        .collect();
    let links: String = (0..300)
        .map(|n| {
            format!("- [Story {n}](https://news.example/2024/{n}/a-story-of-{n}.html?ref=x{n})\n")
        })
        .collect();
    vec![
        ("English", file("../README.md")),
        ("more English", file("../LICENSE")),
        ("Rust", file("reader.rs")),
        ("HTML", file("../tests/data/pages/news.html")),
        ("JSON", file("../tests/data/pages/expected.json")),
        ("Chinese", chinese),
        (
            "Russian",
            "Сегодня в Москве ясно, днём до двадцати пяти градусов тепла, ветер слабый. "
                .repeat(30),
        ),
        (
            "German",
            "Die größten Überraschungen erlebt man dort, wo niemand sie erwartet hätte. "
                .repeat(30),
        ),
        ("a table", table),
        ("links", links),
    ]
}

#[test]
fn estimates_are_above_what_is_true_and_not_far() {
    let vocabularies: [(&str, CoreBPE); 2] = [
        ("cl100k", cl100k_base().unwrap()),
        ("o200k", o200k_base().unwrap()),
    ];
    let mut wrong = Vec::new();
    for (kind, text) in texts() {
        let estimate = tokens::count(&text);
        for (name, vocabulary) in &vocabularies {
            let real = vocabulary.encode_ordinary(&text).len();
            let ratio = estimate as f64 / real as f64;
            // Chinese is what the smaller one knows least of, and GLM-4 best.
            let least = if (kind, *name) == ("Chinese", "cl100k") {
                0.7
            } else {
                1.0
            };
            if !(least..=2.2).contains(&ratio) {
                wrong.push(format!(
                    "{kind} by {name}: {estimate} for {real}, {ratio:.2}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_part_is_larger_than_planned() {
    let vocabulary = o200k_base().unwrap();
    for (kind, text) in texts() {
        let url = url::Url::parse("https://a.test/").unwrap();
        let page = crate::reader::Page::new(url, "A", text.repeat(3), Vec::new());
        let mut number = 1;
        while let Some(part) = page.part(number, PART) {
            let real = vocabulary.encode_ordinary(part.text).len();
            assert!(real <= PART, "{kind} {number}: {real}");
            assert!(
                part.text.len() <= crate::text::CAP - 1_024,
                "{kind} {number}"
            );
            number += 1;
        }
        assert_eq!(number - 1, page.parts(PART));
    }
}
