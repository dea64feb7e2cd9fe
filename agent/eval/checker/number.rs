//! Numbers as Python reads and compares them.

/// What `int(text)` gives: digits, perhaps with a sign, with spaces around and single
/// underscores between them.
pub(super) fn int(text: &str) -> Option<i128> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = grouped(digits)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if sign.is_empty() {
        i128::MAX
    } else {
        i128::MIN
    };
    Some(format!("{sign}{digits}").parse().unwrap_or(limit))
}

/// What `float(text)` gives.
pub(super) fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_word = ["inf", "infinity", "nan"]
        .iter()
        .any(|word| bare.eq_ignore_ascii_case(word));
    // Rust takes nothing else that Python does not, but a number without digits.
    if is_word || bare.bytes().any(|byte| byte.is_ascii_digit()) {
        return grouped(text)?.parse().ok();
    }
    None
}

/// The text without its underscores, each of which must be between two digits.
fn grouped(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let mut places = text.match_indices('_').map(|(at, _)| at);
    let is_fine = places.all(|at| is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)));
    is_fine.then(|| text.replace('_', ""))
}

/// Whether both are the same number, exactly.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole floats within the range of 128 bits"
)]
pub(super) fn is_same(int: i128, float: f64) -> bool {
    // 2^127, beyond which no such integer is.
    const END: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    float.fract() == 0.0 && (-END..END).contains(&float) && float as i128 == int
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, value) in [
            ("12", Some(12)),
            (" -1_000\n", Some(-1000)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("", None),
            ("-", None),
            ("1.0", None),
        ] {
            assert_eq!(int(text), value, "{text}");
        }
        assert_eq!(int(&"9".repeat(60)), Some(i128::MAX));
        for (text, value) in [
            ("1.5", Some(1.5)),
            (" .5 ", Some(0.5)),
            ("5.", Some(5.0)),
            ("1_0.2_5e-1", Some(1.025)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1._5", None),
            ("1e", None),
            ("e5", None),
            (".", None),
            ("1f", None),
        ] {
            assert_eq!(float(text), value, "{text}");
        }
        assert!(float("nan").is_some_and(f64::is_nan));
    }

    #[test]
    fn numbers_are_compared_exactly() {
        assert!(is_same(3, 3.0) && is_same(0, -0.0));
        assert!(!is_same(3, 3.5) && !is_same(0, f64::NAN) && !is_same(1, f64::INFINITY));
        assert!(!is_same(9_007_199_254_740_993, 9_007_199_254_740_992.0));
        assert!(!is_same(i128::MAX, 1e300));
    }
}
