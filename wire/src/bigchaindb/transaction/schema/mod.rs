//! The shape of a transaction of version 2.0.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `rules` | which value may be what |
//! | `check` | whether it is, and the one mistake to report |
//!
//! What a schema cannot say (hashes, keys, amounts, signatures) is checked elsewhere.

mod check;
mod rules;

use super::error::TransactionError;
use super::value::Value;

/// Checks the rules that hold for every transaction.
pub(super) fn check_common(transaction: &Value<'_>) -> Result<(), TransactionError> {
    result(check::check(&rules::TRANSACTION, transaction))
}

/// Checks the rules of the operation, for a transaction that keeps the common ones.
pub(super) fn check_operation(transaction: &Value<'_>, operation: &str) -> Result<(), TransactionError> {
    let rules: &[&'static check::Schema] = match operation {
        "TRANSFER" => &[&rules::TRANSFER],
        "VOTE" => &[&rules::TRANSFER, &rules::VOTE],
        _ => &[&rules::CREATE],
    };
    rules.iter().copied().try_for_each(|schema| result(check::check(schema, transaction)))
}

fn result(mistake: Option<String>) -> Result<(), TransactionError> {
    mistake.map_or(Ok(()), |mistake| Err(TransactionError::Schema(mistake)))
}

#[cfg(test)]
mod tests;
