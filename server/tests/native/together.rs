//! Many publishers at once: every acknowledged event exactly once, in one order for everybody.

use std::collections::HashMap;

use serde_json::Value;

use super::common::{Appliance, raw::Connection};

const PUBLISHERS: u64 = 12;
const REQUESTS: u64 = 25;
const LINES: u64 = 4;
const EVENTS: u64 = PUBLISHERS * REQUESTS * LINES;

/// Publishes over one connection; the first seq of each acknowledged request, with the keys it had.
fn publish(appliance: &Appliance, publisher: u64) -> Vec<(u64, Vec<String>)> {
    let mut connection = Connection::open(appliance.address);
    let one = |request| {
        let keys: Vec<String> = (0..LINES).map(|line| format!("{publisher}-{request}-{line}")).collect();
        let lines: Vec<String> =
            keys.iter().map(|key| format!(r#"{{"kind":"put","key":"{key}","body":{publisher}}}"#)).collect();
        let body = lines.join("\n");
        let head = "POST /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n";
        let answer = connection.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).answer();
        assert_eq!((answer.status, answer.json()["count"].as_u64()), (200, Some(LINES)));
        let (first, last) = (answer.json()["first_seq"].as_u64().unwrap(), answer.json()["last_seq"].as_u64().unwrap());
        assert_eq!(last, first + LINES - 1, "a request's events stand together");
        (first, keys)
    };
    (0..REQUESTS).map(one).collect()
}

/// Everything one stream delivers: seq and key.
fn read(stream: &mut Connection) -> Vec<(u64, String)> {
    (0..EVENTS)
        .map(|_| {
            let event: Value = serde_json::from_str(&stream.event().unwrap()).unwrap();
            (event["seq"].as_u64().unwrap(), event["key"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_acknowledged_event_once_and_in_one_order() {
    let appliance = Appliance::start();
    let mut streams: Vec<Connection> = (0..4).map(|_| Connection::open(appliance.address)).collect();
    for stream in &mut streams {
        let request = "GET /v1/feeds/repos/events?cursor=0 HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(stream.send(request).head().status, 200);
    }
    let (acknowledged, delivered) = std::thread::scope(|scope| {
        let readers: Vec<_> = streams.iter_mut().map(|stream| scope.spawn(|| read(stream))).collect();
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|n| (n, &appliance)).map(|(n, on)| scope.spawn(move || publish(on, n))).collect();
        let acknowledged: Vec<_> = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
        let delivered: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        (acknowledged, delivered)
    });
    for other in &delivered[1..] {
        assert_eq!(other, &delivered[0], "one order for all readers");
    }
    assert!(delivered[0].iter().map(|(seq, _)| *seq).eq(1..=EVENTS));
    let seq_of: HashMap<&str, u64> = delivered[0].iter().map(|(seq, key)| (key.as_str(), *seq)).collect();
    assert_eq!(seq_of.len() as u64, EVENTS);
    for (first_seq, keys) in acknowledged {
        for (seq, key) in (first_seq..).zip(keys) {
            assert_eq!(seq_of.get(key.as_str()), Some(&seq), "{key}");
        }
    }
}
