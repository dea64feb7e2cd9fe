//! Answers with numbers for their marks, and lists of what they cite.

use super::{Style, terminal::printable};
use crate::citation::{Cited, Piece, References, Source, in_one_line};

/// An answer as a text: `[1]` for each mark, `[?]` for one that was never shown, and
/// below it, after a blank line, its sources, a line each:
///
/// ```text
/// - [1] Title of the page <https://example.com/page>
/// ```
///
/// An answer that cites nothing comes out as it is.
pub fn text(cited: &Cited, style: Style) -> String {
    let sources = &cited.references.sources;
    let mut text: String = words(&cited.pieces, sources, style, str::to_owned);
    if !sources.is_empty() {
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for source in sources {
        text += &format!("\n- {}", line(source, style));
    }
    text
}

/// The parts of a text, one behind the other; `clean` makes its own words fit to be
/// shown.
pub(super) fn words(
    pieces: &[Piece],
    sources: &[Source],
    style: Style,
    clean: impl Fn(&str) -> String,
) -> String {
    let spell = |piece: &Piece| match piece {
        Piece::Words(text) | Piece::Code(text) => clean(text),
        Piece::Mark { numbers, .. } => numbers.iter().map(|n| number(*n, sources, style)).collect(),
    };
    pieces.iter().map(spell).collect()
}

fn number(number: Option<u32>, sources: &[Source], style: Style) -> String {
    let Some(number) = number else {
        return "[?]".to_owned();
    };
    let source = sources.iter().find(|source| source.number == number);
    let url = source.and_then(Source::link);
    style.link(url, &format!("[{number}]"))
}

/// A source in one line: number, title and address.
pub(super) fn line(source: &Source, style: Style) -> String {
    let Source {
        number, title, url, ..
    } = source;
    let url = printable(url);
    let place = match (title.as_str(), url.as_str()) {
        ("", url) => format!("<{url}>"),
        (title, "") => printable(title),
        (title, url) => {
            let title = style.link(source.link(), &printable(title));
            format!("{title} <{url}>")
        }
    };
    format!("[{number}] {place}")
}

/// What is said of marks that were never shown; `None` where there are none.
pub fn unknown(references: &References) -> Option<String> {
    if references.unknown.is_empty() {
        return None;
    }
    let marks: Vec<_> = references
        .unknown
        .iter()
        .map(|mark| in_one_line(mark))
        .collect();
    Some(format!(
        "[?] cites what no result showed: {}",
        marks.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited() -> Cited {
        let source = |number, title: &str, url: &str| Source {
            number,
            mark: number.to_string(),
            more_marks: Vec::new(),
            title: title.to_owned(),
            url: url.to_owned(),
        };
        let mark = |numbers: &[Option<u32>]| Piece::Mark {
            written: "【9】".to_owned(),
            numbers: numbers.to_vec(),
        };
        Cited {
            pieces: vec![
                Piece::Words("Sunny".to_owned()),
                mark(&[Some(1), None]),
                Piece::Words(" and dry ".to_owned()),
                mark(&[Some(2)]),
                Piece::Words(".\n".to_owned()),
            ],
            references: References {
                sources: vec![
                    source(1, "Weather", "https://w.test/"),
                    source(2, "", "javascript:x()"),
                ],
                unknown: vec!["【9】".to_owned()],
            },
            open_block: None,
        }
    }

    #[test]
    fn the_sources_follow_the_answer() {
        assert_eq!(
            text(&cited(), Style::default()),
            "Sunny[1][?] and dry [2].\n\n- [1] Weather <https://w.test/>\n- [2] <javascript:x()>"
        );
        let plain = Cited {
            pieces: vec![Piece::Words(" as it is \n".to_owned())],
            ..Cited::default()
        };
        assert_eq!(text(&plain, Style::default()), " as it is \n");
        assert_eq!(
            unknown(&cited().references).as_deref(),
            Some("[?] cites what no result showed: 【9】")
        );
    }

    #[test]
    fn pages_are_links_and_code_is_none() {
        let style = Style {
            links: true,
            ..Style::default()
        };
        let link = |text| format!("\x1b]8;;https://w.test/\x1b\\{text}\x1b]8;;\x1b\\");
        let expected = format!(
            "Sunny{}[?] and dry [2].\n\n- [1] {} <https://w.test/>\n- [2] <javascript:x()>",
            link("[1]"),
            link("Weather")
        );
        assert_eq!(text(&cited(), style), expected);
    }
}
