//! The HTTP interface beside the WebSocket: methods, CORS, queries, sessions, statistics.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, produce, told},
    common::{Appliance, call, raw::Connection},
};

/// No message.
const NONE: RangeInclusive<u64> = RangeInclusive::new(1, 0);

const DATA: &str = "/api/v1/streams/messages/data";

#[test]
fn methods_and_preflights() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    let last = format!("{DATA}/partitions/0/last");
    let table = [
        ("/api/v1/ws", "POST", "GET"),
        (DATA, "GET", "POST"),
        (&last, "POST", "GET"),
        ("/api/v1/streams", "PUT", "GET, HEAD, POST"),
        ("/api/v1/streams/messages", "POST", "GET, HEAD, DELETE"),
        ("/api/v1/login/apikey", "GET", "POST"),
        ("/api/v1/volume", "POST", "GET, HEAD"),
    ];
    for (path, method, allowed) in table {
        let answer =
            connection.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).answer();
        assert_eq!((answer.status, answer.header("Allow")), (405, Some(allowed)), "{method} {path}");
        let request = format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: POST\r\n\r\n"
        );
        let answer = connection.send(request).answer();
        assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (200, Some("*")), "{path}");
        assert!(answer.header("Access-Control-Allow-Methods").unwrap().contains("POST"));
        assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("*"));
    }
    for path in ["/api/v1/streams/messages/fields", "/api/v2/ws", "/api/v1/streams/messages/data/partitions/0"] {
        assert_eq!(appliance.get(path).0, 404, "{path}");
    }
}

#[test]
fn a_listener_without_the_dialect_knows_none_of_it() {
    let appliance = Appliance::start_with(|config| {
        config.listen[0].dialects.retain(|dialect| *dialect != tailwater::config::Dialect::Streamr);
    });
    for path in [
        "/api/v1/ws",
        "/api/v1/streams",
        "/api/v1/streams/messages",
        "/api/v1/volume",
        &format!("{DATA}/partitions/0/last"),
    ] {
        assert_eq!(appliance.get(path).0, 404, "{path}");
    }
    assert_eq!(appliance.get("/v1/feeds/_system").0, 404, "who cannot be told needs no feed for it");
}

#[test]
fn what_queries_select() {
    let appliance = Appliance::start();
    (1..=10).for_each(|at| produce(&appliance, STREAM, &format!("?ts={}", at * 100), &at.to_string()));
    let table = [
        ("last", 10..=10),
        ("last?count=3", 8..=10),
        ("last?count=1000", 1..=10),
        ("last?count=1e99", 1..=10),
        ("last?count=0", NONE),
        ("last?count=-1", NONE),
        ("from?fromOffset=0", 1..=10),
        ("from?fromOffset=9", 9..=10),
        ("from?fromOffset=9&toOffset=9", 9..=10),
        ("from?fromTimestamp=801", 9..=10),
        ("range?fromOffset=3&toOffset=5", 3..=5),
        ("range?fromOffset=9", 9..=10),
        ("range?fromOffset=5&toOffset=4", NONE),
        ("range?fromTimestamp=299&toTimestamp=500", 3..=5),
        ("range?fromTimestamp=901", 10..=10),
        ("range?fromTimestamp=1001", NONE),
    ];
    for (query, expected) in table {
        let (status, messages) = appliance.get(&format!("{DATA}/partitions/0/{query}"));
        assert_eq!(status, 200, "{query}: {messages}");
        let messages: Vec<_> = messages.as_array().unwrap().iter().map(|message| told(None, message)).collect();
        assert!(messages.iter().map(|message| message.offset).eq(expected.clone()), "{query}: {messages:?}");
        assert!(messages.iter().all(|message| message.content == json!(message.offset)));
        assert!(messages.iter().all(|message| message.previous == message.offset.checked_sub(1).filter(|&at| at > 0)));
    }
}

