//! From a posted body to a transaction: every check that needs nothing else, in the order of the reference server.
//!
//! First the limits and the JSON, then the id, the schema, the names, the conditions and fulfillments, at last the
//! signatures. Tested in `tests.rs` and in `tests/bigchaindb.rs`.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use sha3::{Digest, Sha3_256};

use super::condition::Condition;
use super::error::TransactionError;
use super::fulfillment::Fulfillment;
use super::keys::{self, PublicKey};
use super::repr::display;
use super::spend::{Output, OutputRef};
use super::value::{Map, Value};
use super::{AMOUNT_MAX, Operation, Transaction, canonical, names, schema};
use crate::json;

/// What a posted transaction may measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes as posted.
    pub bytes_max: usize,
    /// Nesting of lists and objects, at most [`DEPTH_MAX`](json::DEPTH_MAX).
    pub depth_max: usize,
    /// Values of any kind.
    pub values_max: usize,
    /// Inputs.
    pub inputs_max: usize,
    /// Outputs.
    pub outputs_max: usize,
    /// Signatures in all inputs together.
    pub signatures_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 20,
            depth_max: json::DEPTH_MAX,
            values_max: 100_000,
            inputs_max: 1_000,
            outputs_max: 1_000,
            signatures_max: 1_000,
        }
    }
}

pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Transaction, TransactionError> {
    if body.len() > limits.bytes_max {
        return Err(TransactionError::TooLarge { bytes: body.len(), bytes_max: limits.bytes_max });
    }
    let text = simdutf8::basic::from_utf8(body).map_err(|_| TransactionError::Utf8)?;
    let tree = Value::parse(text, limits.depth_max.min(json::DEPTH_MAX), limits.values_max)?;
    // What is no object has no id either, but that it is no object says more.
    let Value::Map(map) = &tree else { return schema::check_common(&tree).and(Err(TransactionError::NoId)) };
    let id = check_id(map)?;
    schema::check_common(&tree)?;
    let operation = map.get("operation").and_then(Value::as_str).unwrap_or_default();
    schema::check_operation(&tree, operation)?;
    let operation = Operation::of_name(operation);
    let asset = map.get("asset").unwrap_or(&Value::Null);
    if matches!(operation, Some(Operation::Create | Operation::Transfer)) {
        names::check(asset.get("data"), map.get("metadata"))?;
    }
    let inputs = read_all(map, "inputs", limits.inputs_max, Input::read)?;
    let outputs = read_all(map, "outputs", limits.outputs_max, read_output)?;
    let is_signed = verify(map, &inputs, limits)?;
    let creates = operation.is_none_or(|operation| operation == Operation::Create);
    if creates && !(is_signed && inputs.iter().all(Input::is_by_its_owners)) {
        return Err(TransactionError::Signature);
    }
    let asset_id = asset.get("id").and_then(Value::as_str).unwrap_or(&id).to_owned();
    let (spends, fulfilled) = inputs.into_iter().filter_map(Input::into_spend).unzip();
    let operation = operation.ok_or(TransactionError::Proposer)?;
    Ok(Transaction { id, operation, asset_id, spends, fulfilled, outputs, is_signed, json: canonical_text(&tree) })
}

fn check_id(map: &Map<'_>) -> Result<String, TransactionError> {
    let given = map.get("id").ok_or(TransactionError::NoId)?;
    let mut text = Vec::new();
    canonical::write_without_id(map, &mut text);
    let id = HEXLOWER.encode(&Sha3_256::digest(text));
    if given.as_str() == Some(&id) { Ok(id) } else { Err(TransactionError::WrongId(display(given))) }
}

fn canonical_text(tree: &Value<'_>) -> String {
    let mut out = Vec::new();
    canonical::write(tree, &mut out);
    String::from_utf8(out).expect("a tree of strings is written as UTF-8")
}

