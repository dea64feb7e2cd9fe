//! How many tokens a prompt has, as far as one can tell without the tokenizer.

use std::sync::atomic::{AtomicU64, Ordering};

/// An estimate that is on the safe side until a server has told how many tokens some
/// prompt had, and from then on as far off as that one was, and a little more.
#[derive(Debug)]
pub struct Estimate {
    /// Tokens per a thousand that were estimated.
    factor: AtomicU64,
}

/// What is added to what was learnt.
const MARGIN: u64 = 50;
/// Servers can be wrong, too.
const FACTORS: std::ops::RangeInclusive<u64> = 300..=3000;

impl Default for Estimate {
    fn default() -> Self {
        Self {
            factor: AtomicU64::new(1000),
        }
    }
}

impl Estimate {
    /// Tokens of a text.
    pub fn of(&self, text: &str) -> usize {
        let estimated = raw(text) * self.factor.load(Ordering::Relaxed);
        usize::try_from(estimated.div_ceil(1000)).unwrap_or(usize::MAX)
    }

    /// A text turned out to have so many tokens.
    pub fn learn(&self, text: &str, tokens: u64) {
        let estimated = raw(text);
        // A few tokens tell little of many.
        if estimated < 50 || tokens == 0 {
            return;
        }
        let factor = tokens * 1000 / estimated + MARGIN;
        let factor = factor.clamp(*FACTORS.start(), *FACTORS.end());
        self.factor.store(factor, Ordering::Relaxed);
    }
}

/// A token for every three bytes of ASCII and one for every other character: more than
/// GLM-4's tokenizer makes of English (four bytes), Chinese (one and a half characters)
/// and code.
fn raw(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let others = text.chars().filter(|c| !c.is_ascii()).count() as u64;
    ascii.div_ceil(3) + others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns() {
        let estimate = Estimate::default();
        let text = "some words ".repeat(100);
        assert_eq!(estimate.of(&text), 367);
        estimate.learn(&text, 275);
        assert_eq!(estimate.of(&text), 294);
        estimate.learn("short", 1);
        assert_eq!(estimate.of(&text), 294);
        assert_eq!(Estimate::default().of("天气"), 2);
    }
}
