//! From where a database's index stands to the tail of its feed: each event is looked at once, and put down in the history
//! with what its document was before.
//!
//! The time of an event is that of whoever published it, and may be before that of the event in front of it. Clients hold times
//! of transactions to be in order, so here no event is earlier than those before it.
//!
//! Owns the order: first the history, then the index, where many events go together and whoever asks finds them. So after a crash of the process the index is never ahead, and what the
//! history has already is not put down again. A power cut can take back more of the history, which is not synced: then the
//! index is built anew, and the history goes on from where it ends. Blocks: for the database's thread. Tested by
//! `server/tests/fauna/`.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_lite::future;
use tailwater_core::{AppendError, Batch, BodyFormat, Draft, Event, Feed, ReadError, SeqMode};
use tailwater_wire::fauna::{
    change::{KIND_DELETE, KIND_PUT},
    place::Place,
};

use super::{
    Shared,
    recent::Recent,
    table::{Broom, Entrance, Table, is_definition},
};
use crate::index::{Index, IndexError, IndexOptions, Indexes, WriteBatch};

/// What the index may take of memory.
const INDEX_OPTIONS: IndexOptions = IndexOptions { cache_bytes: 32 << 20, write_buffer_bytes: 8 << 20 };

/// Events that are put down in the history together, at most: streams see them then.
const SLICE_EVENTS: usize = 1_000;
/// Bytes of the history that are written together, at most and roughly.
const SLICE_BYTES: usize = 4 << 20;
/// Documents that are changed in the index together, at most and roughly. A document that several events are about is changed once.
const BATCH_DOCUMENTS: usize = 8_000;
/// Bytes of such changes.
const BATCH_BYTES: usize = 4 << 20;
/// Events behind which the index may be.
const BATCH_EVENTS: usize = 64_000;
/// How long it may be behind them, unless somebody asks for it: what is changed often is changed once.
const COMMIT_EVERY: Duration = Duration::from_millis(50);

/// Why the index does not know every event.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the log cannot be read on: {0}")]
    Log(#[from] ReadError),
    #[error("the history cannot be written: {0}")]
    History(#[from] AppendError),
    #[error("a request found it damaged")]
    Distrusted,
    #[error("the appliance stops")]
    Stopped,
}

/// Opens the index, empty if what is there is of no use.
pub(super) fn open(shared: &Shared, indexes: &Indexes) -> Result<Index<Table>, Trouble> {
    let (feed, history) = (shared.feed(), shared.history());
    let index: Index<Table> = indexes.open(feed, history.uid(), INDEX_OPTIONS)?;
    if index.applied_seq() <= history.last_seq() {
        return Ok(index);
    }
    tracing::warn!(feed = feed.name(), "the history has lost its end: the index of the database is built anew");
    drop(index);
    indexes.remove(history.uid())?;
    Ok(indexes.open(feed, history.uid(), INDEX_OPTIONS)?)
}

/// Follows a feed: into the history at once, into the index together.
pub(super) struct Follower<'i> {
    shared: &'i Shared,
    index: &'i Index<Table>,
    /// What the index does not have yet.
    batch: WriteBatch<'i, Table>,
    /// Events in the batch.
    events: usize,
    /// The last event that is in the history, and in the index or the batch.
    seq: u64,
    time_us: u64,
    recent: Recent,
    broom: Broom,
    committed: Instant,
}

impl<'i> Follower<'i> {
    /// Goes on where the index stands.
    pub(super) fn new(shared: &'i Shared, index: &'i Index<Table>) -> Self {
        Self {
            shared,
            index,
            batch: index.batch(),
            events: 0,
            seq: index.applied_seq(),
            time_us: shared.applied_time_us(),
            recent: Recent::default(),
            broom: Broom::new(shared.feed().options().first_seq),
            committed: Instant::now(),
        }
    }

    /// Puts every event that is visible now down in the history.
    pub(super) fn follow(&mut self) -> Result<(), Trouble> {
        let last_seq = self.shared.feed().last_seq();
        while self.seq < last_seq && self.slice(last_seq)? {}
        Ok(())
    }

