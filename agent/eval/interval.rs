//! Confidence intervals of proportions, at 95 %.

use serde::Serialize;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A proportion from 0 to 1, and between what the true one is likely to lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The proportion.
    pub score: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Estimate {
    /// Of `right` among `total`, by Wilson's method; `None` of none.
    pub fn wilson(right: u32, total: u32) -> Option<Self> {
        if total == 0 {
            return None;
        }
        let (n, p) = (f64::from(total), f64::from(right) / f64::from(total));
        let spread = 1.0 + Z * Z / n;
        let middle = (p + Z * Z / (2.0 * n)) / spread;
        let half = Z / spread * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        Some(Self {
            score: p,
            // Rounding must not keep the proportion itself out.
            low: (middle - half).clamp(0.0, p),
            high: (middle + half).clamp(p, 1.0),
        })
    }

    /// A weighted mean of independent ones, with the interval that follows from theirs
    /// (MOVER: Zou and Donner 2008). Weights count relative to their sum.
    pub fn mean(parts: &[(f64, Self)]) -> Option<Self> {
        let sum: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if parts.is_empty() || sum <= 0.0 {
            return None;
        }
        let total = |of: &dyn Fn(&Self) -> f64| -> f64 {
            parts
                .iter()
                .map(|(weight, part)| weight / sum * of(part))
                .sum()
        };
        let distance = |of: &dyn Fn(&Self) -> f64| -> f64 {
            let squares = parts
                .iter()
                .map(|(weight, part)| (weight / sum * of(part)).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let score = total(&|part| part.score);
        Some(Self {
            score,
            low: (score - distance(&|part| part.score - part.low)).max(0.0),
            high: (score + distance(&|part| part.high - part.score)).min(1.0),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rounded(estimate: Estimate) -> [f64; 3] {
        [estimate.score, estimate.low, estimate.high].map(|value| (value * 1e4).round() / 1e4)
    }

    #[test]
    fn intervals_are_wilsons() {
        // As statsmodels' proportion_confint(method="wilson") has them.
        for (right, total, expected) in [
            (0, 10, [0.0, 0.0, 0.2775]),
            (10, 10, [1.0, 0.7225, 1.0]),
            (45, 100, [0.45, 0.3561, 0.5476]),
            (1, 1, [1.0, 0.2065, 1.0]),
        ] {
            assert_eq!(rounded(Estimate::wilson(right, total).unwrap()), expected);
        }
        assert_eq!(Estimate::wilson(0, 0), None);
    }

    #[test]
    fn a_mean_is_surer_than_its_parts() {
        let part = Estimate::wilson(45, 100).unwrap();
        let one = Estimate::mean(&[(3.0, part)]).unwrap();
        assert_eq!(rounded(one), rounded(part));
        let [score, low, high] = rounded(Estimate::mean(&[(1.0, part), (1.0, part)]).unwrap());
        assert_eq!(score, 0.45);
        assert!(low > part.low && high < part.high);
        assert_eq!(Estimate::mean(&[]), None);
    }
}
