//! Mirrors: what they keep of an upstream, whatever the upstream or the network does.
//!
//! Upstreams that behave are appliances; the others are scripts on a listening socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod chain;
mod connecting;
mod judging;
mod tls;
mod upstream;
