//! Answers that are given again instead of asking.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Hit, Query};

/// How long an answer may be given again.
const FRESH: Duration = Duration::from_secs(600);

/// Answers that are kept at most.
const MOST: usize = 200;

/// What was found lately.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<Query, (Instant, Vec<Hit>)>);

impl Answers {
    /// The answer to a question, if there is one that is fresh.
    pub fn get(&self, query: &Query, now: Instant) -> Option<Vec<Hit>> {
        let (at, hits) = self.0.get(query)?;
        (now.duration_since(*at) < FRESH).then(|| hits.clone())
    }

    /// Keeps an answer, in the place of the oldest if there is no room.
    pub fn keep(&mut self, query: &Query, hits: &[Hit], now: Instant) {
        self.0.retain(|_, (at, _)| now.duration_since(*at) < FRESH);
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (at, _))| *at)
        {
            let oldest = oldest.0.clone();
            self.0.remove(&oldest);
        }
        self.0.insert(query.clone(), (now, hits.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(number: usize) -> Query {
        Query {
            text: number.to_string(),
            recency_days: None,
            count: 7,
        }
    }

    #[test]
    fn what_is_old_goes_first_and_what_is_too_old_is_not_given() {
        let (mut answers, start) = (Answers::default(), Instant::now());
        let at = |seconds: usize| start + Duration::from_secs(seconds as u64);
        for number in 0..MOST {
            answers.keep(&query(number), &[], at(number));
        }
        assert_eq!(answers.get(&query(0), at(MOST)), Some(Vec::new()));
        answers.keep(&query(MOST), &[], at(MOST));
        assert_eq!(answers.0.len(), MOST);
        assert_eq!(answers.get(&query(0), at(MOST)), None);
        assert_eq!(answers.get(&query(1), at(MOST)), Some(Vec::new()));
        assert_eq!(answers.get(&query(1), at(601)), None);
        // Those that are too old are dropped, the others stay.
        answers.keep(&query(MOST + 1), &[], at(700));
        assert_eq!(answers.0.len(), MOST + 1 - 100 - 1 + 1);
    }
}
