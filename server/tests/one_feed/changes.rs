//! Bindings that come and go while the feed is served: who reads it elsewhere notices nothing.

use std::thread;

use serde_json::{Value, json};

use super::{
    common::{
        Appliance,
        atproto::{Received, receive},
        call, eventually,
        frames::{closed_with, open, server_frame, upgrade},
        raw::Connection,
    },
    streamr::Client,
};

const FEED: &str = "/v1/feeds/f";

/// An appliance with the feed `f`, which has one event and no binding.
fn with_a_feed() -> Appliance {
    let appliance = Appliance::start();
    assert_eq!(appliance.put(FEED, "").0, 201);
    publish(&appliance, 1);
    appliance
}

fn publish(appliance: &Appliance, number: u64) {
    let line = format!(r##"{{"kind":"#x","key":"k{number}","body":{{"n":{number}}}}}"##);
    assert_eq!(appliance.publish("f", &line).0, 200);
}

#[track_caller]
fn bind(appliance: &Appliance, dialect: &str, binding: &Value) {
    let (status, answer) = appliance.patch(FEED, &json!({ "dialects": { dialect: binding } }).to_string());
    assert_eq!(status, 200, "{answer}");
}

fn get(appliance: &Appliance, path: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    connection
}

fn websocket_status(appliance: &Appliance, path: &str) -> u16 {
    Connection::open(appliance.address).send(upgrade(path) + "\r\n").head().status
}

/// So many connections that every shard has some.
const MANY: usize = 12;

#[test]
fn an_at_protocol_stream_comes_moves_and_goes_on_every_shard() {
    let appliance = with_a_feed();
    let mut native = get(&appliance, "/v1/feeds/f/events?cursor=0");
    assert_eq!(native.head().status, 200);
    native.event().unwrap();
    assert_eq!(websocket_status(&appliance, "/xrpc/com.example.one"), 501);
    bind(&appliance, "atproto", &json!({ "nsid": "com.example.one" }));
    let mut ones: Vec<_> = (0..MANY).map(|_| open(&appliance, "/xrpc/com.example.one?cursor=0")).collect();
    assert!(ones.iter_mut().all(|stream| server_frame(stream).0 == 0x82));
    let text = |nsid: &str| {
        let (socket, _) = appliance.websocket_with(&format!("/xrpc/{nsid}?cursor=0"), Some("xrpc.v1.json"));
        socket
    };
    let mut named = text("com.example.one");
    let Received::Text(first) = receive(&mut named) else { panic!("no text") };
    assert!(first.contains("com.example.one#x"), "{first}");
    // How it is served may change without an end.
    bind(&appliance, "atproto", &json!({ "on_outdated": "fail" }));
    publish(&appliance, 2);
    assert!(ones.iter_mut().all(|stream| server_frame(stream).0 == 0x82));
    assert!(matches!(receive(&mut named), Received::Text(_)));
    bind(&appliance, "atproto", &json!({ "nsid": "com.example.two" }));
    for mut stream in ones {
        assert_eq!(closed_with(server_frame(&mut stream)), (1001, "the stream was deleted".to_owned()));
    }
    assert_eq!(receive(&mut named), Received::Closed(1001, "the stream was deleted".to_owned()));
    assert!((0..MANY).all(|_| websocket_status(&appliance, "/xrpc/com.example.one") == 501));
    // Frames that named the endpoint are made anew, those of old events too.
    let mut renamed = text("com.example.two");
    for _ in 0..2 {
        let Received::Text(message) = receive(&mut renamed) else { panic!("no text") };
        assert!(message.contains("com.example.two#x") && !message.contains("com.example.one"), "{message}");
    }
    bind(&appliance, "atproto", &Value::Null);
    assert_eq!(receive(&mut renamed), Received::Closed(1001, "the stream was deleted".to_owned()));
    assert!((0..MANY).all(|_| websocket_status(&appliance, "/xrpc/com.example.two") == 501));
    publish(&appliance, 3);
    for seq in 2..=3 {
        assert!(native.event().unwrap().contains(&format!("\"seq\":{seq},")), "others go on");
    }
    let now = r#"{"dialects":{"atproto":{"nsid":"com.example.one"}}}"#;
    assert_eq!(appliance.put("/v1/feeds/other", now).0, 201, "what was left is free");
}

#[test]
fn streams_that_begin_while_their_binding_goes_end_too() {
    let appliance = with_a_feed();
    for _ in 0..20 {
        bind(&appliance, "atproto", &json!({ "nsid": "com.example.one" }));
        thread::scope(|scope| {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut connection = Connection::open(appliance.address);
                        match connection.send(upgrade("/xrpc/com.example.one") + "\r\n").head().status {
                            101 => drop(closed_with(server_frame(&mut connection))),
                            status => assert!(matches!(status, 501 | 503), "{status}"),
                        }
                    })
                })
                .collect();
            bind(&appliance, "atproto", &Value::Null);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
    eventually("all have gone", || appliance.get("/v1/status").1["subscribers"] == 0);
}

