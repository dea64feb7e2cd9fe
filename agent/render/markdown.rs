//! Answers and sessions as Markdown.

use glm_agent_tools::text::size;

use super::transcript::{
    Call, Exchange, Item, Reply, Transcript, counted, duration, ending, money, visible,
};
use crate::{
    Event,
    citation::{Cited, Piece, Source},
};

/// An answer with links for its marks, and a list of its sources below it.
///
/// An answer that cites nothing comes out as it is.
pub fn answer(cited: &Cited) -> String {
    with_sources(cited, str::to_owned, str::to_owned)
}

/// A whole session: what was said, with calls and results folded.
///
/// What others wrote (the model, tools, pages) cannot end the block that it stands in,
/// and holds neither HTML nor images that a reader would load.
pub fn session(events: &[Event]) -> String {
    let transcript = Transcript::of(events);
    let mut blocks = vec![format!("# {}", escaped(&transcript.title()))];
    blocks.push(facts(&transcript));
    let started = transcript.started.as_ref();
    if let Some(system) = started.and_then(|started| started.system) {
        blocks.extend(["## Instructions".to_owned(), quoted(system)]);
    }
    for exchange in &transcript.exchanges {
        add_exchange(&mut blocks, exchange);
    }
    blocks.join("\n\n") + "\n"
}

fn facts(transcript: &Transcript<'_>) -> String {
    let mut rows = Vec::new();
    if let Some(started) = &transcript.started {
        rows.push(format!("Session: {}", code(started.session)));
        rows.push(format!(
            "Model: {} ({})",
            code(started.model),
            code(started.profile)
        ));
        let tools: Vec<_> = started.tools.iter().map(|tool| code(tool)).collect();
        if !tools.is_empty() {
            rows.push(format!("Tools: {}", tools.join(", ")));
        }
    }
    if let Some(span) = transcript.span {
        let from = span.from.strftime("%Y-%m-%d %H:%M:%S UTC");
        rows.push(format!("Started: {from}, took {}", duration(span.took())));
    }
    let usage = transcript.usage;
    rows.push(format!(
        "Tokens: {} read ({} of them cached), {} written in {}",
        usage.prompt_tokens,
        usage.cached_tokens,
        usage.completion_tokens,
        counted(transcript.replies, "reply", "replies"),
    ));
    if let Some(cost) = transcript.cost {
        rows.push(format!("Cost: {}", money(cost)));
    }
    rows.push(format!("Outcome: {}", ending(transcript.outcome)));
    let rows: Vec<_> = rows.iter().map(|row| format!("- {row}")).collect();
    rows.join("\n")
}

fn add_exchange(blocks: &mut Vec<String>, exchange: &Exchange<'_>) {
    if let Some(message) = exchange.message {
        blocks.push("## User".to_owned());
        let names = exchange
            .images
            .iter()
            .map(|image| code(&visible(&image.name)));
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            blocks.push(format!("Images: {}", names.join(", ")));
        }
        blocks.push(quoted(message));
    }
    if let Some(schema) = exchange.schema {
        let schema = fenced(&visible(&format!("{schema:#}")));
        blocks.push(folded("The form of the answer", &[schema]));
    }
    for item in &exchange.items {
        match item {
            Item::Reply(reply) => add_reply(blocks, reply),
            Item::ByHand(call) => blocks.extend(["## Called by hand".to_owned(), called(call)]),
            Item::Tools(names) => {
                let names: Vec<_> = names.iter().map(|name| code(name)).collect();
                blocks.push(format!("Tools on offer from here on: {}", names.join(", ")));
            }
            Item::Rejected(reason) => {
                let reason = fenced(&visible(reason));
                blocks.extend(["**Answer sent back**".to_owned(), reason]);
            }
            Item::Compacted(compaction) => {
                let brief = fenced(&visible(compaction.brief));
                blocks.push(folded(&compaction.text(), &[brief]));
            }
            Item::Resumed => blocks.push("The run was cut off here, and gone on with.".to_owned()),
            Item::End(end) => {
                if let Some(error) = end.error {
                    let how = ending(Some(end.reason));
                    blocks.extend([format!("**Run {how}**"), fenced(&visible(error))]);
                }
            }
        }
    }
}