/// Reads a list of the transaction, item by item.
fn read_all<T>(
    map: &Map<'_>,
    name: &'static str,
    max: usize,
    read: fn(&Value<'_>) -> Result<T, TransactionError>,
) -> Result<Vec<T>, TransactionError> {
    let list = map.get(name).and_then(Value::as_list).unwrap_or_default();
    if list.len() > max {
        return Err(TransactionError::TooMany { what: name, max });
    }
    list.iter().map(read).collect()
}

struct Input {
    owners: Option<Vec<PublicKey>>,
    /// `None` if it is not signed.
    fulfillment: Option<Fulfillment>,
    /// The id and the index as written, which are part of what is signed.
    fulfills: Option<(String, String)>,
}

impl Input {
    fn read(input: &Value<'_>) -> Result<Self, TransactionError> {
        let owners = keys::read_list(input.get("owners_before"))?;
        let fulfillment = match input.get("fulfillment") {
            Some(Value::String(text)) => Some(Fulfillment::parse(text).ok_or(TransactionError::Fulfillment)?),
            Some(details) => Condition::from_details(details, 0).map(|_| None)?,
            None => None,
        };
        let link = |name| input.get("fulfills").and_then(|link| link.get(name));
        let fulfills = match (link("transaction_id"), link("output_index")) {
            (Some(Value::String(id)), Some(Value::Number(index))) => Some((id.to_string(), index.to_string())),
            _ => None,
        };
        Ok(Self { owners, fulfillment, fulfills })
    }

    /// Whether it is signed by all the owners it names, and by nobody else.
    fn is_by_its_owners(&self) -> bool {
        let owners: BTreeSet<&PublicKey> = self.owners.iter().flatten().collect();
        let signatures = self.fulfillment.iter().flat_map(Fulfillment::signatures);
        owners == signatures.map(|(key, _)| key).collect()
    }

    fn into_spend(self) -> Option<(OutputRef, Option<String>)> {
        let (transaction_id, index) = self.fulfills?;
        // No transaction has an output of an index that does not fit.
        let output_index = index.parse().unwrap_or(u64::MAX);
        let condition = self.fulfillment.and_then(|fulfillment| fulfillment.condition());
        Some((OutputRef { transaction_id, output_index }, condition.map(|condition| condition.uri())))
    }
}

fn read_output(output: &Value<'_>) -> Result<Output, TransactionError> {
    keys::read_list(output.get("public_keys"))?;
    let condition = output.get("condition").unwrap_or(&Value::Null);
    let condition_uri = Condition::from_details(condition.get("details").unwrap_or(&Value::Null), 0)?.uri();
    let amount = match output.get("amount").and_then(Value::as_str).map(str::parse) {
        Some(Ok(0)) => return Err(TransactionError::AmountTooSmall),
        Some(Ok(amount)) if amount <= AMOUNT_MAX => amount,
        _ => return Err(TransactionError::AmountTooLarge),
    };
    let given = condition.get("uri").unwrap_or(&Value::Null);
    if given.as_str() != Some(&condition_uri) {
        return Err(TransactionError::ConditionUri { given: display(given), expected: condition_uri });
    }
    Ok(Output { amount, condition_uri })
}

/// Whether every input names owners and is signed, by whomever.
fn verify(map: &Map<'_>, inputs: &[Input], limits: &Limits) -> Result<bool, TransactionError> {
    let signatures: usize = inputs.iter().flat_map(|input| &input.fulfillment).map(|it| it.signatures().len()).sum();
    if signatures > limits.signatures_max {
        return Err(TransactionError::TooMany { what: "signatures", max: limits.signatures_max });
    }
    let mut text = Vec::new();
    canonical::write_without_signatures(map, &mut text);
    let message = Sha3_256::new_with_prefix(text);
    Ok(inputs.iter().all(|input| {
        let mut message = message.clone();
        if let Some((id, index)) = &input.fulfills {
            message.update(id);
            message.update(index);
        }
        let message = message.finalize();
        let fulfills = |it: &Fulfillment| it.condition().is_some() && it.verify(&message);
        input.owners.is_some() && input.fulfillment.as_ref().is_some_and(fulfills)
    }))
}
