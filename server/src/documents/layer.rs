//! What the index does not have yet: records that lie in memory between the log and the index.
//!
//! Owns them and the batch they become. An index is cheapest to write in large batches, in the order of its keys, and a document
//! that changes often need not reach it each time; so groups gather here. A crash loses nothing: the log has it all, and is
//! read from where the index stands. Tested in [`super::tests`].

use std::collections::HashMap;

use tailwater_core::{BodyFormat, Event};

use super::{
    error::DocumentsError,
    live::Snapshot,
    tables::{Table, attachment_key},
    totals::Totals,
};
use crate::index::{Index, WriteBatch};

/// What a record costs in memory beside its bytes, roughly.
const ENTRY_BYTES: usize = 96;

/// A record as the index has it; `None` for a document that is gone.
pub(super) type RecordBytes = Option<Box<[u8]>>;

/// A copy of an event: by that an index knows later whether it fits its log.
#[derive(Clone, Debug)]
pub(super) struct LastEvent {
    seq: u64,
    time_us: u64,
    kind: String,
    key: String,
    format: BodyFormat,
    body: Vec<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Layer {
    records: HashMap<Box<str>, RecordBytes>,
    /// Attachments that events name.
    attachments: Vec<([u8; 16], u64)>,
    bytes: usize,
    /// It contains everything up to this event; `None` for an empty one.
    pub(super) last: Option<LastEvent>,
    pub(super) totals: Totals,
    pub(super) live: Snapshot,
}

impl Layer {
    /// An empty one, with room for as much.
    pub(super) fn empty_like(&self) -> Self {
        Self { records: HashMap::with_capacity(self.records.len()), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// About how many bytes of memory it takes.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes
    }

    /// The record of a document, if it is here.
    pub(super) fn get(&self, id: &str) -> Option<Option<&[u8]>> {
        self.records.get(id).map(Option::as_deref)
    }

    /// Gives a document another record.
    pub(super) fn put(&mut self, id: Box<str>, record: RecordBytes) {
        let bytes = |record: &RecordBytes| record.as_ref().map_or(0, |record| record.len());
        self.bytes += ENTRY_BYTES + id.len() + bytes(&record);
        let id_bytes = id.len();
        if let Some(before) = self.records.insert(id, record) {
            self.bytes -= ENTRY_BYTES + id_bytes + bytes(&before);
        }
    }

    pub(super) fn name_attachments(&mut self, named: Vec<([u8; 16], u64)>) {
        self.bytes += named.len() * 24;
        self.attachments.extend(named);
    }

    /// Whether one of its events names an attachment.
    pub(super) fn names(&self, digest: [u8; 16]) -> bool {
        self.attachments.iter().any(|(named, _)| *named == digest)
    }

    /// All of it as a batch.
    pub(super) fn batch<'i>(&self, index: &'i Index<Table>) -> Result<WriteBatch<'i, Table>, DocumentsError> {
        let mut batch = index.batch();
        batch.reserve(self.records.len() + self.attachments.len());
        for (id, record) in &self.records {
            match record {
                Some(record) => batch.put(Table::Documents, id.as_bytes(), record)?,
                None => batch.remove(Table::Documents, id.as_bytes())?,
            }
        }
        for (digest, seq) in &self.attachments {
            batch.put(Table::Attachments, &attachment_key(*digest, *seq), &[])?;
        }
        self.live.put(&mut batch)?;
        batch.put(Table::Totals, &[], &self.totals.to_bytes())?;
        self.last.iter().for_each(|last| batch.applied(&last.event()));
        Ok(batch)
    }
}

impl LastEvent {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let Event { seq, time_us, kind, key, format, body } = *event;
        Self { seq, time_us, kind: kind.to_owned(), key: key.to_owned(), format, body: body.to_owned() }
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    fn event(&self) -> Event<'_> {
        let Self { seq, time_us, kind, key, format, body } = self;
        Event { seq: *seq, time_us: *time_us, kind, key, format: *format, body }
    }
}
