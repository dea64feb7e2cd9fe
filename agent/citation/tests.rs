use glm_agent_tools::{Citation, ToolOutput};
use proptest::prelude::*;

use super::*;
use crate::{EventKind, Status};

fn citation(mark: &str, title: &str, url: &str) -> Citation {
    Citation {
        mark: mark.into(),
        title: title.into(),
        url: url.into(),
    }
}

fn result(call: &str, text: &str, citations: Vec<Citation>) -> Event {
    Event {
        seq: 0,
        time: jiff::Timestamp::UNIX_EPOCH,
        kind: EventKind::ToolResult {
            id: call.into(),
            name: "simple_browser".into(),
            status: Status::Ok,
            outside: true,
            output: ToolOutput {
                citations,
                ..ToolOutput::from(text)
            },
        },
    }
}

/// A search, a page opened from it, and another search.
fn past() -> Vec<Event> {
    vec![
        result(
            "call_1",
            " # 【0†Weather†w.test】",
            vec![
                citation("0", "Weather", "https://w.test/"),
                citation("1", "Climate", "https://c.test/"),
            ],
        ),
        result(
            "call_2",
            "It is sunny.",
            vec![citation("7", "Weather", "https://w.test/")],
        ),
        result(
            "call_3",
            " # 【0†Rivers†r.test】",
            vec![citation("0", "Rivers", "https://r.test/")],
        ),
    ]
}

/// A text as it comes out, marks by their numbers and `?`, code between `<` and `>`.
fn spelt(pieces: &[Piece]) -> String {
    let number = |n: &Option<u32>| n.map_or("?".to_owned(), |n| n.to_string());
    let spell = |piece: &Piece| match piece {
        Piece::Words(words) => words.clone(),
        Piece::Code(code) => format!("<{code}>"),
        Piece::Mark { numbers, .. } => {
            format!(
                "({})",
                numbers.iter().map(number).collect::<Vec<_>>().join(",")
            )
        }
    };
    pieces.iter().map(spell).collect()
}

fn spelt_of(text: &str) -> String {
    spelt(&cite(&past(), text).pieces)
}

#[test]
fn marks_become_numbers_in_the_order_of_first_use() {
    let cited = cite(
        &past(),
        "Sunny【7†source】, by the 【0†Rivers†r.test】; see 【7】.",
    );
    assert_eq!(spelt(&cited.pieces), "Sunny(1), by the (2); see (1).");
    let source = |number, mark: &str, title: &str, url: &str| Source {
        number,
        mark: mark.into(),
        more_marks: vec![],
        title: title.into(),
        url: url.into(),
    };
    let sources = vec![
        source(1, "7", "Weather", "https://w.test/"),
        source(2, "0", "Rivers", "https://r.test/"),
    ];
    let unknown = vec![];
    assert_eq!(cited.references, References { sources, unknown });
}

#[test]
fn a_mark_means_what_it_meant_when_it_was_shown_last() {
    let urls = |events: &[Event], text: &str| -> Vec<String> {
        let sources = cite(events, text).references.sources;
        sources.into_iter().map(|source| source.url).collect()
    };
    let past = past();
    assert_eq!(urls(&past, "【0†source】"), ["https://r.test/"]);
    assert_eq!(urls(&past[..2], "【0†source】"), ["https://w.test/"]);
    // With its title, it was shown by the first search only.
    assert_eq!(urls(&past, "【0†Weather†w.test】"), ["https://w.test/"]);
    // Titles are not always written as they were.
    assert_eq!(urls(&past, "【0†The weather】"), ["https://r.test/"]);
}

#[test]
fn the_order_is_that_of_the_calls_and_not_of_their_ends() {
    let of = |call: &str, url: &str| result(call, "", vec![citation("0", "", url)]);
    let events = [
        of("call_10", "https://ten.test/"),
        of("call_9", "https://nine.test/"),
    ];
    let cited = cite(&events, "【0】");
    assert_eq!(cited.references.sources[0].url, "https://ten.test/");
    // The model was not shown what the user called by hand.
    let cited = cite(&[of("user_1", "https://by.hand/")], "【0†source】");
    assert_eq!(cited.references.unknown, ["【0†source】"]);
}

#[test]
fn a_page_that_is_cited_by_two_marks_is_one_source() {
    let cited = cite(&past(), "【0†Weather】【7†source】");
    assert_eq!(spelt(&cited.pieces), "(1)(1)");
    assert_eq!(cited.references.sources[0].more_marks, ["7"]);
    assert_eq!(cited.references.sources.len(), 1);
}

#[test]
fn what_was_never_shown_is_said_once() {
    let cited = cite(&past(), "A【42†source】 b【42†source】 c【7, 43】");
    assert_eq!(spelt(&cited.pieces), "A(?) b(?) c(1,?)");
    assert_eq!(cited.references.unknown, ["【42†source】", "【7, 43】"]);
    assert_eq!(spelt(&cite(&[], "【0】").pieces), "(?)");
}

