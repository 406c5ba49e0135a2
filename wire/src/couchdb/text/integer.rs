//! Integers in query strings, as Erlang's `list_to_integer` reads them.

/// Reads digits with an optional sign. Values beyond 64 bits become the nearest that fits; `None` if it is no integer.
pub fn erlang_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let table = [
            ("0", Some(0)),
            ("007", Some(7)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(-i64::MAX)),
            ("", None),
            ("-", None),
            ("1.0", None),
            (" 1", None),
            ("1_000", None),
            ("٣", None),
        ];
        for (text, expected) in table {
            assert_eq!(erlang_integer(text), expected, "{text}");
        }
    }
}
