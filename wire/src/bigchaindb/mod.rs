//! BigchainDB: its WebSocket event stream, and the part of its web API that transactions come in by.
//!
//! | file | what it owns |
//! | --- | --- |
//! | [`request`] | routes, the mode of a post, the start and the filter of a stream |
//! | [`filter`] | which transactions a stream shows |
//! | [`listing`] | which outputs and transactions a list shows, and its text |
//! | [`search`] | searching assets and metadata |
//! | [`cursor`] | what `since_height` means against what the feed holds |
//! | [`transaction`] | reading and checking what is posted |
//! | [`block`] | events as blocks: one event is one block, its seq is the height |
//! | [`stored`] | what is stored, read again: transactions, what they spend, what is left |
//! | [`encode`] | blocks as messages of the streams |
//! | [`info`] | the answers of the web API |
//! | [`errors`] | its refusals and those in front of a stream, close codes |
//!
//! The model is version 2.2.2 of the reference server. Beyond it go `since_height`, filters, and the stream
//! of blocks, which is that of its fork Planetmint. Tests lie next to the code and in `tests/bigchaindb.rs`, which runs
//! transactions made with the protocol's own drivers.

pub mod block;
pub mod cursor;
pub mod encode;
pub mod errors;
pub mod filter;
pub mod info;
pub mod listing;
pub mod request;
pub mod search;
pub mod stored;
pub mod transaction;

/// The largest message a client may send into a stream, where it is ignored; a larger one closes the connection (1009).
pub const INBOUND_BYTES_MAX: usize = 4 << 20;
