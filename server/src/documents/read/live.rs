//! Which events are live, for whoever goes through the log by itself.
//!
//! Owns nothing: it shows what [`live`](crate::documents::live) knows, and what the index knows of single documents. Tested
//! with feeds of changes, in `server/tests/couchdb/`.

use std::ops::Bound;

use crate::documents::{Database, error::DocumentsError, record::Record, tables::Table};

impl Database {
    /// Takes note of everything in the log, and says which event was the last then.
    pub fn caught_up(&self) -> Result<u64, DocumentsError> {
        self.settle()?;
        Ok(self.known_seq())
    }

    /// How many live events have a seq above `after` and at most `to`. Not more is known than [`Database::caught_up`] said.
    pub fn live_count(&self, after: u64, to: u64) -> Result<u64, DocumentsError> {
        self.shelf.live.count(&self.shelf.index, after, to)
    }

    /// Appends the first live seqs above `after` and at most `to`: some, at most `max`; none when there are none.
    pub fn live_after(&self, after: u64, to: u64, max: usize, out: &mut Vec<u64>) -> Result<(), DocumentsError> {
        self.shelf.live.next(&self.shelf.index, (after, to), max, out)
    }

    /// The same for those below `before`, from the last one down.
    pub fn live_before(&self, before: u64, max: usize, out: &mut Vec<u64>) -> Result<(), DocumentsError> {
        self.shelf.live.previous(&self.shelf.index, (0, before), max, out)
    }

    /// The live event of a document.
    pub fn live_of(&self, id: &str) -> Result<Option<u64>, DocumentsError> {
        Ok(self.shelf.record(id)?.map(|record| record.seq))
    }

    /// The live events of all documents whose id begins so, in the order of ids.
    pub fn live_of_all(&self, prefix: &str) -> Result<Vec<u64>, DocumentsError> {
        // Rows come from the index alone.
        self.shelf.write_out()?;
        let mut seqs = Vec::new();
        let ids = (Bound::Included(prefix.as_bytes()), Bound::<&[u8]>::Unbounded);
        for row in self.shelf.index.range(Table::Documents, ids)? {
            let (id, value) = row?;
            if !id.starts_with(prefix.as_bytes()) {
                break;
            }
            let record = Record::read(&id, &value)?;
            if !self.shelf.is_gone(&record) {
                seqs.push(record.seq);
            }
        }
        Ok(seqs)
    }
}
