//! Streams of the dialects that are neither native nor AT Protocol, against a peer that speaks the bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::sync::{Arc, Mutex};

use peer::{Peer, broadcast, chunk, frame};
use tailwater_loadgen::{
    Control, SubscribeConfig, SubscribeReport,
    subscribe::{self, Window},
};

fn run(config: &SubscribeConfig) -> SubscribeReport {
    subscribe::run(config, &Control::default()).unwrap()
}

/// A peer whose WebSockets send these bytes and stay open, as `connections` see it until each has had `events`.
fn seen(bytes: Vec<u8>, connections: usize, events: u64) -> SubscribeReport {
    let peer = Peer::http(move |mut session| {
        session.upgrade(&bytes);
        session.wait_for_end();
    });
    run(&SubscribeConfig {
        connections,
        events: Some(events),
        window: Window::FromStart,
        ..SubscribeConfig::new(peer.url("ws", "/api/v1/streams"))
    })
}

#[test]
fn every_stream_of_a_connection_is_judged_by_itself() {
    let good = [
        broadcast("a", 1, "null"),
        frame(1, br#"[0,2,"",{"stream":"b","partition":0}]"#),
        broadcast("b", 8, "3"),
        broadcast("a", 2, "1"),
        broadcast("b", 9, "8"),
    ];
    let lost = [&good[..], &[broadcast("b", 12, "11")]].concat();
    let refused = [&good[..], &[frame(1, br#"[0,7,"","Stream \"c\" not found."]"#), broadcast("a", 3, "2")]].concat();
    let table = [
        (good.concat(), 4, None),
        (lost.concat(), 5, Some("2 events that did not come after the one they name")),
        (refused.concat(), 5, Some("2 error messages in the stream")),
    ];
    for (bytes, events, violation) in table {
        let report = seen(bytes, 2, events);
        assert_eq!(report.verdict.violations, Vec::from_iter(violation));
        assert_eq!(report.checked[0].crc32c, report.checked[1].crc32c);
    }
}

#[test]
fn messages_of_a_block_share_its_height() {
    let id = "ab".repeat(32);
    let message = |height: u64| {
        let text = format!(r#"{{"height": {height}, "asset_id": "{id}", "transaction_id": "{id}"}}"#);
        frame(1, text.as_bytes())
    };
    for (heights, violations) in [([1, 1, 2, 5], vec![]), ([2, 2, 1, 3], vec!["1 events more than once".to_owned()])] {
        let bytes = heights.map(message).concat();
        assert_eq!(seen(bytes, 1, 4).verdict.violations, violations, "{heights:?}");
    }
}

#[test]
fn a_stream_can_be_asked_for_with_a_body() {
    let stats = r#""stats":{"read_ops":0}"#;
    let line = |kind: &str, data: &str, txn_ts: u64| {
        chunk(&format!("{{\"type\":\"{kind}\",{data}\"txn_ts\":{txn_ts},\"cursor\":\"g\",{stats}}}\r\n"))
    };
    let added = |txn_ts| line("add", r#""data":{"@doc":{"t":{"@long":"9"}}},"#, txn_ts);
    let body = [line("status", "", 5), added(7), added(7), added(8), "0\r\n\r\n".to_owned()].concat();
    let peer = Peer::http(move |mut session| {
        assert_eq!(session.request_line(), "POST /stream/1 HTTP/1.1");
        assert_eq!(session.body, br#"{"token":"t"}"#);
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n";
        session.send([head, &body].concat().as_bytes());
        session.wait_for_end();
    });
    let config = SubscribeConfig {
        bodies: vec![r#"{"token":"t"}"#.into()],
        ..SubscribeConfig::new(peer.url("http", "/stream/1"))
    };
    let report = run(&config);
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!((report.checked[0].events, report.checked[0].last_seq), (3, Some(8)));
}

#[test]
fn rows_of_a_change_feed_are_events() {
    let row = |seq: u32| format!("{{\"seq\":\"{seq}-x\",\"id\":\"d\",\"changes\":[{{\"rev\":\"1-a\"}}]}}");
    let continuous =
        ["\n".to_owned(), row(3) + "\n", "\n".to_owned(), row(9) + "\n{\"last_seq\":\"9-x\",\"pending\":0}\n"];
    let eventsource = [3, 9].map(|seq| format!("data: {}\nid: \"{seq}-x\"\n\nevent: heartbeat\ndata: \n\n", row(seq)));
    for (content_type, pieces) in [("application/json", &continuous[..]), ("text/event-stream", &eventsource)] {
        let body: String = pieces.iter().map(|piece| chunk(piece)).collect();
        let peer = Peer::http(move |mut session| {
            let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}\r\n\r\n");
            session.send((head + &body + "0\r\n\r\n").as_bytes());
            session.wait_for_end();
        });
        let report = run(&SubscribeConfig::new(peer.url("http", "/db/_changes")));
        assert!(report.verdict.ok, "{:?}", report.verdict);
        let checked = &report.checked[0];
        assert_eq!((checked.events, checked.first_seq, checked.last_seq), (2, Some(3), Some(9)), "{content_type}");
    }
}

#[test]
fn each_connection_posts_its_own_selector() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let peer = Peer::http(move |mut session| {
        seen.lock().unwrap().push(String::from_utf8(session.body.clone()).unwrap());
        let row = "{\"seq\":\"3-x\",\"id\":\"d\",\"changes\":[{\"rev\":\"1-a\"}]}\n";
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n";
        session.send([head, &chunk(row)].concat().as_bytes());
        session.wait_for_end();
    });
    let bodies = [1, 2].map(|n| format!("{{\"selector\":{{\"n\":{n}}}}}"));
    let report = run(&SubscribeConfig {
        connections: 4,
        bodies: bodies.to_vec(),
        events: Some(1),
        window: Window::FromStart,
        ..SubscribeConfig::new(peer.url("http", "/db/_changes?feed=continuous&filter=_selector"))
    });
    assert!(report.verdict.ok, "{:?}", report.verdict);
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, [&*bodies[0], &*bodies[0], &*bodies[1], &*bodies[1]]);
}
