//! What a stored transaction spends, and what can be spent of it.
//!
//! It reads leniently: what was checked when it came in is not checked again, and what came another way is only taken
//! for as much as can be read. The condition of an output is that of its details, as when it was checked. Tests are in
//! `block_tests.rs`.

use super::condition::Condition;
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
}

/// Reads a transaction's text; `None` if it has no id.
pub(in crate::bigchaindb) fn ledger(text: &str) -> Option<Ledger> {
    let tree = Value::parse(text, json::DEPTH_MAX, usize::MAX).ok()?;
    let id = tree.get("id")?.as_str()?;
    let asset_id = tree.get("asset").and_then(|asset| asset.get("id")).and_then(Value::as_str).unwrap_or(id);
    let list = |name| tree.get(name).and_then(Value::as_list).unwrap_or_default().iter();
    let spends = list("inputs").filter_map(|input| spend(input.get("fulfills")?)).collect();
    Some(Ledger { asset_id: asset_id.to_owned(), spends, outputs: list("outputs").map(output).collect() })
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
