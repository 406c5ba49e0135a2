//! The dialects: what each protocol does with requests and streams, and nothing about bytes (those are `tailwater-wire`).
//!
//! Every dialect's room has the same shape: `mod.rs` routes its paths, `stream.rs` begins and ends its streams, the other
//! files are its other requests.

pub(crate) mod atproto;
pub(crate) mod bigchaindb;
pub(crate) mod couchdb;
pub(crate) mod fauna;
pub(crate) mod native;
pub(crate) mod streamr;
