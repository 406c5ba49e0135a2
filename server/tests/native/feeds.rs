//! Creating, describing and deleting feeds.

use serde_json::{Value, json};

use super::common::{Appliance, eventually, raw::Connection};

/// The name of the error.
pub fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

#[test]
fn a_feed_is_created_described_listed_and_deleted() {
    let appliance = Appliance::start();
    let options = r#"{"retention":{"age_ms":60000,"bytes":8388608},"durability":{"interval_ms":50},
        "segment_bytes_max":2097152,"first_seq":100,"dialects":{"atproto":{"nsid":"com.example.stream.subscribe"}}}"#;
    let (status, created) = appliance.put("/v1/feeds/news", options);
    let expected = json!({
        "name": "news", "first_seq": 100, "last_seq": 99, "next_seq": 100, "events": 0, "bytes": 0, "frame_bytes": 0,
        "subscribers": 0, "encodings": [], "state": "open", "retention": {"age_ms": 60_000, "bytes": 8_388_608},
        "durability": {"interval_ms": 50}, "segment_bytes_max": 2_097_152, "public": false,
        "dialects": {"atproto": {"nsid": "com.example.stream.subscribe", "cursor_semantics": "inclusive", "on_outdated": "info"}},
    });
    assert_eq!((status, &created), (201, &expected));
    assert_eq!(appliance.get("/v1/feeds/news"), (200, expected));

    let (status, list) = appliance.get("/v1/feeds");
    let names: Vec<&str> =
        list["feeds"].as_array().unwrap().iter().map(|feed| feed["name"].as_str().unwrap()).collect();
    assert_eq!(
        (status, names),
        (200, vec!["_system", "blocks", "documents", "events", "labels", "messages", "news", "repos"])
    );

    assert_eq!(appliance.publish("news", r#"{"kind":"put","body":1}"#).1["first_seq"], 100);
    assert_eq!(appliance.delete("/v1/feeds/news"), (200, json!({"name": "news", "deleted": true})));
    for (status, answer) in [appliance.get("/v1/feeds/news"), appliance.delete("/v1/feeds/news")] {
        assert_eq!((status, error(&answer)), (404, "FeedNotFound"));
    }
    let (status, anew) = appliance.put("/v1/feeds/news", "");
    assert_eq!((status, &anew["next_seq"], &anew["dialects"]), (201, &json!(1), &json!({})), "nothing of it is left");
}

#[test]
fn creating_again_needs_the_same_options() {
    let appliance = Appliance::start();
    let options = r#"{"first_seq":5,"durability":"os"}"#;
    assert_eq!(appliance.put("/v1/feeds/a", options).0, 201);
    assert_eq!(appliance.put("/v1/feeds/a", r#"{"durability":"os","first_seq":5,"dialects":{}}"#).0, 200);
    for other in ["", "{}", r#"{"first_seq":5}"#, r#"{"first_seq":6,"durability":"os"}"#] {
        let (status, answer) = appliance.put("/v1/feeds/a", other);
        assert_eq!((status, error(&answer)), (409, "FeedExists"), "{other}");
    }
    assert_eq!(appliance.put("/v1/feeds/plain", " \n").0, 201);
    assert_eq!(appliance.put("/v1/feeds/plain", "{}").0, 200);
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let appliance = Appliance::start();
    let table = [
        (r#"{"retention":{"age_ms":0}}"#, "retention.age_ms"),
        (r#"{"retention":{"bytes":1}}"#, "retention.bytes"),
        (r#"{"retention":{"events":1}}"#, "events"),
        (r#"{"retention":3}"#, "column 14"),
        (r#"{"durability":"never"}"#, "never"),
        (r#"{"durability":{"interval_ms":0}}"#, "interval_ms"),
        (r#"{"segment_bytes_max":1000}"#, "segment_bytes_max"),
        (r#"{"segment_bytes_max":99999999999}"#, "segment_bytes_max"),
        (r#"{"first_seq":0}"#, "first_seq"),
        (r#"{"first_seq":9007199254740992}"#, "first_seq"),
        (r#"{"first_seq":-1}"#, "-1"),
        (r#"{"colour":"red"}"#, "colour"),
        (r#"{"dialects":{"gopher":{}}}"#, "gopher"),
        (r#"{"dialects":{"atproto":{}}}"#, "nsid"),
        (r#"{"dialects":{"atproto":{"nsid":"plain"}}}"#, "plain"),
        (r#"{"dialects":{"atproto":{"nsid":"a.b.c","cursor_semantics":"both"}}}"#, "both"),
        ("[1]", "column"),
        ("{", "column 1"),
        ("\u{feff}{}", "column 1"),
    ];
    for (options, named) in table {
        let (status, answer) = appliance.put("/v1/feeds/new", options);
        assert_eq!((status, error(&answer)), (400, "InvalidOptions"), "{options}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(named), "{options}: {answer}");
    }
    assert_eq!(appliance.get("/v1/feeds/new").0, 404);
    let (status, answer) = appliance.put("/v1/feeds/new", &" ".repeat(70_000));
    assert_eq!((status, error(&answer)), (413, "BodyTooLarge"));
}

#[test]
fn an_endpoint_belongs_to_one_feed() {
    let appliance = Appliance::start();
    let taken = r#"{"dialects":{"atproto":{"nsid":"com.atproto.sync.subscribeRepos"}}}"#;
    let (status, answer) = appliance.put("/v1/feeds/other", taken);
    assert_eq!((status, error(&answer)), (409, "EndpointBound"));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("com.atproto.sync.subscribeRepos") && message.contains("repos"), "{message}");
    assert_eq!(appliance.delete("/v1/feeds/repos").0, 200);
    assert_eq!(appliance.put("/v1/feeds/other", taken).0, 201, "a deleted feed leaves its endpoint");
}

#[test]
fn names_are_any_text() {
    let appliance = Appliance::start();
    let names =
        ["Ä ü/ß", "日本語", "..", ".", "a%2Fb", "a b+c", "UPPER", "upper", "\u{1f600}", "~", "?#&=", &"x".repeat(200)];
    for name in names {
        let path: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, created) = appliance.put(&format!("/v1/feeds/{path}"), "");
        assert_eq!((status, created["name"].as_str()), (201, Some(name)));
        assert_eq!(appliance.publish(&path, r#"{"kind":"put","body":1}"#).0, 200, "{name}");
    }
    let described: Vec<(u16, Value)> = [
        ("/v1/feeds/%E6%97%A5%E6%9C%AC%E8%AA%9E", "日本語"),
        ("/v1/feeds/a%252Fb", "a%2Fb"),
        ("/v1/feeds/a%20b+c", "a b+c"),
        ("/v1/feeds/UPPER", "UPPER"),
    ]
    .into_iter()
    .map(|(path, name)| {
        let (status, feed) = appliance.get(path);
        assert_eq!(feed["name"], name);
        (status, feed)
    })
    .collect();
    assert!(described.iter().all(|(status, feed)| *status == 200 && feed["events"] == 1), "{described:?}");
    // The same names after a restart.
    let again = Appliance::start_in(appliance.stop(), |_| {});
    let (_, list) = again.get("/v1/feeds");
    let found: Vec<&str> =
        list["feeds"].as_array().unwrap().iter().map(|feed| feed["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| found.contains(name)) && found.len() == names.len() + 7, "{found:?}");
}

#[test]
fn names_that_cannot_be() {
    let appliance = Appliance::start();
    let long = "x".repeat(201);
    for (path, status, name) in [
        ("", 400, "InvalidOptions"),
        ("a%0Ab", 400, "InvalidOptions"),
        (long.as_str(), 400, "InvalidOptions"),
        ("%zz", 400, "BadRequest"),
        ("%ff", 400, "BadRequest"),
    ] {
        let request = format!("PUT /v1/feeds/{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let answer = Connection::open(appliance.address).send(request).answer();
        assert_eq!(answer.error(), (status, name.to_owned()), "{path}");
    }
}

#[test]
fn one_of_many_creates_and_all_are_told_it_is_there() {
    let appliance = Appliance::start();
    for round in 0..5 {
        let path = format!("/v1/feeds/f{round}");
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let puts: Vec<_> = (0..8).map(|_| scope.spawn(|| appliance.put(&path, "").0)).collect();
            puts.into_iter().map(|put| put.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
    }
}

#[test]
fn feeds_and_their_options_are_there_after_a_restart() {
    let appliance = Appliance::start();
    let options = r#"{"first_seq":7,"durability":"os","dialects":{"atproto":{"nsid":"com.example.a.b"}}}"#;
    let (_, created) = appliance.put("/v1/feeds/kept", options);
    assert_eq!(appliance.publish("kept", r#"{"kind":"put","body":{"a":[1]}}"#).0, 200);
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    let (_, found) = appliance.get("/v1/feeds/kept");
    for same in ["name", "first_seq", "durability", "dialects", "retention", "segment_bytes_max"] {
        assert_eq!(found[same], created[same], "{same}");
    }
    assert_eq!((&found["last_seq"], &found["state"]), (&json!(7), &json!("open")));
    assert_eq!(appliance.put("/v1/feeds/kept", options).0, 200, "the same options still");
}

#[test]
fn a_description_counts_subscribers_and_names_encodings() {
    let appliance = Appliance::start();
    let mut stream = Connection::open(appliance.address);
    assert_eq!(stream.send("GET /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\n\r\n").head().status, 200);
    let (_, feed) = appliance.get("/v1/feeds/repos");
    assert_eq!((&feed["subscribers"], &feed["encodings"]), (&json!(1), &json!(["native-ndjson"])));
    drop(stream);
    eventually("the subscriber leaves", || appliance.get("/v1/feeds/repos").1["subscribers"] == 0);
}
