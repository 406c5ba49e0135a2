//! What can be wrong with JSON text.

/// The first mistake in a JSON text, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    /// Byte offset in the text, from 0.
    pub offset: usize,
    /// What is wrong.
    pub kind: JsonErrorKind,
}

/// The kinds of mistakes in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text ends inside a value.
    #[error("the JSON ends too early")]
    End,
    /// A byte that cannot stand here.
    #[error("unexpected {}", printable(*.0))]
    Unexpected(u8),
    /// Something follows the value.
    #[error("something follows the JSON value")]
    Trailing,
    /// A number not written as JSON wants it, such as `01` or `1.`.
    #[error("malformed number")]
    Number,
    /// A number that a 64-bit float would hold as infinity.
    #[error("number too large for a 64-bit float")]
    NumberRange,
    /// `\` followed by something unknown.
    #[error("invalid escape")]
    Escape,
    /// Half of a surrogate pair, which is no character.
    #[error("escaped surrogate without its other half")]
    Surrogate,
    /// A control character that must be escaped.
    #[error("control character in a string")]
    Control,
    /// Nested deeper than the limit.
    #[error("nested deeper than {0} levels")]
    Depth(usize),
}

fn printable(byte: u8) -> String {
    match byte {
        b' '..=b'~' => format!("\"{}\"", byte as char),
        _ => format!("byte 0x{byte:02x}"),
    }
}
