//! Transactions made with the protocol's own drivers, and what becomes of them when somebody changes them.
//!
//! `tests/data/bigchaindb` has the transactions as the drivers post them (`js_*`: bigchaindb-driver 4.3.0 from npm, `py_*`:
//! 0.6.2 from PyPI). `edited.jsonl` has edits of single values, with the id computed anew, `signed.jsonl` whole transactions
//! that are signed anew; both with the refusal that the validation code of BigchainDB 2.2.2 gave. There, an empty message
//! means accepted, and null that it failed without words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use tailwater_core::{BodyFormat, Encoder, Event};
use tailwater_wire::bigchaindb::block::{BlockBody, KIND};
use tailwater_wire::bigchaindb::encode::{BigchaindbBlocks, BigchaindbFiltered, BigchaindbTransactions};
use tailwater_wire::bigchaindb::filter::Filter;
use tailwater_wire::bigchaindb::stored::Stored;
use tailwater_wire::bigchaindb::transaction::{Found, Ledger, Limits, Operation, Output, OutputRef, Transaction};

/// The names of the golden transactions; each follows those that it spends.
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

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bigchaindb").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn posted(name: &str) -> String {
    data(&format!("{name}.json"))
}

fn parse(text: &str) -> Result<Transaction, String> {
    Transaction::parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())
}

/// What a server would know: which outputs there are, and which of them are spent.
#[derive(Default)]
struct Chain {
    outputs: BTreeMap<OutputRef, Found>,
}

impl Chain {
    fn of(names: &[&str]) -> Self {
        let mut chain = Self::default();
        names.iter().for_each(|name| chain.add(&parse(&posted(name)).unwrap()));
        chain
    }

    fn check(&self, transaction: &Transaction) -> Result<(), String> {
        let find = |spend| self.outputs.get(spend).cloned().unwrap_or(Found::Missing);
        let found: Vec<Found> = transaction.spends().iter().map(find).collect();
        transaction.check_spends(&found).map_err(|error| error.to_string())
    }

    fn add(&mut self, transaction: &Transaction) {
        for spend in transaction.spends() {
            self.outputs.insert(spend.clone(), Found::Spent);
        }
        for (at, output) in transaction.outputs().iter().enumerate() {
            let (asset_id, output) = (transaction.asset_id().to_owned(), output.clone());
            let at = OutputRef { transaction_id: transaction.id().to_owned(), output_index: at as u64 };
            self.outputs.insert(at, Found::Unspent { asset_id, output });
        }
    }

    /// Parses and checks, as a server does with what is posted.
    fn post(&self, text: &str) -> Result<Transaction, String> {
        let transaction = parse(text)?;
        self.check(&transaction).map(|()| transaction)
    }
}

#[test]
fn what_the_drivers_make_is_accepted() {
    let mut chain = Chain::default();
    for name in NAMES {
        let text = posted(name);
        let transaction = chain.post(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tree: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(transaction.id(), tree["id"], "{name}");
        assert_eq!(transaction.operation().name(), tree["operation"], "{name}");
        assert_eq!(transaction.asset_id(), tree["asset"]["id"].as_str().unwrap_or(transaction.id()), "{name}");
        assert_eq!(transaction.spends().is_empty(), transaction.operation() == Operation::Create, "{name}");
        let uris: Vec<&str> = transaction.outputs().iter().map(|output| output.condition_uri.as_str()).collect();
        let given = tree["outputs"].as_array().unwrap().iter();
        assert_eq!(
            uris,
            given.map(|output| output["condition"]["uri"].as_str().unwrap()).collect::<Vec<_>>(),
            "{name}"
        );
        chain.add(&transaction);
    }
    let unspent = chain.outputs.values().filter(|found| matches!(found, Found::Unspent { .. })).count();
    assert_eq!(unspent, 3);
}

#[test]
fn the_canonical_text_says_the_same_and_is_stable() {
    for name in NAMES {
        let transaction = parse(&posted(name)).unwrap();
        let tree = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(tree(transaction.json()), tree(&posted(name)), "{name}");
        assert_eq!(parse(transaction.json()), Ok(transaction), "{name}");
    }
}

/// The paths of all values in a tree.
fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| paths(value, &format!("{path}/{key}"), out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| paths(value, &format!("{path}/{at}"), out));
        }
        _ => {}
    }
}

