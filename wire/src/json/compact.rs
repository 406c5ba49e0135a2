//! Checking and compacting of whole texts.

use super::error::JsonError;
use super::scan::Scanner;

/// Checks that `text` is exactly one JSON value and appends it to `out` without whitespace outside strings. Numbers
/// and strings stay as written.
///
/// `depth_max` is the deepest nesting of arrays and objects allowed, at most [`DEPTH_MAX`](super::DEPTH_MAX).
///
/// # Errors
/// The first mistake. Beyond the grammar of RFC 8259, escaped surrogates must come in pairs and numbers must be
/// finite as 64-bit floats, so that every consumer can read what is let in. On an error `out` may have grown.
pub fn compact(text: &str, depth_max: usize, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    scanner.value(depth_max, |run| out.extend_from_slice(run))?;
    scanner.expect_end()
}

/// Checks as [`compact`] does, without keeping anything.
///
/// # Errors
/// As [`compact`].
pub fn check(text: &str, depth_max: usize) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    scanner.value(depth_max, |_| {})?;
    scanner.expect_end()
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
