//! What a group of events changes in the index, before it is written.
//!
//! Owns the view through which the events of a group see what those before them did: records are read from the index once and
//! changed here. Decides nothing about revisions. Tested through [`super::apply`].

use std::collections::HashMap;

use tailwater_core::Event;

use super::{
    error::DocumentsError,
    live::{Flip, Staged},
    record::{Record, Standing},
    shelf::Shelf,
    tables::{Table, attachment_key},
    totals::Totals,
};
use crate::index::WriteBatch;

/// The number of a document within a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// See the module.
pub(super) struct Staging<'s> {
    shelf: &'s Shelf,
    batch: WriteBatch<'s, Table>,
    by_id: HashMap<Box<str>, Slot>,
    slots: Vec<Entry>,
    flips: Vec<Flip>,
    /// Of attachments that events name.
    attachments: Vec<[u8; 24]>,
    totals: Totals,
}

struct Entry {
    record: Record,
    standing: Standing,
    changed: bool,
}

/// A staging that is in a batch.
pub(super) struct Ready<'s> {
    batch: WriteBatch<'s, Table>,
    live: Staged,
    totals: Totals,
}

impl<'s> Staging<'s> {
    pub(super) fn new(shelf: &'s Shelf) -> Self {
        Self {
            shelf,
            batch: shelf.index.batch(),
            by_id: HashMap::new(),
            slots: Vec::new(),
            flips: Vec::new(),
            attachments: Vec::new(),
            totals: shelf.totals(),
        }
    }

    /// The document of that id, as the events before left it.
    pub(super) fn slot(&mut self, id: &str) -> Result<Slot, DocumentsError> {
        if let Some(slot) = self.by_id.get(id) {
            return Ok(*slot);
        }
        let record = self.shelf.record(id)?.unwrap_or_default();
        let slot = Slot(self.slots.len());
        self.slots.push(Entry { standing: record.standing(), record, changed: false });
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
        self.attachments.push(attachment_key(digest, seq));
    }

    /// Everything up to this event is in here.
    pub(super) fn applied(&mut self, event: &Event<'_>) {
        self.batch.applied(event);
    }

    /// Puts everything into a batch.
    pub(super) fn ready(self) -> Result<Ready<'s>, DocumentsError> {
        let mut batch = self.batch;
        let mut bytes = Vec::new();
        for (id, slot) in &self.by_id {
            let Entry { record, standing, changed } = &self.slots[slot.0];
            if !changed {
                continue;
            }
            if *standing == Standing::Nothing {
                batch.remove(Table::Documents, id.as_bytes())?;
                continue;
            }
            bytes.clear();
            record.write(&mut bytes);
            batch.put(Table::Documents, id.as_bytes(), &bytes)?;
        }
        for key in &self.attachments {
            batch.put(Table::Attachments, key, &[])?;
        }
        let live = self.shelf.live.stage(&self.shelf.index, &self.flips, &mut batch)?;
        batch.put(Table::Totals, &[], &self.totals.to_bytes())?;
        Ok(Ready { batch, live, totals: self.totals })
    }
}

impl Ready<'_> {
    /// Writes it, as what the log says up to `last`, and shows it.
    pub(super) fn write(self, shelf: &Shelf) -> Result<(), DocumentsError> {
        self.batch.commit()?;
        shelf.live.show(self.live);
        shelf.set_totals(self.totals);
        Ok(())
    }
}
