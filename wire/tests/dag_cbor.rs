//! DAG-CBOR: strictness, round trips, and the way from and to JSON. Another implementation (minicbor's decoder, serde_json)
//! is the witness where there is one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use proptest::prelude::*;
use tailwater_wire::dag_cbor::{
    CborErrorKind as Kind, DEPTH_MAX, EncodeError, FromJsonError, MapReader, Numbers, Value, cid, decode, encode,
    from_json, skip, to_json, validate,
};

const CID: &str = "bafyreiftot7eltsc3f6g4qktykmbv6jcmdmhcx5osscan6jpdxkpqcmcza";

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.replace(' ', "").as_bytes()).unwrap()
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out).unwrap();
    out
}

fn json_of(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    to_json(bytes, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn cbor_of(json: &str, numbers: Numbers) -> Result<Vec<u8>, FromJsonError> {
    let mut out = Vec::new();
    from_json(json.as_bytes(), numbers, &mut out)?;
    Ok(out)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn golden_bytes() {
    let link = Value::Link(cid::parse(CID).unwrap());
    let table = [
        (Value::Null, "f6".to_owned()),
        (Value::Bool(false), "f4".into()),
        (Value::Bool(true), "f5".into()),
        (Value::Int(23), "17".into()),
        (Value::Int(24), "1818".into()),
        (Value::Int(256), "190100".into()),
        (Value::Int(65_536), "1a00010000".into()),
        (Value::Int(1 << 32), "1b0000000100000000".into()),
        (Value::Int(u64::MAX.into()), "1bffffffffffffffff".into()),
        (Value::Int(-1), "20".into()),
        (Value::Int(-(1 << 64)), "3bffffffffffffffff".into()),
        (Value::Float(1.0), "fb3ff0000000000000".into()),
        (Value::Float(-0.0), "fb8000000000000000".into()),
        (text("ä"), "62c3a4".into()),
        (Value::Bytes(vec![0, 255]), "4200ff".into()),
        (Value::List(vec![]), "80".into()),
        (link, format!("d82a582500{}", data_encoding::HEXLOWER.encode(&cid::parse(CID).unwrap()))),
        (
            Value::Map(vec![("bb".into(), Value::Int(1)), ("c".into(), Value::Int(2)), ("ba".into(), Value::Int(3))]),
            "a3 6163 02 626261 03 626262 01".into(),
        ),
    ];
    for (value, expected) in table {
        let expected = hex(&expected);
        assert_eq!(encoded(&value), expected, "{value:?}");
        assert_eq!(validate(&expected), Ok(()));
        assert_eq!(encoded(&decode(&expected).unwrap()), expected);
    }
}

#[test]
fn deviations_are_named_with_their_place() {
    let table = [
        ("", 0, Kind::End),
        ("61", 1, Kind::End),
        ("1b00", 2, Kind::End),
        ("82f6", 0, Kind::End),
        ("9b7fffffffffffffff", 0, Kind::End),
        ("bbffffffffffffffff", 0, Kind::End),
        ("5bffffffffffffffff", 9, Kind::End),
        ("f6f6", 1, Kind::Trailing),
        ("1817", 0, Kind::NotMinimal),
        ("1900ff", 0, Kind::NotMinimal),
        ("1a0000ffff", 0, Kind::NotMinimal),
        ("1b00000000ffffffff", 0, Kind::NotMinimal),
        ("81 7803616263", 1, Kind::NotMinimal),
        ("b800", 0, Kind::NotMinimal),
        ("9fff", 0, Kind::Indefinite),
        ("5f4100ff", 0, Kind::Indefinite),
        ("bfff", 0, Kind::Indefinite),
        ("ff", 0, Kind::Indefinite),
        ("1c", 0, Kind::Reserved),
        ("fe", 0, Kind::Reserved),
        ("c1 00", 0, Kind::Tag(1)),
        ("d82b 4100", 0, Kind::Tag(43)),
        ("d82a 4100", 0, Kind::Link),
        ("d82a 6100", 0, Kind::Link),
        ("d82a 4301 5512", 0, Kind::Link),
        ("a1 0000", 1, Kind::KeyType),
        ("a1 4161 00", 1, Kind::KeyType),
        ("a2 6162 00 6161 00", 4, Kind::KeyOrder),
        ("a2 626161 00 6162 00", 5, Kind::KeyOrder),
        ("a2 6161 00 6161 00", 4, Kind::DuplicateKey),
        ("f93c00", 0, Kind::FloatWidth),
        ("fa3f800000", 0, Kind::FloatWidth),
        ("fb7ff0000000000000", 0, Kind::NotFinite),
        ("fb7ff8000000000000", 0, Kind::NotFinite),
        ("fbfff0000000000000", 0, Kind::NotFinite),
        ("f7", 0, Kind::Simple),
        ("f0", 0, Kind::Simple),
        ("f820", 0, Kind::Simple),
        ("f814", 0, Kind::Simple),
        ("81 61ff", 1, Kind::Utf8),
        ("a1 61ff 00", 1, Kind::Utf8),
    ];
    for (bytes, offset, kind) in table {
        let bytes = hex(bytes);
        let error = validate(&bytes).unwrap_err();
        assert_eq!((error.offset, error.kind), (offset, kind), "{bytes:x?}");
        assert_eq!(decode(&bytes), Err(error), "{bytes:x?}");
        assert_eq!(to_json(&bytes, &mut Vec::new()), Err(error), "{bytes:x?}");
    }
}

#[test]
fn depth_is_an_error_and_no_overflow() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0xf6]].concat();
    assert_eq!(validate(&nested(DEPTH_MAX)), Ok(()));
    assert_eq!(encoded(&decode(&nested(DEPTH_MAX)).unwrap()), nested(DEPTH_MAX));
    for depth in [DEPTH_MAX + 1, 1_000_000] {
        let bytes = nested(depth);
        for error in [validate(&bytes).err(), decode(&bytes).err(), to_json(&bytes, &mut Vec::new()).err()] {
            assert_eq!(error.map(|error| (error.offset, error.kind)), Some((DEPTH_MAX, Kind::Depth)));
        }
    }
    let deep = (0..=DEPTH_MAX).fold(Value::Null, |value, _| Value::List(vec![value]));
    assert_eq!(encode(&deep, &mut Vec::new()), Err(EncodeError::Depth));
    let json = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(matches!(cbor_of(&json, Numbers::Lossy), Err(FromJsonError::Json(_))));
}

