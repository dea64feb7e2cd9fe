//! Scores: by category, and the leaderboard's means of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Category, Outcome, interval::Estimate};

/// How an evaluation stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// The categories that were run.
    pub categories: Vec<Row>,
    /// Means of the leaderboard of which every category was run.
    pub means: Vec<Mean>,
    /// Kinds of faults, the most frequent first.
    pub faults: Vec<(String, u32)>,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Tokens of all replies.
    pub completion_tokens: u64,
}

/// One category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub category: Category,
    /// How many entries were run.
    pub entries: u32,
    /// How many of them got a right reply.
    pub right: u32,
    /// The score.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The score of what the official handler of GLM-4 reads in the same replies.
    pub handler: Option<Estimate>,
}

/// A mean over categories.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mean {
    /// What the leaderboard calls it.
    pub name: &'static str,
    /// How many entries were run.
    pub entries: u32,
    /// The score.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The score of what the official handler of GLM-4 reads in the same replies.
    pub handler: Option<Estimate>,
}

/// The leaderboard's means, with what each category weighs.
fn means() -> [(&'static str, Vec<(Category, f64)>); 5] {
    use Category::*;
    let simple = [SimplePython, SimpleJava, SimpleJavascript].map(|part| (part, 1.0 / 3.0));
    let others = [Multiple, Parallel, ParallelMultiple].map(|part| (part, 1.0));
    let live = [LiveSimple, LiveMultiple, LiveParallel, LiveParallelMultiple];
    let irrelevance = [Irrelevance, LiveIrrelevance].map(|part| (part, 1.0));
    let turns = [
        MultiTurnBase,
        MultiTurnMissFunc,
        MultiTurnMissParam,
        MultiTurnLongContext,
    ];
    [
        ("non-live AST", simple.into_iter().chain(others).collect()),
        (
            "live AST",
            live.map(|part| (part, f64::from(part.size()))).into(),
        ),
        ("relevance detection", vec![(LiveRelevance, 1.0)]),
        ("irrelevance detection", irrelevance.into()),
        ("multi turn", turns.map(|part| (part, 1.0)).into()),
    ]
}

impl Score {
    /// The scores of these outcomes.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut by_category: BTreeMap<Category, Vec<&Outcome>> = BTreeMap::new();
        let mut faults: BTreeMap<&str, u32> = BTreeMap::new();
        let (mut prompt_tokens, mut completion_tokens) = (0, 0);
        for outcome in outcomes {
            by_category
                .entry(outcome.category)
                .or_default()
                .push(outcome);
            if let Some(fault) = &outcome.error {
                *faults.entry(&fault.kind).or_default() += 1;
            }
            prompt_tokens += outcome.usage.prompt_tokens;
            completion_tokens += outcome.usage.completion_tokens;
        }
        let rows = by_category.into_iter();
        let categories: Vec<Row> = rows
            .filter_map(|(c, outcomes)| Row::of(c, &outcomes))
            .collect();
        let means = means().into_iter();
        let means = means.filter_map(|(name, parts)| Mean::of(name, &parts, &categories));
        let mut faults: Vec<_> = faults.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
        faults.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            means: means.collect(),
            categories,
            faults,
            prompt_tokens,
            completion_tokens,
        }
    }

    /// How many entries were run.
    pub fn entries(&self) -> u32 {
        self.categories.iter().map(|row| row.entries).sum()
    }
}

impl Row {
    fn of(category: Category, outcomes: &[&Outcome]) -> Option<Self> {
        let count = |is: &dyn Fn(&Outcome) -> bool| {
            let found = outcomes.iter().filter(|outcome| is(outcome)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        let (entries, right) = (count(&|_| true), count(&|outcome| outcome.valid));
        let read = count(&|outcome| outcome.handler.is_some());
        let handler = count(&|outcome| outcome.handler.as_ref().is_some_and(|v| v.valid));
        Some(Self {
            category,
            entries,
            right,
            estimate: Estimate::wilson(right, entries)?,
            handler: Estimate::wilson(handler, entries).filter(|_| read == entries),
        })
    }
}

impl Mean {
    fn of(name: &'static str, parts: &[(Category, f64)], rows: &[Row]) -> Option<Self> {
        let row = |category| rows.iter().find(|row| row.category == category);
        let rows: Option<Vec<_>> = parts.iter().map(|(c, w)| Some((*w, row(*c)?))).collect();
        let rows = rows?;
        let estimates: Vec<_> = rows.iter().map(|(w, row)| (*w, row.estimate)).collect();
        let handlers: Option<Vec<_>> = rows
            .iter()
            .map(|(w, row)| Some((*w, row.handler?)))
            .collect();
        Some(Self {
            name,
            entries: rows.iter().map(|(_, row)| row.entries).sum(),
            estimate: Estimate::mean(&estimates)?,
            handler: handlers.and_then(|parts| Estimate::mean(&parts)),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::eval::{Fault, outcome::Verdict};

    fn outcomes(category: Category, right: usize, wrong: usize) -> Vec<Outcome> {
        let outcome = |n: usize| {
            let json = serde_json::json!({
                "id": format!("{category}_{n}"),
                "category": category,
                "valid": n < right,
            });
            let mut outcome: Outcome = serde_json::from_value(json).unwrap();
            if n >= right {
                outcome.error = Some(Fault::new("reply:no_call", ""));
            }
            outcome.handler = Some(Verdict {
                valid: n == 0,
                kind: None,
            });
            outcome
        };
        (0..right + wrong).map(outcome).collect()
    }

    #[test]
    fn a_mean_is_there_when_all_its_categories_are() {
        use Category::*;
        let mut all = outcomes(SimplePython, 3, 1);
        all.extend(outcomes(SimpleJava, 0, 1));
        all.extend(outcomes(Multiple, 1, 1));
        all.extend(outcomes(Parallel, 1, 0));
        all.extend(outcomes(ParallelMultiple, 0, 2));
        assert_eq!(Score::of(&all).means, []);
        all.extend(outcomes(SimpleJavascript, 1, 3));
        let score = Score::of(&all);
        let [mean] = score.means.as_slice() else {
            unreachable!()
        };
        // Each simple one is a third of one of four.
        let expected = ((0.75 + 0.0 + 0.25) / 3.0 + 0.5 + 1.0 + 0.0) / 4.0;
        assert_eq!((mean.name, mean.entries), ("non-live AST", 14));
        assert!((mean.estimate.score - expected).abs() < 1e-9);
        assert_eq!(score.faults, [("reply:no_call".to_owned(), 8)]);
        assert!(mean.handler.is_some());
    }

    #[test]
    fn live_categories_weigh_what_they_have_on_the_leaderboard() {
        use Category::*;
        let mut all = outcomes(LiveSimple, 1, 0);
        for category in [LiveMultiple, LiveParallel, LiveParallelMultiple] {
            all.extend(outcomes(category, 0, 1));
        }
        let score = Score::of(&all);
        let mean = score.means.first().unwrap();
        assert_eq!(mean.name, "live AST");
        assert!((mean.estimate.score - 258.0 / 1351.0).abs() < 1e-9);
    }
}