#[test]
fn whoever_changes_anything_changes_the_id() {
    for name in NAMES {
        let tree: Value = serde_json::from_str(&posted(name)).unwrap();
        let (mut all, mut flipped) = (Vec::new(), 0);
        paths(&tree, "", &mut all);
        for path in all.iter().filter(|path| !path.is_empty()) {
            let mut tree = tree.clone();
            let value = tree.pointer_mut(path).unwrap();
            *value = match value {
                Value::String(text) => format!("{text}0").into(),
                Value::Null => Value::Bool(false),
                _ => Value::Null,
            };
            let error = parse(&tree.to_string()).unwrap_err();
            let id = tree["id"].as_str().unwrap_or("None");
            let expected = format!(
                "Invalid transaction (InvalidHash): The transaction's id '{id}' isn't equal to the hash of its body, i.e. \
                 it's not valid."
            );
            assert_eq!(error, expected, "{name} {path}");
            flipped += 1;
        }
        assert!(flipped > 20, "{name}");
    }
}

/// Applies the edit of a line of `edited.jsonl`.
fn edited(case: &Value) -> String {
    let mut tree: Value = serde_json::from_str(&posted(case["base"].as_str().unwrap())).unwrap();
    let (last, parents) = case["path"].as_array().unwrap().split_last().unwrap();
    let mut parent = &mut tree;
    for step in parents {
        parent = match step {
            Value::String(name) => &mut parent[name],
            step => &mut parent[step.as_u64().unwrap() as usize],
        };
    }
    match (parent, last, case.get("set")) {
        (Value::Object(map), Value::String(name), Some(value)) => drop(map.insert(name.clone(), value.clone())),
        (Value::Object(map), Value::String(name), None) => drop(map.shift_remove(name)),
        (Value::Array(list), at, Some(value)) => list[at.as_u64().unwrap() as usize] = value.clone(),
        (Value::Array(list), at, None) => drop(list.remove(at.as_u64().unwrap() as usize)),
        _ => panic!("{case}"),
    }
    tree["id"] = case["id"].clone();
    tree.to_string()
}

#[test]
fn edits_are_refused_in_the_words_of_the_reference() {
    let ancestors = |base: &str| match base {
        "js_transfer" => Chain::of(&["js_create"]),
        "js_threshold_transfer" => Chain::of(&["js_create", "js_transfer"]),
        "py_transfer" => Chain::of(&["py_create"]),
        "py_merge" => Chain::of(&["py_create", "py_transfer"]),
        _ => Chain::default(),
    };
    let mut compared = 0;
    for line in data("edited.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let refusal = ancestors(case["base"].as_str().unwrap()).post(&edited(&case)).unwrap_err();
        if let Some(expected) = case["message"].as_str() {
            compared += usize::from(stricter(&refusal) || refusal == expected);
            assert!(stricter(&refusal) || refusal == expected, "{line}\n     got: {refusal}\nexpected: {expected}");
        }
    }
    assert!(compared > 250, "{compared}");
}

/// Refusals that stand before those of the reference: keys and conditions it would have failed on later, or never.
fn stricter(refusal: &str) -> bool {
    ["(InvalidPublicKey)", "the condition's uri", "(ValidationError): Insufficient"]
        .iter()
        .any(|it| refusal.contains(it))
}

/// A line of `signed.jsonl`.
#[derive(serde::Deserialize)]
struct Signed<'a> {
    about: &'a str,
    parents: Vec<&'a str>,
    /// As text: its numbers must stay as they are written.
    #[serde(borrow)]
    transaction: &'a RawValue,
    message: Option<String>,
}

