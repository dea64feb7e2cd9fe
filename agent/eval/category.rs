//! The leaderboard's categories.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// A category of entries, by the leaderboard's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "their names say it, and `shape` and `group` the rest"
)]
pub enum Category {
    SimplePython,
    SimpleJava,
    SimpleJavascript,
    Multiple,
    Parallel,
    ParallelMultiple,
    Irrelevance,
    LiveSimple,
    LiveMultiple,
    LiveParallel,
    LiveParallelMultiple,
    LiveIrrelevance,
    LiveRelevance,
    MultiTurnBase,
    MultiTurnMissFunc,
    MultiTurnMissParam,
    MultiTurnLongContext,
}

/// Where a category stands on the leaderboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Entries that the leaderboard's makers wrote.
    NonLive,
    /// Entries that users of theirs brought.
    Live,
    /// Several turns with tools that have a state.
    MultiTurn,
}

/// What a right reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One call of the one function on offer.
    Simple,
    /// One call of one among several functions.
    Multiple,
    /// Several calls, in any order.
    Parallel,
    /// Any call.
    Relevance,
    /// No call.
    Irrelevance,
    /// Calls that bring tools into the right state.
    MultiTurn,
}

/// Which language's values arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// JSON as Python reads it.
    Python,
    /// Texts that hold Java's literals.
    Java,
    /// Texts that hold JavaScript's literals.
    JavaScript,
}

/// Categories of the leaderboard that are not run, by the beginnings of their names.
const NOT_RUN: [&str; 4] = ["memory", "web_search", "agentic", "format_sensitivity"];

impl Category {
    /// All that are run.
    pub const ALL: [Self; 17] = [
        Self::SimplePython,
        Self::SimpleJava,
        Self::SimpleJavascript,
        Self::Multiple,
        Self::Parallel,
        Self::ParallelMultiple,
        Self::Irrelevance,
        Self::LiveSimple,
        Self::LiveMultiple,
        Self::LiveParallel,
        Self::LiveParallelMultiple,
        Self::LiveIrrelevance,
        Self::LiveRelevance,
        Self::MultiTurnBase,
        Self::MultiTurnMissFunc,
        Self::MultiTurnMissParam,
        Self::MultiTurnLongContext,
    ];

