//! How streams end when their feed goes or their place in it does.

use serde_json::Value;
use tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::common::{
    Appliance, connect_narrow, eventually,
    frames::{closed_with, server_frame, upgrade},
    raw::Connection,
};

fn open(appliance: &Appliance, path: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    assert_eq!(connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).head().status, 200);
    connection
}

#[test]
fn deleting_a_feed_ends_its_streams_with_its_reason() {
    let appliance = Appliance::start();
    assert_eq!(appliance.put("/v1/feeds/gone", "").0, 201);
    assert_eq!(appliance.publish("gone", r#"{"kind":"put","body":1}"#).0, 200);
    let mut lines = open(&appliance, "/v1/feeds/gone/events?cursor=0");
    let mut blocks = open(&appliance, "/v1/feeds/gone/events?format=sse");
    let mut messages = appliance.websocket("/v1/feeds/gone/events?format=cbor");
    let mut other = open(&appliance, "/v1/feeds/repos/events");
    assert!(lines.event().unwrap().contains("\"seq\":1"));
    assert_eq!(appliance.delete("/v1/feeds/gone").0, 200);

    let object = r#"{"error":"FeedNotFound","message":"The feed was deleted."}"#;
    assert_eq!(lines.event().unwrap(), format!("{object}\n"));
    assert_eq!((lines.event(), lines.at_end()), (None, true));
    assert_eq!(blocks.event().unwrap(), format!("event: error\ndata: {object}\n\n"));
    assert_eq!((blocks.event(), blocks.at_end()), (None, true));
    match messages.read().unwrap() {
        Message::Close(Some(close)) => {
            assert_eq!((close.code, close.reason.as_str()), (CloseCode::Away, "The feed was deleted."))
        }
        other => panic!("{other:?}"),
    }
    drop(messages);
    // Other feeds' streams go on.
    assert_eq!(appliance.publish("repos", r#"{"kind":"put","body":1}"#).0, 200);
    assert!(other.event().unwrap().contains("\"seq\":1"));
    eventually("its streams are counted no more", || appliance.get("/v1/status").1["subscribers"] == 1);
}

#[test]
fn streams_that_begin_while_their_feed_is_deleted_end_too() {
    let appliance = Appliance::start();
    for round in 0..20 {
        let feed = format!("/v1/feeds/f{round}");
        assert_eq!(appliance.put(&feed, "").0, 201);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut connection = Connection::open(appliance.address);
                        let head = connection.send(format!("GET {feed}/events HTTP/1.1\r\nHost: a\r\n\r\n")).head();
                        match head.status {
                            200 => while connection.chunk().is_some() {},
                            status => assert!(matches!(status, 404 | 503), "{status}"),
                        }
                    })
                })
                .collect();
            assert_eq!(appliance.delete(&feed).0, 200);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
}

#[test]
fn a_reader_that_falls_out_of_the_window_is_told() {
    let appliance = Appliance::start();
    let options = r#"{"retention":{"bytes":2097152},"segment_bytes_max":1048576}"#;
    assert_eq!(appliance.put("/v1/feeds/short", options).0, 201);
    let path = "/v1/feeds/short/events";
    let mut lines = Connection::on(connect_narrow(appliance.address));
    assert_eq!(lines.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).head().status, 200);
    let mut messages = Connection::on(connect_narrow(appliance.address));
    assert_eq!(messages.send(upgrade(path) + "\r\n").head().status, 101);
    let body = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000)).repeat(100);
    // Until the window begins behind all that the kernel can hold for a reader who does not read.
    eventually("the window moves", || {
        assert_eq!(appliance.publish("short", &body).0, 200);
        appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap() > 200
    });
    let mut seen = 0;
    let farewell = loop {
        let event: Value = serde_json::from_str(&lines.event().unwrap()).unwrap();
        if event["seq"].is_null() {
            break event;
        }
        seen += 1;
        assert_eq!(event["seq"], seen, "what came had no gap");
    };
    assert_eq!((&farewell["error"], lines.event(), lines.at_end()), (&"CursorTooOld".into(), None, true));
    let close = std::iter::repeat_with(|| server_frame(&mut messages)).find(|(first, _)| *first != 0x81).unwrap();
    assert_eq!(closed_with(close), (1008, "The reader's position is no longer retained.".to_owned()));
}
