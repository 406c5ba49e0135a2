//! Decoders of the load generator's own: bytes from the socket in, [`Message`]s out.
//!
//! Nothing here is shared with the server, so that a mistake in one is seen by the other. Every decoder takes its input in any
//! cut (`feed`), keeps what is incomplete, and allocates only when an item crosses two reads. They are strict: what a strict
//! client refuses is refused here, with the reason. Layers: `websocket` or `chunked` + `lines` (+ `sse`) give payloads,
//! `dag_cbor` and `json` (native and AT Protocol), `streamr`, `bigchaindb`, `couchdb` and `fauna` read the few fields that are
//! checked, `stream` composes them. `tests.rs` cuts every layer at random.

pub mod bigchaindb;
pub mod chunked;
pub mod couchdb;
pub mod dag_cbor;
pub mod fauna;
pub mod http_head;
pub mod json;
pub mod lines;
pub mod message;
pub mod rfc3339;
pub mod sse;
pub mod stream;
pub mod streamr;
#[cfg(test)]
mod tests;
pub mod websocket;

pub use message::{EventFields, Link, Message, Order};

/// Why a peer's bytes are not what the protocol allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{layer}: {reason}")]
pub struct DecodeError {
    /// The decoder that refused.
    pub layer: &'static str,
    /// What it found, and where it knows.
    pub reason: String,
}

impl DecodeError {
    pub(crate) fn new(layer: &'static str, reason: impl Into<String>) -> Self {
        Self { layer, reason: reason.into() }
    }
}
