//! Numbers in JSON and in query strings, read as the original reads them: a decimal number, as such or in a string.

/// The number a text spells; whitespace around it does not matter.
pub(in crate::streamr) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    // What Rust reads beyond a decimal number, such as `inf`, has other letters.
    let decimal = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if decimal { text.parse().ok().filter(|number: &f64| number.is_finite()) } else { None }
}

/// An offset, a time or a count: rounded down, and 0 if negative.
pub(in crate::streamr) fn to_u64(number: f64) -> u64 {
    // The cast saturates at both ends.
    number.floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers_and_nothing_else() {
        let table = [("0", 0.0), (" 7\n", 7.0), ("-1.5", -1.5), ("+2", 2.0), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0)];
        for (text, number) in table {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", " ", "x", "1x", "inf", "NaN", "0x10", "1e999", "--1", "1 2", "e"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn integers_are_rounded_down_and_never_negative() {
        let table =
            [(-1.0, 0), (0.0, 0), (1.9, 1), (9_007_199_254_740_991.0, 9_007_199_254_740_991), (1e300, u64::MAX)];
        for (number, expected) in table {
            assert_eq!(to_u64(number), expected);
        }
    }
}
