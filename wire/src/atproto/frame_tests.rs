use super::*;
use crate::dag_cbor::{CborErrorKind as Kind, Value, encode};

fn object(entries: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()), &mut out).unwrap();
    out
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn header() -> Vec<u8> {
    object(&[("op", Value::Int(1)), ("t", text("#commit"))])
}

#[test]
fn the_fields_a_server_needs() {
    let time = "2026-07-04T14:38:08.085434Z";
    let payload = object(&[
        ("seq", Value::Int(7)),
        ("did", text("did:a")),
        ("repo", text("did:b")),
        ("time", text(time)),
        ("ops", Value::List(vec![Value::Map(vec![("seq".into(), Value::Int(9))])])),
    ]);
    let bytes = [header(), payload.clone()].concat();
    let frame = parse(&bytes).unwrap();
    assert_eq!((frame.header, frame.payload), (&header()[..], &payload[..]));
    assert_eq!((frame.op, frame.t, frame.seq, frame.key), (1, Some("#commit"), Some(7), "did:b"));
    assert_eq!((frame.time, frame.time_us()), (Some(time), Some(1_783_175_888_085_434)));
    assert_eq!(split(&bytes), Some((frame.header, frame.payload)));
    assert_eq!(header_type(frame.header), Some("#commit"));
}

#[test]
fn what_may_be_missing_or_odd() {
    let error = [object(&[("op", Value::Int(-1))]), object(&[("error", text("FutureCursor"))])].concat();
    let frame = parse(&error).unwrap();
    assert_eq!((frame.op, frame.t, frame.name, frame.seq), (OP_ERROR, None, Some("FutureCursor"), None));

    for odd in [Value::Int(0), Value::Int(-1), Value::Int(1 << 53), Value::Float(1.0), text("1")] {
        let bytes = [header(), object(&[("seq", odd.clone()), ("did", text("d")), ("time", text("?"))])].concat();
        let frame = parse(&bytes).unwrap();
        assert_eq!((frame.seq, frame.key, frame.time_us()), (None, "d", None), "{odd:?}");
    }
}

#[test]
fn what_is_no_frame() {
    let payload = object(&[]);
    let cbor = |offset, kind| CborError { offset, kind };
    let at = header().len();
    let table = [
        (vec![], FrameError::Header(cbor(0, Kind::End))),
        (vec![0x80], FrameError::Header(cbor(0, Kind::NotMap))),
        ([object(&[("t", text("#a"))]), payload.clone()].concat(), FrameError::Op),
        ([object(&[("op", text("1"))]), payload.clone()].concat(), FrameError::Op),
        ([object(&[("op", Value::Int(1)), ("t", Value::Null)]), payload.clone()].concat(), FrameError::Type),
        (header(), FrameError::Payload(cbor(at, Kind::End))),
        ([header(), vec![0xf6]].concat(), FrameError::Payload(cbor(at, Kind::NotMap))),
        ([header(), vec![0xa1, 0x61, b'a']].concat(), FrameError::Payload(cbor(at + 3, Kind::End))),
        ([header(), payload, vec![0]].concat(), FrameError::Payload(cbor(at + 1, Kind::Trailing))),
        // The header with its keys in the order of the specification's text, which clients refuse.
        (vec![0xa2, 0x62, b'o', b'p', 1, 0x61, b't', 0x60, 0xa0], FrameError::Header(cbor(5, Kind::KeyOrder))),
        (vec![0; FRAME_BYTES_MAX + 1], FrameError::TooLarge { bytes: FRAME_BYTES_MAX + 1 }),
    ];
    for (bytes, error) in table {
        assert_eq!(parse(&bytes), Err(error));
    }
}
