//! Scores as a table of text.

use std::fmt::Write;

use super::{Category, Estimate, Fault, Group, How, RunInfo, Score};

/// The scores of a run, for a terminal or a file of text.
pub fn table(info: &RunInfo, score: &Score) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_table(&mut text, info, score);
    text
}

fn write_table(out: &mut String, info: &RunInfo, score: &Score) -> std::fmt::Result {
    writeln!(out, "{}", title(info))?;
    let has_handler = score.categories.iter().any(|row| row.handler.is_some());
    let handler = if has_handler {
        "  official handler"
    } else {
        ""
    };
    writeln!(
        out,
        "\n{:<24}{:>13}{:>9}{:>15}{handler}",
        "", "entries", "score", "95 %"
    )?;
    let mut group = None;
    for row in &score.categories {
        let now = row.category.group();
        if group.is_some_and(|before| before != now) {
            writeln!(out)?;
        }
        group = Some(now);
        let entries = entries(row.entries, row.category);
        line(
            out,
            row.category.name(),
            &entries,
            row.estimate,
            row.handler,
        )?;
    }
    if !score.means.is_empty() {
        writeln!(out)?;
    }
    for mean in &score.means {
        let entries = mean.entries.to_string();
        line(out, mean.name, &entries, mean.estimate, mean.handler)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{} entries, {} tokens read and {} written",
        score.entries(),
        score.prompt_tokens,
        score.completion_tokens
    )?;
    for note in notes(score) {
        writeln!(out, "{note}")?;
    }
    Ok(())
}

fn line(
    out: &mut String,
    name: &str,
    entries: &str,
    estimate: Estimate,
    handler: Option<Estimate>,
) -> std::fmt::Result {
    let handler = handler.map(|handler| format!("{:>18}", percent(handler.score)));
    writeln!(
        out,
        "{name:<24}{entries:>13}{:>9}{:>15}{}",
        percent(estimate.score),
        range(estimate),
        handler.unwrap_or_default()
    )
}

/// What was measured.
pub(super) fn title(info: &RunInfo) -> String {
    let (model, data) = (&info.model, &info.data);
    match &info.how {
        How::Asked {
            quantize,
            profile,
            constraint,
            thinking,
            temperature,
            ..
        } => {
            let rounded = quantize.as_ref().map(|to| format!(", rounded to {to}"));
            let rounded = rounded.unwrap_or_default();
            let thinking = if *thinking { "" } else { ", without thoughts" };
            let constraint = if *constraint { "on" } else { "off" };
            format!(
                "{model} ({profile}{rounded}) on {data}: temperature {temperature}, constraint \
                 {constraint}{thinking}"
            )
        }
        How::Given { profile: None } => format!("replies from {model} on {data}"),
        How::Given {
            profile: Some(profile),
        } => format!("replies from {model}, read as {profile}, on {data}"),
    }
}

/// How many entries of a category were run.
pub(super) fn entries(run: u32, category: Category) -> String {
    if run == category.size() {
        run.to_string()
    } else {
        format!("{run} of {}", category.size())
    }
}

/// What must be known to read the scores.
pub(super) fn notes(score: &Score) -> Vec<String> {
    let mut notes = vec![
        "There is no overall score: memory and web_search, which are 40 of its 100 parts, are \
         not run."
            .to_owned(),
    ];
    let mut missing: Vec<&str> = Vec::new();
    for group in [Group::NonLive, Group::Live, Group::MultiTurn] {
        let of_it = Category::ALL.into_iter().filter(|c| c.group() == group);
        let left: Vec<_> = of_it
            .filter(|category| !score.categories.iter().any(|row| row.category == *category))
            .collect();
        missing.extend(left.into_iter().map(Category::name));
    }
    if !missing.is_empty() {
        notes.push(format!("Not run: {}.", missing.join(", ")));
    }
    if score
        .categories
        .iter()
        .any(|row| row.entries != row.category.size())
    {
        notes.push(
            "Some categories were run in part: their scores are estimates, as the intervals say."
                .to_owned(),
        );
    }
    let failed = score.faults.iter().find(|(kind, _)| kind == Fault::ENGINE);
    if let Some((kind, count)) = failed {
        notes.push(format!(
            "The engine failed on {count} of the entries, which count as wrong: {kind}."
        ));
    }
    if score.categories.iter().any(|row| row.handler.is_some()) {
        notes.push(
            "official handler: what the same replies score as the official handler of GLM-4 \
             reads them, which is the first call only, and only where it is the first two lines."
                .to_owned(),
        );
    }
    notes
}

/// A proportion in per cent, as the leaderboard writes it.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

/// An interval in per cent.
pub(super) fn range(estimate: Estimate) -> String {
    format!("{:.1}–{:.1}", estimate.low * 100.0, estimate.high * 100.0)
}
