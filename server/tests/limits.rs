//! One limit and one clear refusal for each thing: connections, replays, feeds, and what one event may measure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Appliance, call, eventually, frame, frames::upgrade, raw::Connection};
use serde_json::Value;

const STREAM: &str = "/v1/feeds/repos/events";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

/// Connections that stay, one answered request each.
fn hold(appliance: &Appliance, count: usize) -> Vec<Connection> {
    let held = |_| {
        let mut connection = Connection::open(appliance.address);
        assert_eq!(connection.send(get("/v1/status")).answer().status, 200);
        connection
    };
    (0..count).map(held).collect()
}

/// What a case changes of the limits.
type Change = fn(&mut tailwater::config::Limits);

#[test]
fn more_connections_than_there_may_be_are_told_so() {
    let table: [(Change, u16, &str); 2] = [
        (|limits| limits.connections_max = 3, 503, "ServiceUnavailable"),
        (
            |limits| {
                limits.connections_per_address_max = 3;
                limits.limit_loopback = true;
            },
            429,
            "RateLimitExceeded",
        ),
    ];
    for (limit, status, name) in table {
        let appliance = Appliance::start_with(|config| limit(&mut config.limits));
        let mut held = hold(&appliance, 3);
        for request in [get("/v1/status"), upgrade(STREAM) + "\r\n", get(STREAM)] {
            let mut refused = Connection::open(appliance.address);
            let answer = refused.send(request).answer();
            assert_eq!(answer.error(), (status, name.to_owned()));
            assert_eq!((answer.header("Retry-After"), answer.header("Connection")), (Some("5"), Some("close")));
            assert!(answer.json()["message"].as_str().unwrap().contains("limits.connections_"), "{answer:?}");
            assert!(refused.at_end());
        }
        // Those who were there stay, and who leaves makes room.
        assert_eq!(held[0].send(get("/v1/status")).answer().status, 200);
        drop(held.pop());
        eventually("there is room", || {
            Connection::open(appliance.address).send(get("/v1/status")).answer().status == 200
        });
    }
}

#[test]
fn loopback_addresses_are_many_clients_unless_told_otherwise() {
    let appliance = Appliance::start_with(|config| {
        config.limits.connections_per_address_max = 1;
        config.limits.replays_per_address_max = 1;
    });
    let held = hold(&appliance, 5);
    assert_eq!(held.len(), 5);
}

#[test]
fn replays_of_one_address() {
    let appliance = Appliance::start_with(|config| {
        config.limits.replays_per_address_max = 2;
        config.limits.limit_loopback = true;
    });
    // More than a socket holds, so that a reader who does not read goes on replaying.
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    (0..16).for_each(|_| assert_eq!(appliance.publish("repos", &line.repeat(20)).0, 200));
    let replay = get(&format!("{STREAM}?cursor=0"));
    let open = |request: &str| {
        let mut connection = Connection::open(appliance.address);
        let head = connection.send(request).head();
        (head.status, connection)
    };
    let (first, mut caught_up) = open(&replay);
    let (second, stalled) = open(&replay);
    assert_eq!((first, second), (200, 200));
    for request in [replay.clone(), upgrade(&format!("{STREAM}?cursor=0")) + "\r\n"] {
        let mut refused = Connection::open(appliance.address);
        let answer = refused.send(request).answer();
        assert_eq!(answer.error(), (429, "RateLimitExceeded".into()));
        assert!(answer.header("Retry-After").is_some());
    }
    assert_eq!(open(&get(STREAM)).0, 200, "a live stream is no replay");
    // One who has caught up replays no more; one who leaves neither.
    (1..=320).for_each(|_| assert!(caught_up.event().is_some()));
    eventually("a place is free", || open(&replay).0 == 200);
    drop(stalled);
    eventually("both places are free", || {
        let (status, _held) = open(&replay);
        status == 200 && open(&replay).0 == 200
    });
}

