//! RFC 6455 over real sockets: handshakes, rules a client can break, and control frames on a busy stream.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod busy;
mod control;
mod handshake;
mod violations;

use common::Appliance;

/// A stream of the native API.
const STREAM: &str = "/v1/feeds/repos/events";

/// The same, of the AT Protocol.
const XRPC: &str = "/xrpc/com.atproto.sync.subscribeRepos";

/// First bytes of whole frames: the final bit and the opcode.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn publish_one(appliance: &Appliance) {
    assert_eq!(appliance.publish("repos", r#"{"kind":"put","body":1}"#).0, 200);
}