#[test]
fn transactions_signed_anew() {
    let signature = "Invalid transaction (InvalidSignature): Transaction signature is invalid.";
    let spent = "be326dd3ca588b8f7bf9bbb23bce1efa03a9df38c249d07b4e88588b6b222187";
    let missing = format!("Invalid transaction (InputDoesNotExist): input `{spent}` doesn't exist");
    let key =
        |key: &str| format!("Invalid transaction (InvalidPublicKey): Invalid base58 ed25519 key `{}`", key.repeat(44));
    let unfulfillable = "Invalid transaction (ValidationError): Insufficient number of subconditions to meet the \
                         threshold, or too many of them";
    let deep = "Invalid transaction (ThresholdTooDeep): thresholds are nested deeper than 32 levels";
    let uri = "Invalid transaction (ValidationError): the condition's uri `ni:///sha-256;";
    // Where ours is stricter, or the reference has no words.
    let ours: BTreeMap<&str, &str> = BTreeMap::from([
        ("key of 33 characters too few bytes", &*key("1").leak()),
        ("key that is not base58", &*key("O").leak()),
        ("threshold above its subconditions", unfulfillable),
        ("threshold of nothing", unfulfillable),
        ("thresholds nested 40 deep", deep),
        ("uri of other details", uri),
        ("owners of nothing", signature),
        ("no owners", signature),
        ("index of no output", &*missing.clone().leak()),
        ("index beyond 64 bits", &*missing.leak()),
    ]);
    let mut lines = 0;
    for line in data("signed.jsonl").lines() {
        let case: Signed<'_> = serde_json::from_str(line).unwrap();
        let about = case.about;
        let refusal = Chain::of(&case.parents).post(case.transaction.get()).err().unwrap_or_default();
        let forged = about == "signed by somebody else" && case.parents.is_empty();
        let words = || if forged { signature.to_owned() } else { case.message.clone().unwrap() };
        let expected = ours.get(about).map_or_else(words, |words| (*words).to_owned());
        assert!(refusal == expected || (expected == uri && refusal.starts_with(uri)), "{about}: {refusal}");
        lines += 1;
    }
    assert_eq!(lines, 38);
}

#[test]
fn what_is_there_is_not_accepted_twice() {
    let chain = Chain::of(&["js_create", "js_transfer"]);
    let create = parse(&posted("js_create")).unwrap();
    let expected = format!("Invalid transaction (DuplicateTransaction): transaction `{}` already exists", create.id());
    assert_eq!(create.duplicate().to_string(), expected);
    let expected = format!("Invalid transaction (DoubleSpend): input `{}` was already spent", create.id());
    assert_eq!(chain.post(&posted("js_transfer")), Err(expected));
}

#[test]
fn limits() {
    let text = posted("js_transfer");
    let parse = |limits: &Limits| Transaction::parse(text.as_bytes(), limits).map_err(|error| error.to_string());
    let mut values = Vec::new();
    paths(&serde_json::from_str(&text).unwrap(), "", &mut values);
    let values_max = values.len();
    let exact =
        Limits { bytes_max: text.len(), depth_max: 9, values_max, inputs_max: 2, outputs_max: 1, signatures_max: 2 };
    parse(&exact).unwrap();
    let table = [
        (
            Limits { bytes_max: text.len() - 1, ..exact },
            format!("The transaction has {} bytes; at most {} are allowed", text.len(), text.len() - 1),
        ),
        (
            Limits { values_max: values_max - 1, ..exact },
            format!("Failed to decode JSON object: more than {} values", values_max - 1),
        ),
        (Limits { inputs_max: 1, ..exact }, "Invalid transaction (ValidationError): more than 1 inputs".to_owned()),
        (Limits { outputs_max: 0, ..exact }, "Invalid transaction (ValidationError): more than 0 outputs".to_owned()),
        (
            Limits { signatures_max: 1, ..exact },
            "Invalid transaction (ValidationError): more than 1 signatures".to_owned(),
        ),
    ];
    for (limits, expected) in table {
        assert_eq!(parse(&limits), Err(expected));
    }
    let shallow = parse(&Limits { depth_max: 8, ..exact }).unwrap_err();
    assert!(shallow.starts_with("Failed to decode JSON object: nested deeper than 8 levels at byte "), "{shallow}");
}

#[test]
fn bodies_that_are_no_transaction() {
    let table: [(&[u8], &str); 7] = [
        (b"", "Failed to decode JSON object: the JSON ends too early at byte 0"),
        (b"{\"id\"", "Failed to decode JSON object: the JSON ends too early at byte 5"),
        (b"\xff", "Failed to decode JSON object: the text is not UTF-8"),
        (b"[]", "Invalid transaction schema: [] is not of type 'object'"),
        (b"null", "Invalid transaction schema: None is not of type 'object'"),
        (b"{}", "Invalid transaction (InvalidHash): No transaction id found!"),
        (
            b"{\"id\":null}",
            "Invalid transaction (InvalidHash): The transaction's id 'None' isn't equal to the hash of its body, i.e. it's not valid.",
        ),
    ];
    for (body, expected) in table {
        let error = Transaction::parse(body, &Limits::default()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.status()), (expected, 400));
    }
}

/// The payloads of unmasked text frames.
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while let [0x81, short, rest @ ..] = bytes {
        let (len, rest) = match short {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            len => (usize::from(*len), rest),
        };
        messages.push(String::from_utf8(rest[..len].to_vec()).unwrap());
        bytes = &rest[len..];
    }
    assert!(bytes.is_empty());
    messages
}