#[test]
fn trees_without_an_encoding() {
    let map = Value::Map(vec![("a".into(), Value::Null), ("a".into(), Value::Null)]);
    for (value, error) in [
        (Value::Int(1 << 64), EncodeError::IntRange),
        (Value::Int(-(1 << 64) - 1), EncodeError::IntRange),
        (Value::Float(f64::NAN), EncodeError::NotFinite),
        (Value::Link(vec![1]), EncodeError::Link),
        (map, EncodeError::DuplicateKey),
    ] {
        assert_eq!(encode(&value, &mut Vec::new()), Err(error));
    }
}

#[test]
fn entries_of_a_map_and_what_follows_it() {
    let bytes = hex("f6 a2 6161 01 6162 8102 f5");
    let mut entries = MapReader::new(&bytes, 1).unwrap();
    assert_eq!(entries.left(), 2);
    assert_eq!(entries.next(), Some(Ok(("a", [1].as_slice()))));
    assert_eq!(entries.next(), Some(Ok(("b", [0x81, 2].as_slice()))));
    assert_eq!((entries.next(), entries.end()), (None, 9));
    assert_eq!(skip(&bytes, 1), Ok(9));
    assert_eq!(MapReader::new(&bytes, 0).unwrap_err().kind, Kind::NotMap);

    let broken = hex("a2 6162 00 6161 00");
    let mut entries = MapReader::new(&broken, 0).unwrap();
    assert!(entries.next().unwrap().is_ok() && entries.next().unwrap().is_err());
    assert_eq!(entries.next(), None);
}

