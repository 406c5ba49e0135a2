use tailwater_core::{BodyFormat, Encoder, Event};

use super::*;
use crate::dag_cbor::{Value, decode, encode};

fn event<'a>(kind: &'a str, format: BodyFormat, body: &'a [u8]) -> Event<'a> {
    Event { seq: 7, time_us: 5, kind, key: "a\"b", format, body }
}

fn encoded(encoder: &dyn Encoder, event: &Event<'_>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encoder.encode(event, None, &mut out);
    out.split_off(6)
}

fn payload() -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Value::Map(vec![("seq".into(), Value::Int(7)), ("b".into(), Value::Bytes(vec![0, 255]))]), &mut out)
        .unwrap();
    out
}

fn frame() -> Vec<u8> {
    [&[0xa2, 0x61, b't', 0x62, b'#', b'a', 0x62, b'o', b'p', 1], &payload()[..]].concat()
}

#[test]
fn golden_json_forms() {
    let put = event("put", BodyFormat::Json, br#"{"n":1.50}"#);
    let object = r#"{"seq":7,"time":5,"kind":"put","key":"a\"b","body":{"n":1.50}}"#;
    assert_eq!(encoded(&NativeNdjson, &put), format!("3f\r\n{object}\n\r\n").as_bytes());
    let block = format!("id: 7\nevent: put\ndata: {object}\n\n");
    assert_eq!(encoded(&NativeSse, &put), format!("{:x}\r\n{block}\r\n", block.len()).as_bytes());
    assert_eq!(encoded(&NativeWsJson, &put), [&[0x81, object.len() as u8], object.as_bytes()].concat());
}

#[test]
fn bodies_of_every_format_as_json() {
    let (payload, frame) = (payload(), frame());
    let shown = r##"{"b":{"$bytes":"AP8"},"seq":7}"##;
    let table: [(BodyFormat, &[u8], &str); 8] = [
        (BodyFormat::Json, b"null", "null"),
        (BodyFormat::Json, b"", "null"),
        (BodyFormat::DagCbor, &payload, shown),
        (BodyFormat::DagCbor, b"", "null"),
        (BodyFormat::DagCbor, b"\xa1\x61", "null"),
        (BodyFormat::AtprotoFrame, &frame, shown),
        (BodyFormat::AtprotoFrame, b"", "null"),
        (BodyFormat::AtprotoFrame, &frame[..frame.len() - 1], "null"),
    ];
    for (format, body, expected) in table {
        let mut out = Vec::new();
        write_event(&event("k", format, body), &mut out);
        let expected = format!(r#"{{"seq":7,"time":5,"kind":"k","key":"a\"b","body":{expected}}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{format:?}");
    }
}

#[test]
fn dag_cbor_form() {
    let (payload, frame) = (payload(), frame());
    let shown = decode(&payload).unwrap();
    let table: [(BodyFormat, &[u8], Value); 7] = [
        (
            BodyFormat::Json,
            br#"[1,"x",1e30]"#,
            Value::List(vec![Value::Int(1), Value::Text("x".into()), Value::Float(1e30)]),
        ),
        (BodyFormat::Json, b"100000000000000000000", Value::Float(1e20)),
        (BodyFormat::Json, br#"{"$bytes":"AP8"}"#, Value::Bytes(vec![0, 255])),
        (BodyFormat::Json, b"", Value::Null),
        (BodyFormat::DagCbor, &payload, shown.clone()),
        (BodyFormat::AtprotoFrame, &frame, shown),
        (BodyFormat::AtprotoFrame, b"\xff", Value::Null),
    ];
    for (format, body, expected) in table {
        let bytes = encoded(&NativeWsCbor, &event("put", format, body));
        assert_eq!(bytes[..2], [0x82, bytes.len() as u8 - 2]);
        let map = [
            ("key", Value::Text("a\"b".into())),
            ("seq", Value::Int(7)),
            ("body", expected),
            ("kind", Value::Text("put".into())),
            ("time", Value::Int(5)),
        ];
        let map = Value::Map(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        assert_eq!(decode(&bytes[2..]).unwrap(), map);
    }
}

#[test]
fn a_kind_cannot_forge_a_field() {
    let bytes = encoded(&NativeSse, &event("a\r\ndata: b", BodyFormat::Json, b"1"));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("\nevent: adata: b\ndata: {\"seq\":7,"), "{text}");
}

#[test]
fn pages() {
    let mut out = Vec::new();
    PageWriter::new(&mut out).finish(3);
    assert_eq!(out, br#"{"events":[],"cursor":3}"#);

    let (mut out, mut one) = (Vec::new(), Vec::new());
    let event = event("put", BodyFormat::Json, b"1");
    write_event(&event, &mut one);
    let mut page = PageWriter::new(&mut out);
    page.push(&event);
    page.push(&event);
    page.finish(8);
    assert_eq!(out, [b"{\"events\":[", &one[..], b",", &one, b"],\"cursor\":8}"].concat());
}
