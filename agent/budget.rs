//! What runs may spend.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use glm_agent_model::Usage;
use serde::Deserialize;

use crate::event::{EventKind, StopReason, is_by_user};

/// Limits of one run. When one is reached, the model is asked once more,
/// without tools, for the best answer it can give.
///
/// Limits are looked at between replies, so that what the reply that reaches one
/// takes, and the last one, come on top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Replies the model may write.
    pub steps: u32,
    /// Tokens of all prompts together.
    pub prompt_tokens: Option<u64>,
    /// Tokens of all replies together.
    pub completion_tokens: Option<u64>,
    /// Tokens, read and written together.
    pub tokens: Option<u64>,
    /// Calls that may be made. Those beyond are refused.
    pub tool_calls: Option<u32>,
    /// Time from the user's message on.
    pub time: Option<Duration>,
    /// Money, in the currency of the engine's [`Price`].
    pub cost: Option<f64>,
}

impl Budget {
    /// No limit on anything.
    pub const UNLIMITED: Self = Self {
        steps: u32::MAX,
        prompt_tokens: None,
        completion_tokens: None,
        tokens: None,
        tool_calls: None,
        time: None,
        cost: None,
    };

    /// The limit that has been reached, if any. That on calls is only once one more
    /// is wanted, which is not told from what was spent.
    pub fn exceeded(&self, spent: &Spent) -> Option<StopReason> {
        let Usage {
            prompt_tokens,
            completion_tokens,
            ..
        } = spent.usage;
        let is_over = |limit: Option<u64>, tokens| limit.is_some_and(|limit| tokens >= limit);
        if spent.steps >= self.steps {
            Some(StopReason::StepLimit)
        } else if is_over(self.prompt_tokens, prompt_tokens) {
            Some(StopReason::PromptTokenLimit)
        } else if is_over(self.completion_tokens, completion_tokens) {
            Some(StopReason::CompletionTokenLimit)
        } else if is_over(self.tokens, prompt_tokens + completion_tokens) {
            Some(StopReason::TotalTokenLimit)
        } else if self.cost.is_some_and(|limit| spent.cost >= limit) {
            Some(StopReason::CostLimit)
        } else if self.time.is_some_and(|limit| spent.time >= limit) {
            Some(StopReason::TimeLimit)
        } else {
            None
        }
    }
}

impl Default for Budget {
    /// Ten replies, and no other limit.
    fn default() -> Self {
        Self {
            steps: 10,
            ..Self::UNLIMITED
        }
    }
}

/// What has been spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Replies written.
    pub steps: u32,
    /// Tokens read and written.
    pub usage: Usage,
    /// Calls made.
    pub tool_calls: u32,
    /// Time since the user's message.
    pub time: Duration,
    /// Money, in the currency of the engine's [`Price`].
    pub cost: f64,
}

impl Spent {
    /// Adds what an event tells of; time passes by itself.
    pub(crate) fn add(&mut self, kind: &EventKind) {
        match kind {
            EventKind::ModelTurn { usage, cost, .. } => {
                self.steps += 1;
                self.usage += *usage;
                self.cost += cost.unwrap_or_default();
            }
            EventKind::Compacted { usage, cost, .. } => {
                self.usage += *usage;
                self.cost += cost.unwrap_or_default();
            }
            EventKind::ToolCallRequested { id, .. } if !is_by_user(id) => self.tool_calls += 1,
            _ => {}
        }
    }
}

/// What a paid model costs, per million tokens and in any currency.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of prompts.
    pub prompt: f64,
    /// Of the prompts' tokens that were known from earlier replies; as all others, if
    /// not told.
    #[serde(default)]
    pub cached: Option<f64>,
    /// Of replies.
    pub completion: f64,
}

impl Price {
    /// The price of these tokens.
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let read = (usage.prompt_tokens - cached) as f64 * self.prompt;
        let known = cached as f64 * self.cached.unwrap_or(self.prompt);
        let written = usage.completion_tokens as f64 * self.completion;
        (read + known + written) / 1e6
    }

    /// Whether it is one: no price is negative or without end.
    pub fn is_valid(&self) -> bool {
        let all = [Some(self.prompt), self.cached, Some(self.completion)];
        let mut told = all.into_iter().flatten();
        told.all(|price| price.is_finite() && price >= 0.0)
    }
}

/// What several runs may spend together, such as those of a batch, at the same time
/// or one after the other: agents that are
/// [given](crate::AgentBuilder::account) it count on it. Once a limit is reached,
/// each run that goes on gets its last reply.
#[derive(Debug)]
pub struct Account {
    budget: Budget,
    since: Instant,
    spent: Mutex<Spent>,
}

impl Account {
    /// An account of which nothing is spent; its time begins.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            since: Instant::now(),
            spent: Mutex::default(),
        }
    }

    /// What the runs have spent so far.
    pub fn spent(&self) -> Spent {
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        Spent {
            time: self.since.elapsed(),
            ..spent
        }
    }

    /// The limit that has been reached, if any.
    pub fn exceeded(&self) -> Option<StopReason> {
        let spent = self.spent();
        let calls = self.budget.tool_calls;
        self.budget.exceeded(&spent).or_else(|| {
            calls
                .is_some_and(|limit| spent.tool_calls >= limit)
                .then_some(StopReason::ToolCallLimit)
        })
    }

    /// How much of its time is left, where that is limited.
    pub fn time_left(&self) -> Option<Duration> {
        let limit = self.budget.time?;
        Some(limit.saturating_sub(self.since.elapsed()))
    }

    /// Adds what an event of a run tells of.
    pub(crate) fn add(&self, kind: &EventKind) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.add(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: Usage = Usage {
        prompt_tokens: 1_000_000,
        cached_tokens: 400_000,
        completion_tokens: 2_000,
    };

    #[test]
    fn tokens_that_were_known_have_a_price_of_their_own() {
        let price = Price {
            prompt: 1.0,
            cached: Some(0.5),
            completion: 10.0,
        };
        let is = |price: Price, cost: f64| (price.of(&USAGE) - cost).abs() < 1e-9;
        assert!(is(price, 0.82), "{}", price.of(&USAGE));
        let plain = Price {
            cached: None,
            ..price
        };
        assert!(is(plain, 1.02), "{}", plain.of(&USAGE));
        assert!(price.is_valid());
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let price = Price {
                cached: Some(wrong),
                ..price
            };
            assert!(!price.is_valid(), "{wrong}");
        }
    }

    #[test]
    fn an_account_adds_up_what_runs_spend() {
        let account = Account::new(Budget {
            tokens: Some(2_500_000),
            tool_calls: Some(2),
            ..Budget::UNLIMITED
        });
        let turn = EventKind::ModelTurn {
            segments: vec![],
            errors: vec![],
            raw: String::new(),
            finish: glm_agent_model::Finish::Stop,
            usage: USAGE,
            cost: Some(0.5),
            limit: None,
            result_chars: None,
        };
        let call = |id: &str| EventKind::ToolCallRequested {
            id: id.to_owned(),
            name: "t".to_owned(),
            arguments: serde_json::Value::Null,
            allowed_by: None,
        };
        account.add(&turn);
        account.add(&call("call_1"));
        account.add(&call("user_1"));
        assert_eq!(account.exceeded(), None);
        account.add(&call("call_1"));
        assert_eq!(account.exceeded(), Some(StopReason::ToolCallLimit));
        account.add(&turn);
        account.add(&turn);
        assert_eq!(account.exceeded(), Some(StopReason::TotalTokenLimit));
        let Spent { steps, cost, .. } = account.spent();
        assert_eq!((steps, cost), (3, 1.5));
    }
}
