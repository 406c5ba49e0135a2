//! Changing the options of feeds that are there.

use std::thread;

use serde_json::{Value, json};

use super::{
    common::{Appliance, connect_narrow, eventually, raw::Connection},
    feeds::error,
};

/// The message of a refusal of this status and name.
#[track_caller]
fn refusal((status, answer): (u16, Value), expected: (u16, &str)) -> String {
    assert_eq!((status, error(&answer)), expected, "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_named_changes_and_everything_else_stays() {
    let appliance = Appliance::start();
    let created = r#"{"retention":{"age_ms":60000},"durability":{"interval_ms":50},"first_seq":7}"#;
    let (_, mut expected) = appliance.put("/v1/feeds/f", created);
    let nsid = json!({ "nsid": "a.b.c", "cursor_semantics": "exclusive", "on_outdated": "info" });
    let steps = [
        ("", vec![]),
        ("{}", vec![]),
        (r#"{"retention":{"bytes":2097152}}"#, vec![("/retention/bytes", json!(2_097_152))]),
        (r#"{"retention":{"age_ms":null}}"#, vec![("/retention/age_ms", Value::Null)]),
        (r#"{"durability":{"interval_ms":60}}"#, vec![("/durability/interval_ms", json!(60))]),
        (
            r#"{"durability":"os","segment_bytes_max":1048576,"first_seq":7,"public":true}"#,
            vec![("/durability", json!("os")), ("/segment_bytes_max", json!(1_048_576)), ("/public", json!(true))],
        ),
        (r#"{"durability":{"interval_ms":70}}"#, vec![("/durability", json!({ "interval_ms": 70 }))]),
        (
            r#"{"dialects":{"atproto":{"nsid":"a.b.c","cursor_semantics":"exclusive"}}}"#,
            vec![("/dialects", json!({ "atproto": nsid }))],
        ),
        (
            r#"{"dialects":{"atproto":{"on_outdated":"fail"},"couchdb":{"db":"d"}}}"#,
            vec![
                ("/dialects/atproto/on_outdated", json!("fail")),
                ("/dialects", json!({ "atproto": nsid, "couchdb": { "db": "d", "sse": "couchdb" } })),
                ("/dialects/atproto/on_outdated", json!("fail")),
            ],
        ),
        (r#"{"dialects":{"atproto":null,"couchdb":null,"streamr":null}}"#, vec![("/dialects", json!({}))]),
        (r#"{"durability":"sync"}"#, vec![("/durability", json!("sync"))]),
    ];
    for (change, changes) in steps {
        for (pointer, value) in changes {
            *expected.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        }
        assert_eq!(appliance.patch("/v1/feeds/f", change), (200, expected.clone()), "{change}");
        assert_eq!(appliance.get("/v1/feeds/f"), (200, expected.clone()), "{change}");
    }
    // What was acknowledged is there after a restart, and with it the feed can be created again.
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    assert_eq!(appliance.get("/v1/feeds/f"), (200, expected));
    let now = r#"{"retention":{"bytes":2097152},"durability":"sync","segment_bytes_max":1048576,"first_seq":7,"public":true}"#;
    assert_eq!(appliance.put("/v1/feeds/f", now).0, 200);
    let message = refusal(appliance.put("/v1/feeds/f", created), (409, "FeedExists"));
    assert!(message.contains("PATCH /v1/feeds/{feed}"), "{message}");
}

#[test]
fn what_cannot_be_is_refused_by_name_and_nothing_changes() {
    let appliance = Appliance::start();
    let stream = r#"{"dialects":{"streamr":{"stream":"s","partitions":2}}}"#;
    assert_eq!(appliance.put("/v1/feeds/parts", stream).0, 201);
    let before = appliance.get("/v1/feeds").1;
    let table = [
        ("gone", "{}", (404, "FeedNotFound"), "gone"),
        ("_system", r#"{"public":true}"#, (409, "FeedIsSystem"), "_system"),
        ("parts.1", r#"{"public":true}"#, (409, "FeedIsPartition"), "\"parts\""),
        ("repos", "[1]", (400, "InvalidOptions"), "column"),
        ("repos", "{", (400, "InvalidOptions"), "column"),
        ("repos", r#"{"colour":"red"}"#, (400, "InvalidOptions"), "colour"),
        ("repos", r#"{"colour":null}"#, (400, "InvalidOptions"), "colour"),
        ("repos", r#"{"durability":null}"#, (400, "InvalidOptions"), "\"durability\" cannot be taken away"),
        ("repos", r#"{"retention":null}"#, (400, "InvalidOptions"), "\"retention\" cannot be taken away"),
        ("repos", r#"{"retention":{"age_ms":0}}"#, (400, "InvalidOptions"), "retention.age_ms"),
        ("repos", r#"{"retention":{"events":1}}"#, (400, "InvalidOptions"), "events"),
        ("repos", r#"{"segment_bytes_max":1}"#, (400, "InvalidOptions"), "segment_bytes_max"),
        ("repos", r#"{"dialects":{"gopher":{}}}"#, (400, "InvalidOptions"), "gopher"),
        ("repos", r#"{"dialects":{"atproto":{"nsid":"plain"}}}"#, (400, "InvalidOptions"), "plain"),
        ("repos", r#"{"dialects":{"atproto":{"nsid":null}}}"#, (400, "InvalidOptions"), "nsid"),
        ("repos", r#"{"dialects":{"couchdb":{"db":"UPPER"}}}"#, (400, "InvalidOptions"), "UPPER"),
        ("repos", r#"{"first_seq":2}"#, (409, "OptionFixed"), "first_seq is 1 since the feed was created"),
        (
            "repos",
            r#"{"dialects":{"streamr":{"stream":"r","partitions":2}}}"#,
            (409, "OptionFixed"),
            "a stream of one partition only",
        ),
        ("parts", r#"{"dialects":{"streamr":{"partitions":3}}}"#, (409, "OptionFixed"), "a stream of 2 partitions"),
        ("parts", r#"{"dialects":{"couchdb":{"db":"d"}}}"#, (409, "OptionFixed"), "a stream of 2 partitions"),
        ("parts", r#"{"dialects":{"streamr":null}}"#, (409, "OptionFixed"), "a stream of 2 partitions"),
        (
            "repos",
            r#"{"dialects":{"atproto":{"nsid":"com.atproto.label.subscribeLabels"}}}"#,
            (409, "EndpointBound"),
            "\"labels\"",
        ),
        ("repos", r#"{"dialects":{"streamr":{"stream":"messages"}}}"#, (409, "EndpointBound"), "\"messages\""),
        ("repos", r#"{"dialects":{"couchdb":{"db":"events"}}}"#, (409, "EndpointBound"), "\"events\""),
        ("repos", r#"{"dialects":{"bigchaindb":{}}}"#, (409, "EndpointBound"), "\"blocks\""),
        ("repos", r#"{"dialects":{"fauna":{"database":"/"}}}"#, (409, "EndpointBound"), "\"documents\""),
    ];
    for (feed, change, expected, named) in table {
        let message = refusal(appliance.patch(&format!("/v1/feeds/{feed}"), change), expected);
        assert!(message.contains(named), "{change}: {message}");
    }
    let too_large = appliance.patch("/v1/feeds/repos", &" ".repeat(70_000));
    refusal(too_large, (413, "BodyTooLarge"));
    assert_eq!(appliance.get("/v1/feeds").1, before);
}

#[test]
fn every_partition_of_a_stream_changes_with_the_first() {
    let appliance = Appliance::start();
    let stream = r#"{"dialects":{"streamr":{"stream":"s","partitions":3}}}"#;
    assert_eq!(appliance.put("/v1/feeds/parts", stream).0, 201);
    let change = r#"{"public":true,"retention":{"age_ms":5000},"dialects":{"streamr":{"partitions":3}}}"#;
    assert_eq!(appliance.patch("/v1/feeds/parts", change).0, 200);
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    for (partition, name) in ["parts", "parts.1", "parts.2"].into_iter().enumerate() {
        let (_, feed) = appliance.get(&format!("/v1/feeds/{name}"));
        assert_eq!((&feed["public"], &feed["retention"]["age_ms"]), (&json!(true), &json!(5000)), "{feed}");
        assert_eq!(feed["dialects"]["streamr"], json!({ "stream": "s", "partitions": 3, "partition": partition }));
    }
}

#[test]
fn changes_at_the_same_time_lose_none_of_each_other() {
    let appliance = Appliance::start();
    assert_eq!(appliance.put("/v1/feeds/f", "").0, 201);
    for round in 1..=5_u64 {
        let changes = [
            format!(r#"{{"retention":{{"age_ms":{round}000000}}}}"#),
            format!(r#"{{"retention":{{"bytes":{round}000000000}}}}"#),
            format!(r#"{{"segment_bytes_max":{round}048576}}"#),
            format!(r#"{{"durability":{{"interval_ms":{round}}}}}"#),
            format!(r#"{{"dialects":{{"atproto":{{"nsid":"a.b.c{round}"}}}}}}"#),
        ];
        thread::scope(|scope| {
            for change in &changes {
                scope.spawn(|| assert_eq!(appliance.patch("/v1/feeds/f", change).0, 200));
            }
        });
        let (_, feed) = appliance.get("/v1/feeds/f");
        let expected = json!({ "age_ms": round * 1_000_000, "bytes": round * 1_000_000_000_u64 });
        assert_eq!(feed["retention"], expected);
        assert_eq!(feed["segment_bytes_max"], round * 1_000_000 + 48_576);
        assert_eq!(feed["durability"]["interval_ms"], round);
        assert_eq!(feed["dialects"]["atproto"]["nsid"], format!("a.b.c{round}"));
    }
}

#[test]
fn a_feed_that_is_deleted_while_it_changes_is_gone() {
    let appliance = Appliance::start();
    for round in 0..10 {
        let feed = format!("/v1/feeds/f{round}");
        assert_eq!(appliance.put(&feed, "").0, 201);
        thread::scope(|scope| {
            for change in [r#"{"dialects":{"couchdb":{"db":"d"}}}"#, r#"{"dialects":{"atproto":{"nsid":"a.b.c"}}}"#] {
                let feed = &feed;
                let appliance = &appliance;
                scope.spawn(move || assert!(matches!(appliance.patch(feed, change).0, 200 | 404)));
            }
            assert_eq!(appliance.delete(&feed).0, 200);
        });
        assert_eq!((appliance.get(&feed).0, appliance.get("/d").0), (404, 404));
        assert_eq!(appliance.put(&feed, r#"{"dialects":{"couchdb":{"db":"d"},"atproto":{"nsid":"a.b.c"}}}"#).0, 201);
        assert_eq!(appliance.delete(&feed).0, 200);
    }
}

#[test]
fn a_shorter_retention_is_in_force_without_a_restart_and_cuts_nobody_in_the_middle() {
    let appliance = Appliance::start();
    assert_eq!(appliance.put("/v1/feeds/short", r#"{"segment_bytes_max":1048576}"#).0, 201);
    let body = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000)).repeat(100);
    for _ in 0..8 {
        assert_eq!(appliance.publish("short", &body).0, 200);
    }
    let mut lines = Connection::on(connect_narrow(appliance.address));
    let request = "GET /v1/feeds/short/events?cursor=0 HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(lines.send(request).head().status, 200);
    assert!(lines.event().unwrap().starts_with("{\"seq\":1,"));
    assert_eq!(appliance.patch("/v1/feeds/short", r#"{"retention":{"bytes":2097152}}"#).0, 200);
    let first_seq = || appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap();
    eventually("the window moves", || first_seq() > 500);
    let mut seen = 1;
    let farewell = loop {
        let event: Value = serde_json::from_str(&lines.event().unwrap()).unwrap();
        if event["seq"].is_null() {
            break event;
        }
        seen += 1;
        assert_eq!(event["seq"], seen, "what came had no gap, and was whole");
    };
    assert_eq!((&farewell["error"], lines.event(), lines.at_end()), (&"CursorTooOld".into(), None, true));
    // The same the other way round: what is there now stays.
    assert_eq!(appliance.patch("/v1/feeds/short", r#"{"retention":{"bytes":null}}"#).0, 200);
    let kept = first_seq();
    for _ in 0..4 {
        assert_eq!(appliance.publish("short", &body).0, 200);
    }
    assert_eq!(first_seq(), kept);
}
