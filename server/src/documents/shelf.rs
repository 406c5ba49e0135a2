//! The index of one database, and what of it is in memory.
//!
//! Owns reading of records. Written by whoever has the turn ([`super::turns`]), through [`super::staging`]. Tested with the
//! rest.

use std::sync::{Mutex, PoisonError};

use tailwater_core::Feed;

use super::{error::DocumentsError, live::Live, record::Record, tables::Table, totals::Totals};
use crate::index::{Index, IndexOptions, Indexes};

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) index: Index<Table>,
    pub(super) live: Live,
    totals: Mutex<Totals>,
}

impl Shelf {
    /// Opens the index of a feed, or begins a new one. It may be behind the log.
    pub(super) fn open(indexes: &Indexes, feed: &Feed, options: IndexOptions) -> Result<Self, DocumentsError> {
        let index = indexes.open(feed, feed.uid(), options)?;
        let live = Live::open(&index)?;
        let totals = index.get(Table::Totals, &[])?.map_or(Ok(Totals::default()), |bytes| Totals::read(&bytes))?;
        Ok(Self { index, live, totals: Mutex::new(totals) })
    }

    /// What is known of a document.
    pub(super) fn record(&self, id: &str) -> Result<Option<Record>, DocumentsError> {
        let bytes = self.index.get(Table::Documents, id.as_bytes())?;
        bytes.map(|bytes| Record::read(id.as_bytes(), &bytes)).transpose()
    }

    pub(super) fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_totals(&self, totals: Totals) {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }
}
