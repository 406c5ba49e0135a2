//! HTTP/1.1 over real sockets: what is refused and how, what a connection goes on with, and that no bytes end the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod anything;
mod connections;
mod refusals;
mod slow;