fn encoded(encoder: &dyn Encoder, body: &[u8]) -> Vec<String> {
    let event = Event { seq: 5, time_us: 0, kind: KIND, key: "", format: BodyFormat::Json, body };
    let mut out = Vec::new();
    encoder.encode(&event, None, &mut out);
    messages(&out)
}

#[test]
fn a_block_of_them_in_every_stream() {
    let transactions: Vec<Transaction> = NAMES.iter().map(|name| parse(&posted(name)).unwrap()).collect();
    let mut block = BlockBody::new();
    assert!(transactions.iter().all(|transaction| block.push(transaction)) && block.len() == 8);
    let body = block.finish();
    let message = |transaction: &Transaction| {
        let (asset, id) = (transaction.asset_id(), transaction.id());
        format!("{{\"height\": 5, \"asset_id\": \"{asset}\", \"transaction_id\": \"{id}\"}}")
    };
    assert_eq!(encoded(&BigchaindbTransactions, &body), transactions.iter().map(message).collect::<Vec<_>>());

    let ids: Vec<String> = transactions.iter().map(|transaction| format!("\"{}\"", transaction.id())).collect();
    // Computed with another implementation of the hash.
    let hash = "55dceb007e144020e58f4b1801aeb51c8edd1f8de9215d7f0795381686f1d3b8";
    let expected = format!("{{\"height\": 5, \"hash\": \"{hash}\", \"transaction_ids\": [{}]}}", ids.join(", "));
    assert_eq!(encoded(&BigchaindbBlocks, &body), [expected]);

    let js_asset = transactions[0].id();
    let bob = "9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu";
    let filters = [
        (Filter::new(Some(js_asset), None, None), &[0, 1, 2][..]),
        (Filter::new(None, Some("create"), None), &[0, 3, 7]),
        (Filter::new(Some(js_asset), Some("TRANSFER"), None), &[1, 2]),
        (Filter::new(None, None, Some(bob)), &[4, 5, 7]),
        (Filter::new(Some(js_asset), None, Some(bob)), &[]),
    ];
    for (filter, shown) in filters {
        let encoder = BigchaindbFiltered::new(filter.unwrap());
        let expected: Vec<String> = shown.iter().map(|at: &usize| message(&transactions[*at])).collect();
        assert_eq!(encoded(&encoder, &body), expected, "{}", encoder.name());
    }
}

#[test]
fn what_is_stored_says_what_was_checked() {
    let transactions: Vec<Transaction> = NAMES.iter().map(|name| parse(&posted(name)).unwrap()).collect();
    let mut block = BlockBody::new();
    assert!(transactions.iter().all(|transaction| block.push(transaction)));
    let body = block.finish();
    let event = Event { seq: 5, time_us: 0, kind: KIND, key: "", format: BodyFormat::Json, body: &body };
    let stored = Stored::all(&event);
    assert_eq!(stored.len(), transactions.len());
    for (stored, transaction) in stored.iter().zip(&transactions) {
        assert_eq!((&*stored.id, &*stored.json), (transaction.id(), transaction.json()));
        let outputs: Vec<Option<Output>> = transaction.outputs().iter().cloned().map(Some).collect();
        let (asset_id, spends) = (transaction.asset_id().to_owned(), transaction.spends().to_vec());
        let json: serde_json::Value = serde_json::from_str(transaction.json()).unwrap();
        let key = |key: &serde_json::Value| bs58::decode(key.as_str().unwrap()).into_vec().unwrap().try_into().unwrap();
        let named = |output: &serde_json::Value| output["public_keys"].as_array().unwrap().iter().map(key).collect();
        let owners = json["outputs"].as_array().unwrap().iter().map(named).collect();
        let operation = Some(transaction.operation());
        assert_eq!(stored.ledger(), Ledger { asset_id, spends, outputs, owners, operation });
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Transaction::parse(&body, &Limits::default());
    }

    /// A transaction in which some bytes are others: refused, or the same for everybody who reads it.
    #[test]
    fn damaged_transactions_are_refused(
        name in prop::sample::select(&NAMES[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"0aA-_\"{}[]:,\\ e.n\x80"[..])), 1..4),
    ) {
        let text = posted(name);
        let mut body = text.clone().into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(transaction) = Transaction::parse(&body, &Limits::default()) {
            prop_assert_eq!(Ok(transaction), parse(&text));
        }
    }
}
