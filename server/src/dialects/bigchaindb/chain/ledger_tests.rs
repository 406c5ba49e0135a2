use std::path::Path;

use tailwater_core::{BodyFormat, FeedOptions, Store, StoreOptions};
use tailwater_wire::bigchaindb::{
    block::{BlockBody, KIND},
    transaction::Limits,
};

use super::*;
use crate::index::{IndexOptions, Indexes};

/// The golden transactions; each follows those that it spends.
const NAMES: [&str; 8] = [
    "js_create",
    "js_transfer",
    "js_threshold_transfer",
    "py_create",
    "py_transfer",
    "py_merge",
    "py_threshold_transfer",
    "py_two_signers",
];

fn golden(name: &str) -> Transaction {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/data/bigchaindb");
    let text = std::fs::read(data.join(format!("{name}.json"))).unwrap();
    Transaction::parse(&text, &Limits::default()).unwrap()
}

fn with_index(test: impl FnOnce(&Index<Table>)) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), StoreOptions::default()).unwrap();
    let feed = store.create_feed("blocks", FeedOptions::default()).unwrap();
    test(&Indexes::new(directory.path()).open(&feed, feed.uid(), IndexOptions::default()).unwrap());
}

fn checked(transaction: &Transaction, batch: &WriteBatch<'_, Table>) -> Result<(), String> {
    check(transaction, batch).unwrap().map_err(|error| error.to_string())
}

fn event<'e>(kind: &'e str, key: &'e str, body: &'e [u8]) -> Event<'e> {
    Event { seq: 7, time_us: 1, kind, key, format: BodyFormat::Json, body }
}

/// How many entries of lists a transaction has: one for each owner of each output, and one for the asset it passes on.
fn listed(transaction: &Transaction) -> usize {
    let json: serde_json::Value = serde_json::from_str(transaction.json()).unwrap();
    let owners = |output: &serde_json::Value| output["public_keys"].as_array().unwrap().len();
    let owned: usize = json["outputs"].as_array().unwrap().iter().map(owners).sum();
    owned + usize::from(transaction.asset_id() != transaction.id())
}

/// A block of these texts, whatever they are.
fn block(transactions: &[&str]) -> Vec<u8> {
    format!("{{\"transactions\":[{}]}}", transactions.join(",")).into_bytes()
}

#[test]
fn each_transaction_sees_those_before_it_in_the_same_block() {
    with_index(|index| {
        let mut batch = index.batch();
        let (create, transfer) = (golden("js_create"), golden("js_transfer"));
        let missing = format!("Invalid transaction (InputDoesNotExist): input `{}` doesn't exist", create.id());
        assert_eq!(checked(&transfer, &batch), Err(missing));
        for name in NAMES {
            let transaction = golden(name);
            assert_eq!(checked(&transaction, &batch), Ok(()), "{name}");
            enter_checked(&transaction, &mut batch).unwrap();
        }
        let duplicate =
            format!("Invalid transaction (DuplicateTransaction): transaction `{}` already exists", create.id());
        assert_eq!(checked(&create, &batch), Err(duplicate));
        let spent = format!("Invalid transaction (DoubleSpend): input `{}` was already spent", create.id());
        assert_eq!(checked(&transfer, &batch), Err(spent));
    });
}

#[test]
fn a_block_of_the_log_is_entered_as_its_transactions_were() {
    with_index(|index| {
        let (mut checked, mut read) = (index.batch(), index.batch());
        let mut body = BlockBody::new();
        for name in NAMES {
            let transaction = golden(name);
            enter_checked(&transaction, &mut checked).unwrap();
            assert!(body.push(&transaction));
        }
        enter_block(&event(KIND, "", &body.finish()), &mut read).unwrap();
        let lists: usize = NAMES.iter().map(|name| listed(&golden(name))).sum();
        assert_eq!(checked.len() + lists, read.len());
        let mut unspent = 0;
        for (position, name) in (0..).zip(NAMES) {
            let transaction = golden(name);
            let id = hash(transaction.id()).unwrap();
            let place = read.get(Table::Transactions, &id).unwrap().unwrap();
            assert_eq!(Place::from_bytes(&place), Some(Place { height: 7, position }), "{name}");
            for (index, output) in (0..).zip(transaction.outputs()) {
                let at = OutputRef { transaction_id: transaction.id().to_owned(), output_index: index };
                let key = output_key(&at).unwrap();
                let value = read.get(Table::Outputs, &key).unwrap().unwrap();
                assert_eq!(Some(&value), checked.get(Table::Outputs, &key).unwrap().as_ref(), "{name} {index}");
                let asset_id = transaction.asset_id().to_owned();
                match found(&value) {
                    Found::Spent => {}
                    other => {
                        assert_eq!(other, Found::Unspent { asset_id, output: output.clone() }, "{name} {index}");
                        unspent += 1;
                    }
                }
            }
        }
        assert_eq!(unspent, 3);
    });
}

