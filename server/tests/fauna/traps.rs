//! The numbered traps of the contract that a server can do something about over HTTP/1.1. T3 of answers is in `queries`; those of HTTP/2 (T1, T2, T7, T10, T11) in `http2`.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::client::{appliance, with};

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

/// T3: an unknown key ends the stream of one driver without a word.
#[test]
fn t3_no_key_but_the_known_ones() {
    let (_appliance, client) = appliance();
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    client.ok("A.create({ n: 1 })");
    let stats = ["read_ops", "storage_bytes_read", "compute_ops", "processing_time_ms", "rate_limits_hit"];
    assert_eq!(keys(&stream.status), ["type", "txn_ts", "cursor", "stats"]);
    assert_eq!(keys(&stream.status["stats"]), stats);
    let event = stream.event();
    assert_eq!(keys(&event), ["type", "data", "txn_ts", "cursor", "stats"]);
    assert_eq!(keys(&event["stats"]), stats);
    assert!(event["txn_ts"].is_u64(), "never tagged");
}

/// T4, T5: a blank line ends two drivers. All signs of life are statuses, each a whole line in a chunk of its own.
#[test]
fn t4_t5_signs_of_life_are_statuses() {
    let (_appliance, client) = with(|config| {
        config.fauna.status_interval_ms = 100;
        config.serve.ping_interval_ms = 1_000;
    });
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    for _ in 0..15 {
        // `next` fails at anything that is no line of JSON.
        assert_eq!(stream.next()["type"], "status");
    }
}

/// T6: one driver takes U+2028, U+2029 and U+0085 for the end of a line.
#[test]
fn t6_nothing_that_python_takes_for_the_end_of_a_line() {
    let (_appliance, client) = appliance();
    let text = "a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\u{1c}g\u{1d}h\u{1e}i\r\nj";
    let token = client.token("A.all().eventSource()");
    let query = json!({ "query": { "fql": ["A.create({ t: t })"] }, "arguments": { "t": text } }).to_string();
    assert_eq!(client.call("POST", "/query/1", query).status, 200);
    let mut stream = client.stream(&token);
    let chunk = String::from_utf8(stream.connection.chunk().unwrap()).unwrap();
    let line = chunk.strip_suffix("\r\n").unwrap();
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    assert!(!line.contains(ends), "{line:?}");
    assert_eq!(serde_json::from_str::<Value>(line).unwrap()["data"]["@doc"]["t"], text);
    let page = client.call("POST", "/feed/1", json!({ "token": token }).to_string());
    assert!(!page.text().contains(['\u{85}', '\u{2028}', '\u{2029}']));
}

/// T8: one driver comes back at once after the end of a body, in a loop: a stopping server keeps it for a while first.
#[test]
fn t8_a_clean_end_comes_after_a_pause() {
    let (appliance, client) = appliance();
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    let began = Instant::now();
    let stopping = thread::spawn(|| appliance.stop());
    assert!(stream.has_ended());
    let lasted = began.elapsed();
    // A server that stops waits until its connections are closed.
    drop(stream);
    stopping.join().unwrap();
    assert!(lasted >= Duration::from_millis(500), "{lasted:?}");
}

/// T8: one driver takes a broken body for a fatal error. T9: another takes an end for the end, and comes back after a break.
#[test]
fn t8_t9_streams_end_as_their_drivers_can_bear() {
    let (appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let mut other = client.stream(&token);
    let mut python = client.with("X-Driver: python").stream(&token);
    let mut httpx = client.with("User-Agent: python-httpx/0.27.0").stream(&token);
    appliance.stop();
    assert!(other.has_ended());
    for stream in [&mut python, &mut httpx] {
        assert!(stream.connection.at_end(), "the connection ends in the middle of the body");
    }
}

/// T12: a line that does not end hangs one driver. T13: another cannot read a character that is split between two chunks.
#[test]
fn t12_t13_a_chunk_is_a_whole_line() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let text = "é\u{1f600}".repeat(60_000);
    let query = json!({ "query": { "fql": ["A.create({ t: t })"] }, "arguments": { "t": text } }).to_string();
    for _ in 0..3 {
        assert_eq!(client.call("POST", "/query/1", &query).status, 200);
    }
    let mut stream = client.stream(&token);
    for _ in 0..3 {
        assert_eq!(stream.event()["data"]["@doc"]["t"], text);
    }
}

/// T15: one driver rounds integers beyond 2^53, unless it is told that they are long: they are tagged as such.
#[test]
fn t15_large_integers_are_long() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("A.create({ a: 9007199254740993, b: 2147483647, c: 2147483648 })");
    let document = client.stream(&token).event()["data"]["@doc"].clone();
    assert_eq!(document["a"], json!({ "@long": "9007199254740993" }));
    assert_eq!(document["b"], json!({ "@int": "2147483647" }));
    assert_eq!(document["c"], json!({ "@long": "2147483648" }));
}

/// T14: one driver takes the body of a refusal for an event, and fails at it; there is nothing a server could do. What is
/// refused is refused with a status.
#[test]
fn t14_a_refusal_has_a_status() {
    let (_appliance, client) = appliance();
    assert_eq!(client.no_stream("{\"token\":\"x\"}").0, 400);
}