#[test]
fn a_streamr_stream_comes_moves_and_goes() {
    let appliance = with_a_feed();
    let event = |name: &str, id: &str| json!({ "event": format!("stream-object-{name}"), "stream": { "id": id, "partitions": 1 } });
    let (mut system, mut client) = (Client::open(&appliance), Client::open(&appliance));
    system.follow("_system");
    client.follow("messages");
    bind(&appliance, "streamr", &json!({ "stream": "one" }));
    assert_eq!(system.broadcast().content, event("created", "one"));
    client.follow("one");
    publish(&appliance, 2);
    assert_eq!((client.broadcast().stream, appliance.get(FEED).1["subscribers"].as_u64()), ("one".to_owned(), Some(1)));
    bind(&appliance, "streamr", &json!({ "stream": "two" }));
    assert_eq!(system.broadcast().content, event("deleted", "one"));
    assert_eq!(system.broadcast().content, event("created", "two"));
    let told = client.text();
    assert!(told.contains("one") && told.contains("not found"), "{told}");
    // The connection carries others, and goes on.
    assert!(client.publish("messages", &json!({ "a": 1 })) > 0);
    assert_eq!(client.broadcast().stream, "messages");
    client.follow("two");
    publish(&appliance, 3);
    let told = client.broadcast();
    assert_eq!((told.stream.as_str(), told.content["n"].as_u64()), ("two", Some(3)));
    bind(&appliance, "streamr", &Value::Null);
    assert_eq!(system.broadcast().content, event("deleted", "two"));
    let told = client.text();
    assert!(told.contains("two") && told.contains("not found"), "{told}");
    assert_eq!(appliance.get("/api/v1/streams/two").0, 404);
}

