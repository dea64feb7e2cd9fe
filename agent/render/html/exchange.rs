//! A message, and the replies and calls that followed it.

use glm_agent_model::Finish;
use maud::{Markup, html};

use super::{call, image::Images, number, words};
use crate::{
    StopReason,
    render::transcript::{
        Call, End, Exchange, Item, Reply, Span, counted, duration, ending, visible,
    },
};

pub(super) fn exchange(exchange: &Exchange<'_>, images: &mut Images<'_>) -> Markup {
    html! {
        section.exchange {
            @if let Some(message) = exchange.message {
                div.message {
                    h2 { "User" }
                    (call::shown_images(exchange.images, images))
                    div.said dir="auto" { (visible(message)) }
                }
            }
            @if let Some(schema) = exchange.schema {
                details.quiet {
                    summary { "The form of the answer" }
                    pre { (visible(&format!("{schema:#}"))) }
                }
            }
            (timeline(exchange))
            @for item in &exchange.items {
                @match item {
                    Item::Reply(reply) => (self::reply(reply, images)),
                    Item::ByHand(call) => {
                        article.reply { h2 { "Called by hand" } (call::call(call, images)) }
                    }
                    Item::Tools(names) => {
                        p.note {
                            "Tools on offer from here on: "
                            (visible(&if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
                        }
                    }
                    Item::Rejected(reason) => {
                        div.warning role="note" {
                            strong { "The answer was sent back" }
                            pre.prose { (visible(reason)) }
                        }
                    }
                    Item::Compacted(compaction) => {
                        details.quiet {
                            summary { (compaction.text()) }
                            pre.prose dir="auto" { (visible(compaction.brief)) }
                        }
                    }
                    Item::Resumed => p.note { "The run was cut off here, and gone on with." },
                    Item::End(end) => (self::end(end)),
                }
            }
        }
    }
}

fn reply(reply: &Reply<'_>, images: &mut Images<'_>) -> Markup {
    html! {
        article.reply id=(anchor(reply)) {
            header {
                h2 { "Assistant" }
                p.meta {
                    (duration(reply.span.took())) " · "
                    (number(reply.usage.prompt_tokens)) " tokens read ("
                    (number(reply.usage.cached_tokens)) " cached), "
                    (number(reply.usage.completion_tokens)) " written"
                }
            }
            @for thought in &reply.thoughts {
                details.quiet {
                    summary { "Thoughts" }
                    pre.prose dir="auto" { (visible(thought.trim())) }
                }
            }
            (words::words(&reply.words, reply.seq))
            @if let Some(limit) = reply.limit {
                p.note { "Asked for without tools: " (ending(Some(limit))) "." }
            }
            @match reply.finish {
                Finish::Length => p.note { "Cut off at the limit of tokens." },
                Finish::Cancelled => p.note { "Stopped while it was written." },
                _ => {}
            }
            @for error in reply.errors { p.error { "Could not be read: " (visible(error)) } }
            @if let Some(raw) = reply.raw {
                details.quiet { summary { "As it was written" } pre { (visible(raw)) } }
            }
            @for call in &reply.calls { (call::call(call, images)) }
        }
    }
}

fn end(end: &End<'_>) -> Markup {
    if end.reason == StopReason::Answered && end.error.is_none() {
        return html! {};
    }
    let kind = if end.reason == StopReason::Failed {
        "error"
    } else {
        "warning"
    };
    html! {
        div.(kind) role="note" {
            strong { "The run ended: " (ending(Some(end.reason))) }
            @if let Some(error) = end.error { pre.prose { (visible(error)) } }
        }
    }
}

/// What took how long, one bar a reply and a call.
fn timeline(exchange: &Exchange<'_>) -> Markup {
    let mut rows = Vec::new();
    let (mut replies, mut calls) = (0, 0);
    for item in &exchange.items {
        match item {
            Item::Reply(reply) => {
                replies += 1;
                rows.push((anchor(reply), "reply".to_owned(), "model", reply.span));
                for call in &reply.calls {
                    calls += 1;
                    rows.extend(row(call));
                }
            }
            Item::ByHand(call) => {
                calls += 1;
                rows.extend(row(call));
            }
            Item::Tools(_)
            | Item::Rejected(_)
            | Item::Compacted(_)
            | Item::Resumed
            | Item::End(_) => {}
        }
    }
    // The wait for the user's next message is nobody's work.
    let first = rows.iter().map(|(.., span)| span.from).min();
    let last = rows.iter().map(|(.., span)| span.to).max();
    let Some((from, to)) = first.zip(last) else {
        return html! {};
    };
    let whole = Span { from, to };
    html! {
        details.timeline open[rows.len() > 1 && rows.len() <= 24] {
            summary {
                "Timeline" span.meta {
                    (duration(whole.took())) " · " (counted(replies, "reply", "replies")) ", "
                    (counted(calls, "call", "calls"))
                }
            }
            ol {
                @for (anchor, label, kind, span) in &rows {
                    li {
                        a href={ "#" (anchor) } { (visible(label)) }
                        (bar(whole, *span, kind))
                        span.number { (duration(span.took())) }
                    }
                }
            }
        }
    }
}

fn row(call: &Call<'_>) -> Option<(String, String, &'static str, Span)> {
    let span = call.span?;
    let kind = if matches!(call.standing(), "ok" | "running") {
        "tool"
    } else {
        "bad"
    };
    Some((call.id.clone(), call.name.to_owned(), kind, span))
}

/// Where a part of a time lies in the whole. An image, since a style of its own would
/// need a looser policy.
fn bar(whole: Span, part: Span, kind: &str) -> Markup {
    const LEAST: f64 = 0.6;
    let all = whole.took().as_secs_f64().max(f64::MIN_POSITIVE);
    let before = Span {
        from: whole.from,
        to: part.from,
    }
    .took()
    .as_secs_f64();
    let width = (part.took().as_secs_f64() / all * 100.0).clamp(LEAST, 100.0);
    let start = (before / all * 100.0).clamp(0.0, 100.0 - width);
    html! {
        svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect class=(kind) x=(format!("{start:.2}")) y="0" width=(format!("{width:.2}")) height="1" {}
        }
    }
}

/// The place of a reply in the page.
fn anchor(reply: &Reply<'_>) -> String {
    format!("reply-{}", reply.seq)
}
