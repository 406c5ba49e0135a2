//! Bytes in, bytes out: everything Tailwater says and hears on a socket, as pure functions and small state machines.
//!
//! This crate owns the syntax of HTTP/1.1, WebSocket, server-sent events, NDJSON, JSON and DAG-CBOR, and for each
//! dialect how a request becomes a [`tailwater_core::Batch`] or a cursor and how a [`tailwater_core::Event`] becomes
//! the bytes of a frame. It never does I/O, reads no clock (times and dates are passed in) and holds no state between
//! calls but that of its incremental decoders.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`http1`] | request heads, bodies, query strings, response heads, chunks |
//! | [`websocket`] | opening handshake, frames to clients, decoding of frames from clients |
//! | [`sse`], [`ndjson`] | the two line formats of HTTP streams |
//! | [`json`] | checking, compacting and escaping JSON text |
//! | [`dag_cbor`] | strict decoding, canonical encoding, conversion from and to JSON |
//! | [`time`] | RFC 3339 text and microseconds |
//! | [`native`] | Tailwater's own requests and encodings |
//! | [`atproto`] | the AT Protocol event stream |
//! | [`streamr`] | the Streamr legacy protocol |
//! | [`bigchaindb`] | the BigchainDB event stream, and transactions |
//! | [`couchdb`] | CouchDB's `_changes` and what surrounds it |
//! | [`fauna`] | the Fauna query, stream and feed endpoints |
//!
//! Writers append to an `out: &mut Vec<u8>` and never clear it. Every parser is tested with arbitrary bytes (none may
//! panic), every incremental one with arbitrary splits of its input (none may matter).

pub mod atproto;
pub mod bigchaindb;
pub mod couchdb;
pub mod dag_cbor;
pub mod fauna;
pub mod http1;
pub mod json;
pub mod native;
pub mod ndjson;
pub mod sse;
pub mod streamr;
pub mod time;
pub mod websocket;

/// The version of this build, as it appears in `Server` and `User-Agent`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The default value of the `Server` header.
pub const SERVER: &str = concat!("Tailwater/", env!("CARGO_PKG_VERSION"));

mod prefix;