fn add_reply(blocks: &mut Vec<String>, reply: &Reply<'_>) {
    blocks.push("## Assistant".to_owned());
    for thought in &reply.thoughts {
        blocks.push(folded("Thoughts", &[fenced(&visible(thought.trim()))]));
    }
    let words = &reply.words;
    let mut text = with_sources(words, |words| harmless(&visible(words)), visible);
    text.truncate(text.trim_end().len());
    if let Some(end) = &words.open_block
        && words.references.sources.is_empty()
    {
        text += &format!("\n{end}");
    }
    blocks.extend(Some(text).filter(|text| !text.is_empty()));
    for error in reply.errors {
        blocks.extend(["**Could not be read**".to_owned(), fenced(&visible(error))]);
    }
    if let Some(raw) = reply.raw {
        blocks.push(folded("As it was written", &[fenced(&visible(raw))]));
    }
    blocks.extend(reply.calls.iter().map(called));
}

fn called(call: &Call<'_>) -> String {
    let mut inner = vec![fenced(&visible(&Call::text_of(call.arguments)))];
    if let Some(ran_with) = call.ran_with {
        let arguments = fenced(&visible(&Call::text_of(ran_with)));
        inner.extend(["Ran with".to_owned(), arguments]);
    }
    let decisions = call.decisions.iter();
    inner.extend(decisions.map(|decision| escaped(&visible(&decision.text()))));
    if let Some(outcome) = &call.result {
        inner.extend(["Result".to_owned(), fenced(&visible(&outcome.text()))]);
        let files = outcome.output.artifacts.iter().map(|artifact| {
            let name = code(&visible(&artifact.name));
            let media_type = escaped(&visible(&artifact.media_type));
            format!("- {name}, {media_type}, {}", size(artifact.size))
        });
        let files: Vec<_> = files.collect();
        inner.extend(Some(files.join("\n")).filter(|files| !files.is_empty()));
    }
    let took = call.span.map(|span| format!(", {}", duration(span.took())));
    let took = took.unwrap_or_default();
    folded(&format!("{}: {}{took}", call.name, call.standing()), &inner)
}

/// A part that is opened when it is wanted. Markdown goes on behind blank lines.
fn folded(summary: &str, inner: &[String]) -> String {
    let summary = maud::html! { (visible(summary).replace('\n', " ")) }.into_string();
    let inner = inner.join("\n\n");
    format!("<details>\n<summary>{summary}</summary>\n\n{inner}\n\n</details>")
}

/// Text in a block that it cannot end.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Text as code in a line.
fn code(text: &str) -> String {
    let text = text.replace('\n', " ");
    let ticks = "`".repeat(longest_run(&text) + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{ticks} {text} {ticks}")
    } else {
        format!("{ticks}{text}{ticks}")
    }
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

fn quoted(text: &str) -> String {
    let text = harmless(&visible(text.trim_end()));
    let lines = text
        .lines()
        .map(|line| format!("> {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Markdown without HTML, and with links for images.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let begins_a_tag = |n: char| n.is_alphabetic() || matches!(n, '/' | '!' | '?');
        let is_address = rest.starts_with("https://") || rest.starts_with("http://");
        if c == '<' && rest.starts_with(begins_a_tag) && !is_address
            || c == '!' && rest.starts_with('[')
        {
            shown.push('\\');
        }
        shown.push(c);
    }
    shown
}

/// Words that mean nothing to Markdown.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '!'
        ) {
            shown.push('\\');
        }
        shown.push(if c == '\n' { ' ' } else { c });
    }
    shown
}

/// A text with links for its marks and the list of what it cites.
fn with_sources(
    cited: &Cited,
    words: impl Fn(&str) -> String,
    code: impl Fn(&str) -> String,
) -> String {
    let sources = &cited.references.sources;
    let mut text = String::new();
    for piece in &cited.pieces {
        match piece {
            Piece::Words(piece) => text += &words(piece),
            Piece::Code(piece) => text += &code(piece),
            Piece::Mark { numbers, .. } => {
                text.extend(numbers.iter().map(|number| mark(*number, sources)));
            }
        }
    }
    if sources.is_empty() {
        return text;
    }
    text.truncate(text.trim_end().len());
    if let Some(end) = &cited.open_block {
        text += &format!("\n{end}");
    }
    text.push('\n');
    for source in sources {
        text += &format!("\n{}. {}", source.number, place(source));
    }
    text
}

