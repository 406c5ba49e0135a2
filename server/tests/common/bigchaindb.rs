//! Transactions of the BigchainDB protocol, made and signed without the server's code, and what drivers have made.

use std::{fmt::Write, path::Path};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;
use sha3::{Digest, Sha3_256};

use super::{Appliance, call, raw::Answer, raw::Connection};

/// A transaction as its driver posted it: `js_create`, `py_merge`, ...
pub fn golden(name: &str) -> String {
    data(&format!("{name}.json"))
}

/// A file of transactions.
pub fn data(name: &str) -> String {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/data/bigchaindb").join(name);
    std::fs::read_to_string(&beside).unwrap_or_else(|error| panic!("{}: {error}", beside.display()))
}

/// Somebody who signs.
pub struct Owner {
    key: SigningKey,
    pub public: String,
}

impl Owner {
    /// The same for the same number.
    pub fn new(number: u64) -> Self {
        let key = SigningKey::from_bytes(&Sha256::digest(number.to_be_bytes()).into());
        let public = bs58::encode(key.verifying_key().as_bytes()).into_string();
        Self { key, public }
    }

    fn condition(&self) -> Value {
        let contents = [b"\x30\x22\x80\x20", self.key.verifying_key().as_bytes().as_slice()].concat();
        let fingerprint = BASE64URL_NOPAD.encode(&Sha256::digest(contents));
        json!({
            "details": { "public_key": self.public, "type": "ed25519-sha-256" },
            "uri": format!("ni:///sha-256;{fingerprint}?fpt=ed25519-sha-256&cost=131072"),
        })
    }

    fn fulfillment(&self, message: &[u8]) -> String {
        let signature = self.key.sign(message).to_bytes();
        let key = self.key.verifying_key();
        BASE64URL_NOPAD
            .encode(&[b"\xa4\x64\x80\x20", key.as_bytes().as_slice(), b"\x81\x40", signature.as_slice()].concat())
    }
}

/// A signed transaction.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: String,
    pub asset: String,
    pub json: String,
}

impl Made {
    /// What streams tell of it.
    pub fn message(&self, height: u64) -> String {
        format!("{{\"height\": {height}, \"asset_id\": \"{}\", \"transaction_id\": \"{}\"}}", self.asset, self.id)
    }
}

/// Creates an asset with these amounts, all its owner's.
pub fn create(owner: &Owner, data: Value, amounts: &[u64]) -> Made {
    let outputs: Vec<_> = amounts.iter().map(|amount| (owner, *amount)).collect();
    make(owner, "CREATE", json!({ "data": data }), &[], &outputs)
}

/// Passes outputs of one owner on.
pub fn transfer(owner: &Owner, asset: &str, spends: &[(&str, u64)], outputs: &[(&Owner, u64)]) -> Made {
    make(owner, "TRANSFER", json!({ "id": asset }), spends, outputs)
}

fn make(owner: &Owner, operation: &str, asset: Value, spends: &[(&str, u64)], outputs: &[(&Owner, u64)]) -> Made {
    let fulfills: Vec<Value> = match spends {
        [] => vec![Value::Null],
        spends => spends.iter().map(|(id, index)| json!({ "transaction_id": id, "output_index": index })).collect(),
    };
    let inputs = fulfills
        .into_iter()
        .map(|fulfills| json!({ "fulfillment": null, "fulfills": fulfills, "owners_before": [owner.public] }));
    let output = |(owner, amount): &(&Owner, u64)| json!({ "amount": amount.to_string(), "condition": owner.condition(), "public_keys": [owner.public] });
    let mut transaction = json!({
        "asset": asset,
        "id": null,
        "inputs": inputs.collect::<Vec<_>>(),
        "metadata": null,
        "operation": operation,
        "outputs": outputs.iter().map(output).collect::<Vec<_>>(),
        "version": "2.0",
    });
    sign(owner, &mut transaction);
    let id = transaction["id"].as_str().unwrap().to_owned();
    let asset = transaction["asset"]["id"].as_str().unwrap_or(&id).to_owned();
    Made { id, asset, json: canonical(&transaction) }
}

/// Signs every input, and gives it its id.
pub fn sign(owner: &Owner, transaction: &mut Value) {
    transaction["id"] = Value::Null;
    for input in transaction["inputs"].as_array_mut().unwrap() {
        input["fulfillment"] = Value::Null;
    }
    let unsigned = canonical(transaction);
    for input in transaction["inputs"].as_array_mut().unwrap() {
        let mut message = unsigned.clone();
        if let Some(id) = input["fulfills"]["transaction_id"].as_str() {
            write!(message, "{id}{}", input["fulfills"]["output_index"]).unwrap();
        }
        input["fulfillment"] = owner.fulfillment(&Sha3_256::digest(message)).into();
    }
    transaction["id"] = id_of(transaction).into();
}

/// The id of a transaction, whatever it says.
pub fn id_of(transaction: &Value) -> String {
    let mut transaction = transaction.clone();
    transaction["id"] = Value::Null;
    HEXLOWER.encode(&Sha3_256::digest(canonical(&transaction)))
}

fn canonical(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// Posts a transaction over a connection of its own.
pub fn post(appliance: &Appliance, transaction: &str) -> (u16, Value) {
    call("POST", &appliance.url("/api/v1/transactions?mode=commit"), Some("application/json"), transaction)
}

/// The request that posts a transaction.
pub fn post_request(transaction: &str) -> String {
    format!(
        "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{transaction}",
        transaction.len()
    )
}

/// Posts what has to be accepted.
pub fn accepted(appliance: &Appliance, transaction: &str) {
    let (status, answer) = post(appliance, transaction);
    assert_eq!(status, 202, "{answer}");
}

/// The answer to a request, which is sent on a connection of its own.
pub fn ask(appliance: &Appliance, request: impl AsRef<[u8]>) -> Answer {
    Connection::open(appliance.address).send(request).answer()
}

/// The answer to a GET.
pub fn get(appliance: &Appliance, path: &str) -> Answer {
    ask(appliance, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}