#[test]
fn feeds_in_all() {
    let appliance = Appliance::start_with(|config| config.limits.feeds_max = config.feeds.len() as u64 + 1);
    assert_eq!(appliance.put("/v1/feeds/fits", "").0, 201);
    let (status, answer) = appliance.put("/v1/feeds/another", "");
    assert_eq!((status, error(&answer)), (403, "TooManyFeeds"));
    assert!(answer["message"].as_str().unwrap().contains("limits.feeds_max"), "{answer}");
    assert_eq!(appliance.put("/v1/feeds/fits", "").0, 200, "one that is there is no new one");
    assert_eq!(appliance.delete("/v1/feeds/fits").0, 200);
    assert_eq!(appliance.put("/v1/feeds/another", "").0, 201);
}

#[test]
fn what_one_line_may_measure() {
    let appliance = Appliance::start_with(|config| {
        config.limits.event_bytes_max = 20;
        config.limits.key_bytes_max = 3;
        config.limits.json_depth_max = 2;
    });
    let line = |key: &str, body: &str| format!(r#"{{"kind":"put","key":"{key}","body":{body}}}"#);
    let most = format!("[ [{}] ]", "1".repeat(16));
    assert_eq!(appliance.publish("repos", &line("abc", &most)).0, 200);
    for (bad, status, name, named) in [
        (line("abc", &format!("[[{}]]", "1".repeat(17))), 413, "TooLarge", "21 bytes"),
        (line("abcd", "1"), 400, "InvalidLine", "4 bytes"),
        (line("é\u{e9}", "1"), 400, "InvalidLine", "4 bytes"),
        (line("abc", "[[[]]]"), 400, "InvalidLine", "2 levels"),
        (line("abc", r#"{"a":{"b":{}}}"#), 400, "InvalidLine", "2 levels"),
    ] {
        let (answered, answer) = appliance.publish("repos", &format!("{}\n{bad}\n", line("abc", "1")));
        assert_eq!((answered, error(&answer)), (status, name), "{bad}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with("line 2: ") && message.contains(named), "{bad}: {message}");
    }
    assert_eq!(appliance.get("/v1/feeds/repos").1["last_seq"], 1);
}

#[test]
fn what_one_frame_may_measure() {
    let small = frame(5, "a");
    let appliance = Appliance::start_with(|config| {
        config.limits.event_bytes_max = small.len() as u64;
        config.limits.json_depth_max = 1;
    });
    assert_eq!(appliance.publish_frames("repos", "preserve", std::slice::from_ref(&small)).0, 200);
    let nested = b"\xa2\x61t\x62#a\x62op\x01\xa2\x61a\x80\x63seq\x06".to_vec();
    for (seq, bad, status, name, named) in [
        ("preserve", frame(6, "ab"), 413, "TooLarge", format!("{} bytes", small.len() + 1)),
        ("assign", frame(6, "ab"), 413, "TooLarge", format!("{} bytes", small.len() + 1)),
        ("assign", nested.clone(), 400, "InvalidFrame", "1 levels".to_owned()),
        ("preserve", nested, 400, "InvalidFrame", "1 levels".to_owned()),
    ] {
        let (answered, answer) = appliance.publish_frames("repos", seq, &[frame(6, "b"), bad]);
        assert_eq!((answered, error(&answer)), (status, name), "{answer}");
        let message = answer["message"].as_str().unwrap();
        let place = format!("frame 1 (at byte {} of the body): ", 4 + small.len());
        assert!(message.starts_with(&place) && message.contains(&named), "{message}");
    }
    // The length in front is enough to refuse it.
    let url = appliance.url(&format!("{STREAM}?seq=assign"));
    let announced = (small.len() as u32 + 1).to_le_bytes();
    let (status, answer) = call("POST", &url, Some("application/vnd.tailwater.frames"), announced);
    assert_eq!((status, error(&answer)), (413, "TooLarge"));
    assert_eq!(appliance.get("/v1/feeds/repos").1["last_seq"], 5);
}
