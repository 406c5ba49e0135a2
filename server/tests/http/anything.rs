//! Arbitrary bytes, at every stage of a connection: the process lives, nothing is stored, and every answer is whole.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::common::{Appliance, frames};

const PIECES: [&str; 20] = [
    "GET ",
    "POST ",
    "PUT ",
    "DELETE ",
    "/v1/feeds",
    "/v1/feeds/x/events",
    "/xrpc/com.atproto.sync.subscribeRepos",
    "?cursor=1",
    "&format=sse",
    "%",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: a\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "\r\n",
    "\n",
    "3\r\nabc\r\n0\r\n\r\n",
];

/// Bytes, or pieces of requests in any order.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Every answer in what came back is one: a status line this server can give.
fn is_whole(answer: &str) -> bool {
    answer.is_empty() || answer.starts_with("HTTP/1.1 ")
}

fn run(cases: u32, strategy: impl Strategy<Value = Vec<u8>>, check: impl Fn(&Appliance, &[u8])) {
    let appliance = Appliance::start();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |bytes| {
            check(&appliance, &bytes);
            Ok(())
        })
        .unwrap();
    assert_eq!(appliance.get("/v1/status").0, 200);
    for feed in ["repos", "labels"] {
        let (status, described) = appliance.get(&format!("/v1/feeds/{feed}"));
        assert_eq!((status, &described["events"]), (200, &0.into()));
    }
    super::common::eventually("every connection is over", || appliance.running().connections() <= 1);
}

#[test]
fn as_a_request() {
    run(300, anything(), |appliance, bytes| {
        let answer = appliance.raw_then_end(bytes);
        assert!(is_whole(&answer), "{}: {answer}", bytes.escape_ascii());
    });
}

#[test]
fn as_the_frames_of_a_websocket() {
    run(300, prop::collection::vec(any::<u8>(), 0..200), |appliance, bytes| {
        frames::open(appliance, "/v1/feeds/repos/events").send(bytes).finish().drain();
    });
}

#[test]
fn as_a_body() {
    run(200, prop::collection::vec(any::<u8>(), 1..200), |appliance, bytes| {
        for content_type in ["application/x-ndjson", "application/vnd.tailwater.frames"] {
            let url = appliance.url("/v1/feeds/repos/events");
            let (status, answer) = super::common::call("POST", &url, Some(content_type), bytes);
            assert!(matches!(status, 400 | 413), "{}: {status} {answer}", bytes.escape_ascii());
        }
    });
}
