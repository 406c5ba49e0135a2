//! What a document may be called.

use tailwater_core::KEY_BYTES_MAX;

/// What design documents are called.
pub const DESIGN: &str = "_design/";
/// What documents are called that are never replicated.
pub const LOCAL: &str = "_local/";

/// Why an id is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// `_id` is no string.
    #[error("Document id must be a string")]
    NotAString,
    /// Nothing at all.
    #[error("Document id must not be empty")]
    Empty,
    /// `_design/` without a name.
    #[error("Illegal document id `_design/`")]
    Design,
    /// `_local/` without a name.
    #[error("Illegal document id `_local/`")]
    Local,
    /// An underscore in front of anything else.
    #[error("Only reserved document ids may start with underscore.")]
    Reserved,
    /// Longer than the key of an event.
    #[error("Document id is too long")]
    TooLong,
}

/// Checks an id.
///
/// # Errors
/// See [`IdError`].
pub fn check(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        DESIGN => Err(IdError::Design),
        LOCAL => Err(IdError::Local),
        _ if id.len() > KEY_BYTES_MAX => Err(IdError::TooLong),
        _ if id.starts_with('_') && !id.starts_with(DESIGN) && !id.starts_with(LOCAL) => Err(IdError::Reserved),
        _ => Ok(()),
    }
}

/// Checks a database's name: a lower-case letter, then lower-case letters, digits and `_$()+-/`.
pub fn is_database_name(name: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' | b'(' | b')' | b'+' | b'-' | b'/');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let (longest, too_long) = ("x".repeat(KEY_BYTES_MAX), "x".repeat(KEY_BYTES_MAX + 1));
        let table = [
            ("a", Ok(())),
            ("ä b/c?", Ok(())),
            ("_design/x", Ok(())),
            ("_local/x", Ok(())),
            (longest.as_str(), Ok(())),
            ("", Err(IdError::Empty)),
            ("_design/", Err(IdError::Design)),
            ("_local/", Err(IdError::Local)),
            ("_bad", Err(IdError::Reserved)),
            ("_design", Err(IdError::Reserved)),
            (too_long.as_str(), Err(IdError::TooLong)),
        ];
        for (id, expected) in table {
            assert_eq!(check(id), expected, "{id}");
        }
    }

    #[test]
    fn database_names() {
        for name in ["t1", "random+test+db", "a_$()+-/b"] {
            assert!(is_database_name(name), "{name}");
        }
        for name in ["", "BadName", "1a", "_users", "a b", "ä"] {
            assert!(!is_database_name(name), "{name}");
        }
    }
}
