//! TLS on listeners, over real sockets, with clients of another make and certificates of an authority of the test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../fauna/frames.rs"]
#[allow(dead_code, reason = "it is shared with the tests of the dialect, which use all of it")]
mod frames;

mod authority;
mod dialects;
mod endings;
mod flow;
mod handshakes;
mod limits;
mod load;
mod renewal;
mod secure;