#[test]
fn a_link_on_a_page_leads_to_the_page() {
    let page = "TITLE: Wiki\n\nSee 【0†Rivers†r.test】 and 【3†Lakes】.";
    let mut events = past();
    let url = "https://wiki.test/";
    events.push(result("call_4", page, vec![citation("", "Wiki", url)]));
    let urls = |text| -> Vec<String> {
        let sources = cite(&events, text).references.sources;
        sources.into_iter().map(|source| source.url).collect()
    };
    assert_eq!(urls("【3†Lakes】"), [url]);
    assert_eq!(urls("【0†Rivers†r.test】"), [url]);
    assert_eq!(urls("【0†source】"), ["https://r.test/"]);
    // That a page was read is not a citation.
    assert!(urls("Nothing is cited. 【】").is_empty());
}

#[test]
fn variants_of_marks_are_read() {
    for mark in [
        "【7†source】",
        "【 7 †source】",
        "【７】",
        "［7†source］",
        "[7†source]",
        "【7†】",
    ] {
        assert_eq!(spelt_of(mark), "(1)", "{mark}");
    }
}

#[test]
fn what_is_no_mark_is_left_alone() {
    for text in [
        "【注意】 【2024】 【】 【†】 【 】",
        "cut 【7†",
        "cut 【7†sour\nce】",
        "a[7] [7](https://a.test) [x†y] ![7†",
        "\\[7†source]",
        "ends in [",
        "ends in \\",
    ] {
        assert_eq!(spelt_of(text), text);
    }
    let long = format!("【7†{}】", "x".repeat(1000));
    assert_eq!(spelt_of(&long), long);
    assert_eq!(spelt_of("【【7†source】】"), "【(1)】");
}

#[test]
fn marks_in_code_are_left_alone() {
    for (text, expected) in [
        ("`【7】` 【7】", "<`【7】`> (1)"),
        ("``a ` 【7】`` 【7】", "<``a ` 【7】``> (1)"),
        ("```\n【7】\n```\n【7】", "<```\n【7】\n```\n>(1)"),
        (
            "- ~~~~py\n  【7】\n  ~~~\n  ~~~~\n【7】",
            "- <~~~~py\n  【7】\n  ~~~\n  ~~~~\n>(1)",
        ),
        ("```【7】``` 【7】", "<```【7】```> (1)"),
        ("```\nnever closed 【7】", "<```\nnever closed 【7】>"),
        // One backtick is no code beyond its line.
        ("a ` b\n【7】", "a <` b>\n(1)"),
        ("a \\` 【7】", "a \\` (1)"),
    ] {
        assert_eq!(spelt_of(text), expected);
    }
}

#[test]
fn words_come_out_as_soon_as_they_can_be_no_mark() {
    let mut citing = Citing::default();
    past().iter().for_each(|event| citing.saw(event));
    let shown = [
        "Sun", "ny 【", "7†so", "urce", "】 an", "d 【注", "意】", " [", "x]",
    ]
    .map(|piece| spelt(&citing.push(piece)));
    assert_eq!(
        shown,
        ["Sun", "ny ", "", "", "(1) an", "d ", "【注意】", " ", "[x]"]
    );
    assert_eq!(citing.finish().references.sources.len(), 1);
    // The next text is numbered anew.
    assert_eq!(spelt(&citing.whole("【0】").pieces), "(1)");
}

#[test]
fn titles_and_addresses_are_one_line_without_tricks() {
    let title = "A\u{1b}]0;x\u{7} \u{202e}evil\n\ttitle";
    let events = [result(
        "call_1",
        "",
        vec![
            citation("0", title, "https://a.test/\u{1b}[31m\n"),
            citation("1", &"x".repeat(1000), "javascript:alert(1)"),
        ],
    )];
    let sources = cite(&events, "【0】【1】").references.sources;
    assert_eq!(sources[0].title, "A ]0;x evil title");
    assert_eq!(sources[0].url, "https://a.test/ [31m");
    assert_eq!(sources[1].title.chars().count(), TITLE + 1);
    assert_eq!(sources[1].link(), None);
    assert_eq!(link("data:text/html,x"), None);
    assert_eq!(link("https://a.test/"), Some("https://a.test/"));
}

proptest! {
    /// However a text is cut, the same comes out, and nothing of it is lost.
    #[test]
    fn pieces_come_out_as_the_whole(
        parts in prop::collection::vec(
            "【|】|†|7|0|,|source|\\[|\\]|`{1,4}|~{3}|\n| |\\\\|x|注|```\n|［|>|- ",
            0..30,
        ),
        cuts in prop::collection::vec(0..4_usize, 0..60),
    ) {
        let text = parts.concat();
        let past = past();
        let whole = cite(&past, &text);
        let mut citing = Citing::default();
        past.iter().for_each(|event| citing.saw(event));
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        for cut in cuts {
            let end = rest.char_indices().nth(cut).map_or(rest.len(), |(at, _)| at);
            let (piece, left) = rest.split_at(end);
            pieces.extend(citing.push(piece));
            rest = left;
        }
        pieces.extend(citing.push(rest));
        let end = citing.finish();
        pieces.extend(end.pieces);
        let mut joined = Vec::new();
        pieces.into_iter().for_each(|piece| join(&mut joined, piece));
        prop_assert_eq!(&joined, &whole.pieces);
        prop_assert_eq!(end.references, whole.references);
        let written: String = joined.iter().map(|piece| match piece {
            Piece::Words(text) | Piece::Code(text) | Piece::Mark { written: text, .. } => text.as_str(),
        }).collect();
        prop_assert_eq!(written, text);
    }
}
