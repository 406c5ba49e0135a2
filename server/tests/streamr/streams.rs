//! Streams come and go, and `_system` tells of it.

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, create, feed, produce, resent},
    common::{Appliance, call, eventually},
};

const SYSTEM: &str = "_system";

fn post(appliance: &Appliance, body: &str) -> (u16, Value) {
    call("POST", &appliance.url("/api/v1/streams"), None, body)
}

fn event(name: &str, id: &str, partitions: u64) -> Value {
    json!({ "event": name, "stream": { "id": id, "partitions": partitions } })
}

#[test]
fn coming_and_going_are_events() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(SYSTEM);
    create(&appliance, "over rest", 2);
    assert_eq!(client.broadcast().content, event("stream-object-created", "over rest", 2));
    let options = r#"{"dialects":{"streamr":{"stream":"over the native API"}}}"#;
    assert_eq!(appliance.put("/v1/feeds/native", options).0, 201);
    assert_eq!(client.broadcast().content, event("stream-object-created", "over the native API", 1));
    // A feed that is no stream is none of its business.
    assert_eq!(appliance.put("/v1/feeds/other", "").0, 201);
    assert_eq!(appliance.delete("/v1/feeds/other").0, 200);
    assert_eq!(appliance.delete("/api/v1/streams/over%20rest").0, 204);
    assert_eq!(client.broadcast().content, event("stream-object-deleted", "over rest", 2));
    assert_eq!(appliance.delete("/v1/feeds/native").0, 200);
    let last = client.broadcast();
    assert_eq!(
        (last.content, last.offset, last.previous),
        (event("stream-object-deleted", "over the native API", 1), 5, Some(4))
    );
    client.is_quiet();
    client.ask(json!({ "type": "resend", "stream": SYSTEM, "sub": 0, "resend_last": 3 }));
    assert_eq!(resent(&mut client, &json!(0)).len(), 3);
}

