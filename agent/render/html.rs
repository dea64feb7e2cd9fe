//! A session as one page that stands on its own.
//!
//! Styles are in it, images too, and there is no script. What others wrote is text,
//! however it looks.

mod call;
mod document;
mod exchange;
mod image;
mod words;

use std::path::Path;

use glm_agent_tools::text::size;
use jiff::Timestamp;
use maud::{Markup, html};

use super::transcript::{Transcript, counted, duration, ending, money, visible};
use crate::{Event, StopReason, files};
pub(crate) use document::{BASE, document};
use image::Images;

const STYLE: &str = include_str!("html/style.css");

/// The page of a session; with the `folder` of its files, it shows the images among
/// them and lists them all.
pub fn page(events: &[Event], folder: Option<&Path>) -> String {
    let transcript = Transcript::of(events);
    let title = visible(&transcript.title());
    let mut images = Images::new(folder);
    let body = html! {
        a.skip href="#conversation" { "Skip to the conversation" }
        header { (head(&transcript, &title)) }
        main #conversation {
            @for exchange in &transcript.exchanges {
                (exchange::exchange(exchange, &mut images))
            }
            @if transcript.exchanges.is_empty() { p.note { "Nothing was said yet." } }
        }
        @if let Some(folder) = folder { (file_list(folder)) }
    };
    document(&title, STYLE, &body)
}

fn head(transcript: &Transcript<'_>, title: &str) -> Markup {
    let usage = transcript.usage;
    let standing = match transcript.outcome {
        Some(StopReason::Answered) => "ok",
        Some(StopReason::Failed) => "error",
        _ => "refused",
    };
    html! {
        h1 dir="auto" { (title) }
        p.outcome { span.badge.(standing) { (ending(transcript.outcome)) } }
        dl.facts {
            @if let Some(started) = &transcript.started {
                (fact("Model", html! {
                    (visible(started.model)) " " small { (visible(started.profile)) }
                }))
                (fact("Session", html! { code { (visible(started.session)) } }))
            }
            @if let Some(span) = transcript.span {
                (fact("Started", time(span.from)))
                (fact("Took", html! { (duration(span.took())) }))
            }
            (fact("Work", html! {
                (counted(transcript.replies, "reply", "replies")) ", "
                (counted(transcript.calls, "call", "calls"))
            }))
            (fact("Tokens", html! {
                (number(usage.prompt_tokens)) " read " small { "(" (number(usage.cached_tokens)) " cached)" }
                ", " (number(usage.completion_tokens)) " written"
            }))
            @if let Some(cost) = transcript.cost { (fact("Cost", html! { (money(cost)) })) }
            @if let Some(tools) = transcript.started.as_ref().map(|started| &started.tools) {
                @if !tools.is_empty() {
                    (fact("Tools", html! {
                        @for (index, tool) in tools.iter().enumerate() {
                            @if index > 0 { ", " }
                            code { (visible(tool)) }
                        }
                    }))
                }
            }
        }
        @if let Some(system) = transcript.started.as_ref().and_then(|started| started.system) {
            details.quiet {
                summary { "Instructions" }
                pre dir="auto" { (visible(system)) }
            }
        }
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn time(time: Timestamp) -> Markup {
    html! {
        time datetime=(time) { (time.strftime("%-d %B %Y, %H:%M:%S UTC")) }
    }
}

fn file_list(folder: &Path) -> Markup {
    let entries = match files::list(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return html! { p.note { "The session's files could not be listed: " (visible(&error.to_string())) } };
        }
    };
    html! {
        @if !entries.is_empty() {
            section.files {
                h2 { "Files" }
                div.scroll {
                    table {
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Type" } th.number scope="col" { "Size" } } }
                        tbody {
                            @for entry in &entries {
                                tr {
                                    td { code { (visible(&entry.artifact.name)) } }
                                    td { (visible(&entry.artifact.media_type)) }
                                    td.number { (size(entry.artifact.size)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A number with its thousands set apart.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
