//! What of the log is still needed.
//!
//! Owns the verdict on each event, for [`job`], which has segments rewritten, and on each attachment. An event is kept while it
//! is the latest of its document or brought one of its leaves, and if it is a purge: without it, older events that are still
//! there would bring back what it removed. Nothing has to be told to the index when events are dropped: a body that is not in
//! the log any more is missing, wherever it is asked for. What may be dropped once may be dropped for ever. Tested in
//! `tests/compact.rs`.

mod job;

use std::ops::Bound;

use tailwater_core::{Event, Feed};
use tailwater_wire::couchdb::event::json_body;

pub use self::job::Compacting;
pub(super) use self::job::Progress;
use super::{
    Database,
    attachments::Swept,
    error::DocumentsError,
    purge_event::read_left,
    record::Record,
    staging::Staging,
    stored::id_of,
    tables::{Table, attachment_key, key_number},
};

/// Documents that are forgotten at once: what they take in memory waits for the next event to be written with it.
const FORGOTTEN_MAX: u64 = 20_000;

/// Whether an event is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Keep,
    /// It is not, and never will be again.
    Drop,
}

impl Database {
    /// Whether an event may be dropped. One that is not known yet is kept: see [`Database::settle`].
    pub(super) fn verdict(&self, event: &Event<'_>) -> Result<Verdict, DocumentsError> {
        let purges = || read_left(event, &json_body(event)).is_some();
        let is_new = event.seq > self.known_seq();
        if is_new || self.shelf.live.is_live(&self.shelf.index, event.seq)? || purges() {
            return Ok(Verdict::Keep);
        }
        let record = self.shelf.record(&id_of(event))?;
        let leads = record.is_some_and(|record| record.tree.leaves().iter().any(|leaf| leaf.body.seq == event.seq));
        Ok(if leads { Verdict::Keep } else { Verdict::Drop })
    }

    /// Forgets documents whose latest event has left the window of a feed that does not keep all: nobody sees them any more,
    /// but they are still counted, and in the index. Looks at all documents; does as many as there is memory for, and says
    /// how many: none when it is done.
    pub fn forget_gone(&self) -> Result<u64, DocumentsError> {
        let mut forgotten = 0;
        let _turn = self.turns.take();
        self.catch_up()?;
        self.shelf.write_out()?;
        let mut staging = Staging::new(&self.shelf);
        for row in self.shelf.index.range(Table::Documents, ..)? {
            let (id, value) = row?;
            if !self.shelf.is_gone(&Record::read(&id, &value)?) {
                continue;
            }
            let id = String::from_utf8_lossy(&id);
            let slot = staging.slot(&id)?;
            if staging.record(slot).seq != 0 {
                staging.replace(slot, &id, Record::default());
                forgotten += 1;
            }
            if forgotten >= FORGOTTEN_MAX {
                break;
            }
        }
        self.shelf.show(staging.news(None)?)?;
        Ok(forgotten)
    }

    /// Removes attachments that no event of the log names.
    pub fn sweep_attachments(&self) -> Result<Swept, DocumentsError> {
        self.settle()?;
        self.blobs.sweep(|digest| self.names_attachment(digest))
    }

    fn names_attachment(&self, digest: [u8; 16]) -> Result<bool, DocumentsError> {
        // What is not known yet may name it.
        if self.is_behind() || self.shelf.names_in_memory(digest) {
            return Ok(true);
        }
        let (first, last) = (attachment_key(digest, 0), attachment_key(digest, u64::MAX));
        let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        for row in self.shelf.index.range(Table::Attachments, keys)? {
            let (key, _) = row?;
            let seq = key.get(16..).and_then(key_number).ok_or_else(|| DocumentsError::damaged("an attachment"))?;
            if holds(&self.feed, seq)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the log still has an event.
pub(super) fn holds(feed: &Feed, seq: u64) -> Result<bool, DocumentsError> {
    let mut reader = feed.read(seq);
    let event = reader.next().transpose()?;
    Ok(event.is_some_and(|event| event.seq == seq))
}
