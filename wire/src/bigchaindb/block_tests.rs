use super::super::stored::Stored;
use super::super::transaction::{Ledger, Limits, OutputRef};
use super::*;

const POSTED: &str = include_str!("../../tests/data/bigchaindb/js_transfer.json");

fn event<'a>(kind: &'a str, key: &'a str, format: BodyFormat, body: &'a [u8]) -> Event<'a> {
    Event { seq: 1, time_us: 5, kind, key, format, body }
}

#[test]
fn bodies() {
    let transaction = Transaction::parse(POSTED.as_bytes(), &Limits::default()).unwrap();
    let mut block = BlockBody::default();
    assert!(block.is_empty());
    assert!(block.push(&transaction) && block.push(&transaction));
    assert_eq!(block.len(), 2);
    let expected = format!("{{\"transactions\":[{0},{0}]}}", transaction.json());
    assert_eq!(String::from_utf8(block.finish()).unwrap(), expected);
    assert_eq!(BlockBody::new().finish(), b"{\"transactions\":[]}");
}

#[test]
fn a_full_block_takes_no_more() {
    let transaction = Transaction::parse(POSTED.as_bytes(), &Limits::default()).unwrap();
    let mut block = BlockBody::new();
    while block.push(&transaction) {}
    let fit = (BODY_BYTES_MAX - START.len() - END.len() + 1) / (transaction.json().len() + 1);
    assert_eq!(block.len(), fit.min(TRANSACTIONS_MAX));
    assert!(block.finish().len() <= BODY_BYTES_MAX);
}

#[test]
fn stored_transactions() {
    let key = "ab".repeat(32);
    let body = br#"{"transactions":[{"id":"a","x":"\u00e4"},{"asset":{"id":"q"},"id":"b\u0021"}]}"#;
    let table: [(Event<'_>, &[(&str, &str)]); 6] = [
        (
            event(KIND, "", BodyFormat::Json, body),
            &[("a", r#"{"id":"a","x":"\u00e4"}"#), ("b!", r#"{"asset":{"id":"q"},"id":"b\u0021"}"#)],
        ),
        (event(KIND, "", BodyFormat::Json, b"{\"transactions\":[]}"), &[]),
        (
            event("put", &key, BodyFormat::Json, b"[1]"),
            &[(&key, &format!(r#"{{"asset":{{"data":[1]}},"id":"{key}"}}"#))],
        ),
        (event("put", &key, BodyFormat::Json, b""), &[(&key, &format!(r#"{{"asset":{{"data":null}},"id":"{key}"}}"#))]),
        (
            event("put", &key, BodyFormat::DagCbor, b"\xa1\x61a\x01"),
            &[(&key, &format!(r#"{{"asset":{{"data":{{"a":1}}}},"id":"{key}"}}"#))],
        ),
        (
            event("put", &key, BodyFormat::AtprotoFrame, b"\xff"),
            &[(&key, &format!(r#"{{"asset":{{"data":null}},"id":"{key}"}}"#))],
        ),
    ];
    for (event, expected) in table {
        let stored = Stored::all(&event);
        let shown: Vec<(&str, &str)> = stored.iter().map(|stored| (&*stored.id, &*stored.json)).collect();
        assert_eq!(shown, expected, "{event:?}");
    }
    let ledger = Stored::all(&event("put", &key, BodyFormat::Json, b"[1]"))[0].ledger();
    assert_eq!(ledger, Ledger { asset_id: key, ..Ledger::default() });
}

#[test]
fn a_ledger_takes_what_it_can_read() {
    let ledger = |text: &str| Stored { id: "i".into(), json: text.into() }.ledger();
    let asset = |asset_id: &str| Ledger { asset_id: asset_id.to_owned(), ..Ledger::default() };
    assert_eq!(ledger("nonsense"), asset("i"));
    assert_eq!(ledger(r#"{"id":"i","asset":{"id":"a"},"inputs":5,"outputs":{}}"#), asset("a"));
    let spend = |index| OutputRef { transaction_id: "t".to_owned(), output_index: index };
    let inputs = r#"{"id":"i","inputs":[{"fulfills":null},{"fulfills":{"transaction_id":"t","output_index":3}},{}]}"#;
    assert_eq!(ledger(inputs), Ledger { spends: vec![spend(3)], ..asset("i") });
    let condition = r#"{"details":{"type":"ed25519-sha-256","public_key":"11111111111111111111111111111111"}}"#;
    let outputs = format!(
        r#"{{"id":"i","outputs":[{{}},{{"amount":"5","condition":{condition}}},{{"amount":"x","condition":{condition}}}]}}"#
    );
    let outputs = ledger(&outputs).outputs;
    assert_eq!(
        outputs.iter().map(|output| output.as_ref().map(|it| it.amount)).collect::<Vec<_>>(),
        [None, Some(5), None]
    );
}
