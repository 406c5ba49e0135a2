//! Cursors of the native streams: the seq of the first event wanted.

use tailwater_core::SEQ_MAX;

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is an integer from 0 (the oldest event) to {SEQ_MAX}")]
pub struct InvalidCursor;

/// Reads a cursor: digits only, at most 2^53-1; 0 means the oldest event there is.
///
/// # Errors
/// Anything else.
pub fn parse(text: &str) -> Result<u64, InvalidCursor> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|seq| *seq <= SEQ_MAX).ok_or(InvalidCursor)
}

/// The cursor behind the event `last` (an SSE client's `Last-Event-ID`).
///
/// # Errors
/// `last` is no cursor.
pub fn after(last: &str) -> Result<u64, InvalidCursor> {
    parse(last).map(|seq| seq + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        for (text, expected) in [("0", 0), ("7", 7), ("0007", 7), ("9007199254740991", SEQ_MAX)] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "-1", "+1", " 1", "1.0", "9007199254740992", "99999999999999999999999", "x"] {
            assert_eq!(parse(text), Err(InvalidCursor), "{text}");
        }
        assert_eq!(after("7"), Ok(8));
    }
}
