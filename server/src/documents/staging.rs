//! What a group of events changes, before anybody sees it.
//!
//! Owns the view through which the events of a group see what those before them did: records are looked up once and changed
//! here. Decides nothing about revisions. Tested through [`super::apply`].

use std::{collections::HashMap, mem};

use tailwater_wire::couchdb::rev::RevTree;

use super::{
    error::DocumentsError,
    layer::LastEvent,
    live::Flip,
    record::{Record, Standing},
    shelf::{News, Shelf},
    totals::Totals,
};

/// The number of a document within a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// See the module.
pub(super) struct Staging<'s> {
    shelf: &'s Shelf,
    by_id: HashMap<Box<str>, Slot>,
    slots: Vec<Entry>,
    flips: Vec<Flip>,
    attachments: Vec<([u8; 16], u64)>,
    totals: Totals,
}

struct Entry {
    record: Record,
    standing: Standing,
    changed: bool,
}

impl<'s> Staging<'s> {
    pub(super) fn new(shelf: &'s Shelf) -> Self {
        Self {
            shelf,
            by_id: HashMap::new(),
            slots: Vec::new(),
            flips: Vec::new(),
            attachments: Vec::new(),
            totals: shelf.totals(),
        }
    }

    /// So many documents more are about to come.
    pub(super) fn reserve(&mut self, documents: usize) {
        self.by_id.reserve(documents);
        self.slots.reserve(documents);
    }

    /// The document of that id, as the events before left it.
    pub(super) fn slot(&mut self, id: &str) -> Result<Slot, DocumentsError> {
        if let Some(slot) = self.by_id.get(id) {
            return Ok(*slot);
        }
        let mut record = self.shelf.any_record(id)?.unwrap_or_default();
        let standing = record.standing();
        if self.shelf.is_gone(&record) {
            // It still counts, until it is replaced.
            record.tree = RevTree::new();
        }
        let slot = Slot(self.slots.len());
        self.slots.push(Entry { record, standing, changed: false });
        self.by_id.insert(id.into(), slot);
        Ok(slot)
    }

    /// What is known of a document.
    pub(super) fn record(&self, slot: Slot) -> &Record {
        &self.slots[slot.0].record
    }

    /// An event has made another record of a document.
    pub(super) fn replace(&mut self, slot: Slot, id: &str, record: Record) {
        let entry = &mut self.slots[slot.0];
        let standing = record.standing();
        self.totals.remove(id, entry.standing, entry.record.bytes);
        self.totals.add(id, standing, record.bytes);
        if entry.standing != Standing::Nothing {
            self.flips.push(Flip { seq: entry.record.seq, live: false });
        }
        if standing != Standing::Nothing {
            self.flips.push(Flip { seq: record.seq, live: true });
        }
        *entry = Entry { record, standing, changed: true };
    }

    /// An event has purged a document, or some of it.
    pub(super) fn count_purge(&mut self) {
        self.totals.purges += 1;
    }

    /// An event names an attachment.
    pub(super) fn name_attachment(&mut self, digest: [u8; 16], seq: u64) {
        self.attachments.push((digest, seq));
    }

    /// All of it, up to this event if there is one, ready to be shown.
    pub(super) fn news(mut self, last: Option<LastEvent>) -> Result<News, DocumentsError> {
        self.shelf.live.load(&self.shelf.index, &self.flips)?;
        let mut bytes = Vec::new();
        let mut records = Vec::with_capacity(self.by_id.len());
        for (id, slot) in mem::take(&mut self.by_id) {
            let Entry { record, standing, changed } = &self.slots[slot.0];
            if *changed {
                bytes.clear();
                record.write(&mut bytes);
                records.push((id, (*standing != Standing::Nothing).then(|| bytes.as_slice().into())));
            }
        }
        Ok(News { last, records, attachments: self.attachments, flips: self.flips, totals: self.totals })
    }
}
