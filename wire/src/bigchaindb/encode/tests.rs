use proptest::prelude::*;
use tailwater_core::{BodyFormat, Encoder, Event};

use super::super::block::KIND;
use super::super::filter::Filter;
use super::*;

fn event<'a>(kind: &'a str, key: &'a str, format: BodyFormat, body: &'a [u8]) -> Event<'a> {
    Event { seq: 1, time_us: 5, kind, key, format, body }
}

fn block(body: &str) -> Event<'_> {
    event(KIND, "", BodyFormat::Json, body.as_bytes())
}

fn encoded(encoder: &dyn Encoder, event: &Event<'_>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encoder.encode(event, Some(0), &mut out);
    out.split_off(6)
}

/// The payloads of the text messages, whose headers must be in their shortest form.
fn messages(encoder: &dyn Encoder, event: &Event<'_>) -> Vec<String> {
    let bytes = encoded(encoder, event);
    let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        assert_eq!(rest[0], 0x81);
        let (len, header) = match rest[1] {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            len => (len.into(), 2),
        };
        let (message, after) = rest[header..].split_at(len);
        assert_eq!(header == 2, len < 126);
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        rest = after;
    }
    messages
}

fn filtered(asset_id: Option<&str>, operation: Option<&str>) -> BigchaindbFiltered {
    BigchaindbFiltered::new(Filter::new(asset_id, operation, None).unwrap())
}

