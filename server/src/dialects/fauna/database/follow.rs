//! From where a database's index stands to the tail of its feed: each event is looked at once, and put down in the history
//! with what its document was before.
//!
//! The time of an event is that of whoever published it, and may be before that of the event in front of it. Clients hold times
//! of transactions to be in order, so here no event is earlier than those before it.
//!
//! Owns the order: first the history, then the index. So after a crash of the process the index is never ahead, and what the
//! history has already is not put down again. A power cut can take back more of the history, which is not synced: then the
//! index is built anew, and the history goes on from where it ends. Blocks: for the database's thread. Tested by
//! `server/tests/fauna/`.

use std::sync::atomic::Ordering;

use futures_lite::future;
use tailwater_core::{AppendError, Batch, BodyFormat, Draft, Event, Feed, ReadError, SeqMode};
use tailwater_wire::fauna::{
    change::{KIND_DELETE, KIND_PUT},
    place::Place,
};

use super::{
    Shared,
    table::{Broom, Table, enter, is_definition},
};
use crate::index::{Index, IndexError, IndexOptions, Indexes};

/// What the index may take of memory.
const INDEX_OPTIONS: IndexOptions = IndexOptions { cache_bytes: 32 << 20, write_buffer_bytes: 4 << 20 };

/// Events that are put down together at most.
const BATCH_EVENTS: usize = 1_000;
/// Bytes of changes and of the history that are written together, at most and roughly.
const BATCH_BYTES: usize = 4 << 20;

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

/// Enters every event that is visible now.
pub(super) fn catch_up(shared: &Shared, index: &Index<Table>, broom: &mut Broom) -> Result<(), Trouble> {
    let last_seq = shared.feed().last_seq();
    while index.applied_seq() < last_seq && step(shared, index, broom, last_seq)? {}
    Ok(())
}

/// Enters some events; whether there were any.
fn step(shared: &Shared, index: &Index<Table>, broom: &mut Broom, last_seq: u64) -> Result<bool, Trouble> {
    if shared.is_stopping() {
        return Err(Trouble::Stopped);
    }
    let (feed, own) = (shared.feed(), shared.own());
    let (first_seq, recorded_to) = (feed.first_seq(), shared.history().last_seq());
    let mut seq = index.applied_seq();
    let mut reader = feed.read(seq + 1);
    let (mut batch, mut history) = (index.batch(), Batch::new());
    let mut time_us = shared.applied_time_us();
    let (mut events, mut record, mut defined) = (0, Vec::new(), false);
    while seq < last_seq && events < BATCH_EVENTS && batch.byte_len() + history.byte_len() < BATCH_BYTES && !defined {
        let Some(event) = reader.next().transpose()? else { break };
        // What ends a collection removes all that is in the index by then.
        defined = is_definition(&event, own);
        if defined && events > 0 {
            break;
        }
        (seq, time_us) = (event.seq, time_us.max(event.time_us));
        let in_order = Event { time_us, ..event };
        record.clear();
        enter(&in_order, feed, own, first_seq, index, &mut batch, &mut record)?;
        if seq > recorded_to {
            put_down(&in_order, own, &record, &mut history);
        }
        batch.applied(&event);
        events += 1;
    }
    if events == 0 {
        return Ok(false);
    }
    broom.sweep(events, first_seq, index, &mut batch)?;
    if !history.is_empty() {
        future::block_on(shared.history().append(history, SeqMode::Preserve))?;
    }
    batch.commit()?;
    if defined {
        shared.schema_version_us.fetch_max(time_us, Ordering::Relaxed);
    }
    shared.set_applied(seq, time_us);
    Ok(true)
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
