//! A call: its arguments, what was decided about it, and what came of it.

use glm_agent_tools::{Artifact, Citation, text::size};
use maud::{Markup, html};
use serde_json::Value;

use super::image::{Image, Images};
use crate::{
    citation::{in_one_line, link},
    render::transcript::{Call, Outcome, duration, visible},
};

/// How much of the arguments is shown where they are folded, in characters.
const PREVIEW: usize = 100;

pub(super) fn call(call: &Call<'_>, images: &mut Images<'_>) -> Markup {
    let standing = call.standing();
    let shown = call
        .result
        .as_ref()
        .map(|outcome| shown_images(&outcome.output.artifacts, images));
    html! {
        details.call id=(call.id) {
            summary {
                span.badge.(standing) { (standing) }
                " " code.name { (visible(call.name)) }
                " " span.preview { (preview(call.arguments)) }
                @if let Some(span) = call.span {
                    " " span.meta { (duration(span.took())) }
                }
            }
            div.inner {
                h3 { "Arguments" }
                pre { (visible(&Call::text_of(call.arguments))) }
                @if let Some(ran_with) = call.ran_with {
                    h3 { "Ran with" }
                    pre { (visible(&Call::text_of(ran_with))) }
                }
                @if !call.decisions.is_empty() {
                    ul.decisions {
                        @for decision in &call.decisions { li { (visible(&decision.text())) } }
                    }
                }
                @if let Some(outcome) = &call.result { (result(outcome)) }
            }
        }
        // What was drawn is what people look for: it is not folded.
        @if let Some(shown) = shown { (shown) }
    }
}

fn preview(arguments: &Value) -> String {
    let text = match arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = in_one_line(&text);
    if text.chars().count() <= PREVIEW {
        return text;
    }
    let head: String = text.chars().take(PREVIEW).collect();
    format!("{head}…")
}

fn result(outcome: &Outcome<'_>) -> Markup {
    let text = outcome.text();
    let output = outcome.output;
    html! {
        h3 {
            "Result"
            @if outcome.outside { " " span.tag title="Nobody vouches for this text" { "from outside" } }
        }
        @if text.is_empty() { p.note { "(no output)" } } @else { pre dir="auto" { (visible(&text)) } }
        @if !output.citations.is_empty() {
            h3 { "Sources" }
            ul.sources { @for citation in &output.citations { li { (source(citation)) } } }
        }
        @if !output.artifacts.is_empty() {
            h3 { "Files" }
            ul {
                @for artifact in &output.artifacts {
                    li {
                        code { (visible(&artifact.name)) } " "
                        span.meta { (visible(&artifact.media_type)) ", " (size(artifact.size)) }
                    }
                }
            }
        }
    }
}

fn source(citation: &Citation) -> Markup {
    let (title, url) = (in_one_line(&citation.title), in_one_line(&citation.url));
    let name = if title.is_empty() { &url } else { &title };
    html! {
        @if !citation.mark.is_empty() { code { (in_one_line(&citation.mark)) } " " }
        @match link(&url) {
            Some(url) => a href=(url) rel="noopener noreferrer nofollow" { (name) },
            None => (name),
        }
        @if !title.is_empty() { " " span.meta { (url) } }
    }
}

/// Those of a session's files that are images.
pub(super) fn shown_images(artifacts: &[Artifact], images: &mut Images<'_>) -> Markup {
    html! {
        @for artifact in artifacts {
            @match images.of(artifact) {
                Image::None => {}
                Image::Shown(data) => {
                    figure {
                        img src=(data) alt=(visible(&artifact.name)) loading="lazy";
                        figcaption { (visible(&artifact.name)) }
                    }
                }
                Image::LeftOut(reason) => {
                    p.note { code { (visible(&artifact.name)) } " is not shown: " (reason) }
                }
            }
        }
    }
}
