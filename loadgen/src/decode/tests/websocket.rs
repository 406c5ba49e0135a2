//! Frames of RFC 6455: the examples of its section 5.7, every refusal, every cut.

use proptest::prelude::*;

use crate::decode::{
    DecodeError,
    tests::pieces,
    websocket::{Item, WebSocketDecoder, client_frame},
};

/// An item that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Binary(Vec<u8>),
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

fn decode(message_bytes_max: usize, pieces: &[&[u8]]) -> (Vec<Owned>, Result<(), DecodeError>) {
    let mut decoder = WebSocketDecoder::new(message_bytes_max);
    let mut items = Vec::new();
    for piece in pieces {
        let fed = decoder.feed(piece, &mut |item| {
            items.push(match item {
                Item::Binary(bytes) => Owned::Binary(bytes.to_vec()),
                Item::Text(bytes) => Owned::Text(bytes.to_vec()),
                Item::Ping(bytes) => Owned::Ping(bytes.to_vec()),
                Item::Pong(bytes) => Owned::Pong(bytes.to_vec()),
                Item::Close(code, reason) => Owned::Close(code, reason.to_owned()),
            });
        });
        if fed.is_err() {
            return (items, fed);
        }
    }
    (items, Ok(()))
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(length as u8),
        length @ 126..=65535 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn examples_of_the_specification() {
    let hello = || b"Hello".to_vec();
    let table: [(&[u8], Vec<Owned>); 6] = [
        (b"\x81\x05Hello", vec![Owned::Text(hello())]),
        (b"\x01\x03Hel\x80\x02lo", vec![Owned::Text(hello())]),
        (b"\x89\x05Hello\x8a\x00", vec![Owned::Ping(hello()), Owned::Pong(vec![])]),
        (b"\x02\x01a\x89\x00\x00\x01b\x80\x01c", vec![Owned::Ping(vec![]), Owned::Binary(b"abc".to_vec())]),
        (b"\x88\x05\x03\xf4bye", vec![Owned::Close(Some(1012), "bye".into())]),
        (b"\x88\x00", vec![Owned::Close(None, String::new())]),
    ];
    for (bytes, expected) in table {
        assert_eq!(decode(1000, &[bytes]), (expected, Ok(())), "{bytes:x?}");
    }
    for length in [125, 126, 256, 65_535, 65_536] {
        let payload = vec![7; length];
        let (items, fed) = decode(65_536, &[&frame(0x82, &payload)]);
        assert_eq!((items, fed), (vec![Owned::Binary(payload)], Ok(())), "{length}");
    }
}

#[test]
fn refusals() {
    let table: [(&str, &[u8]); 16] = [
        ("masked", b"\x82\x81\0\0\0\0a"),
        ("reserved bit", b"\xc2\x00"),
        ("reserved opcode", b"\x83\x00"),
        ("fragmented", b"\x09\x00"),
        ("long", b"\x89\x7e\x00\x7e"),
        ("shortest", b"\x82\x7e\x00\x7d"),
        ("shortest", b"\x82\x7f\0\0\0\0\0\0\xff\xff"),
        ("over 1000", b"\x82\x7e\x03\xe9"),
        ("over 1000", b"\x82\x7f\x80\0\0\0\0\0\0\0"),
        ("over 1000", b"\x02\x01a\x80\x7e\x03\xe8"),
        ("continuation", b"\x80\x00"),
        ("inside", b"\x02\x01a\x82\x00"),
        ("UTF-8", b"\x81\x01\xff"),
        ("one byte", b"\x88\x01\x03"),
        ("close code 1006", b"\x88\x02\x03\xee"),
        ("after the close", b"\x88\x00\x82\x00"),
    ];
    for (reason, bytes) in table {
        let error = decode(1000, &[bytes]).1.unwrap_err();
        assert!(error.reason.contains(reason), "{bytes:x?}: {error}");
    }
}

#[test]
fn client_frames_are_masked() {
    let mut out = Vec::new();
    // RFC 6455, section 5.7: a masked pong with the body "Hello".
    client_frame(10, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
    assert_eq!(out, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    let heads: [(usize, &[u8]); 4] = [
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (65_535, b"\x81\xfe\xff\xff"),
        (65_536, b"\x81\xff\0\0\0\0\0\x01\0\0"),
    ];
    for (length, head) in heads {
        let mut out = Vec::new();
        client_frame(1, &vec![0; length], [1; 4], &mut out);
        assert_eq!((&out[..head.len()], out.len()), (head, head.len() + 4 + length));
    }
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let one = (0usize..5, prop::collection::vec(any::<u8>(), 0..300));
    prop::collection::vec(one, 0..12).prop_map(|frames| {
        let mut out = Vec::new();
        for (kind, payload) in frames {
            match kind {
                0 => out.extend(frame(0x81, &payload.to_ascii_lowercase())),
                1 => out.extend(frame(0x89, &payload[..payload.len().min(125)])),
                2 => {
                    out.extend(frame(0x02, &payload));
                    out.extend(frame(0x80, b"end"));
                }
                _ => out.extend(frame(0x82, &payload)),
            }
        }
        out
    })
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        bytes in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..400)],
        cuts in prop::collection::vec(1usize..90, 0..40),
    ) {
        let whole = decode(1000, &[&bytes]);
        prop_assert_eq!(decode(1000, &pieces(&bytes, &cuts)), whole);
    }
}