/// However long an answer is, it is whole; whoever asks for little gets it with its length.
#[test]
fn a_large_answer_is_whole_in_every_form() {
    let appliance = Appliance::start();
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(500_000));
    (0..2).for_each(|_| assert_eq!(appliance.publish(STREAM, &line.repeat(20)).0, 200));
    let mut connection = Connection::open(appliance.address);
    for (query, first, count) in [
        ("from?fromOffset=1", 1, 40),
        ("from?fromOffset=1&wrapper=object&content=json", 1, 40),
        ("range?fromOffset=3&toOffset=9&wrapper=object", 3, 7),
        ("last?count=39&content=json", 2, 39),
    ] {
        let request = format!("GET {DATA}/partitions/0/{query} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = connection.send(request).answer();
        assert_eq!((answer.status, answer.header("Transfer-Encoding")), (200, Some("chunked")), "{query}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        let messages = answer.json();
        let messages = messages.as_array().unwrap();
        assert_eq!(messages.len(), count, "{query}");
        for (offset, message) in (first..).zip(messages) {
            let (is_object, is_json) = (query.contains("object"), query.contains("content=json"));
            let [at, content] =
                if is_object { [&message["offset"], &message["content"]] } else { [&message[5], &message[8]] };
            let length = if is_json { 500_000 } else { 500_002 };
            assert_eq!((at, content.as_str().unwrap().len()), (&json!(offset), length), "{query}");
        }
    }
    let small = connection.send(format!("GET {DATA}/partitions/0/last?count=0 HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
    assert_eq!((small.text(), small.header("Content-Length")), ("[]", Some("2")));
    // Without chunks for those who do not know them.
    let old = appliance.raw(format!("GET {DATA}/partitions/0/from?fromOffset=1 HTTP/1.0\r\n\r\n"));
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked") && serde_json::from_str::<Value>(body).unwrap()[39][5] == json!(40), "{head}");
}

/// An answer ends with what was there when it was asked for, and goes nowhere when nobody reads it.
#[test]
fn an_answer_ends_with_what_was_there_and_with_its_reader() {
    let appliance = Appliance::start();
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(500_000));
    (0..2).for_each(|_| assert_eq!(appliance.publish(STREAM, &line.repeat(20)).0, 200));
    let request = format!("GET {DATA}/partitions/0/from?fromOffset=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut asked = Connection::on(super::common::connect_narrow(appliance.address));
    assert_eq!(asked.send(&request).head().status, 200);
    produce(&appliance, STREAM, "", "41");
    let mut body = Vec::new();
    while let Some(chunk) = asked.chunk() {
        body.extend(chunk);
    }
    let messages: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(messages.as_array().unwrap().len(), 40);
    let mut gone = Connection::on(super::common::connect_narrow(appliance.address));
    assert_eq!(gone.send(&request).head().status, 200);
    drop(gone);
    drop(asked);
    super::common::eventually("nobody is left", || appliance.running().connections() == 0);
}

#[test]
fn a_session_is_there_for_the_asking() {
    let appliance = Appliance::start();
    let url = appliance.url("/api/v1/login/apikey");
    let (status, session) = call("POST", &url, Some("application/json"), r#"{"apiKey":"KEY"}"#);
    assert_eq!((status, &session["token"]), (200, &json!("KEY")));
    assert!(session["expires"].as_str().unwrap().ends_with('Z'), "{session}");
    for body in ["", "{", "[]", "{}", r#"{"apiKey":""}"#, r#"{"apiKey":7}"#] {
        let refused = (400, json!({ "error": "Login request is missing the \"apiKey\"" }));
        assert_eq!(call("POST", &url, Some("application/json"), body), refused, "{body}");
    }
    assert_eq!(call("POST", &url, None, "x".repeat(20_000)).0, 413);
}

#[test]
fn the_volume_counts_what_is_open() {
    let appliance = Appliance::start();
    let clients: Vec<Client> = (0..3).map(|_| Client::open(&appliance)).collect();
    // Streams of other dialects are none of this one's.
    let _other = appliance.websocket("/xrpc/com.atproto.sync.subscribeRepos");
    let volume = || {
        let (status, volume) = appliance.get("/api/v1/volume");
        assert_eq!(status, 200);
        assert!(volume["timestamp"].as_u64().unwrap() > 1_500_000_000_000);
        volume
    };
    assert_eq!(volume()["numOfOpenWebsockets"], json!(3));
    drop(clients);
    super::common::eventually("they are gone", || volume()["numOfOpenWebsockets"] == json!(0));
}

#[test]
fn the_volume_shows_what_comes_in_and_goes_out() {
    let appliance = Appliance::start();
    let rates = || {
        let (_, volume) = appliance.get("/api/v1/volume");
        ["input", "output"].map(|direction| {
            let of = &volume[direction];
            (of["eventsPerSecond"].as_u64().unwrap(), of["kbPerSecond"].as_u64().unwrap())
        })
    };
    assert_eq!(rates(), [(0, 0), (0, 0)]);
    let content = json!("x".repeat(100_000)).to_string();
    super::common::eventually("messages that come in and go to nobody", || {
        produce(&appliance, STREAM, "", &content);
        let [input, output] = rates();
        assert_eq!(output, (0, 0));
        input.0 > 0 && input.1 > 0
    });
    let mut followers = [0; 2].map(|_| Client::open(&appliance));
    for follower in &mut followers {
        follower.follow(STREAM);
    }
    super::common::eventually("messages that go out, twice the bytes", || {
        produce(&appliance, STREAM, "", &content);
        let [input, output] = rates();
        output.0 > 0 && output.1 > input.1
    });
    super::common::eventually("silence", || rates() == [(0, 0), (0, 0)]);
    // What is asked for goes out too.
    super::common::eventually("answers to queries", || {
        appliance.get(&format!("{DATA}/partitions/0/last"));
        rates()[1].1 > 0
    });
}

#[test]
fn head_tells_what_get_would() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    for path in ["/api/v1/streams", "/api/v1/streams/messages", "/api/v1/volume"] {
        let head = connection.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
        assert_eq!((head.status, head.header("Content-Type")), (200, Some("application/json")), "{path}");
        assert!(head.header("Content-Length").unwrap().parse::<u64>().unwrap() > 0);
    }
}

#[test]
fn events_of_other_dialects_are_messages_too() {
    let appliance = Appliance::start();
    let lines = concat!(
        r#"{"kind":"put","key":"k","body":{"a":1}}"#,
        "\n",
        r#"{"kind":"delete","key":"k"}"#,
        "\n",
        r#"{"kind":"put","body":null}"#,
        "\n",
    );
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    let (status, answer) = appliance.publish(STREAM, lines);
    assert_eq!(status, 200, "{answer}");
    // In `null` no client can look up a key.
    for expected in [json!({ "a": 1 }), json!({}), json!({})] {
        assert_eq!(client.broadcast().content, expected);
    }
    let frame = super::common::frame(1, "text");
    assert_eq!(appliance.publish_frames(STREAM, "assign", &[frame]).0, 200);
    let content: Value = client.broadcast().content;
    assert_eq!(content["text"], json!("text"), "{content}");
    // And the other way round.
    assert_eq!(client.publish(STREAM, &json!({ "b": 2 })), 5);
    let (_, page) = appliance.get("/v1/feeds/messages/events?format=json&cursor=5");
    assert_eq!((&page["events"][0]["kind"], &page["events"][0]["body"]), (&json!("put"), &json!({ "b": 2 })));
}