fn mark(number: Option<u32>, sources: &[Source]) -> String {
    let Some(number) = number else {
        return "\\[?\\]".to_owned();
    };
    let source = sources.iter().find(|source| source.number == number);
    match source.and_then(Source::link) {
        Some(url) => format!("[\\[{number}\\]]({})", destination(url)),
        None => format!("\\[{number}\\]"),
    }
}

fn place(source: &Source) -> String {
    match source.link() {
        Some(url) => format!("[{}]({})", escaped(source.name()), destination(url)),
        None => escaped(&format!("{} {}", source.title, source.url)),
    }
}

/// An address that nothing in it can end.
fn destination(url: &str) -> String {
    let url = url
        .replace('<', "%3C")
        .replace('>', "%3E")
        .replace('\\', "%5C");
    format!("<{url}>")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::citation::{References, cite};

    fn events(kinds: Vec<Value>) -> Vec<Event> {
        let event = |(seq, mut kind): (usize, Value)| {
            kind["seq"] = seq.into();
            kind["time"] = format!("2024-06-05T10:00:{seq:02}Z").into();
            serde_json::from_value(kind).unwrap()
        };
        kinds.into_iter().enumerate().map(event).collect()
    }

    fn result(text: &str) -> Value {
        json!({
            "type": "tool_result", "id": "call_1", "name": "look", "status": "ok", "text": text,
            "citations": [
                {"mark": "7", "title": "A [b]", "url": "https://a.test/(x)?<y>"},
                {"mark": "8", "title": "Code", "url": "javascript:alert(1)"},
            ],
        })
    }

    #[test]
    fn marks_are_links_and_the_sources_are_listed() {
        let past = events(vec![result("")]);
        let text = "Sunny【7†source】【8】, `【7】`【9】.\n";
        assert_eq!(
            answer(&cite(&past, text)),
            "Sunny[\\[1\\]](<https://a.test/(x)?%3Cy%3E>)\\[2\\], `【7】`\\[?\\].\n\n\
             1. [A \\[b\\]](<https://a.test/(x)?%3Cy%3E>)\n\
             2. Code javascript:alert(1)"
        );
        let text = "<b>Nothing</b> is cited.\n```\n";
        assert_eq!(answer(&cite(&past, text)), text);
        let open = cite(&past, "【7】\n~~~~\nx");
        assert!(answer(&open).contains("\n~~~~\nx\n~~~~\n\n1. "));
        assert_eq!(open.references.unknown, References::default().unknown);
    }

    #[test]
    fn nothing_that_others_wrote_ends_its_block() {
        let hostile = "```\n</details><script>x()</script>\n````\n# no heading \u{202e}";
        let call = json!({
            "type": "model_turn",
            "segments": [
                {"type": "reasoning", "text": hostile},
                {"type": "text", "text": "<img src=x> ![p](https://t.test/) <https://ok.test/>\n```\nopen"},
                {"type": "call", "name": "look", "arguments": {"x": hostile}},
            ],
            "raw": "", "finish": "stop",
            "usage": {"prompt_tokens": 10, "cached_tokens": 4, "completion_tokens": 3},
        });
        let log = events(vec![
            json!({
                "type": "session_started", "schema": 2, "session": "s", "model": "m",
                "profile": "glm4", "system": "Be brief.", "tools": [],
            }),
            json!({"type": "user_message", "content": "<h1>Hi</h1>\n\n# *there*"}),
            call,
            json!({
                "type": "approval_requested", "id": "call_1", "reason": "it <b>writes</b>",
            }),
            json!({"type": "approved", "id": "call_1"}),
            json!({
                "type": "tool_call_requested", "id": "call_1", "name": "look",
                "arguments": {"x": 1},
            }),
            result(hostile),
            json!({
                "type": "run_ended", "answer": "", "reason": "failed", "error": "it broke",
                "usage": {"prompt_tokens": 10, "cached_tokens": 4, "completion_tokens": 3},
                "steps": 1, "session": "s",
            }),
        ]);
        insta::assert_snapshot!(session(&log));
    }
}
