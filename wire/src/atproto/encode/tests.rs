use tailwater_core::{BodyFormat, Encoder, Event};

use super::*;
use crate::dag_cbor::{Value, decode, encode};

const NSID: &str = "com.example.subscribeThings";

fn event<'a>(kind: &'a str, format: BodyFormat, body: &'a [u8]) -> Event<'a> {
    Event { seq: 1 << 33, time_us: 1_783_175_888_085_434, kind, key: "k", format, body }
}

/// The payload of the WebSocket frame, whose first byte must be `first`.
fn unframed(first: u8, bytes: &[u8]) -> &[u8] {
    assert_eq!(bytes[0], first);
    match bytes[1] {
        len @ 0..126 => &bytes[2..][..len.into()],
        _ => &bytes[4..],
    }
}

fn cbor(event: &Event<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    AtprotoCbor.encode(event, None, &mut out);
    unframed(0x82, &out).to_vec()
}

fn json(event: &Event<'_>) -> String {
    let mut out = Vec::new();
    AtprotoJson::new(NSID).encode(event, None, &mut out);
    String::from_utf8(unframed(0x81, &out).to_vec()).unwrap()
}

fn object(entries: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()), &mut out).unwrap();
    out
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn header(t: &str) -> Vec<u8> {
    [&[0xa2, 0x61, b't', 0x60 + t.len() as u8], t.as_bytes(), b"\x62op\x01"].concat()
}

const SEQ: Value = Value::Int(1 << 33);

#[test]
fn frames_leave_as_they_came() {
    // An additional header field, and a seq that is not the event's: nothing of it is touched.
    let header = object(&[("op", Value::Int(1)), ("t", text("#odd")), ("x", Value::Null)]);
    let frame = [header, object(&[("seq", Value::Int(3))])].concat();
    let event = event("#odd", BodyFormat::AtprotoFrame, &frame);
    assert_eq!(cbor(&event), frame);
    assert_eq!(json(&event), r#"{"$type":"message","payload":{"$type":"com.example.subscribeThings#odd","seq":3}}"#);
}

#[test]
fn messages_get_their_seq() {
    let body =
        object(&[("ops", Value::List(vec![])), ("seq", Value::Int(1)), ("time", text("t")), ("$type", text("x"))]);
    let expected = [("ops", Value::List(vec![])), ("seq", SEQ), ("time", text("t")), ("$type", text("x"))];
    let json_body = br#"{"time":"t","seq":1,"$type":"x","ops":[]}"#;
    for event in [event("#commit", BodyFormat::DagCbor, &body), event("#commit", BodyFormat::Json, json_body)] {
        assert_eq!(cbor(&event), [header("#commit"), object(&expected)].concat());
        let shown = r#"{"$type":"message","payload":{"$type":"com.example.subscribeThings#commit","ops":[],"seq":8589934592,"time":"t"}}"#;
        assert_eq!(json(&event), shown);
    }
}

#[test]
fn other_events_are_wrapped() {
    let wrapped = |body: Value| {
        let time = text("2026-07-04T14:38:08.085434Z");
        object(&[("key", text("k")), ("seq", SEQ), ("body", body), ("time", time)])
    };
    let map = Value::Map(vec![("a".into(), Value::Int(1))]);
    let table: [(&str, BodyFormat, &[u8], &str, Value); 6] = [
        ("put", BodyFormat::Json, br#"{"a":1}"#, "#put", map.clone()),
        ("put", BodyFormat::DagCbor, b"\xa1\x61a\x01", "#put", map),
        ("delete", BodyFormat::Json, b"null", "#delete", Value::Null),
        ("#list", BodyFormat::Json, b"[]", "#list", Value::List(vec![])),
        ("#wide", BodyFormat::Json, b"99999999999999999999", "#wide", Value::Float(1e20)),
        ("#none", BodyFormat::DagCbor, b"", "#none", Value::Null),
    ];
    for (kind, format, body, t, expected) in table {
        assert_eq!(cbor(&event(kind, format, body)), [header(t), wrapped(expected)].concat(), "{kind}");
    }
    let shown = r#"{"$type":"message","payload":{"$type":"com.example.subscribeThings#put","key":"k","seq":8589934592,"body":{"$bytes":"AP8"},"time":"2026-07-04T14:38:08.085434Z"}}"#;
    assert_eq!(json(&event("put", BodyFormat::DagCbor, b"\x42\x00\xff")), shown);
}

#[test]
fn a_damaged_frame_has_no_json_form() {
    for body in [&b""[..], b"\xff", b"\xa1\x62op\x01\xa0", b"\xa2\x61t\x61a\x62op\x01\xa1\x61"] {
        let mut out = b"before".to_vec();
        AtprotoJson::new(NSID).encode(&event("#a", BodyFormat::AtprotoFrame, body), None, &mut out);
        assert_eq!(out, b"before", "{}", body.escape_ascii());
    }
}

#[test]
fn names() {
    assert_eq!(AtprotoCbor.name(), "atproto-cbor");
    assert_eq!(AtprotoJson::new(NSID).name(), "atproto-json");
    assert_eq!(decode(&header("#a")).unwrap().get("op"), Some(&Value::Int(1)));
}