#[test]
fn golden_bytes() {
    let id = "ab".repeat(32);
    let body = format!(r#"{{"transactions":[{{"asset":{{"data":null}},"id":"{id}"}}]}}"#);
    let message = format!(r#"{{"height": 1, "asset_id": "{id}", "transaction_id": "{id}"}}"#);
    let expected = [b"\x81\x7e\x00\xb3", message.as_bytes()].concat();
    assert_eq!(encoded(&BigchaindbTransactions, &block(&body)), expected);
    // The hash is that of sha3sum.
    let hash = "f59fefb2173dbaf6bdfb905a57396e295cdfcf5d11cd67c34f82434c8ebc9e77";
    let message = format!(r#"{{"height": 1, "hash": "{hash}", "transaction_ids": ["{id}"]}}"#);
    let expected = [b"\x81\x7e\x00\xb2", message.as_bytes()].concat();
    assert_eq!(encoded(&BigchaindbBlocks, &block(&body)), expected);
}

#[test]
fn assets_of_every_operation() {
    let table = [
        (r#"{"id":"t","operation":"CREATE","asset":{"data":{"id":"x"}}}"#, "t"),
        (r#"{"id":"t","operation":"CREATE","asset":{"data":null}}"#, "t"),
        (r#"{"id":"t","operation":"VALIDATOR_ELECTION","asset":{"data":{"power":1}}}"#, "t"),
        (r#"{"id":"t","operation":"TRANSFER","asset":{"id":"a"}}"#, "a"),
        (r#"{"id":"t","operation":"VOTE","asset":{"id":"a"}}"#, "a"),
        (r#"{"id":"t","asset":{"id":null}}"#, "t"),
        (r#"{"id":"t","asset":null}"#, "t"),
        (r#"{"id":"t"}"#, "t"),
        (r#"{"inputs":[{"id":"x","asset":{"id":"y"}}],"asset":{"id":"a\""},"id":"t\u0001"}"#, "a\\\""),
    ];
    for (transaction, asset_id) in table {
        let id = if transaction.contains("t\\u") { "t\\u0001" } else { "t" };
        let expected = format!(r#"{{"height": 1, "asset_id": "{asset_id}", "transaction_id": "{id}"}}"#);
        let body = format!(r#"{{"transactions":[{transaction}]}}"#);
        assert_eq!(messages(&BigchaindbTransactions, &block(&body)), [expected], "{transaction}");
    }
}

#[test]
fn many_and_none() {
    let body = r#"{"transactions":[{"id":"a"},{"id":"b","asset":{"id":"a"}},{"id":"c"}]}"#;
    let message =
        |asset: &str, id: &str| format!(r#"{{"height": 1, "asset_id": "{asset}", "transaction_id": "{id}"}}"#);
    let expected = [message("a", "a"), message("a", "b"), message("c", "c")];
    assert_eq!(messages(&BigchaindbTransactions, &block(body)), expected);
    let hash = "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532";
    let expected = format!(r#"{{"height": 1, "hash": "{hash}", "transaction_ids": ["a", "b", "c"]}}"#);
    assert_eq!(messages(&BigchaindbBlocks, &block(body)), [expected]);

    let none = block(r#"{"transactions":[]}"#);
    assert!(encoded(&BigchaindbTransactions, &none).is_empty());
    let hash = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a";
    let expected = format!(r#"{{"height": 1, "hash": "{hash}", "transaction_ids": []}}"#);
    assert_eq!(messages(&BigchaindbBlocks, &none), [expected]);
}

#[test]
fn other_events_are_blocks_of_one_transaction() {
    let key = "0123456789abcdef".repeat(4);
    let upper = key.to_uppercase();
    // Time 5 and seq 1, and what xxhsum -H2 says of {"a":1}, of null, of nothing and of [].
    let [object, null, nothing, list] = [
        "3c8c141663acf5a1b6b7137162fa70fb",
        "dc32537e27486e2c652e7b35ccc22eda",
        "99aa06d3014798d86001c324468d497f",
        "39347ff402b6c53d831154110e30ac6a",
    ]
    .map(|hash| format!("00000000000000050000000000000001{hash}"));
    let [object, null, nothing, list] = [&*object, &null, &nothing, &list];
    let table = [
        (event("put", &key, BodyFormat::Json, br#"{"a":1}"#), key.as_str()),
        (event("delete", &key, BodyFormat::Json, b"null"), &key),
        (event("put", "k", BodyFormat::Json, br#"{"a":1}"#), object),
        (event("put", &key[1..], BodyFormat::Json, br#"{"a":1}"#), object),
        (event("put", &upper, BodyFormat::Json, b"null"), null),
        (event("#commit", "did:plc:x", BodyFormat::AtprotoFrame, br#"{"a":1}"#), object),
        (event("put", "", BodyFormat::DagCbor, b""), nothing),
        (event(KIND, &key, BodyFormat::Json, br#"{"transactions":5}"#), &key),
        (event(KIND, "", BodyFormat::Json, b"[]"), list),
        (event(KIND, &key, BodyFormat::Json, br#"{"transactions":[{"id":"a"},{"id":5}]}"#), &key),
        (event(KIND, &key, BodyFormat::Json, br#"{"transactions":[{"asset":{"id":"a"}}]}"#), &key),
        (event(KIND, &key, BodyFormat::DagCbor, br#"{"transactions":[]}"#), &key),
        (event("blocks", &key, BodyFormat::Json, br#"{"transactions":[]}"#), &key),
    ];
    for (event, id) in table {
        let expected = format!(r#"{{"height": 1, "asset_id": "{id}", "transaction_id": "{id}"}}"#);
        let expected = [expected];
        assert_eq!(messages(&BigchaindbTransactions, &event), expected, "{event:?}");
        let shown = messages(&BigchaindbBlocks, &event);
        assert!(shown[0].ends_with(&format!(r#""transaction_ids": ["{id}"]}}"#)), "{event:?}");
        assert_eq!(messages(&filtered(Some(id), None), &event), expected);
        assert!(encoded(&filtered(Some(&"0".repeat(64)), None), &event).is_empty());
        assert!(encoded(&filtered(None, Some("CREATE")), &event).is_empty());
    }
}

#[test]
fn names_are_names_of_directories_and_the_same_for_equal_filters() {
    assert_eq!(BigchaindbTransactions.name(), "bigchaindb-transactions");
    assert_eq!(BigchaindbBlocks.name(), "bigchaindb-blocks");
    let id = "ab".repeat(32);
    let (lower, upper) = (filtered(Some(&id), None), filtered(Some(&id.to_uppercase()), None));
    assert_eq!(lower.name(), upper.name());
    assert_ne!(lower.name(), filtered(None, None).name());
    let digits = lower.name().strip_prefix("bigchaindb-tx-").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{digits}");
}

proptest! {
    #[test]
    fn no_body_panics(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            "\\{\"transactions\":\\[(\\{\"(id|asset|operation|outputs)\":(\"[a\\\\]{0,3}\"|\\{\"id\":[\"a5]{1,3}\\}|\\[\\]|5)\\},?){0,3}\\]\\}",
        ],
        kind in prop::sample::select(&[KIND, "put"][..]),
        format in prop::sample::select(&BodyFormat::ALL[..]),
    ) {
        let event = event(kind, "", format, body.as_bytes());
        let encoders: [&dyn Encoder; 3] = [&BigchaindbTransactions, &BigchaindbBlocks, &filtered(None, Some("CREATE"))];
        for encoder in encoders {
            for message in messages(encoder, &event) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&message).is_ok(), "{}", message);
            }
        }
    }
}
