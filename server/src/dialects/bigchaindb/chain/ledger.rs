//! What the index has of a transaction: where it is, what can be spent of it, what was spent.
//!
//! Owns the entries' bytes, what a block changes of them, and the checks that need them. One function says what a transaction
//! changes, both while a block is put together and when it is read from the log. What was published another way need not be
//! valid: an id that is there already keeps its outputs, and what was ever spent stays spent. Never looks at the log. Tests:
//! below.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `Transactions` | id, 32 bytes | height, 8 bytes; position in the block, 4 bytes |
//! | `Outputs` | id, 32 bytes; index, 8 bytes | nothing if spent; else the asset, 32 bytes; the amount, 8 bytes; the condition's URI |
//! | `Owned` | owner, 32 bytes; height, 8 bytes; position, 4 bytes; index, 4 bytes | id, 32 bytes |
//! | `Assets` | asset, 32 bytes; height, 8 bytes; position, 4 bytes | the operation's first letter, or nothing |
//!
//! The last two are for lists, and in the order of blocks; that of an asset has not the transaction that creates it. Integers are
//! big-endian. What is not named by 32 bytes in hex, in lower case, cannot be looked up or spent.

use data_encoding::HEXLOWER;
use tailwater_core::Event;
use tailwater_wire::bigchaindb::{
    stored::Stored,
    transaction::{Found, Ledger, Output, OutputRef, Transaction, TransactionError},
};

use crate::index::{Index, IndexError, Tables, WriteBatch};

/// The tables of the index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Transactions,
    Outputs,
    Owned,
    Assets,
}

impl Tables for Table {
    const NAME: &str = "bigchaindb";
    const LAYOUT: u32 = 3;

    fn number(self) -> u8 {
        self as u8
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The height of its block.
    pub(crate) height: u64,
    /// Its position in the block, from 0.
    pub(crate) position: u32,
}

impl Place {
    /// Bytes of one that is written.
    pub(super) const BYTES: usize = 12;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.height.to_be_bytes());
        bytes[8..].copy_from_slice(&self.position.to_be_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (height, position) = bytes.split_first_chunk()?;
        let position = u32::from_be_bytes(position.try_into().ok()?);
        Some(Self { height: u64::from_be_bytes(*height), position })
    }
}

/// An id as a key.
pub(super) fn hash(id: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()
}

pub(super) fn output_key(output: &OutputRef) -> Option<Vec<u8>> {
    let id = hash(&output.transaction_id)?;
    Some([&id[..], &output.output_index.to_be_bytes()].concat())
}

fn unspent(asset: &[u8; 32], output: &Output) -> Vec<u8> {
    [&asset[..], &output.amount.to_be_bytes(), output.condition_uri.as_bytes()].concat()
}

fn found(value: &[u8]) -> Found {
    let unspent = || {
        let (asset, rest) = value.split_first_chunk::<32>()?;
        let (amount, uri) = rest.split_first_chunk()?;
        let output = Output { amount: u64::from_be_bytes(*amount), condition_uri: String::from_utf8_lossy(uri).into() };
        Some(Found::Unspent { asset_id: HEXLOWER.encode(asset), output })
    };
    unspent().unwrap_or(Found::Spent)
}

/// Where a transaction is, if the index has it.
pub(super) fn place(index: &Index<Table>, id: &str) -> Result<Option<Place>, IndexError> {
    let Some(id) = hash(id) else { return Ok(None) };
    let value = index.get(Table::Transactions, &id)?;
    Ok(value.and_then(|value| Place::from_bytes(&value)))
}

/// Checks a transaction against all that came before it.
pub(super) fn check(
    transaction: &Transaction,
    batch: &WriteBatch<'_, Table>,
) -> Result<Result<(), TransactionError>, IndexError> {
    let look_up = |spend: &OutputRef| -> Result<Found, IndexError> {
        let Some(key) = output_key(spend) else { return Ok(Found::Missing) };
        Ok(batch.get(Table::Outputs, &key)?.map_or(Found::Missing, |value| found(&value)))
    };
    let found: Vec<Found> = transaction.spends().iter().map(look_up).collect::<Result<_, _>>()?;
    if let Err(error) = transaction.check_spends(&found) {
        return Ok(Err(error));
    }
    let id = hash(transaction.id());
    let is_there = id.map(|id| batch.get(Table::Transactions, &id)).transpose()?.flatten().is_some();
    Ok(if is_there { Err(transaction.duplicate()) } else { Ok(()) })
}

/// Enters a transaction that was checked, at a place that is not known yet.
pub(super) fn enter_checked(transaction: &Transaction, batch: &mut WriteBatch<'_, Table>) -> Result<(), IndexError> {
    let ledger = Ledger {
        asset_id: transaction.asset_id().to_owned(),
        spends: transaction.spends().to_vec(),
        outputs: transaction.outputs().iter().cloned().map(Some).collect(),
        ..Ledger::default()
    };
    enter(transaction.id(), &ledger, Place { height: 0, position: 0 }, batch).map(drop)
}

/// Enters a block of the log.
pub(super) fn enter_block(event: &Event<'_>, batch: &mut WriteBatch<'_, Table>) -> Result<(), IndexError> {
    for (position, stored) in (0..).zip(Stored::all(event)) {
        let (ledger, place) = (stored.ledger(), Place { height: event.seq, position });
        let is_new = enter(&stored.id, &ledger, place, batch)?;
        list(&stored.id, &ledger, place, is_new, batch)?;
    }
    Ok(())
}

/// Enters what checks need; true if the id was not there.
fn enter(id: &str, ledger: &Ledger, place: Place, batch: &mut WriteBatch<'_, Table>) -> Result<bool, IndexError> {
    for key in ledger.spends.iter().filter_map(output_key) {
        batch.put(Table::Outputs, &key, &[])?;
    }
    let Some(key) = hash(id) else { return Ok(false) };
    let is_there = batch.get(Table::Transactions, &key)?.is_some();
    batch.put(Table::Transactions, &key, &place.to_bytes())?;
    if is_there {
        return Ok(false);
    }
    let Some(asset) = hash(&ledger.asset_id) else { return Ok(true) };
    for (index, output) in (0..).zip(&ledger.outputs) {
        let key = output_key(&OutputRef { transaction_id: id.to_owned(), output_index: index });
        let (Some(key), Some(output)) = (key, output) else { continue };
        if batch.get(Table::Outputs, &key)?.is_none() {
            batch.put(Table::Outputs, &key, &unspent(&asset, output))?;
        }
    }
    Ok(true)
}

/// Enters what lists show. An id that was there already keeps its outputs.
fn list(
    id: &str,
    ledger: &Ledger,
    place: Place,
    is_new: bool,
    batch: &mut WriteBatch<'_, Table>,
) -> Result<(), IndexError> {
    let (Some(id), Some(asset)) = (hash(id), hash(&ledger.asset_id)) else { return Ok(()) };
    let place = place.to_bytes();
    if id != asset {
        let letter = ledger.operation.and_then(|operation| operation.name().bytes().next());
        batch.put(Table::Assets, &[&asset[..], &place].concat(), letter.as_slice())?;
    }
    for (index, (output, owners)) in (0_u32..).zip(ledger.outputs.iter().zip(&ledger.owners)) {
        for owner in owners.iter().filter(|_| is_new && output.is_some()) {
            batch.put(Table::Owned, &[&owner[..], &place, &index.to_be_bytes()].concat(), &id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
