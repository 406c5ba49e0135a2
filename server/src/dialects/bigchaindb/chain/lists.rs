//! What the index has for lists: the outputs of an owner, the transactions of an asset, each in the order of blocks.
//!
//! Owns the reading of those rows, a few at a time, so that nobody who reads slowly holds anything of the index. Shows nothing of
//! blocks that are not held any more. Reads the disk. Tested by `server/tests/bigchaindb/lists.rs`.

use std::{ops::Bound, sync::atomic::Ordering};

use data_encoding::HEXLOWER;
use tailwater_wire::bigchaindb::transaction::{Operation, OutputRef};

use super::{
    super::refusals::ChainError,
    Chain,
    ledger::{Place, Table, hash, output_key},
};
use crate::index::{Bytes, Index, IndexError, Rows};

/// Rows that are looked at in one go.
const ROWS_MAX: usize = 1_000;

/// Bytes of the key of a list, which stands before the place of each of its rows.
const KEY_BYTES: usize = 32;

/// The rows of one owner or one asset that have not been read yet.
pub(in super::super) struct Stretch {
    from: Bound<Vec<u8>>,
    /// Behind the last.
    to: Vec<u8>,
}

impl Stretch {
    fn new(key: &[u8; KEY_BYTES], first_height: u64, last_height: u64) -> Self {
        let before = |height: u64| [&key[..], &height.to_be_bytes()].concat();
        let end = last_height.saturating_add(1);
        Self { from: Bound::Included(before(first_height.min(end))), to: before(end) }
    }

    /// The next rows, and moves behind them; `None` when there are no more.
    fn advance(&mut self, index: &Index<Table>, table: Table) -> Result<Option<Vec<(Bytes, Bytes)>>, IndexError> {
        let rows = self.rows(index, table)?.take(ROWS_MAX).collect::<Result<Vec<_>, _>>()?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        self.from = Bound::Excluded(last.to_vec());
        Ok(Some(rows))
    }

    fn rows(&self, index: &Index<Table>, table: Table) -> Result<Rows, IndexError> {
        index.range(table, (self.from.as_ref().map(Vec::as_slice), Bound::Excluded(&*self.to)))
    }
}

impl Chain {
    /// The rows of a list, of all blocks that are held and in the index.
    pub(in super::super) fn stretch(&self, key: &[u8; KEY_BYTES]) -> Stretch {
        Stretch::new(key, self.shared.feed.first_seq(), self.shared.applied_seq.load(Ordering::SeqCst))
    }

    /// The rows of the transactions of an asset; of what is no asset there are none.
    pub(in super::super) fn stretch_of(&self, asset_id: &str) -> Option<Stretch> {
        hash(asset_id).map(|asset| self.stretch(&asset))
    }

    /// Some outputs of an owner, and moves behind them; `None` when there are no more rows.
    pub(in super::super) fn outputs(
        &self,
        stretch: &mut Stretch,
        spent: Option<bool>,
    ) -> Result<Option<Vec<OutputRef>>, ChainError> {
        self.look_up(|index| {
            let Some(rows) = stretch.advance(index, Table::Owned)? else { return Ok(None) };
            let mut found = Vec::new();
            for (key, id) in rows {
                let index_bytes = key.last_chunk().copied().unwrap_or_default();
                let output_index = u64::from(u32::from_be_bytes(index_bytes));
                let output = OutputRef { transaction_id: HEXLOWER.encode(&id), output_index };
                if spent.is_none() || spent == Some(is_spent(index, &output)?) {
                    found.push(output);
                }
            }
            Ok(Some(found))
        })
    }

    /// Where some transactions of an asset are, and moves behind them; `None` when there are no more rows. The one that
    /// creates it is not among them.
    pub(in super::super) fn places(
        &self,
        stretch: &mut Stretch,
        operation: Option<Operation>,
    ) -> Result<Option<Vec<Place>>, ChainError> {
        self.look_up(|index| {
            let rows = stretch.advance(index, Table::Assets)?;
            Ok(rows.map(|rows| rows.iter().filter_map(|(key, letter)| wanted(key, letter, operation)).collect()))
        })
    }

    /// Where the newest transaction of an asset is, that which creates it aside.
    pub(in super::super) fn last_place(
        &self,
        stretch: &Stretch,
        operation: Option<Operation>,
    ) -> Result<Option<Place>, ChainError> {
        self.look_up(|index| {
            for row in stretch.rows(index, Table::Assets)?.rev() {
                let (key, letter) = row?;
                if let Some(place) = wanted(&key, &letter, operation) {
                    return Ok(Some(place));
                }
            }
            Ok(None)
        })
    }
}

fn is_spent(index: &Index<Table>, output: &OutputRef) -> Result<bool, IndexError> {
    let Some(key) = output_key(output) else { return Ok(false) };
    Ok(index.get(Table::Outputs, &key)?.is_some_and(|value| value.is_empty()))
}

/// The place of a transaction of an asset, if it does what is asked for.
fn wanted(key: &[u8], letter: &[u8], operation: Option<Operation>) -> Option<Place> {
    let is_wanted = operation.is_none_or(|operation| operation.name().as_bytes().first() == letter.first());
    Place::from_bytes(key.get(KEY_BYTES..)?).filter(|_| is_wanted)
}
