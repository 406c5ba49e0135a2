//! Values as JSON on the wire, in the protocol's three formats.
//!
//! | format | `1` | a time | where |
//! | --- | --- | --- | --- |
//! | tagged | `{"@int":"1"}` | `{"@time":"2024-03-21T12:35:18.680Z"}` | events always; queries and their arguments on request |
//! | simple | `1` | `"2024-03-21T12:35:18.680Z"` | queries by default |
//! | decorated | `"1"` | `"Time(\"2024-03-21T12:35:18.680Z\")"` | the answer's data as FQL text, for people |
//!
//! `read` is strict: a wrong tag, a second key beside a tag, a bare number are refused, in the words of the original.
//! Tests lie next to the code.

mod read;
mod write;

pub use read::{InvalidValue, read_simple, read_tagged};
pub(crate) use read::{from_simple, from_tagged, number, tagged};
pub(crate) use write::{SPECIAL, TAGS, write_double, write_raw_str};
pub use write::{write_simple, write_str, write_tagged};

/// The deepest nesting of arrays and objects in a value, tags included.
pub const DEPTH_MAX: usize = 64;

/// How the values of a query's answer are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Plain JSON.
    #[default]
    Simple,
    /// JSON that keeps every type.
    Tagged,
    /// FQL text.
    Decorated,
}

impl Format {
    /// The format called so in `x-format`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "simple" => Some(Self::Simple),
            "tagged" => Some(Self::Tagged),
            "decorated" => Some(Self::Decorated),
            _ => None,
        }
    }

    /// Appends `value` in this format.
    pub fn write(self, value: &super::value::Value, out: &mut Vec<u8>) {
        match self {
            Self::Simple => write_simple(value, out),
            Self::Tagged => write_tagged(value, out),
            Self::Decorated => write_str(&super::fql::literal(value), out),
        }
    }
}
