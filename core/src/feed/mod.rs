//! A feed: a named, ordered, durable log of events.
//!
//! Owns the face that publishers and readers see, on any thread. Never writes: appends go through a queue to the feed's
//! [`crate::Writer`]. Its parts: [`options`], [`current`] (those in force), [`state`], [`position`] (numbers), [`segments`] (the
//! list), [`event_reader`], [`seek`] and [`cursors`]. Tested in `tests/`.

pub(crate) mod current;
mod cursors;
mod event_reader;
pub(crate) mod meta;
pub(crate) mod options;
pub(crate) mod position;
mod seek;
pub(crate) mod segments;
pub(crate) mod state;

pub use event_reader::EventReader;
pub use state::FeedState;

use crate::batch::{Batch, SeqMode};
use crate::commit::StaleFrames;
use crate::commit::queue::{Command, Queue};
use crate::error::AppendError;
use crate::frames::frame_log::FramePlace;
use crate::frames::{Encoder, EncodingId};
use crate::segment::Segment;
use crate::store::shared::StoreShared;
use current::CurrentOptions;
use futures_channel::oneshot;
use options::FeedOptions;
use position::Position;
use segments::Segments;
use state::StateCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runtime identity of a feed within its store; not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u32);

/// The outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Seq of the batch's first event.
    pub first_seq: u64,
    /// Seq of its last event.
    pub last_seq: u64,
    /// How many events it held.
    pub count: usize,
}

/// A named, ordered, durable log of events. Shared by every shard; all methods may be called from any thread.
#[derive(Debug)]
pub struct Feed {
    pub(crate) core: Arc<FeedCore>,
}

/// What the feed, its writer, its readers and the background thread share.
#[derive(Debug)]
pub(crate) struct FeedCore {
    pub(crate) name: String,
    pub(crate) id: FeedId,
    pub(crate) uid: u64,
    pub(crate) dir: PathBuf,
    pub(crate) options: CurrentOptions,
    pub(crate) store: Arc<StoreShared>,
    pub(crate) segments: Segments,
    pub(crate) position: Arc<Position>,
    pub(crate) state: StateCell,
    pub(crate) queue: Queue,
    pub(crate) live: Mutex<Vec<LiveUse>>,
    pub(crate) frame_bytes: AtomicU64,
    pub(crate) writer_taken: AtomicBool,
    /// Frames that were being built when their encoder was given up.
    pub(crate) stale: Mutex<Vec<StaleFrames>>,
}

/// An encoding that is built live, and when a cursor was last seen to use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveUse {
    pub(crate) encoding: EncodingId,
    pub(crate) used_ms: u64,
}

impl Feed {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// Its options as they are now; see [`crate::Store::change_feed`].
    pub fn options(&self) -> Arc<FeedOptions> {
        self.core.options()
    }

    /// Its identity on the disk, drawn when it was created: a feed that is deleted and created again has another.
    pub fn uid(&self) -> u64 {
        self.core.uid
    }

    /// Its runtime id.
    pub fn id(&self) -> FeedId {
        self.core.id
    }

    /// Seq of the oldest retained event; equals [`Feed::next_seq`] when there is none. Compaction does not move it: it then says
    /// where the window begins.
    pub fn first_seq(&self) -> u64 {
        self.core.position.first_seq()
    }

    /// Seq of the last committed event; one less than the feed's first seq when there never was one.
    pub fn last_seq(&self) -> u64 {
        self.core.position.last_seq()
    }

    /// The seq that comes next under [`SeqMode::Assign`].
    pub fn next_seq(&self) -> u64 {
        self.last_seq() + 1
    }

    /// Bytes of the retained events in the canonical log.
    pub fn bytes(&self) -> u64 {
        self.core.position.bytes()
    }

    /// Bytes of the feed's frame logs, as counted about once a second.
    pub fn frame_bytes(&self) -> u64 {
        self.core.frame_bytes.load(Ordering::Relaxed)
    }

    /// How many events are retained.
    pub fn event_count(&self) -> u64 {
        self.core.position.count()
    }

    /// What was appended since it was opened, whether it is retained or not: events, and the bytes of their bodies.
    pub fn appended(&self) -> (u64, u64) {
        self.core.position.appended()
    }

