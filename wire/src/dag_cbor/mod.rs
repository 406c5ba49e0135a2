//! DAG-CBOR: strict decoding, canonical encoding, and the way from and to JSON.
//!
//! One value has exactly one encoding: definite lengths, integers in their shortest form, floats of 64 bits, map keys
//! that are text, sorted by length and then by bytes, no duplicates, no tag but 42 (a CID link), no simple values but
//! `false`, `true` and `null`. Whatever deviates is refused, so that bytes that were let in can be hashed, compared and
//! passed on as they are. Nesting ends at [`DEPTH_MAX`].
//!
//! [`validate`], [`skip`] and [`MapReader`] walk bytes without building anything; strings of bytes are stepped over, so
//! a firehose commit costs a few hundred nanoseconds. [`Value`] is for the places where a tree is wanted. Tests lie next
//! to the code and in `tests/dag_cbor.rs`.

pub mod cid;
mod error;
mod from_json;
mod map;
mod read;
mod skip;
mod to_json;
mod value;
pub(crate) mod write;

pub use error::{CborError, CborErrorKind};
pub use from_json::{FromJsonError, Numbers, from_json};
pub use map::MapReader;
pub(crate) use read::{Reader, Token};
pub use skip::{is_within, skip, validate};
pub use to_json::to_json;
pub use value::{EncodeError, Value, decode, encode};

/// The deepest nesting of lists and maps that is accepted.
pub const DEPTH_MAX: usize = 128;

/// The order of map keys: by length, then by bytes.
pub(crate) fn key_order(a: &str, b: &str) -> std::cmp::Ordering {
    (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes()))
}
