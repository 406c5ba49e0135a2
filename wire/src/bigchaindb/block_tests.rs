use super::super::stored::Stored;
use super::super::transaction::{Ledger, Limits, Operation, OutputRef};
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
    let whole = ledger(&outputs);
    assert!(whole.owners.len() == 3 && whole.owners.iter().all(|owners| owners.is_empty()), "nobody is named");
    let outputs = whole.outputs;
    assert_eq!(
        outputs.iter().map(|output| output.as_ref().map(|it| it.amount)).collect::<Vec<_>>(),
        [None, Some(5), None]
    );
}

#[test]
fn outputs_are_listed_for_those_whose_condition_they_have_and_who_are_named() {
    let key = |byte: u8| bs58::encode([byte; 32]).into_string();
    let one = |byte: u8| format!(r#"{{"type":"ed25519-sha-256","public_key":"{}"}}"#, key(byte));
    let of = |details: &[String]| {
        format!(r#"{{"type":"threshold-sha-256","threshold":1,"subconditions":[{}]}}"#, details.join(","))
    };
    let output = |named: &[u8], details: &str| {
        let named: Vec<String> = named.iter().map(|byte| key(*byte)).collect();
        format!(r#"{{"amount":"1","condition":{{"details":{details}}},"public_keys":{named:?}}}"#)
    };
    let outputs = [
        output(&[1], &one(1)),
        output(&[2, 3], &of(&[one(2), of(&[one(3), one(4)])])),
        // Named by another output of the transaction, and by none.
        output(&[9], &one(3)),
        output(&[], &one(5)),
    ];
    let text = format!(r#"{{"id":"i","operation":"TRANSFER","outputs":[{}]}}"#, outputs.join(","));
    let ledger = Stored { id: "i".into(), json: text.into() }.ledger();
    assert_eq!(ledger.operation, Some(Operation::Transfer));
    let owners: Vec<Vec<u8>> = ledger.owners.iter().map(|owners| owners.iter().map(|key| key[0]).collect()).collect();
    assert_eq!(owners, [vec![1], vec![2, 3], vec![3], vec![]]);
}