    /// The leaderboard's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SimplePython => "simple_python",
            Self::SimpleJava => "simple_java",
            Self::SimpleJavascript => "simple_javascript",
            Self::Multiple => "multiple",
            Self::Parallel => "parallel",
            Self::ParallelMultiple => "parallel_multiple",
            Self::Irrelevance => "irrelevance",
            Self::LiveSimple => "live_simple",
            Self::LiveMultiple => "live_multiple",
            Self::LiveParallel => "live_parallel",
            Self::LiveParallelMultiple => "live_parallel_multiple",
            Self::LiveIrrelevance => "live_irrelevance",
            Self::LiveRelevance => "live_relevance",
            Self::MultiTurnBase => "multi_turn_base",
            Self::MultiTurnMissFunc => "multi_turn_miss_func",
            Self::MultiTurnMissParam => "multi_turn_miss_param",
            Self::MultiTurnLongContext => "multi_turn_long_context",
        }
    }

    /// How many entries the leaderboard has of it: what it weighs.
    pub fn size(self) -> u32 {
        match self {
            Self::SimplePython => 400,
            Self::SimpleJava => 100,
            Self::SimpleJavascript => 50,
            Self::Irrelevance => 240,
            Self::LiveSimple => 258,
            Self::LiveMultiple => 1053,
            Self::LiveParallel | Self::LiveRelevance => 16,
            Self::LiveParallelMultiple => 24,
            Self::LiveIrrelevance => 884,
            Self::Multiple
            | Self::Parallel
            | Self::ParallelMultiple
            | Self::MultiTurnBase
            | Self::MultiTurnMissFunc
            | Self::MultiTurnMissParam
            | Self::MultiTurnLongContext => 200,
        }
    }

    /// Where it stands on the leaderboard.
    pub fn group(self) -> Group {
        let name = self.name();
        if name.starts_with("live") {
            Group::Live
        } else if name.starts_with("multi_turn") {
            Group::MultiTurn
        } else {
            Group::NonLive
        }
    }

    /// What a right reply is.
    pub fn shape(self) -> Shape {
        match self {
            Self::SimplePython | Self::SimpleJava | Self::SimpleJavascript | Self::LiveSimple => {
                Shape::Simple
            }
            Self::Multiple | Self::LiveMultiple => Shape::Multiple,
            Self::Parallel
            | Self::ParallelMultiple
            | Self::LiveParallel
            | Self::LiveParallelMultiple => Shape::Parallel,
            Self::LiveRelevance => Shape::Relevance,
            Self::Irrelevance | Self::LiveIrrelevance => Shape::Irrelevance,
            Self::MultiTurnBase
            | Self::MultiTurnMissFunc
            | Self::MultiTurnMissParam
            | Self::MultiTurnLongContext => Shape::MultiTurn,
        }
    }

    /// Which language's values its arguments are.
    pub fn language(self) -> Language {
        match self {
            Self::SimpleJava => Language::Java,
            Self::SimpleJavascript => Language::JavaScript,
            _ => Language::Python,
        }
    }

    /// The category that an entry's id names: all before its last `_`.
    pub fn of_id(id: &str) -> Option<Self> {
        let (name, _) = id.rsplit_once('_')?;
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The categories that names stand for, in the leaderboard's order. `non_live`,
    /// `live`, `single_turn`, `multi_turn` and `all` stand for several.
    ///
    /// # Errors
    /// When a name is unknown, or that of a category that is not run.
    pub fn chosen(names: &[String]) -> Result<Vec<Self>, Error> {
        let mut chosen = Vec::new();
        for name in names.iter().map(|name| name.trim()) {
            let before = chosen.len();
            chosen.extend(Self::ALL.into_iter().filter(|known| known.is_meant(name)));
            if chosen.len() == before {
                return Err(Error::unknown_category(name, NOT_RUN));
            }
        }
        chosen.sort();
        chosen.dedup();
        Ok(chosen)
    }

    fn is_meant(self, name: &str) -> bool {
        match name {
            "all" => true,
            "non_live" => self.group() == Group::NonLive,
            "live" => self.group() == Group::Live,
            "single_turn" => self.group() != Group::MultiTurn,
            "multi_turn" => self.group() == Group::MultiTurn,
            name => self.name() == name,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<Category>, Error> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Category::chosen(&names)
    }

    #[test]
    fn names_stand_for_one_or_several() {
        let single = chosen(&["single_turn"]).unwrap();
        assert_eq!(single.len(), 13);
        assert_eq!(chosen(&["live", "non_live", "live"]).unwrap(), single);
        assert_eq!(chosen(&["all"]).unwrap(), Category::ALL);
        assert_eq!(
            chosen(&["multiple", "simple_java"]).unwrap(),
            [Category::SimpleJava, Category::Multiple]
        );
    }

    #[test]
    fn what_is_not_run_is_told_from_what_is_not_known() {
        let error = |name| chosen(&[name]).unwrap_err().to_string();
        let first = |name| error(name).lines().next().unwrap().to_owned();
        assert_eq!(first("simple"), "there is no category `simple`");
        assert_eq!(
            first("memory_kv"),
            "the category `memory_kv` is not run: it needs a memory or the web"
        );
        assert!(error("").contains("live_relevance, multi_turn_base"));
    }

    #[test]
    fn ids_name_their_category() {
        let of = Category::of_id;
        assert_eq!(of("live_multiple_3-2-0"), Some(Category::LiveMultiple));
        assert_eq!(of("simple_python_17"), Some(Category::SimplePython));
        assert_eq!(of("memory_1"), None);
        let names: Vec<String> = Category::ALL
            .iter()
            .map(|known| {
                serde_json::to_value(known)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(names, Category::ALL.map(|known| known.name().to_owned()));
    }
}
