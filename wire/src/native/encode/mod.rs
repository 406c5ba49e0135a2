//! Events in the native forms. All of them say the same: `seq`, `time` (microseconds), `kind`, `key`, `body`.
//!
//! A body stored as DAG-CBOR is shown in JSON with `$link` and `$bytes`; of a stored AT Protocol frame the body is the
//! payload object.

mod cbor;
mod json;
mod page;

pub use cbor::NativeWsCbor;
pub(crate) use json::write_body;
pub use json::{NativeNdjson, NativeSse, NativeWsJson, write_event};
pub use page::PageWriter;

#[cfg(test)]
mod tests;