#[test]
fn a_database_comes_moves_and_goes_with_what_lies_beside_its_log() {
    let appliance = with_a_feed();
    assert_eq!(appliance.get("/one").0, 404);
    bind(&appliance, "couchdb", &json!({ "db": "one" }));
    assert_eq!(appliance.get("/one/k1").1["n"], 1, "what was there is documents");
    assert_eq!(appliance.put("/one/_local/mine", r#"{"kept":true}"#).0, 201);
    assert_eq!(appliance.put("/one/doc", r#"{"a":1}"#).0, 201);
    let (_, changes) = appliance.get("/one/_changes");
    let mut follows: Vec<_> = ["continuous", "continuous&include_docs=true&filter=_doc_ids&doc_ids=%5B%22doc%22%5D"]
        .map(|feed| get(&appliance, &format!("/one/_changes?since=now&feed={feed}")))
        .into();
    follows.iter_mut().for_each(|follow| assert_eq!(follow.head().status, 200));
    let mut polls: Vec<_> = (0..MANY).map(|_| get(&appliance, "/one/_changes?since=now&feed=longpoll")).collect();
    polls.iter_mut().for_each(|poll| assert_eq!(poll.head().status, 200));
    bind(&appliance, "couchdb", &json!({ "sse": "asyncapi" }));
    assert_eq!(appliance.put("/one/doc2", "{}").0, 201);
    assert!(follows[0].event().unwrap().contains("\"doc2\""), "another wording ends nothing");
    for mut poll in polls {
        while poll.chunk().is_some() {}
    }
    let mut poll = get(&appliance, "/one/_changes?since=now&feed=longpoll");
    assert_eq!(poll.head().status, 200);
    bind(&appliance, "couchdb", &json!({ "db": "two" }));
    for mut ended in follows.into_iter().chain([poll]) {
        let mut said = String::new();
        while let Some(chunk) = ended.chunk() {
            said += std::str::from_utf8(&chunk).unwrap();
        }
        assert!(said.contains("last_seq"), "it ends in order: {said}");
    }
    assert_eq!((appliance.get("/one").0, appliance.get("/two/doc").0), (404, 200));
    let (_, moved) = appliance.get("/two/_changes?limit=2");
    assert_eq!(moved["results"], changes["results"], "tokens stay good");
    bind(&appliance, "couchdb", &Value::Null);
    assert_eq!(appliance.get("/two").0, 404);
    publish(&appliance, 9);
    bind(&appliance, "couchdb", &json!({ "db": "three" }));
    assert_eq!(appliance.get("/three/k9").1["n"], 9, "what came meanwhile");
    assert_eq!(appliance.get("/three/_local/mine").1["kept"], true);
    assert_eq!(appliance.get("/three/_changes").1["results"].as_array().unwrap().len(), 4);
}

/// One that has always done without an identity of its own gets none because something else changes.
#[test]
fn a_database_stays_the_one_it_is() {
    let appliance = Appliance::start();
    assert_eq!(appliance.publish("events", r#"{"kind":"put","key":"a","body":{}}"#).0, 200);
    let directory = appliance.stop();
    let described = directory.path().join("log/feeds/events/feed.json");
    let mut description: Value = serde_json::from_slice(&std::fs::read(&described).unwrap()).unwrap();
    let extra = description["options"]["extra"].as_object_mut().unwrap();
    extra.retain(|option, _| option == "dialects" || option == "public");
    std::fs::write(&described, description.to_string()).unwrap();
    let appliance = Appliance::start_in(directory, |_| {});
    let (_, before) = appliance.get("/events/_changes");
    for change in [r#"{"retention":{"age_ms":5000000000}}"#, r#"{"dialects":{"couchdb":{"sse":"asyncapi"}}}"#] {
        assert_eq!(appliance.patch("/v1/feeds/events", change).0, 200);
        assert_eq!(appliance.get("/events/_changes").1, before);
    }
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    assert_eq!(appliance.get("/events/_changes").1, before);
}

#[test]
fn the_chain_moves_from_feed_to_feed() {
    let appliance = with_a_feed();
    let mut stream = open(&appliance, "/api/v1/streams/valid_blocks");
    let (status, answer) = appliance.patch("/v1/feeds/blocks", r#"{"dialects":{"bigchaindb":null}}"#);
    assert_eq!((status, &answer["dialects"]), (200, &json!({})));
    assert_eq!(closed_with(server_frame(&mut stream)), (1001, "the chain was deleted".to_owned()));
    assert_eq!(websocket_status(&appliance, "/api/v1/streams/valid_blocks"), 404);
    bind(&appliance, "bigchaindb", &json!({}));
    let transaction = super::common::bigchaindb::golden("js_create");
    let post = || call("POST", &appliance.url("/api/v1/transactions"), Some("application/json"), &transaction).0;
    let mut stream = open(&appliance, "/api/v1/streams/valid_blocks");
    assert_eq!((post(), post()), (202, 400), "what is there already is not taken again");
    assert!(String::from_utf8(server_frame(&mut stream).1).unwrap().contains("\"height\": 2"));
    bind(&appliance, "bigchaindb", &Value::Null);
    assert_eq!(closed_with(server_frame(&mut stream)).0, 1001);
    // A chain that has had it before knows it again.
    bind(&appliance, "bigchaindb", &json!({}));
    assert_eq!(post(), 400);
}
