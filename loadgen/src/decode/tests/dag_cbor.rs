//! Golden AT Protocol frames, native events, and everything a strict reader refuses.

use std::{env, path::PathBuf};

use proptest::prelude::*;

use crate::decode::{EventFields, Message, dag_cbor::message};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
}

fn event(seq: u64, published_us: Option<u64>) -> Message<'static> {
    Message::Event(EventFields::increasing(seq, published_us))
}

#[test]
fn golden_frames() {
    let table = [
        (
            "a1626f7020 a2 656572726f72 6c467574757265437572736f72 \
             676d657373616765 75437572736f7220696e20746865206675747572652e",
            Message::Error("FutureCursor".into()),
        ),
        (
            "a261746523696e666f626f7001 a2 646e616d65 6e4f75746461746564437572736f72 \
             676d657373616765 783852657175657374656420637572736f72206578636565646564206c696d69742e20\
             506f737369626c79206d697373696e67206576656e7473",
            Message::Info("OutdatedCursor".into()),
        ),
        // {"t": "#x", "op": 1} {"seq": 2^32, "time": "1970-01-01T00:00:01Z"}
        (
            "a2 6174 622378 626f70 01 a2 63736571 1b0000000100000000 \
             6474696d65 74313937302d30312d30315430303a30303a30315a",
            event(1 << 32, Some(1_000_000)),
        ),
        // The same with an unknown op, and without a seq.
        ("a2 6174 622378 626f70 02 a1 63736571 01", Message::Other),
        ("a2 6174 622378 626f70 01 a0", Message::Other),
        // Native: {"key": "k", "seq": 9, "body": {"t": 5, "pad": h'00'}, "time": 7}
        ("a4 636b6579 616b 63736571 09 64626f6479 a2 6174 05 63706164 4100 6474696d65 07", event(9, Some(5))),
        // Native, with a body that is no map: {"seq": 9, "body": [-1, null, 1.0], "time": 7}
        ("a3 63736571 09 64626f6479 83 20 f6 fb3ff0000000000000 6474696d65 07", event(9, Some(7))),
    ];
    for (text, expected) in table {
        assert_eq!(message(&hex(text)), Ok(expected), "{text}");
    }
}

#[test]
fn refusals() {
    let table = [
        ("", "ends in the middle"),
        ("83", "expected a map"),
        ("a1 63736571 01 00", "left over"),
        ("a1 63736571", "ends in the middle"),
        ("a1 63736571 1801", "shortest"),
        ("a1 6178 190001", "shortest"),
        ("a1 6178 1a00000001", "shortest"),
        ("a1 6178 1b00000000ffffffff", "shortest"),
        ("a1 6178 7f", "indefinite"),
        ("bf ff", "indefinite"),
        ("a1 6178 1c", "reserved"),
        ("a2 6178 01 6178 02", "canonical order"),
        ("a2 627878 01 6179 02", "canonical order"),
        ("a2 6179 01 6178 02", "canonical order"),
        ("a1 01 02", "not text"),
        ("a1 61ff 01", "UTF-8"),
        ("a1 6178 61ff", "UTF-8"),
        ("a1 6178 c0 6130", "tag other than 42"),
        ("a1 6178 d82a 6130", "not around a byte string"),
        ("a1 6178 d82a 420155", "leading zero"),
        ("a1 6178 f97e00", "float size"),
        ("a1 6178 fb7ff8000000000000", "not finite"),
        ("a1 6178 f7", "simple value"),
        ("a1 6178 5bffffffffffffffff", "ends in the middle"),
        ("a1 63736571 00", "expected an integer"),
        ("a1 63736571 1b0020000000000000", "expected an integer"),
        ("a1 63736571 6131", "expected an integer"),
    ];
    for (text, reason) in table {
        let error = message(&hex(text)).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    let deep = [vec![0xa1, 0x61, b'x'], vec![0x81; 100], vec![0]].concat();
    assert!(message(&deep).unwrap_err().to_string().contains("deep"));
}

/// The captured frames of production, where they lie beside the checkout.
#[test]
fn captured_frames_are_read_in_order() {
    let shared = env::var_os("TAILWATER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let Ok(corpus) = std::fs::read(shared.join("corpus/atproto/frames.bin")) else {
        assert!(env::var_os("TAILWATER_REQUIRE_SHARED").is_none_or(|v| v != "1"));
        return;
    };
    let mut rest = &corpus[..];
    let mut seqs = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (frame, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        match message(frame).unwrap() {
            Message::Event(event) => {
                assert!(event.published_us.is_some());
                seqs.push(event.seq);
            }
            other => panic!("{other:?}"),
        }
        rest = tail;
    }
    let expected: Vec<u64> = (31_527_015_322..=31_527_015_471).collect();
    assert_eq!(seqs, expected);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = message(&bytes);
    }

    #[test]
    fn damage_is_answered(at in 0usize..60, byte in any::<u8>()) {
        let mut bytes = hex(
            "a4 636b6579 616b 63736571 09 64626f6479 a2 6174 05 63706164 4100 6474696d65 07",
        );
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = message(&bytes);
    }
}
