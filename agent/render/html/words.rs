//! A model's words: Markdown, read so that nothing in it is more than text and links.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html::push_html};

use crate::{
    citation::{Cited, Piece, Source, link},
    render::{sources::unknown, transcript::visible},
};

/// Around the place of a mark while Markdown is read: characters that mean nothing, and
/// that are taken out of the words before.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// The words of a reply and a list of what they cite. `reply` makes the places of its
/// sources unique in the page.
pub(super) fn words(cited: &Cited, reply: u64) -> Markup {
    if cited.pieces.is_empty() {
        return html! {};
    }
    let page = Page { cited, reply };
    let references = &cited.references;
    html! {
        div.words dir="auto" { (PreEscaped(page.rendered())) }
        @if !references.sources.is_empty() {
            ol.sources aria-label="Sources" {
                @for source in &references.sources {
                    li id=(page.anchor(source.number)) { (entry(source)) }
                }
            }
        }
        @if let Some(unknown) = unknown(references) { p.note { (visible(&unknown)) } }
    }
}

fn entry(source: &Source) -> Markup {
    html! {
        @match source.link() {
            Some(url) => a href=(url) rel="noopener noreferrer nofollow" { (source.name()) },
            None => (source.name()),
        }
        @if !source.title.is_empty() { " " span.meta { (source.url) } }
    }
}

struct Page<'c> {
    cited: &'c Cited,
    reply: u64,
}

impl Page<'_> {
    fn anchor(&self, number: u32) -> String {
        format!("source-{}-{number}", self.reply)
    }

    fn rendered(&self) -> String {
        let text = self.text();
        let options =
            Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let mut in_code = false;
        let mut events = Vec::new();
        // Whether each open link and image is one in the page too.
        let mut links = Vec::new();
        for event in Parser::new_ext(&text, options) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let url = link(&dest_url);
                    links.push(url.is_some());
                    events.extend(url.map(|url| raw(opening(url))));
                }
                // An image would be loaded from somewhere: it becomes a link to it.
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let url = link(&dest_url);
                    links.push(url.is_some());
                    events.push(Event::Text("image: ".into()));
                    events.extend(url.map(|url| raw(opening(url))));
                }
                Event::End(TagEnd::Link | TagEnd::Image) => {
                    if links.pop() == Some(true) {
                        events.push(raw("</a>".to_owned()));
                    }
                }
                Event::Html(text) | Event::InlineHtml(text) => self.add(&text, false, &mut events),
                Event::Text(text) => self.add(&text, !in_code && links.is_empty(), &mut events),
                Event::Code(text) => events.push(Event::Code(self.as_written(&text).into())),
                event => {
                    match event {
                        Event::Start(Tag::CodeBlock(_)) => in_code = true,
                        Event::End(TagEnd::CodeBlock) => in_code = false,
                        _ => {}
                    }
                    events.push(event);
                }
            }
        }
        let mut rendered = String::new();
        push_html(&mut rendered, events.into_iter());
        rendered
    }

    /// The words, with the places of their marks between [`OPEN`] and [`CLOSE`].
    fn text(&self) -> String {
        let mut text = String::new();
        for (place, piece) in self.cited.pieces.iter().enumerate() {
            match piece {
                Piece::Words(piece) | Piece::Code(piece) => {
                    text += &visible(piece).replace([OPEN, CLOSE], "\u{fffd}");
                }
                Piece::Mark { .. } => text += &format!("{OPEN}{place}{CLOSE}"),
            }
        }
        text
    }

    /// Adds text whose marks are links, or stay as they were written.
    fn add<'e>(&self, text: &str, links: bool, events: &mut Vec<Event<'e>>) {
        if !links {
            events.push(Event::Text(self.as_written(text).into()));
            return;
        }
        self.parts(text, |part| {
            events.push(match part {
                Part::Text(text) => Event::Text(CowStr::from(text.to_owned())),
                Part::Mark(_, numbers) => raw(numbers
                    .iter()
                    .map(|n| self.mark(*n).into_string())
                    .collect()),
            });
        });
    }

    fn as_written(&self, text: &str) -> String {
        let mut written = String::new();
        self.parts(text, |part| match part {
            Part::Text(text) => written += text,
            Part::Mark(text, _) => written += &visible(text),
        });
        written
    }

    fn parts<'t>(&'t self, text: &'t str, mut each: impl FnMut(Part<'t>)) {
        for part in text.split(OPEN) {
            let (place, rest) = part.split_once(CLOSE).unwrap_or(("", part));
            let piece = place
                .parse()
                .ok()
                .and_then(|n: usize| self.cited.pieces.get(n));
            if let Some(Piece::Mark { written, numbers }) = piece {
                each(Part::Mark(written, numbers));
            }
            if !rest.is_empty() {
                each(Part::Text(rest));
            }
        }
    }

    fn mark(&self, number: Option<u32>) -> Markup {
        let Some(number) = number else {
            return html! { span.mark.bad title="No result showed this" { "[?]" } };
        };
        let mut sources = self.cited.references.sources.iter();
        let source = sources.find(|source| source.number == number);
        let name = source.map(Source::name);
        html! {
            @match source.and_then(Source::link) {
                Some(url) => {
                    a.mark href=(url) title=[name] rel="noopener noreferrer nofollow" { "[" (number) "]" }
                }
                None => a.mark href={ "#" (self.anchor(number)) } title=[name] { "[" (number) "]" },
            }
        }
    }
}

enum Part<'t> {
    Text(&'t str),
    Mark(&'t str, &'t [Option<u32>]),
}

/// HTML of this page's own.
fn raw<'e>(html: String) -> Event<'e> {
    Event::InlineHtml(html.into())
}

fn opening(url: &str) -> String {
    let link = html! { a href=(url) rel="noopener noreferrer nofollow" {} }.into_string();
    link.trim_end_matches("</a>").to_owned()
}
