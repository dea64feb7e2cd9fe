//! `glm session list` and `glm session search`: past sessions at a glance.

use glm_agent::{
    StopReason,
    render::terminal::printable,
    session::{Place, Summary},
};
use jiff::{Timestamp, tz::TimeZone};

/// Characters of a task that are shown.
const TASK: usize = 60;

const HEAD: [&str; 7] = ["ID", "STARTED", "LAST", "MODEL", "TURNS", "OUTCOME", "TASK"];

/// A line a session, in columns under their names; nothing where there are none.
pub fn table(summaries: &[Summary]) -> String {
    if summaries.is_empty() {
        return String::new();
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(summaries.iter().map(row));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [ids, starts, lasts, models, turns, outcomes] = [0, 1, 2, 3, 4, 5].map(width);
    let line = |[id, start, last, model, turn, outcome, task]: &[String; 7]| {
        let line = format!(
            "{id:<ids$}  {start:<starts$}  {last:<lasts$}  {model:<models$}  {turn:>turns$}  \
             {outcome:<outcomes$}  {task}"
        );
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(summary: &Summary) -> [String; 7] {
    let time = |time: Option<Timestamp>| time.map(local).unwrap_or_default();
    let outcome = match (&summary.error, summary.outcome) {
        (Some(_), _) => "damaged",
        (None, Some(reason)) => outcome(reason),
        (None, None) if summary.messages == 0 => "",
        (None, None) => "unfinished",
    };
    let task = match (&summary.error, &summary.task) {
        (Some(error), _) => error,
        (None, Some(task)) => task,
        (None, None) => "",
    };
    [
        summary.id.clone(),
        time(summary.started),
        time(summary.last_activity),
        printable(summary.model.as_deref().unwrap_or_default()),
        summary.messages.to_string(),
        outcome.to_owned(),
        first_words(task),
    ]
}

fn outcome(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Answered => "answered",
        StopReason::ApprovalNeeded | StopReason::ResultNeeded => "waits",
        StopReason::Interrupted => "interrupted",
        StopReason::Failed => "failed",
        StopReason::StepLimit
        | StopReason::TokenLimit
        | StopReason::PromptTokenLimit
        | StopReason::CompletionTokenLimit
        | StopReason::TotalTokenLimit
        | StopReason::ToolCallLimit
        | StopReason::CostLimit
        | StopReason::TimeLimit => "limit",
    }
}

fn first_words(text: &str) -> String {
    let words = printable(text);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= TASK {
        return words;
    }
    let head: String = words.chars().take(TASK - 1).collect();
    format!("{}…", head.trim_end())
}

fn local(time: Timestamp) -> String {
    let time = time.to_zoned_datetime(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Places where words were found, under the sessions that they are in.
pub fn found(places: &[Place]) -> String {
    let mut text = String::new();
    let mut session = "";
    for place in places {
        if place.session != session {
            session = &place.session;
            text += &format!("{session}\n");
        }
        text += &format!(
            "  {}  {:>4}  {}: {}\n",
            local(place.time),
            place.seq,
            printable(&place.by),
            printable(&place.excerpt)
        );
    }
    text
}
