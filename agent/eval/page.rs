//! Scores, and the failures behind them sorted by their kind, as one page that stands on
//! its own: it loads nothing and runs nothing.

use std::collections::HashMap;

use maud::{Markup, html};
use serde_json::Value;

use super::{
    Call, Entry, Estimate, Fault, Outcome, RunInfo, Score,
    entry::Expected,
    table::{entries, notes, percent, range, title},
};
use crate::{
    model::json,
    render::{html::document, terminal::printable},
};

const STYLE: &str = include_str!("page.css");

/// The page of a run's outcomes, which are of these entries.
pub fn page(info: &RunInfo, score: &Score, all: &[Entry], outcomes: &[&Outcome]) -> String {
    let title = printable(&title(info));
    let by_id: HashMap<&str, &Entry> = all.iter().map(|entry| (entry.id.as_str(), entry)).collect();
    let body = html! {
        header { h1 { (title) } }
        main {
            (scores(score))
            @for note in notes(score) { p { (note) } }
            h2 { "Failures by kind" }
            @if score.faults.is_empty() { p { "There are none." } }
            @for (kind, count) in &score.faults {
                (failures(kind, *count, outcomes, &by_id))
            }
        }
    };
    document(&title, STYLE, &body)
}

fn scores(score: &Score) -> Markup {
    let has_handler = score.categories.iter().any(|row| row.handler.is_some());
    let line = |name: &str, entries: &str, estimate: Estimate, handler: Option<Estimate>| {
        html! {
            tr {
                th scope="row" { (name) }
                td.number { (entries) }
                td.number { (percent(estimate.score)) }
                td { meter min="0" max="1" value=(format!("{:.4}", estimate.score)) {} }
                td.number { (range(estimate)) }
                @if has_handler {
                    td.number { @if let Some(handler) = handler { (percent(handler.score)) } }
                }
            }
        }
    };
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Category" }
                        th.number scope="col" { "Entries" }
                        th.number scope="col" { "Score, %" }
                        td {}
                        th.number scope="col" { "95 %" }
                        @if has_handler { th.number scope="col" { "Official handler, %" } }
                    }
                }
                tbody {
                    @for row in &score.categories {
                        @let entries = entries(row.entries, row.category);
                        (line(row.category.name(), &entries, row.estimate, row.handler))
                    }
                }
                tbody.means {
                    @for mean in &score.means {
                        (line(mean.name, &mean.entries.to_string(), mean.estimate, mean.handler))
                    }
                }
            }
        }
    }
}

fn failures(
    kind: &str,
    count: u32,
    outcomes: &[&Outcome],
    entries: &HashMap<&str, &Entry>,
) -> Markup {
    let of_kind = outcomes.iter().filter_map(|outcome| {
        let fault = outcome.error.as_ref().filter(|fault| fault.kind == kind)?;
        Some((outcome, fault, entries.get(outcome.id.as_str())?))
    });
    html! {
        details {
            summary { code { (kind) } " " span.count { (count) } }
            @for (outcome, fault, entry) in of_kind { (failure(outcome, fault, entry)) }
        }
    }
}

fn failure(outcome: &Outcome, fault: &Fault, entry: &Entry) -> Markup {
    let names = entry
        .functions
        .iter()
        .filter_map(|function| function["name"].as_str());
    let part = |name: &str, text: String| {
        html! { dt { (name) } dd { pre dir="auto" { (printable(&text)) } } }
    };
    html! {
        details {
            summary { (outcome.id) ": " span.fault { (printable(&fault.message)) } }
            dl {
                (part("Asked", entry.asked()))
                (part("On offer", names.collect::<Vec<_>>().join(", ")))
                (part("Expected", expected(entry)))
                @if outcome.turns.is_empty() {
                    (part("Called", called(&outcome.calls)))
                    (part("Written", outcome.raw.clone()))
                } @else {
                    @for (turn, steps) in outcome.turns.iter().enumerate() {
                        @for step in steps {
                            (part(&format!("Written in turn {}", turn + 1), step.raw.clone()))
                            @for result in &step.results { (part("Returned", result.clone())) }
                        }
                    }
                }
            }
        }
    }
}

fn expected(entry: &Entry) -> String {
    let lines = |values: &[Value]| -> String {
        values
            .iter()
            .map(json::dumps)
            .collect::<Vec<_>>()
            .join("\n")
    };
    match &entry.expected {
        Expected::Calls(calls) => lines(calls),
        Expected::ACall(true) => "a call".to_owned(),
        Expected::ACall(false) => "no call".to_owned(),
        Expected::State(whole) => {
            let turns = whole["ground_truth"].as_array();
            lines(turns.map(Vec::as_slice).unwrap_or_default())
        }
    }
}

fn called(calls: &[Call]) -> String {
    let calls = calls.iter().map(|call| {
        let arguments = json::dumps(&Value::Object(call.arguments.clone()));
        format!("{} {arguments}", call.name)
    });
    match calls.collect::<Vec<_>>().join("\n") {
        nothing if nothing.is_empty() => "nothing".to_owned(),
        calls => calls,
    }
}
