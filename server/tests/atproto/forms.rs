//! The same events in both forms, whichever way they were published.

use serde_json::{Value, json};

use super::common::{
    Appliance, REPOS,
    atproto::{Received, receive, receive_frame, two_objects},
    frame,
};

const JSON: &str = "xrpc.v1.json";
const LABELS: &str = "com.atproto.label.subscribeLabels";

fn receive_json(socket: &mut tungstenite::WebSocket<std::net::TcpStream>) -> Value {
    match receive(socket) {
        Received::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?} is no text"),
    }
}

#[test]
fn a_subprotocol_is_echoed_only_where_it_is_spoken() {
    let appliance = Appliance::start();
    for (offer, echo) in [
        (JSON, Some(JSON)),
        ("xrpc.v1.cbor, xrpc.v1.json", Some(JSON)),
        ("xrpc.v1.cbor", None),
        ("XRPC.V1.JSON", None),
        ("chat", None),
    ] {
        let request = super::common::frames::upgrade(&format!("/xrpc/{REPOS}"));
        let request = format!("{request}Sec-WebSocket-Protocol: {offer}\r\n\r\n");
        let head = super::common::raw::Connection::open(appliance.address).send(request).head();
        assert_eq!((head.status, head.header("Sec-WebSocket-Protocol")), (101, echo), "{offer}");
    }
}

#[test]
fn the_json_form_of_captured_frames() {
    let appliance = Appliance::start();
    let link = [&[0xd8, 0x2a, 0x58, 37, 0, 1, 0x71, 0x12, 0x20][..], &[7; 32]].concat();
    let commit = two_objects("#commit", 4, |encoder| {
        encoder.str("ops").unwrap().array(0).unwrap().str("seq").unwrap().u64(7).unwrap();
        encoder.str("blocks").unwrap().bytes(b"\x00\xff").unwrap().str("commit").unwrap();
        encoder.writer_mut().extend(&link);
    });
    assert_eq!(appliance.publish_frames("repos", "preserve", &[commit, frame(8, "ü\"")]).0, 200);
    let (mut socket, _) = appliance.websocket_with(&format!("/xrpc/{REPOS}?cursor=0"), Some(JSON));
    let cid = "bafyreiahagdqoidha4dqoidha4dqoidha4dqoidha4dqoidha4dqoidha4";
    let first = receive_json(&mut socket);
    let shown = first["payload"]["commit"]["$link"].as_str().unwrap();
    assert!(shown.starts_with("bafyrei") && shown.len() == cid.len(), "{shown}");
    assert_eq!(first["$type"], "message");
    assert_eq!(first["payload"]["$type"], format!("{REPOS}#commit"));
    assert_eq!(first["payload"]["blocks"], json!({"$bytes": "AP8"}));
    assert_eq!((&first["payload"]["seq"], &first["payload"]["ops"]), (&json!(7), &json!([])));
    let second = json!({"$type": "message", "payload": {"$type": format!("{REPOS}#test"), "seq": 8, "text": "ü\""}});
    assert_eq!(receive_json(&mut socket), second);
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(9, "live")]).0, 200);
    assert_eq!(receive_json(&mut socket)["payload"]["seq"], 9);
}

#[test]
fn notices_in_the_json_form() {
    let appliance = Appliance::start();
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(9, "x")]).0, 200);
    let open = |cursor: &str| appliance.websocket_with(&format!("/xrpc/{REPOS}?cursor={cursor}"), Some(JSON)).0;
    let errors =
        [("99", "FutureCursor", "Cursor in the future."), ("abc", "InvalidRequest", "cursor is not an integer")];
    for (cursor, error, message) in errors {
        let mut socket = open(cursor);
        assert_eq!(receive_json(&mut socket), json!({"$type": "error", "error": error, "message": message}));
        assert_eq!(receive(&mut socket), Received::Closed(1008, error.to_owned()));
    }
    let mut socket = open("2");
    let info = json!({"$type": format!("{REPOS}#info"), "name": "OutdatedCursor",
        "message": "Requested cursor exceeded limit. Possibly missing events"});
    assert_eq!(receive_json(&mut socket), json!({"$type": "message", "payload": info}));
    assert_eq!(receive_json(&mut socket)["payload"]["seq"], 9);
}

#[test]
fn lines_are_shown_as_frames() {
    let appliance = Appliance::start();
    let lines = concat!(
        r##"{"kind":"#identity","key":"did:example:a","body":{"did":"did:example:a","handle":"a.example","time":"t"}}"##,
        "\n",
        r##"{"kind":"put","key":"k","time":1783175888085434,"body":{"n":1}}"##,
        "\n",
    );
    let (status, answer) = appliance.publish("repos", lines);
    assert_eq!(status, 200, "{answer}");
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor=0"));
    let identity = two_objects("#identity", 4, |encoder| {
        encoder.str("did").unwrap().str("did:example:a").unwrap().str("seq").unwrap().u64(1).unwrap();
        encoder.str("time").unwrap().str("t").unwrap().str("handle").unwrap().str("a.example").unwrap();
    });
    assert_eq!(receive_frame(&mut socket), identity);
    let put = two_objects("#put", 4, |encoder| {
        encoder.str("key").unwrap().str("k").unwrap().str("seq").unwrap().u64(2).unwrap();
        encoder.str("body").unwrap().map(1).unwrap().str("n").unwrap().u8(1).unwrap();
        encoder.str("time").unwrap().str("2026-07-04T14:38:08.085434Z").unwrap();
    });
    assert_eq!(receive_frame(&mut socket), put);
}

#[test]
fn renumbered_frames_carry_their_new_seq() {
    let appliance = Appliance::start();
    let (status, answer) = appliance.publish_frames("repos", "assign", &[frame(500, "a"), frame(20, "b")]);
    assert_eq!((status, &answer["first_seq"]), (200, &json!(1)));
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor=1"));
    assert_eq!(receive_frame(&mut socket), frame(1, "a"));
    assert_eq!(receive_frame(&mut socket), frame(2, "b"));
}

#[test]
fn labels_have_a_stream_and_seqs_of_their_own() {
    let appliance = Appliance::start();
    let labels = |seq| {
        two_objects("#labels", 2, |encoder| {
            encoder.str("seq").unwrap().u64(seq).unwrap().str("labels").unwrap().array(0).unwrap();
        })
    };
    assert_eq!(appliance.publish_frames("labels", "preserve", &[labels(3), labels(4)]).0, 200);
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    let mut socket = appliance.websocket(&format!("/xrpc/{LABELS}?cursor=0"));
    assert_eq!(receive_frame(&mut socket), labels(3));
    assert_eq!(receive_frame(&mut socket), labels(4));
    assert_eq!(appliance.publish_frames("labels", "preserve", &[labels(5)]).0, 200);
    assert_eq!(receive_frame(&mut socket), labels(5));
}

#[test]
fn unknown_types_and_fields_pass() {
    let appliance = Appliance::start();
    let odd = two_objects("#tombstone", 3, |encoder| {
        encoder.str("did").unwrap().str("did:example:a").unwrap().str("seq").unwrap().u64(1).unwrap();
        encoder.str("surprise").unwrap().array(2).unwrap().null().unwrap().f64(1.5).unwrap();
    });
    assert_eq!(appliance.publish_frames("repos", "preserve", std::slice::from_ref(&odd)).0, 200);
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor=0"));
    assert_eq!(receive_frame(&mut socket), odd);
}
