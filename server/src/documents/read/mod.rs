//! Reading: documents, their revisions, lists of them, changes.
//!
//! Every read begins by waiting until the index knows of all that the log had at that moment ([`Database::settle`]), so that
//! whoever was told of a change finds it. Bodies come from the log.
//!
//! | file | owns |
//! | --- | --- |
//! | [`get`] | one document: the winner, a revision, several |
//! | [`mod@live`] | which events are live |
//! | [`list`] | `_all_docs`: documents in the order of their ids |
//! | [`changes`] | `_changes` of one request: documents in the order of their latest events |
//!
//! Tested in `tests/`.

mod changes;
mod get;
mod list;
mod live;

pub use self::{
    changes::Changes,
    get::{Asked, Doc, Found, Missing},
    list::{AllDocs, IdRange, Listed},
};

use tailwater_core::Event;
use tailwater_wire::couchdb::{event::json_body, rev::Rev};

use super::{
    Database,
    error::DocumentsError,
    record::Record,
    stored::{StoredDoc, deletes, read_doc},
};

/// In which order rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// A database as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Documents that are not deleted.
    pub doc_count: u64,
    /// Documents that are.
    pub doc_del_count: u64,
    /// The last event.
    pub update_seq: u64,
    /// Purges so far.
    pub purge_seq: u64,
    /// Bytes of the log.
    pub file_bytes: u64,
    /// Bytes of what the log would have to hold.
    pub active_bytes: u64,
    /// Bytes of the documents.
    pub external_bytes: u64,
}

/// What of a document's revisions somebody else has and this database has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Those asked for that are not known, in order.
    pub missing: Vec<Rev>,
    /// Leaves that one of them could have come from.
    pub possible_ancestors: Vec<Rev>,
}

impl Database {
    /// Counts and sizes.
    pub fn summary(&self) -> Result<Summary, DocumentsError> {
        self.settle()?;
        let totals = self.shelf.totals();
        Ok(Summary {
            doc_count: totals.docs,
            doc_del_count: totals.deleted,
            update_seq: self.known_seq(),
            purge_seq: totals.purges,
            file_bytes: self.feed.bytes(),
            active_bytes: totals.event_bytes,
            external_bytes: totals.body_bytes,
        })
    }

    /// `_revs_diff` of one document.
    pub fn revs_diff(&self, id: &str, revs: &[Rev]) -> Result<Difference, DocumentsError> {
        let tree = self.record(id)?.unwrap_or_default().tree;
        let missing = tree.missing(revs);
        let possible_ancestors = match missing.is_empty() {
            true => Vec::new(),
            false => tree.possible_ancestors(&missing).into_iter().cloned().collect(),
        };
        Ok(Difference { missing, possible_ancestors })
    }

    /// What is known of a document now.
    fn record(&self, id: &str) -> Result<Option<Record>, DocumentsError> {
        self.settle()?;
        self.shelf.record(id)
    }

    /// Looks at an event; `None` if the log does not hold it any more.
    fn event<R>(&self, seq: u64, look: impl FnOnce(&Event<'_>) -> R) -> Result<Option<R>, DocumentsError> {
        let mut reader = self.feed.read(seq);
        let event = reader.next().transpose()?.filter(|event| event.seq == seq);
        Ok(event.map(|event| look(&event)))
    }

    /// The document an event brought.
    pub(super) fn stored(&self, seq: u64) -> Result<Option<StoredDoc>, DocumentsError> {
        self.event(seq, |event| read_doc(&json_body(event), deletes(event)))
    }
}