#[test]
fn the_system_stream_belongs_to_the_appliance() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client
        .ask(json!({ "type": "publish", "stream": SYSTEM, "msg": "{}" }))
        .complains("You are not allowed to write to stream _system");
    let url = appliance.url("/api/v1/streams/_system/data");
    assert_eq!(call("POST", &url, None, "{}"), (403, json!({ "error": "Authentication failed." })));
    let (status, answer) = appliance.delete("/api/v1/streams/_system");
    assert_eq!(status, 403, "{answer}");
    assert_eq!(post(&appliance, r#"{"id":"_system"}"#).0, 409);
    assert_eq!(appliance.publish(SYSTEM, r#"{"kind":"put","body":1}"#).0, 409);
    assert_eq!(appliance.delete("/v1/feeds/_system").0, 409);
    assert_eq!(appliance.get("/v1/feeds/_system").1["events"], 1, "the stream of the configuration");
}

#[test]
fn a_created_stream_is_described_listed_and_there_after_a_restart() {
    let appliance = Appliance::start();
    let (status, created) = post(&appliance, r#"{"name":"by name","description":"passed over","partitions":3}"#);
    assert_eq!((status, &created["id"], &created["partitions"]), (201, &json!("by name"), &json!(3)));
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    assert_eq!(appliance.get("/api/v1/streams/by%20name"), (200, created.clone()));
    assert_eq!(appliance.get("/api/v1/streams?name=by%20name"), (200, json!([created])));
    assert_eq!(appliance.get("/api/v1/streams?name=nobody"), (200, json!([])));
    let (_, list) = appliance.get("/api/v1/streams");
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|stream| stream["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [SYSTEM, "by name", STREAM]);
    // It is made of feeds, which the native API shows.
    let (_, feeds) = appliance.get("/v1/feeds");
    let of_it = |feed: &&Value| feed["dialects"]["streamr"]["stream"] == json!("by name");
    assert_eq!(feeds["feeds"].as_array().unwrap().iter().filter(of_it).count(), 3);
}

#[test]
fn creations_that_are_refused() {
    let appliance = Appliance::start_with(|config| config.limits.feeds_max = 8);
    let id = "The stream needs an \"id\" or a \"name\" of 1 to 255 bytes without control characters.";
    let table = [
        (r#"{"id":"messages"}"#.to_owned(), 409, None),
        (r#"{"id":"repos"}"#.to_owned(), 409, None),
        ("{}".to_owned(), 400, Some(id)),
        (r#"{"id":""}"#.to_owned(), 400, Some(id)),
        (r#"{"id":"a\u0000b"}"#.to_owned(), 400, Some(id)),
        (format!(r#"{{"id":"{}"}}"#, "x".repeat(256)), 400, Some(id)),
        (r#"{"id":"p","partitions":0}"#.to_owned(), 400, Some("\"partitions\" is a number from 1 to 100.")),
        (r#"{"id":"p","partitions":101}"#.to_owned(), 400, Some("\"partitions\" is a number from 1 to 100.")),
        (
            r#"{"id":"p","partitions":18446744073709551615}"#.to_owned(),
            400,
            Some("\"partitions\" is a number from 1 to 100."),
        ),
        (r#"{"id":"p","partitions":9}"#.to_owned(), 403, None),
        (r#"{"id":7}"#.to_owned(), 400, None),
        (r#"{"id":"p","partitions":"1"}"#.to_owned(), 400, None),
        ("[]".to_owned(), 400, None),
        ("{".to_owned(), 400, None),
        (String::new(), 400, None),
        ("x".repeat(100_000), 413, None),
    ];
    for (body, status, text) in table {
        let (answered, answer) = post(&appliance, &body);
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(answered, status, "{body:.100}: {error}");
        assert!(text.is_none_or(|text| text == error), "{body:.100}: {error}");
    }
    assert_eq!(appliance.get("/v1/feeds/_system").1["events"], 1, "nothing was created but at the start");
    let gone = (404, json!({ "error": "Stream gone not found." }));
    assert_eq!(appliance.get("/api/v1/streams/gone"), gone);
    assert_eq!(appliance.delete("/api/v1/streams/gone"), gone);
}

#[test]
fn subscribers_of_a_deleted_stream_are_told_and_stay() {
    let appliance = Appliance::start();
    create(&appliance, "doomed", 3);
    create(&appliance, "other", 1);
    let mut old = Client::open(&appliance);
    let mut new = Client::open_new(&appliance);
    for client in [&mut old, &mut new] {
        client.follow_partition("doomed", 0).follow("other").follow_partition("doomed", 2);
    }
    assert_eq!(appliance.delete("/api/v1/streams/doomed").0, 204);
    for _ in 0..2 {
        old.says(r#"[0,7,"","Stream doomed not found."]"#);
        new.says(r#"[0,7,"",{"error":"Stream doomed not found."}]"#);
    }
    old.is_quiet();
    new.is_quiet();
    produce(&appliance, "other", "", "1");
    assert_eq!((old.broadcast().stream, new.broadcast().stream), ("other".to_owned(), "other".to_owned()));
    old.ask(json!({ "type": "unsubscribe", "stream": "doomed" })).complains("Not subscribed");
    old.ask(json!({ "type": "subscribe", "stream": "doomed" })).complains("Stream doomed not found.");
    old.ask(json!({ "type": "publish", "stream": "doomed", "msg": "{}" })).complains("Stream doomed not found.");
    old.ask(json!({ "type": "resend", "stream": "doomed", "resend_all": true, "sub": 0 }));
    old.complains("Failed to request resend from stream doomed and partition 0: Stream doomed not found.");
}

#[test]
fn deleting_in_the_middle_of_everything() {
    for round in 0..6 {
        let appliance = Appliance::start_with(|config| config.feeds.push(feed("doomed", 2, config)));
        std::thread::scope(|scope| {
            let (appliance, content) = (&appliance, json!("x".repeat(5_000)).to_string());
            let clients: Vec<_> = (0..4)
                .map(|at| {
                    let content = content.clone();
                    scope.spawn(move || {
                        let mut client = Client::open(appliance);
                        client.ask(json!({ "type": "subscribe", "stream": "doomed", "partition": at % 2 }));
                        let mut seen = 0;
                        // Goes on until it has been told in every way that the stream is gone.
                        for request in 0.. {
                            let kind = ["publish", "resend", "publish"][request % 3];
                            client.ask(json!({
                                "type": kind, "stream": "doomed", "msg": content, "resend_last": 20, "sub": 0, "ack": request,
                            }));
                            client.ask(json!({ "type": "barrier" }));
                            let mut gone = false;
                            loop {
                                let value = client.value();
                                match value[1].as_u64().unwrap() {
                                    7 if value[3] == json!("Unknown request type: barrier") => break,
                                    0 => seen += 1,
                                    7 | 100 => gone |= value.to_string().contains("Stream doomed not found."),
                                    _ => {}
                                }
                            }
                            if gone && request > 3 {
                                return seen;
                            }
                        }
                        unreachable!("it goes on until it is told")
                    })
                })
                .collect();
            eventually("something is published", || {
                appliance.get("/v1/feeds/doomed").1["events"].as_u64().unwrap() > round * 3
            });
            assert_eq!(appliance.delete("/api/v1/streams/doomed").0, 204);
            assert!(clients.into_iter().all(|client| client.join().is_ok()));
        });
        eventually("nobody is counted", || appliance.get("/v1/status").1["subscribers"] == 0);
    }
}
