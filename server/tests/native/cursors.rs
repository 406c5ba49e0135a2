//! Where reading may begin once retention has taken the oldest events.

use serde_json::Value;

use super::common::{Appliance, eventually, raw::Connection};
use super::feeds::error;

/// Events of 10 kB each.
fn lines(count: usize) -> String {
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000));
    line.repeat(count)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A feed that has lost its beginning, and its first seq.
fn shortened(appliance: &Appliance) -> u64 {
    let options = r#"{"retention":{"bytes":2097152},"segment_bytes_max":1048576}"#;
    assert_eq!(appliance.put("/v1/feeds/short", options).0, 201);
    for _ in 0..8 {
        assert_eq!(appliance.publish("short", &lines(100)).0, 200);
    }
    let described = || appliance.get("/v1/feeds/short").1;
    eventually("retention", || described()["bytes"].as_u64().unwrap() <= 2 << 20);
    described()["first_seq"].as_u64().unwrap()
}

#[test]
fn retention_by_bytes_moves_the_first_seq() {
    let appliance = Appliance::start();
    let first_seq = shortened(&appliance);
    let (_, feed) = appliance.get("/v1/feeds/short");
    assert!(first_seq > 400 && feed["last_seq"] == 800, "{feed}");
    assert_eq!(feed["events"], 801 - first_seq);

    for format in ["json", "ndjson", "sse"] {
        for cursor in [1, first_seq - 1] {
            let (status, answer) = appliance.get(&format!("/v1/feeds/short/events?format={format}&cursor={cursor}"));
            assert_eq!((status, error(&answer)), (410, "CursorTooOld"), "{format} {cursor}");
            assert!(answer["message"].as_str().unwrap().contains(&format!("seq {first_seq} ")), "{answer}");
        }
    }
    for (cursor, expected) in [(0, first_seq), (first_seq, first_seq), (first_seq + 3, first_seq + 3)] {
        let path = format!("/v1/feeds/short/events?cursor={cursor}");
        let mut stream = Connection::open(appliance.address);
        assert_eq!(stream.send(get(&path)).head().status, 200);
        for seq in expected..=800 {
            let event: Value = serde_json::from_str(&stream.event().unwrap()).unwrap();
            assert_eq!(event["seq"], seq);
        }
        let (_, page) = appliance.get(&format!("{path}&format=json&limit=1"));
        assert_eq!(page["events"][0]["seq"], expected);
    }
    // The same window after a restart.
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    assert_eq!(appliance.get("/v1/feeds/short").1["first_seq"], first_seq);
    assert_eq!(appliance.publish("short", &lines(1)).1["first_seq"], 801);
}

#[test]
fn a_reader_that_keeps_up_never_notices_retention() {
    let appliance = Appliance::start();
    let options = r#"{"retention":{"bytes":2097152},"segment_bytes_max":1048576}"#;
    assert_eq!(appliance.put("/v1/feeds/short", options).0, 201);
    let mut stream = Connection::open(appliance.address);
    assert_eq!(stream.send(get("/v1/feeds/short/events?cursor=0")).head().status, 200);
    for round in 0..10 {
        assert_eq!(appliance.publish("short", &lines(80)).0, 200);
        for seq in round * 80 + 1..=(round + 1) * 80 {
            let event: Value = serde_json::from_str(&stream.event().unwrap()).unwrap();
            assert_eq!(event["seq"], seq);
        }
    }
    assert!(appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap() > 1);
}
