//! Dropping what is not needed: a database's segments, one after the other, then attachments.
//!
//! Owns the job: one at a time for a database, a run of segments a turn, so that databases take turns at the thread. It works no
//! more than half of the time, since shards need the processors. The index is written before events are dropped that it may stand
//! at: otherwise it would not fit the log any more and be built anew. Tested in `tests/compact.rs` and
//! `server/tests/couchdb/compaction.rs`.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_lite::future::block_on;
use tailwater_core::{AppendError, CompactError, FeedState, SealedRun};

use super::Verdict;
use crate::{
    clock::now_us,
    documents::{Database, error::DocumentsError, workers::Work},
};

/// So long it works, and so long it rests.
const PACE: Duration = Duration::from_millis(5);

/// Bytes of an event in the log beside its key and its body, and of its kind.
const RECORD_BYTES: u64 = 48;

/// Events that are judged before the clock is looked at.
const EVENTS_AT_ONCE: u64 = 64;

/// A compaction under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacting {
    /// Events that were judged.
    pub done: u64,
    /// Events that there were to judge.
    pub total: u64,
    /// When it began, in seconds since the Unix epoch.
    pub started_s: u64,
    /// When the events were counted last, likewise.
    pub updated_s: u64,
}

/// Whether a compaction is under way, and how far it is.
#[derive(Debug, Default)]
pub(in crate::documents) struct Progress {
    state: Mutex<Option<Compacting>>,
    /// Bytes of the log when the last one was done.
    left_bytes: AtomicU64,
}

/// The work on one database until it is done.
struct Job {
    database: Arc<Database>,
    /// Where the next run begins; 0 before the first.
    from_seq: AtomicU64,
}

impl Database {
    /// Begins to drop what is not needed, in the background, unless that is under way. Says whether it has begun.
    pub fn compact(self: &Arc<Self>) -> bool {
        let begun = self.compacting.begin(self.feed.event_count());
        if begun {
            let job = Job { database: Arc::clone(self), from_seq: AtomicU64::new(0) };
            self.compactors.submit(Arc::new(job));
        }
        begun
    }

    /// Begins it where nobody has to ask, and it is worth its while. Cheap.
    pub(in crate::documents) fn compact_if_due(self: &Arc<Self>) {
        let superseded_min = self.auto_compact_bytes.load(Ordering::Relaxed);
        if superseded_min == u64::MAX {
            return;
        }
        let totals = self.shelf.totals();
        let needed = totals.event_bytes + RECORD_BYTES * (totals.docs + totals.deleted);
        let held = self.feed.bytes();
        // What the last one has left is needed for another reason, such as a leaf or a purge.
        let useless = self.compacting.left_bytes().max(needed);
        if held > 2 * needed && held - useless.min(held) > useless.max(superseded_min) {
            self.compact();
        }
    }

    /// The compaction that is under way. Never blocks.
    pub fn compacting(&self) -> Option<Compacting> {
        self.compacting.get()
    }

    /// Closes the segment that is being written if something in it can be dropped: whoever asks for compaction expects that no
    /// superseded body is left.
    fn seal_superseded(&self) -> Result<(), DocumentsError> {
        self.settle()?;
        let (count, from) = self.feed.unsealed();
        if self.live_count(from - 1, self.known_seq())? < count {
            block_on(self.feed.seal())?;
        }
        Ok(())
    }

    fn compact_run(&self, run: SealedRun) -> Result<(), DocumentsError> {
        self.settle()?;
        let mut pace = Pace::new();
        let rewritten = run.rewrite(|event| {
            if pace.is_due() {
                self.check_open()?;
                pace.rest();
                self.compacting.count(EVENTS_AT_ONCE);
            }
            Ok::<_, DocumentsError>(self.verdict(event)? == Verdict::Keep)
        })?;
        let Some(rewritten) = rewritten else { return Ok(()) };
        self.shelf.write_out()?;
        match block_on(self.feed.replace(rewritten)) {
            // Retention was faster, and what is left is looked at the next time.
            Ok(()) | Err(CompactError::Changed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn check_open(&self) -> Result<(), DocumentsError> {
        let closed = self.queue.is_closed() || self.feed.state() == FeedState::Closed;
        if closed { Err(DocumentsError::Closed) } else { Ok(()) }
    }
}

impl Job {
    /// Says whether there is more.
    fn advance(&self) -> Result<bool, DocumentsError> {
        let database = &self.database;
        database.check_open()?;
        let from_seq = self.from_seq.load(Ordering::Relaxed);
        if from_seq == 0 {
            database.seal_superseded()?;
        }
        if let Some(run) = database.feed.sealed_run(from_seq) {
            self.from_seq.store(run.last_seq() + 1, Ordering::Relaxed);
            database.compact_run(run)?;
            return Ok(true);
        }
        database.sweep_attachments()?;
        Ok(false)
    }
}

impl Work for Job {
    fn work(self: Arc<Self>) -> bool {
        let feed = self.database.feed.name();
        match self.advance() {
            Ok(more) => return more,
            Err(DocumentsError::Closed) => {}
            Err(DocumentsError::Append(AppendError::Closed)) => {}
            Err(error) => tracing::warn!(feed, %error, "a database could not be compacted"),
        }
        false
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.database.compacting.end(self.database.feed.bytes());
    }
}

impl Progress {
    fn begin(&self, total: u64) -> bool {
        let mut state = self.lock();
        let idle = state.is_none();
        if idle {
            let now_s = now_us() / 1_000_000;
            *state = Some(Compacting { done: 0, total, started_s: now_s, updated_s: now_s });
        }
        idle
    }

    fn count(&self, events: u64) {
        if let Some(state) = &mut *self.lock() {
            state.done = (state.done + events).min(state.total);
            state.updated_s = now_us() / 1_000_000;
        }
    }

    fn end(&self, left_bytes: u64) {
        self.left_bytes.store(left_bytes, Ordering::Relaxed);
        *self.lock() = None;
    }

    fn left_bytes(&self) -> u64 {
        self.left_bytes.load(Ordering::Relaxed)
    }

    fn get(&self) -> Option<Compacting> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Compacting>> {
        // It is replaced in one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work and rest in turns.
struct Pace {
    events: u64,
    since: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { events: 0, since: Instant::now() }
    }

    /// After each of so many events.
    fn is_due(&mut self) -> bool {
        self.events += 1;
        self.events.is_multiple_of(EVENTS_AT_ONCE)
    }

    fn rest(&mut self) {
        let worked = self.since.elapsed();
        if worked >= PACE {
            thread::sleep(worked.min(20 * PACE));
            self.since = Instant::now();
        }
    }
}
