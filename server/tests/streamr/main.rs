//! The Streamr protocol over real sockets: the WebSocket, the HTTP interface beside it, crashes, slow readers, bad input.
//!
//! What clients in the field hold a server to has one test each, in [`traps`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod announced;
mod client;
mod crash;
mod damaged;
mod endings;
mod errors;
mod flood;
mod golden;
mod hostile;
mod http;
mod offsets;
mod partitions;
mod publish;
mod resend;
mod slow;
mod streams;
mod subscribe;
mod traps;
