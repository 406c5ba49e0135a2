//! The summary of an error: the message, and a picture of the place it is about.
//!
//! ```text
//! error: Unbound variable `foo`
//! at *query*:1:1
//!   |
//! 1 | foo
//!   | ^^^
//!   |
//! ```

use std::fmt::Write;

use super::error::{Detail, FqlError};
use super::span::Span;
use super::template::PLACEHOLDER;

/// The longest line that is shown; more of it is cut off behind the place.
const LINE_CHARS_MAX: usize = 400;

/// What a value stands as in the text that is shown.
const SHOWN: &str = "<value>";

/// The summary of `error` about the query `text`.
pub fn summary(error: &FqlError, text: &str) -> String {
    let mut out = format!("error: {}", error.message);
    if let Detail::Constraints(failures) = &error.detail {
        out.push_str("\nconstraint failures:");
        for failure in failures {
            // Writing to a string cannot fail.
            let _ = write!(out, "\n  {}: {}", failure.field, failure.message);
        }
    }
    if let Some(span) = error.span {
        out.push('\n');
        picture(&mut out, text, span);
    }
    out
}

fn picture(out: &mut String, text: &str, span: Span) {
    let start = floor(text, span.start);
    let end = floor(text, span.end).max(start);
    let before = &text[..start];
    let number = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let lead = shown(&text[line_start..start]);
    let marked = shown(&text[start..end.min(line_end)]);
    let column = lead.chars().count() + 1;
    let line: String = shown(&text[line_start..line_end]).chars().take(LINE_CHARS_MAX.max(column)).collect();
    let marks = "^".repeat(marked.chars().count().clamp(1, LINE_CHARS_MAX));
    let (indent, gap) = (" ".repeat(number.to_string().len()), " ".repeat(column - 1));
    let _ =
        write!(out, "at *query*:{number}:{column}\n{indent} |\n{number} | {line}\n{indent} | {gap}{marks}\n{indent} |");
}

fn shown(text: &str) -> String {
    text.trim_end_matches('\r').replace(PLACEHOLDER, SHOWN).replace('\t', " ")
}

/// The nearest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::fql::error::ConstraintFailure;

    fn error(start: usize, end: usize) -> FqlError {
        FqlError::unbound("foo").at(Span { start, end })
    }

    #[test]
    fn golden_pictures() {
        let table = [
            ("foo", error(0, 3), "error: Unbound variable `foo`\nat *query*:1:1\n  |\n1 | foo\n  | ^^^\n  |"),
            (
                "a\nb + foo\nc",
                error(6, 9),
                "error: Unbound variable `foo`\nat *query*:2:5\n  |\n2 | b + foo\n  |     ^^^\n  |",
            ),
            (
                "\0.ä(\n)",
                error(4, 7),
                "error: Unbound variable `foo`\nat *query*:1:10\n  |\n1 | <value>.ä(\n  |          ^\n  |",
            ),
            ("", error(0, 0), "error: Unbound variable `foo`\nat *query*:1:1\n  |\n1 | \n  | ^\n  |"),
            ("x", FqlError::unbound("foo"), "error: Unbound variable `foo`"),
        ];
        for (text, error, expected) in table {
            assert_eq!(summary(&error, text), expected);
        }
        let failures = vec![ConstraintFailure { field: "ts".into(), message: "Is a reserved field".into() }];
        let error = FqlError::constraint("Failed to create document.", failures);
        let expected = "error: Failed to create document.\nconstraint failures:\n  ts: Is a reserved field";
        assert_eq!(summary(&error, ""), expected);
    }

    #[test]
    fn line_ten_needs_more_room() {
        let text = format!("{}foo", "\n".repeat(9));
        assert!(summary(&error(9, 12), &text).ends_with("at *query*:10:1\n   |\n10 | foo\n   | ^^^\n   |"));
    }

    proptest! {
        #[test]
        fn no_place_panics(text in "\\PC{0,20}\n\\PC{0,20}", start in 0_usize..60, end in 0_usize..60) {
            summary(&error(start, end), &text);
        }
    }
}
