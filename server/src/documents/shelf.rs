//! The index of one database, with what of it is only in memory.
//!
//! Owns the way of records through it: a group is shown in the [`Layer`] on top, where readers find it first; when that is
//! large enough, another begins, and it is written to the index. Groups come from whoever has the turn ([`super::turns`]),
//! through [`super::staging`]; writing a layer needs no turn. Tested in [`super::tests`].

use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tailwater_core::Feed;

use super::{
    error::DocumentsError,
    filter::Filter,
    layer::{LastEvent, Layer, RecordBytes},
    live::{Flip, Live},
    record::Record,
    tables::Table,
    totals::Totals,
};
use crate::index::{Index, IndexOptions, Indexes};

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    feed: Arc<Feed>,
    pub(super) index: Index<Table>,
    pub(super) live: Live,
    layers: RwLock<Layers>,
    /// Everything up to this event is known.
    known_seq: AtomicU64,
    /// One layer is written at a time.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Layers {
    top: Layer,
    /// The one that is being written, or could not be.
    leaving: Option<Arc<Layer>>,
    totals: Totals,
    /// All ids, for an index that was empty when it was opened.
    ids: Option<Filter>,
}

/// What a group of events makes known.
#[derive(Debug)]
pub(super) struct News {
    /// The last of them; `None` if there are none, and documents have left the window.
    pub(super) last: Option<LastEvent>,
    pub(super) records: Vec<(Box<str>, RecordBytes)>,
    pub(super) attachments: Vec<([u8; 16], u64)>,
    pub(super) flips: Vec<Flip>,
    pub(super) totals: Totals,
}

impl Shelf {
    /// Opens the index of a feed, or begins a new one. It may be behind the log.
    pub(super) fn open(indexes: &Indexes, feed: &Arc<Feed>, options: IndexOptions) -> Result<Self, DocumentsError> {
        let index = indexes.open(feed, feed.uid(), options)?;
        let live = Live::open(&index)?;
        let totals = index.get(Table::Totals, &[])?.map_or(Ok(Totals::default()), |bytes| Totals::read(&bytes))?;
        let ids = (index.applied_seq() == 0).then(Filter::new);
        Ok(Self {
            feed: Arc::clone(feed),
            known_seq: AtomicU64::new(index.applied_seq()),
            index,
            live,
            layers: RwLock::new(Layers { top: Layer::default(), leaving: None, totals, ids }),
            writing: Mutex::default(),
        })
    }

    /// Everything up to this event is known.
    pub(super) fn known_seq(&self) -> u64 {
        self.known_seq.load(Ordering::Acquire)
    }

    /// There are no events up to this one beside those that are known.
    pub(super) fn skip_to(&self, seq: u64) {
        self.known_seq.fetch_max(seq, Ordering::AcqRel);
    }

    /// What is known of a document; `None` for one whose latest event has left the window.
    pub(super) fn record(&self, id: &str) -> Result<Option<Record>, DocumentsError> {
        Ok(self.any_record(id)?.filter(|record| !self.is_gone(record)))
    }

    /// Whether the latest event of a document has left the window, and the document with it.
    pub(super) fn is_gone(&self, record: &Record) -> bool {
        record.seq < self.feed.first_seq()
    }

    /// What is known of a document, be it gone or not.
    pub(super) fn any_record(&self, id: &str) -> Result<Option<Record>, DocumentsError> {
        let layers = self.read();
        let leaving = || layers.leaving.as_ref().and_then(|leaving| leaving.get(id));
        if let Some(found) = layers.top.get(id).or_else(leaving) {
            return found.map(|bytes| Record::read(id.as_bytes(), bytes)).transpose();
        }
        if layers.ids.as_ref().is_some_and(|ids| !ids.may_have(id)) {
            return Ok(None);
        }
        drop(layers);
        let bytes = self.index.get(Table::Documents, id.as_bytes())?;
        bytes.map(|bytes| Record::read(id.as_bytes(), &bytes)).transpose()
    }

    pub(super) fn totals(&self) -> Totals {
        self.read().totals
    }

    /// Whether an event that the index has not, names an attachment.
    pub(super) fn names_in_memory(&self, digest: [u8; 16]) -> bool {
        let layers = self.read();
        layers.top.names(digest) || layers.leaving.as_ref().is_some_and(|leaving| leaving.names(digest))
    }

    /// Shows what a group has changed: all of it, or nothing where that fails.
    pub(super) fn show(&self, news: News) -> Result<(), DocumentsError> {
        let mut layers = self.write();
        self.live.apply(&self.index, &news.flips)?;
        for (id, _) in &news.records {
            if layers.ids.as_mut().is_some_and(|ids| !ids.add(id)) {
                layers.ids = None;
            }
        }
        for (id, record) in news.records {
            layers.top.put(id, record);
        }
        layers.top.name_attachments(news.attachments);
        layers.top.totals = news.totals;
        layers.totals = news.totals;
        if let Some(last) = news.last {
            self.known_seq.fetch_max(last.seq(), Ordering::AcqRel);
            layers.top.last = Some(last);
        }
        Ok(())
    }

    /// Bytes of what the index does not have, and that nobody writes yet.
    pub(super) fn unwritten_bytes(&self) -> usize {
        self.read().top.byte_len()
    }

    /// Writes what the index does not have now. Waits for whoever does so already.
    pub(super) fn write_out(&self) -> Result<(), DocumentsError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // One that could not be written before comes first.
        let layers = 1 + usize::from(self.read().leaving.is_some());
        for _ in 0..layers {
            let Some(layer) = self.take_layer() else { break };
            layer.batch(&self.index)?.commit()?;
            self.write().leaving = None;
            self.live.left();
        }
        Ok(())
    }

    /// The layer that is to be written: the one that could not be, or else the one on top.
    fn take_layer(&self) -> Option<Arc<Layer>> {
        let mut layers = self.write();
        if layers.leaving.is_none() && !layers.top.is_empty() {
            let next = layers.top.empty_like();
            let mut layer = mem::replace(&mut layers.top, next);
            layer.live = self.live.snapshot();
            layers.leaving = Some(Arc::new(layer));
        }
        layers.leaving.clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }
}