#[test]
fn json_both_ways() {
    let table = [
        ("null", "f6".to_owned()),
        ("[true,false]", "82f5f4".into()),
        ("-9223372036854775808", "3b7fffffffffffffff".into()),
        ("18446744073709551615", "1bffffffffffffffff".into()),
        ("1.0", "fb3ff0000000000000".into()),
        ("-0.0", "fb8000000000000000".into()),
        (r#""a\"\n""#, "6361220a".into()),
        (r#"{"a":2,"b":3,"aa":1}"#, "a3 6161 02 6162 03 626161 01".into()),
        (r#"{"$bytes":"AP8"}"#, "4200ff".into()),
        (r#"{"$bytes":""}"#, "40".into()),
        (
            &format!("{{\"$link\":\"{CID}\"}}"),
            data_encoding::HEXLOWER.encode(&encoded(&Value::Link(cid::parse(CID).unwrap()))),
        ),
        (r#"{"$bytes":"AP8","x":1}"#, "a2 6178 01 66246279746573 63415038".into()),
        (r#"{"$link":1}"#, "a1 65246c696e6b 01".into()),
    ];
    for (json, bytes) in table {
        let bytes = hex(&bytes);
        for numbers in [Numbers::Exact, Numbers::Lossy] {
            if json == r#"{"$link":1}"# && numbers == Numbers::Exact {
                assert!(matches!(cbor_of(json, numbers), Err(FromJsonError::Link(_))));
                continue;
            }
            assert_eq!(cbor_of(json, numbers).as_deref(), Ok(&bytes[..]), "{json}");
        }
        let back: String = json_of(&bytes);
        let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(parse(&back), parse(json), "{back}");
    }
    assert_eq!(json_of(&hex("3bffffffffffffffff")), "-18446744073709551616");
    assert_eq!(json_of(&hex("a2 6162 01 626161 80")), r#"{"b":1,"aa":[]}"#);
}

#[test]
fn json_that_dag_cbor_has_no_words_for() {
    let wide = "100000000000000000000000000000";
    let table = [
        ("18446744073709551616", FromJsonError::IntRange, "1.8446744073709552e+19"),
        ("[1,-9223372036854775809]", FromJsonError::IntRange, "[1,-9.223372036854776e+18]"),
        (r#"{"1\"2":[100000000000000000000000000000]}"#, FromJsonError::IntRange, r#"{"1\"2":[1e+29]}"#),
        (r#"{"\\":[100000000000000000000000000000]}"#, FromJsonError::IntRange, r#"{"\\":[1e+29]}"#),
        (wide, FromJsonError::IntRange, "1e+29"),
        (r#"{"a":1,"b":2,"a":3}"#, FromJsonError::DuplicateKey("a".into()), r#"{"a":3,"b":2}"#),
        (r#"{"$link":"x"}"#, FromJsonError::Link("x".into()), r#"{"$link":"x"}"#),
        (r#"{"$bytes":"A"}"#, FromJsonError::Bytes, r#"{"$bytes":"A"}"#),
        (r#"{"$bytes":"AP8=="}"#, FromJsonError::Bytes, r#"{"$bytes":"AP8=="}"#),
        (r#"{"$bytes":7}"#, FromJsonError::Bytes, r#"{"$bytes":7}"#),
    ];
    for (json, error, lossy) in table {
        assert_eq!(cbor_of(json, Numbers::Exact), Err(error), "{json}");
        assert_eq!(json_of(&cbor_of(json, Numbers::Lossy).unwrap()), lossy, "{json}");
    }
    for json in ["", "{", "[1,]", "\"\\ud800\"", "1 2", "nul"] {
        for numbers in [Numbers::Exact, Numbers::Lossy] {
            assert!(matches!(cbor_of(json, numbers), Err(FromJsonError::Json(_))), "{json}");
        }
    }
    assert_eq!(from_json(b"\"\xff\"", Numbers::Lossy, &mut Vec::new()), Err(FromJsonError::Utf8));
    assert_eq!(cbor_of(r#"{"$bytes":"AP8="}"#, Numbers::Exact).unwrap(), hex("4200ff"));
}

fn values() -> impl Strategy<Value = Value> {
    let v1 =
        prop::array::uniform32(any::<u8>()).prop_map(|hash| Value::Link([&[1, 0x71, 0x12, 0x20], &hash[..]].concat()));
    let v0 = prop::array::uniform32(any::<u8>()).prop_map(|hash| Value::Link([&[0x12, 0x20], &hash[..]].concat()));
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-(1_i128 << 64)..1 << 64).prop_map(Value::Int),
        (-300_i128..300).prop_map(Value::Int),
        (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO).prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Value::Bytes),
        v1,
        v0,
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        let entries = prop::collection::btree_map("[a-c]{0,3}|\\PC{0,30}", inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::List),
            entries.prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

/// The same value with its maps in canonical order.
fn sorted(value: Value) -> Value {
    match value {
        Value::List(values) => Value::List(values.into_iter().map(sorted).collect()),
        Value::Map(mut entries) => {
            entries.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
            Value::Map(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        other => other,
    }
}

/// Whether the value means the same in JSON: integers that JSON readers keep, no key that JSON reads as something else.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Int(number) => (-(1 << 63)..1 << 64).contains(number),
        Value::List(values) => values.iter().all(is_plain),
        Value::Map(entries) => entries.iter().all(|(key, value)| !key.starts_with('$') && is_plain(value)),
        _ => true,
    }
}

proptest! {
    #[test]
    fn values_survive(value in values()) {
        let bytes = encoded(&value);
        prop_assert_eq!(validate(&bytes), Ok(()));
        prop_assert_eq!(decode(&bytes).unwrap(), sorted(value));
        let mut witness = minicbor::Decoder::new(&bytes);
        prop_assert!(witness.skip().is_ok());
        prop_assert_eq!(witness.position(), bytes.len());
    }

    #[test]
    fn values_survive_the_way_through_json(value in values().prop_filter("plain", is_plain)) {
        let bytes = encoded(&value);
        let json = json_of(&bytes);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        prop_assert_eq!(cbor_of(&json, Numbers::Exact).unwrap(), &bytes[..], "{}", json);
    }

    /// Whatever is accepted is the only encoding of what it says.
    #[test]
    fn mangled_values_are_refused_or_canonical(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0_usize..3) {
        let mut bytes = encoded(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        let decoded = decode(&bytes);
        prop_assert_eq!(validate(&bytes), decoded.as_ref().map(drop).map_err(|error| *error));
        prop_assert_eq!(to_json(&bytes, &mut Vec::new()).is_ok(), decoded.is_ok());
        if let Ok(value) = decoded {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert_eq!(validate(&bytes).is_ok(), decode(&bytes).is_ok());
    }

    /// Every number has a form, and a parser of another make agrees on its numbers.
    #[test]
    fn floats_and_integers_are_read_as_others_read_them(json in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?") {
        let bytes = cbor_of(&json, Numbers::Lossy).unwrap();
        match decode(&bytes).unwrap() {
            Value::Int(number) => prop_assert_eq!(json.parse::<i128>().unwrap(), number),
            Value::Float(number) => prop_assert_eq!(number, json.parse::<f64>().unwrap()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
