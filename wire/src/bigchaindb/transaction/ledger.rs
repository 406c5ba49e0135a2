//! What a stored transaction spends, what can be spent of it, and whose that is.
//!
//! It reads leniently: what was checked when it came in is not checked again, and what came another way is only taken
//! for as much as can be read. The condition of an output is that of its details, as when it was checked. Tests are in
//! `block_tests.rs`.

use std::collections::BTreeSet;

use super::Operation;
use super::condition::Condition;
use super::keys::{self, PublicKey};
use super::spend::{Output, OutputRef};
use super::value::Value;
use crate::json;

/// The part of a transaction that others depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The asset it is about.
    pub asset_id: String,
    /// The outputs it spends.
    pub spends: Vec<OutputRef>,
    /// Its outputs, by their index; `None` in the place of one that cannot be spent.
    pub outputs: Vec<Option<Output>>,
    /// Who each of its outputs is listed for, by its index.
    pub owners: Vec<BTreeSet<[u8; 32]>>,
    /// What it does, if that is known.
    pub operation: Option<Operation>,
}

/// Reads a transaction's text; `None` if it has no id.
pub(in crate::bigchaindb) fn ledger(text: &str) -> Option<Ledger> {
    let tree = Value::parse(text, json::DEPTH_MAX, usize::MAX).ok()?;
    let id = tree.get("id")?.as_str()?;
    let asset_id = tree.get("asset").and_then(|asset| asset.get("id")).and_then(Value::as_str).unwrap_or(id);
    let list = |name| tree.get(name).and_then(Value::as_list).unwrap_or_default().iter();
    let spends = list("inputs").filter_map(|input| spend(input.get("fulfills")?)).collect();
    let operation = tree.get("operation").and_then(Value::as_str).and_then(Operation::of_name);
    Some(Ledger {
        asset_id: asset_id.to_owned(),
        spends,
        outputs: list("outputs").map(output).collect(),
        owners: owners(tree.get("outputs").and_then(Value::as_list).unwrap_or_default()),
        operation,
    })
}

/// The reference server lists an output for a key that its condition is made of, if that is among the public keys of any
/// output of the transaction.
fn owners(outputs: &[Value<'_>]) -> Vec<BTreeSet<PublicKey>> {
    let named = outputs.iter().filter_map(|output| output.get("public_keys")?.as_list()).flatten();
    let named: BTreeSet<PublicKey> = named.filter_map(|key| keys::read(key).ok()).collect();
    let owners = |output: &Value<'_>| {
        let mut owners = BTreeSet::new();
        if let Some(details) = output.get("condition").and_then(|condition| condition.get("details")) {
            add_keys(details, &mut owners);
        }
        owners.retain(|key| named.contains(key));
        owners
    };
    outputs.iter().map(owners).collect()
}

fn add_keys(details: &Value<'_>, found: &mut BTreeSet<PublicKey>) {
    match details.get("subconditions") {
        Some(subconditions) => {
            subconditions.as_list().unwrap_or_default().iter().for_each(|details| add_keys(details, found));
        }
        None => found.extend(details.get("public_key").and_then(|key| keys::read(key).ok())),
    }
}

fn spend(link: &Value<'_>) -> Option<OutputRef> {
    let transaction_id = link.get("transaction_id")?.as_str()?.to_owned();
    Some(OutputRef { transaction_id, output_index: link.get("output_index")?.as_u64()? })
}

fn output(output: &Value<'_>) -> Option<Output> {
    let amount = output.get("amount")?.as_str()?.parse().ok()?;
    let condition = Condition::from_details(output.get("condition")?.get("details")?, 0).ok()?;
    Some(Output { amount, condition_uri: condition.uri() })
}