    /// The same, and the index knows them too.
    pub(super) fn catch_up(&mut self) -> Result<(), Trouble> {
        self.follow()?;
        self.commit()
    }

    /// How long the index may stay behind what was followed; `None` if it is not.
    pub(super) fn due_in(&self) -> Option<Duration> {
        (self.events > 0).then(|| COMMIT_EVERY.saturating_sub(self.committed.elapsed()))
    }

    /// Whether there is more to follow.
    pub(super) fn has_more(&self) -> bool {
        self.seq < self.shared.feed().last_seq()
    }

    /// Puts some events down; whether there were any.
    fn slice(&mut self, last_seq: u64) -> Result<bool, Trouble> {
        if self.shared.is_stopping() {
            return Err(Trouble::Stopped);
        }
        let (own, recorded_to) = (self.shared.own(), self.shared.history().last_seq());
        let mut reader = self.shared.feed().read(self.seq + 1);
        let (mut history, mut record) = (Batch::new(), Vec::new());
        let (mut entered, mut defined) = (0, false);
        while self.seq < last_seq && entered < SLICE_EVENTS && history.byte_len() < SLICE_BYTES && !defined {
            let Some(event) = reader.next().transpose()? else { break };
            // What ends a collection removes all that is in the index by then.
            defined = is_definition(&event, own);
            if defined && entered > 0 {
                defined = false;
                break;
            }
            if defined {
                self.commit()?;
            }
            let in_order = Event { time_us: self.time_us.max(event.time_us), ..event };
            record.clear();
            self.enter(&in_order, &mut record)?;
            if event.seq > recorded_to {
                put_down(&in_order, own, &record, &mut history);
            }
            self.batch.applied(&event);
            entered += 1;
        }
        if !history.is_empty() {
            future::block_on(self.shared.history().append(history, SeqMode::Preserve))?;
        }
        if defined || self.is_full() {
            self.commit()?;
        }
        if defined {
            self.shared.schema_version_us.fetch_max(self.time_us, Ordering::Relaxed);
        }
        Ok(entered > 0)
    }

    fn enter(&mut self, event: &Event<'_>, record: &mut Vec<u8>) -> Result<(), Trouble> {
        let (feed, own, index) = (self.shared.feed(), self.shared.own(), self.index);
        let (recent, batch) = (&mut self.recent, &mut self.batch);
        Entrance { feed, own, first_seq: feed.first_seq(), index, recent, batch }.enter(event, record)?;
        (self.seq, self.time_us) = (event.seq, event.time_us);
        self.events += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.events >= BATCH_EVENTS || self.batch.len() >= BATCH_DOCUMENTS || self.batch.byte_len() >= BATCH_BYTES
    }

    /// Brings the index to where the history is.
    pub(super) fn commit(&mut self) -> Result<(), Trouble> {
        let events = std::mem::take(&mut self.events);
        if events > 0 {
            let first_seq = self.shared.feed().first_seq();
            self.broom.sweep(events, first_seq, self.index, &mut self.batch)?;
            std::mem::replace(&mut self.batch, self.index.batch()).commit()?;
            self.shared.set_applied(self.seq, self.time_us);
        }
        self.committed = Instant::now();
        Ok(())
    }
}

fn put_down(event: &Event<'_>, own: &str, record: &[u8], history: &mut Batch) {
    let kind = if event.kind == KIND_DELETE { KIND_DELETE } else { KIND_PUT };
    let key = Place::of_key(event.key, own).id;
    let (seq, time_us) = (Some(event.seq), event.time_us);
    // No protocol reads the history: how its bodies are to be read is said in themselves.
    let draft = Draft { seq, time_us, kind, key, format: BodyFormat::DagCbor, body: record };
    history.push(&draft).expect("a record keeps the limits of an event, and batches end long before their limit");
}

/// The time of the last event, if it can be read.
pub(super) fn last_time_us(feed: &Feed, seq: u64) -> Option<u64> {
    let mut reader = feed.read(seq);
    reader.next().and_then(Result::ok).filter(|event| event.seq == seq).map(|event| event.time_us)
}
