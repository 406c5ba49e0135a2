//! What a transaction spends, and whether it may: the checks that need to know what is there.
//!
//! The server looks up every output that [`Transaction::spends`](super::Transaction::spends) names, under the same lock
//! under which the transaction then becomes part of a block, and hands over what it found. The signatures have been
//! verified before, outside of that lock. Tested in `tests.rs`.

use std::collections::BTreeSet;

use super::Transaction;
use super::error::TransactionError;

/// An output that an input spends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// The id of the transaction that has the output.
    pub transaction_id: String,
    /// Which of its outputs, from 0.
    pub output_index: u64,
}

/// An output that can be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How much of the asset it holds: 1 to [`AMOUNT_MAX`](super::AMOUNT_MAX).
    pub amount: u64,
    /// The condition that has to be fulfilled to spend it.
    pub condition_uri: String,
}

/// What was found of an output that a transaction spends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such transaction, or it has no such output.
    Missing,
    /// A transaction that is there already spends it.
    Spent,
    /// It can be spent.
    Unspent {
        /// The asset of the transaction that has the output.
        asset_id: String,
        /// The output.
        output: Output,
    },
}

/// Checks a transaction against what it spends; `found` has one entry for each of its spends, in their order.
pub(super) fn check(transaction: &Transaction, found: &[Found]) -> Result<(), TransactionError> {
    let spends = transaction.spends();
    let mut unspent = Vec::with_capacity(spends.len());
    for (at, spend) in spends.iter().enumerate() {
        match found.get(at) {
            Some(Found::Unspent { asset_id, output }) => unspent.push((asset_id, output)),
            Some(Found::Spent) => return Err(TransactionError::AlreadySpent(spend.transaction_id.clone())),
            Some(Found::Missing) | None => {
                return Err(TransactionError::InputDoesNotExist(spend.transaction_id.clone()));
            }
        }
    }
    if spends.iter().collect::<BTreeSet<_>>().len() < spends.len() {
        return Err(TransactionError::SpendsTwice(transaction.id().to_owned()));
    }
    check_asset(transaction, &unspent)?;
    check_amounts(transaction, &unspent)?;
    let fulfilled = transaction.fulfilled.iter().map(Option::as_deref);
    let conditions = unspent.iter().map(|(_, output)| Some(output.condition_uri.as_str()));
    if transaction.is_signed && fulfilled.eq(conditions) { Ok(()) } else { Err(TransactionError::Signature) }
}

fn check_asset(transaction: &Transaction, unspent: &[(&String, &Output)]) -> Result<(), TransactionError> {
    let Some((first, _)) = unspent.first() else { return Ok(()) };
    if unspent.iter().any(|(asset_id, _)| asset_id != first) {
        return Err(TransactionError::MixedAssets);
    }
    if *first == transaction.asset_id() { Ok(()) } else { Err(TransactionError::OtherAsset) }
}

/// A transaction that spends nothing creates what comes out.
fn check_amounts(transaction: &Transaction, unspent: &[(&String, &Output)]) -> Result<(), TransactionError> {
    let inputs: u128 = unspent.iter().map(|(_, output)| u128::from(output.amount)).sum();
    let outputs: u128 = transaction.outputs().iter().map(|output| u128::from(output.amount)).sum();
    if unspent.is_empty() || inputs == outputs {
        return Ok(());
    }
    Err(TransactionError::AmountMismatch { inputs, outputs })
}
