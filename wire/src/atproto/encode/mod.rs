//! Events as messages of the stream.
//!
//! | event | header type | payload |
//! | --- | --- | --- |
//! | stored as a frame | as captured | as captured, byte for byte (`cbor`) |
//! | body is an object and the kind starts with `#` | the kind | the body with `seq` set |
//! | any other, such as `put` and `delete` of a plain feed | `#` and the kind | `{key, seq, body, time}` |
//!
//! JSON bodies become DAG-CBOR first (see [`Numbers::Lossy`](crate::dag_cbor::Numbers)), so that both forms say the
//! same.

mod cbor;
mod json;
mod payload;

pub use cbor::AtprotoCbor;
pub(super) use cbor::write_header;
pub use json::AtprotoJson;

#[cfg(test)]
mod tests;
