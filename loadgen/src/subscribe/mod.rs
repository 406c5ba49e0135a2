//! Subscribing: many connections on one thread, a few of them checked, the rest drained or stalled.
//!
//! [`run`] is the entry; [`SubscribeConfig`] says what, [`SubscribeReport`] what came of it. Inside: `engine` drives,
//! `connection` is one connection (`opening`, then `checked` or `drain`, with an `outbox`), `handshake` begins a stream,
//! `checks`, `tracks` and `sequence` judge it, `roles`, `window` and `tally` are the bookkeeping. Tests against a peer that
//! speaks the bytes: `tests/subscribe.rs`, `tests/say.rs`, `tests/dialects.rs`, over TLS `tests/tls.rs`.

mod checked;
mod checks;
mod config;
mod connection;
mod drain;
mod engine;
mod handshake;
mod opening;
mod outbox;
mod report;
mod roles;
mod sequence;
mod tally;
mod tracks;
mod window;

pub use checks::CheckedConnection;
pub use config::{SAMPLE_DEFAULT, SubscribeConfig, Window};
pub use report::{ConnectionsReport, Delivered, SubscribeReport, Verdict};
pub use sequence::{Observed, SequenceTracker};
pub use tally::{Reasons, Tally};

use crate::{control::Control, error::Error};

/// Runs to its end on the calling thread: until a limit of `config` is reached, every connection has ended, or `control` stops it.
///
/// Raises the process's soft limit of open descriptors to the hard one.
///
/// # Errors
///
/// Settings that make no run, a server name that does not resolve, too few descriptors. What happens to single connections is
/// no error but part of the report.
pub fn run(config: &SubscribeConfig, control: &Control) -> Result<SubscribeReport, Error> {
    engine::Engine::new(config, control)?.run()
}
