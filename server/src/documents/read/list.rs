//! `_all_docs`: documents in the order of their ids, byte by byte.
//!
//! Owns ranges, skipping and limits; a list is of one moment, however long it is read. Tested in `tests/list.rs`.

use std::ops::Bound;

use tailwater_wire::couchdb::rev::Rev;

use super::{Asked, Order};
use crate::documents::{Database, Doc, DocumentsError, Missing, record::Record, tables::Table};
use crate::index::Rows;

/// Which documents are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// Where it begins: the smallest id, or the largest in descending order.
    pub start: Option<String>,
    /// Where it ends.
    pub end: Option<String>,
    /// Whether `end` itself belongs to it.
    pub inclusive_end: bool,
    /// The order.
    pub order: Order,
    /// How many at the beginning are left out.
    pub skip: u64,
    /// How many there are at most.
    pub limit: u64,
}

impl Default for IdRange {
    fn default() -> Self {
        Self { start: None, end: None, inclusive_end: true, order: Order::Ascending, skip: 0, limit: u64::MAX }
    }
}

/// A document in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The winner.
    pub rev: Rev,
    /// Whether that deletes it; only documents that were asked for by name can be.
    pub deleted: bool,
}

/// The documents of a range; see [`Database::all_docs`].
pub struct AllDocs {
    /// Documents in the database.
    pub total_rows: u64,
    /// How many come before the first of the list; `None` where nobody has counted.
    pub offset: Option<u64>,
    rows: Rows,
    /// Documents whose latest event has a lower seq are gone.
    first_seq: u64,
    order: Order,
    skip: u64,
    left: u64,
}

impl Database {
    /// Lists documents that are not deleted.
    pub fn all_docs(&self, range: &IdRange) -> Result<AllDocs, DocumentsError> {
        self.settle()?;
        // Rows come from the index alone.
        self.shelf.write_out()?;
        let end = range.end.as_deref().map_or(Bound::Unbounded, |end| match range.inclusive_end {
            true => Bound::Included(end.as_bytes()),
            false => Bound::Excluded(end.as_bytes()),
        });
        let start = range.start.as_deref().map_or(Bound::Unbounded, |start| Bound::Included(start.as_bytes()));
        let ids = match range.order {
            Order::Ascending => (start, end),
            Order::Descending => (end, start),
        };
        let total_rows = self.shelf.totals().docs;
        Ok(AllDocs {
            total_rows,
            offset: range.start.is_none().then(|| range.skip.min(total_rows)),
            rows: self.shelf.index.range(Table::Documents, ids)?,
            first_seq: self.feed.first_seq(),
            order: range.order,
            skip: range.skip,
            left: range.limit,
        })
    }

    /// The document of an id as a list has it, deleted or not.
    pub fn listed(&self, id: &str) -> Result<Option<Listed>, DocumentsError> {
        let record = self.record(id)?;
        Ok(record.and_then(|record| listed(id, &record)))
    }

    /// The document itself, for a list that shows documents; of a deleted one there is none.
    pub fn listed_doc(&self, listed: &Listed, asked: Asked) -> Result<Option<Doc>, DocumentsError> {
        match self.get(&listed.id, None, asked)? {
            Ok(doc) => Ok(Some(doc)),
            Err(Missing::Deleted | Missing::Missing) => Ok(None),
        }
    }
}

fn listed(id: &str, record: &Record) -> Option<Listed> {
    let winner = record.tree.winner()?;
    Some(Listed { id: id.to_owned(), rev: winner.rev.clone(), deleted: winner.body.deleted })
}

impl AllDocs {
    /// The next one of the range, whether it counts or not.
    fn next_any(&mut self) -> Option<Result<Listed, DocumentsError>> {
        loop {
            let row = match self.order {
                Order::Ascending => self.rows.next()?,
                Order::Descending => self.rows.next_back()?,
            };
            let row = row.map_err(DocumentsError::from);
            let doc = row.and_then(|(id, value)| {
                let record = Record::read(&id, &value)?;
                let listed = listed(&String::from_utf8_lossy(&id), &record);
                Ok(listed.filter(|_| record.seq >= self.first_seq))
            });
            match doc {
                Ok(Some(doc)) if !doc.deleted => return Some(Ok(doc)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Iterator for AllDocs {
    type Item = Result<Listed, DocumentsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        while self.skip > 0 {
            self.skip -= 1;
            if let Err(error) = self.next_any()? {
                return Some(Err(error));
            }
        }
        self.left -= 1;
        self.next_any()
    }
}