    /// Whether it takes events.
    pub fn state(&self) -> FeedState {
        self.core.state.get()
    }

    /// The encodings that are being built live, as cursors at the tail need them.
    pub fn encodings_in_use(&self) -> Vec<EncodingId> {
        self.core.live().iter().map(|live| live.encoding).collect()
    }

    /// Appends a batch; from any thread. Resolves when the events are stored as the feed's [`crate::Durability`] asks, and
    /// visible. Dropping the future does not take the batch back.
    pub async fn append(&self, batch: Batch, mode: SeqMode) -> Result<Appended, AppendError> {
        if batch.is_empty() {
            return Err(AppendError::Empty);
        }
        if let Some(refusal) = self.core.state.final_refusal() {
            return Err(refusal);
        }
        let (reply, answer) = oneshot::channel();
        let queue_bytes_max = self.core.store.options.queue_bytes_max;
        match self.core.queue.push_append(batch, mode, reply, queue_bytes_max) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.core.ended())),
            Err(Some(queued_bytes)) => {
                Err(AppendError::Overloaded { feed: self.name().to_owned(), queued_bytes, queue_bytes_max })
            }
            Err(None) => Err(self.core.ended()),
        }
    }

    /// Resolves when everything appended before is on the disk, whatever the durability.
    pub async fn flush(&self) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.core.queue.push(Command::Flush(reply));
        answer.await.unwrap_or_else(|_| Err(self.core.ended()))
    }

    /// Stores what is queued, syncs, marks the log as cleanly closed and ends the writer. Cursors and readers go on reading what
    /// is there. Closing a closed feed does nothing.
    pub async fn close(&self) -> Result<(), AppendError> {
        if self.core.state.is_closed() {
            return Ok(());
        }
        if self.core.claim_writer() {
            self.core.state.set(FeedState::Closed);
            self.core.queue.close();
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.core.queue.push(Command::Close(reply));
        match answer.await {
            Ok(result) => result,
            Err(_) if self.core.state.is_closed() => Ok(()),
            Err(_) => Err(self.core.ended()),
        }
    }

    /// Reads the committed events with a seq of at least `from_seq`, oldest first. Reading may block on the disk: do not use it
    /// on a shard for more than what is in memory.
    pub fn read(&self, from_seq: u64) -> EventReader {
        EventReader::new(Arc::clone(&self.core), from_seq)
    }
}

impl FeedCore {
    /// Whether the caller is the first to ask for the right to write.
    pub(crate) fn claim_writer(&self) -> bool {
        !self.writer_taken.swap(true, Ordering::AcqRel)
    }

    /// Why a queue that was closed took or answered nothing.
    pub(crate) fn ended(&self) -> AppendError {
        self.state.final_refusal().unwrap_or(AppendError::Closed)
    }

    /// The options as they are now. What belongs together is to be read from one answer.
    pub(crate) fn options(&self) -> Arc<FeedOptions> {
        self.options.get()
    }

    pub(crate) fn stale(&self) -> MutexGuard<'_, Vec<StaleFrames>> {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Vec<LiveUse>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The encoder of an encoding for this feed.
    pub(crate) fn encoder(&self, encoding: EncodingId) -> Option<Arc<dyn Encoder>> {
        let encoder = self.store.frames.encoder(encoding)?;
        Some(encoder.for_feed(&self.name, &self.options()).unwrap_or(encoder))
    }

    /// Seq of the last event before a segment, whether it is still retained or not; `None` for the feed's first segment.
    pub(crate) fn seq_before(&self, segment: &Segment) -> Option<u64> {
        let base_seq = segment.header.base_seq;
        (base_seq > self.options().first_seq).then(|| base_seq - 1)
    }

    /// Where the frames of `segment` go.
    pub(crate) fn frame_place(&self, segment: &Segment, encoding: EncodingId) -> Option<FramePlace> {
        let encoder = self.store.frames.encoder(encoding)?;
        Some(FramePlace {
            dir: self.dir.join("frames").join(encoder.name()),
            header: segment.header,
            previous_seq: self.seq_before(segment),
            position: Arc::clone(&self.position),
            context: Arc::clone(&self.store.frames),
        })
    }
}
