//! TLS between a socket and what is said over it: one place for connections that subscribe and for those that publish.
//!
//! * `client`: what all connections of a run have in common: whom they trust, and whom they expect to find.
//! * `session`: one connection's records, opened and sealed without a socket in sight.
//! * `wire`: what an engine's connection reads from and writes to, a bare socket or a session over one.
//! * `explain`: what went wrong, and what to do about it.
//! * `report`: what was agreed on, and how long that took.
//!
//! Never resumes a session: each handshake is a full one, as that of a client that comes for the first time. A plain connection has
//! nothing of all this but a discriminant. Tests: `session`, and `tests/tls.rs` over real sockets.

mod client;
mod explain;
mod report;
mod session;
mod wire;

pub(crate) use client::TlsClient;
pub use client::TlsConfig;
pub(crate) use explain::Fault;
pub(crate) use report::Handshakes;
pub use report::TlsReport;
pub(crate) use wire::{Received, Tls, Wire};
