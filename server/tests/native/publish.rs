//! Publishing lines.

use serde_json::{Value, json};

use super::common::{Appliance, raw::Connection};
use super::feeds::error;

/// The events of a feed as a page shows them, without their times.
pub fn events(appliance: &Appliance, feed: &str) -> Vec<Value> {
    let (status, page) = appliance.get(&format!("/v1/feeds/{feed}/events?format=json&limit=10000"));
    assert_eq!(status, 200, "{page}");
    page["events"].as_array().unwrap().clone()
}

fn request(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n{fields}\r\n{body}")
}

const EVENTS: &str = "/v1/feeds/repos/events";
const LINE: &str = r#"{"kind":"put","key":"k","body":1}"#;

#[test]
fn every_json_value_is_a_body() {
    let appliance = Appliance::start();
    let bodies = [
        r#"{"a":{"b":[1,2,{"c":null}]}}"#,
        "[]",
        r#""text \u00e4 \"quoted\" \n""#,
        "12345678901234567890.5e-3",
        "100000000000000000000000001",
        "true",
        "false",
        "null",
        r#""""#,
        "{}",
    ];
    let lines: Vec<String> =
        bodies.iter().map(|body| format!(r#"{{"kind":"put","key":"k","time":7,"body":{body}}}"#)).collect();
    let answer = appliance.publish("repos", &lines.join("\n"));
    assert_eq!(answer, (200, json!({"first_seq": 1, "last_seq": 10, "count": 10})));
    let page = Connection::open(appliance.address)
        .send("GET /v1/feeds/repos/events?format=json HTTP/1.1\r\nHost: a\r\n\r\n")
        .answer();
    for (seq, body) in (1..).zip(bodies) {
        let event = format!(r#"{{"seq":{seq},"time":7,"kind":"put","key":"k","body":{body}}}"#);
        assert!(page.text().contains(&event), "{event} in {}", page.text());
    }
}

#[test]
fn kinds_keys_times_and_deletes() {
    let appliance = Appliance::start();
    let lines = "{\"kind\":\"put\",\"key\":\"ä/\\u0000\",\"time\":1,\"body\":{}}\r\n\n  \n\
        {\"body\": 2 , \"kind\":\"#commit\"}\n{\"kind\":\"delete\",\"key\":\"gone\"}\n";
    assert_eq!(appliance.publish("repos", lines).1["count"], 3);
    let found = events(&appliance, "repos");
    let essence: Vec<Value> =
        found.iter().map(|event| json!([event["seq"], event["kind"], event["key"], event["body"]])).collect();
    let expected = [json!([1, "put", "ä/\0", {}]), json!([2, "#commit", "", 2]), json!([3, "delete", "gone", null])];
    assert_eq!(essence, expected);
    assert_eq!(found[0]["time"], 1);
    let now_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as u64;
    let time_us = found[1]["time"].as_u64().unwrap();
    assert!((now_us - 60_000_000..=now_us).contains(&time_us), "{time_us} is about {now_us}");
}

#[test]
fn a_bad_line_refuses_the_whole_and_is_named() {
    let appliance = Appliance::start();
    let table = [
        ("{", "the JSON ends too early at byte 1"),
        (r#"{"kind":"put","body":1,"when":3}"#, "unknown key \"when\""),
        (r#"{"key":"k","body":1}"#, "\"kind\" is missing"),
        (r#"{"kind":"put"}"#, "\"body\" is missing"),
        (r#"{"kind":"","body":1}"#, "\"kind\""),
        (r#"{"kind":5,"body":1}"#, "\"kind\" is not a string"),
        (r#"{"kind":"put","time":-5,"body":1}"#, "\"time\""),
        (r#"{"kind":"put","body":1,"body":1}"#, "\"body\" is given twice"),
        ("[]", "an event is a JSON object"),
        ("{\"kind\":\"put\",\"body\":\"\\ud800\"}", "surrogate"),
        ("hello", "at byte 0"),
    ];
    for (bad, named) in table {
        for (line, body) in [(1, format!("{bad}\n{LINE}")), (4, format!("{LINE}\n\n{LINE}\n{bad}\n{LINE}\n"))] {
            let (status, answer) = appliance.publish("repos", &body);
            assert_eq!((status, error(&answer)), (400, "InvalidLine"), "{bad}");
            let message = answer["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("line {line}: ")) && message.contains(named), "{bad}: {message}");
        }
    }
    let long = format!(r#"{LINE}{}{{"kind":"{}","body":1}}"#, "\n", "k".repeat(65));
    let (status, answer) = appliance.publish("repos", &long);
    assert_eq!((status, error(&answer)), (400, "InvalidLine"));
    assert!(answer["message"].as_str().unwrap().starts_with("line 2: kind is 65 bytes long"), "{answer}");
    assert_eq!(appliance.get("/v1/feeds/repos").1["last_seq"], 0, "nothing of a refused request is stored");
}

#[test]
fn what_is_no_publish_request() {
    let appliance = Appliance::start();
    let url = appliance.url(EVENTS);
    let call =
        |path: &str, content_type, body: &str| super::common::call("POST", &format!("{url}{path}"), content_type, body);
    let lines = Some("application/x-ndjson; charset=utf-8");
    let frames = Some("application/vnd.tailwater.frames");
    for (path, content_type, body, status, name) in [
        ("", lines, "", 400, "EmptyRequest"),
        ("", lines, "\n \r\n", 400, "EmptyRequest"),
        ("", frames, "", 400, "EmptyRequest"),
        ("", Some("application/json"), LINE, 415, "UnsupportedMediaType"),
        ("", None, LINE, 415, "UnsupportedMediaType"),
        ("?seq=preserve", lines, LINE, 400, "InvalidRequest"),
        ("?seq=keep", frames, "", 400, "InvalidRequest"),
        ("?seq=", frames, "", 400, "InvalidRequest"),
    ] {
        let (answered, answer) = call(path, content_type, body);
        assert_eq!((answered, error(&answer)), (status, name), "{path} {content_type:?} {body:?}: {answer}");
    }
    assert_eq!(call("", Some("Application/X-NDJSON"), LINE).0, 200);
    assert_eq!(appliance.publish("nowhere", LINE).1["error"], "FeedNotFound");
    assert_eq!(appliance.get("/v1/feeds/repos").1["events"], 1);
}

#[test]
fn bodies_in_chunks_and_on_request() {
    let appliance = Appliance::start();
    let chunked = format!("1\r\n{{\r\n{:x};ext=\"1\"\r\n{}\r\n0\r\nTrailer: x\r\n\r\n", LINE.len() - 1, &LINE[1..]);
    let mut connection = Connection::open(appliance.address);
    let answer = connection.send(request(EVENTS, "Transfer-Encoding: chunked\r\n", &chunked)).answer();
    assert_eq!((answer.status, answer.json()["last_seq"].as_u64()), (200, Some(1)), "{answer:?}");

    let expecting = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", LINE.len());
    assert_eq!(connection.send(request(EVENTS, &expecting, "")).head().status, 100);
    assert_eq!(connection.send(LINE).answer().json()["last_seq"], 2);
    // Whoever sends the body without waiting is not told to go on.
    assert_eq!(connection.send(request(EVENTS, &expecting, LINE)).answer().json()["last_seq"], 3);
    // A request that is refused is refused before its body is asked for.
    let nowhere = request("/v1/feeds/nowhere/events", &expecting, "");
    let answer = connection.send(nowhere).answer();
    assert_eq!((answer.error(), answer.header("Connection")), ((404, "FeedNotFound".into()), Some("close")));
    assert!(connection.at_end());
}

#[test]
fn bodies_that_are_too_large_or_broken() {
    let appliance = Appliance::start_with(|config| {
        config.limits.request_body_bytes_max = 2_000;
        config.limits.idle_timeout_ms = 1_500;
    });
    let large = LINE.repeat(80);
    let table = [
        (format!("Content-Length: {}\r\n", large.len()), large.clone(), 413, "BodyTooLarge"),
        ("Content-Length: 99999999999999999\r\n".into(), String::new(), 413, "BodyTooLarge"),
        (
            "Transfer-Encoding: chunked\r\n".into(),
            format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            413,
            "BodyTooLarge",
        ),
        (
            "Transfer-Encoding: chunked\r\n".into(),
            format!("{}0\r\n\r\n", "100\r\n".to_owned() + &"a".repeat(256) + "\r\n").repeat(9),
            400,
            "InvalidLine",
        ),
        ("Transfer-Encoding: chunked\r\n".into(), "zz\r\n".into(), 400, "BadRequest"),
        ("Transfer-Encoding: chunked\r\n".into(), "1\r\nabc".into(), 400, "BadRequest"),
        ("Content-Length: 50\r\n".into(), "{".into(), 408, "RequestTimeout"),
    ];
    for (fields, body, status, name) in table {
        let mut connection = Connection::open(appliance.address);
        let answer = connection.send(request(EVENTS, &fields, &body)).answer();
        assert_eq!(answer.error(), (status, name.to_owned()), "{fields}");
    }
    let mut connection = Connection::open(appliance.address);
    let cut = connection.send(request(EVENTS, "Content-Length: 50\r\n", "{")).finish().answer();
    assert_eq!(cut.error(), (400, "BadRequest".into()));
    assert_eq!(appliance.get("/v1/feeds/repos").1["events"], 0);
}
