//! Changes that reach an index together, with the seq they bring it to.
//!
//! Owns the changes that are not written yet and reads through them: an event of a batch sees what the events before it did.
//! Never blocks but on reads. Tested in [`super`].

use std::collections::HashMap;

use tailwater_core::Event;

use super::{
    Index, Tables,
    error::IndexError,
    stamp::{Stamp, fingerprint},
    store::Bytes,
    tables::full_key,
};

/// What an entry costs in memory beside its bytes, roughly.
const ENTRY_BYTES: usize = 96;

/// Changes of one [`Index`] that are written together or not at all; see [`Index::batch`]. Dropping it changes nothing.
pub struct WriteBatch<'a, T: Tables> {
    index: &'a Index<T>,
    /// By the key in the store. `None` removes.
    changes: HashMap<Vec<u8>, Option<Bytes>>,
    bytes: usize,
    applied: Option<(u64, u32)>,
}

impl<'a, T: Tables> WriteBatch<'a, T> {
    pub(super) fn new(index: &'a Index<T>) -> Self {
        Self { index, changes: HashMap::new(), bytes: 0, applied: None }
    }

    /// The value of a key as this batch leaves it.
    pub fn get(&self, table: T, key: &[u8]) -> Result<Option<Bytes>, IndexError> {
        let key = full_key(table, key)?;
        match self.changes.get(&key) {
            Some(changed) => Ok(changed.clone()),
            None => self.index.store.get(&key),
        }
    }

    /// So many keys more are about to come.
    pub fn reserve(&mut self, keys: usize) {
        self.changes.reserve(keys);
    }

    /// Gives a key a value.
    pub fn put(&mut self, table: T, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.change(full_key(table, key)?, Some(Bytes::from(value)));
        Ok(())
    }

    /// Removes a key; one that is not there is fine.
    pub fn remove(&mut self, table: T, key: &[u8]) -> Result<(), IndexError> {
        self.change(full_key(table, key)?, None);
        Ok(())
    }

    /// Says that the batch contains everything up to this event, which has to be said before [`WriteBatch::commit`]. Said of
    /// several events, the last one counts.
    pub fn applied(&mut self, event: &Event<'_>) {
        self.applied = Some((event.seq, fingerprint(event)));
    }

    /// How many keys it changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes it takes up in memory, roughly.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Writes the changes together with the seq of the last [`WriteBatch::applied`] event. Blocks; may wait while the store
    /// catches up with its own work.
    pub fn commit(self) -> Result<(), IndexError> {
        let (seq, fingerprint) = self.applied.unwrap_or_default();
        let stamp = Stamp { seq, fingerprint, ..self.index.empty };
        self.index.write(self.changes, stamp)
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Bytes>) {
        let value_bytes = |value: &Option<Bytes>| value.as_ref().map_or(0, |value| value.len());
        self.bytes += key.len() + value_bytes(&value) + ENTRY_BYTES;
        let key_bytes = key.len();
        if let Some(before) = self.changes.insert(key, value) {
            self.bytes -= key_bytes + value_bytes(&before) + ENTRY_BYTES;
        }
    }
}