#[test]
fn what_came_another_way_gives_nothing_back() {
    with_index(|index| {
        let (create, transfer) = (golden("js_create"), golden("js_transfer"));
        let mut batch = index.batch();
        // The spending is known before what is spent.
        enter_block(&event(KIND, "", &block(&[transfer.json()])), &mut batch).unwrap();
        enter_block(&event(KIND, "", &block(&[create.json()])), &mut batch).unwrap();
        let spent = format!("Invalid transaction (DoubleSpend): input `{}` was already spent", create.id());
        let another = golden("js_threshold_transfer");
        assert_eq!(checked(&another, &batch), Ok(()), "an output of the transfer");
        assert_eq!(checked(&transfer, &batch), Err(spent.clone()));
        // Nor is anything unspent by being told a second time.
        enter_block(&event(KIND, "", &block(&[create.json(), transfer.json()])), &mut batch).unwrap();
        assert_eq!(checked(&transfer, &batch), Err(spent));
    });
}

#[test]
fn what_is_no_transaction_takes_an_id_and_nothing_else() {
    with_index(|index| {
        let create = golden("py_create");
        let mut batch = index.batch();
        let key = create.id();
        enter_block(&event("put", key, b"{\"outputs\":[{}]}"), &mut batch).unwrap();
        assert_eq!(batch.len(), 1);
        let duplicate = format!("Invalid transaction (DuplicateTransaction): transaction `{key}` already exists");
        assert_eq!(checked(&create, &batch), Err(duplicate));
        for text in ["{\"id\":\"short\"}", "{\"id\":\"\"}", &create.json().replace(key, &"A".repeat(64))] {
            let before = batch.len();
            enter_block(&event(KIND, "", &block(&[text])), &mut batch).unwrap();
            assert_eq!(batch.len(), before, "{text}");
        }
    });
}

#[test]
fn golden_rows_of_lists() {
    with_index(|index| {
        let (create, transfer) = (golden("js_create"), golden("js_transfer"));
        let mut batch = index.batch();
        enter_block(&event(KIND, "", &block(&[create.json(), transfer.json(), create.json()])), &mut batch).unwrap();
        let asset = hash(create.id()).unwrap();
        let at = |position: u8| [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, position];
        let row = |position: u8| batch.get(Table::Assets, &[&asset[..], &at(position)].concat()).unwrap();
        assert_eq!([row(0), row(1), row(2)], [None, Some(b"T".as_slice().into()), None]);
        let ledger = Stored { id: create.id().into(), json: create.json().into() }.ledger();
        for owner in &ledger.owners[0] {
            let row = |position| batch.get(Table::Owned, &[&owner[..], &at(position), &[0; 4]].concat()).unwrap();
            assert_eq!([row(0), row(2)], [Some(asset.as_slice().into()), None], "the first keeps its outputs");
        }
        assert_eq!(ledger.owners[0].len(), 1);
    });
}

#[test]
fn golden_entries() {
    let place = Place { height: 0x0102_0304, position: 5 };
    assert_eq!(place.to_bytes(), [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 5]);
    assert_eq!(Place::from_bytes(&place.to_bytes()), Some(place));
    for bytes in [&[][..], &[0; 11], &[0; 13]] {
        assert_eq!(Place::from_bytes(bytes), None);
    }
    let output = Output { amount: 258, condition_uri: "ni:///x".to_owned() };
    let value = unspent(&[0xab; 32], &output);
    assert_eq!((value.len(), &value[32..]), (47, &b"\0\0\0\0\0\0\x01\x02ni:///x"[..]));
    assert_eq!(found(&value), Found::Unspent { asset_id: "ab".repeat(32), output });
    assert_eq!([found(&[]), found(&value[..39])], [Found::Spent, Found::Spent]);
    let refer = |id: &str, output_index| OutputRef { transaction_id: id.to_owned(), output_index };
    assert_eq!(output_key(&refer(&"0f".repeat(32), 258)).unwrap()[30..], [15, 15, 0, 0, 0, 0, 0, 0, 1, 2]);
    for id in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), &"0g".repeat(32)] {
        assert_eq!(output_key(&refer(id, 0)), None, "{id}");
    }
}
