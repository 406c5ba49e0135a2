//! What a feed holds, as numbers that any thread may read at any time.
//!
//! Owns the atomics; they are written by the feed's writer alone. Each number is exact, two of them read one after the other may
//! belong to different commits.

use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for "no event is retained" in `first_seq`.
const NONE: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Position {
    oldest_base: AtomicU64,
    first_seq: AtomicU64,
    last_seq: AtomicU64,
    bytes: AtomicU64,
    count: AtomicU64,
    appended_events: AtomicU64,
    appended_body_bytes: AtomicU64,
}

impl Position {
    /// The position of a feed without events whose last seq is `last_seq`.
    pub(crate) fn empty(last_seq: u64) -> Position {
        Position {
            oldest_base: AtomicU64::new(0),
            first_seq: AtomicU64::new(NONE),
            last_seq: AtomicU64::new(last_seq),
            bytes: AtomicU64::new(0),
            count: AtomicU64::new(0),
            appended_events: AtomicU64::new(0),
            appended_body_bytes: AtomicU64::new(0),
        }
    }

    /// Base seq of the oldest segment: everything before it has left the window.
    pub(crate) fn oldest_base(&self) -> u64 {
        self.oldest_base.load(Ordering::Acquire)
    }

    /// Where the window begins: seq of the oldest event, or the next one's when there is none; compaction does not move it.
    pub(crate) fn first_seq(&self) -> u64 {
        match self.first_seq.load(Ordering::Acquire) {
            NONE => self.last_seq() + 1,
            seq => seq,
        }
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Acquire)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The window starts with the segment of this base seq.
    pub(crate) fn open_window(&self, oldest_base: u64) {
        self.oldest_base.store(oldest_base, Ordering::Release);
    }

    /// Events have been added.
    pub(crate) fn grow(&self, first_seq: u64, last_seq: u64, bytes: u64, count: u64) {
        self.bytes.fetch_add(bytes, Ordering::Release);
        self.count.fetch_add(count, Ordering::Release);
        // The other way round, a feed that gets its first event would look for an instant as if it had lost it already.
        self.first_seq.compare_exchange(NONE, first_seq, Ordering::Release, Ordering::Relaxed).ok();
        self.last_seq.store(last_seq, Ordering::Release);
    }

    /// So much more was appended since the feed was opened.
    pub(crate) fn count_appended(&self, events: u64, body_bytes: u64) {
        self.appended_events.fetch_add(events, Ordering::Relaxed);
        self.appended_body_bytes.fetch_add(body_bytes, Ordering::Relaxed);
    }

    /// What was appended since the feed was opened: events, and the bytes of their bodies.
    pub(crate) fn appended(&self) -> (u64, u64) {
        (self.appended_events.load(Ordering::Relaxed), self.appended_body_bytes.load(Ordering::Relaxed))
    }

    /// So much has been dropped from within the window, which has not moved.
    pub(crate) fn thin_out(&self, bytes: u64, count: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Release);
        self.count.fetch_sub(count, Ordering::Release);
    }

    /// The window now starts with the segment of base `oldest_base`, whose first event has `first_seq` (`None` when there is no
    /// event left), and holds so much less.
    pub(crate) fn shrink(&self, oldest_base: u64, first_seq: Option<u64>, bytes: u64, count: u64) {
        self.first_seq.store(first_seq.unwrap_or(NONE), Ordering::Release);
        self.oldest_base.store(oldest_base, Ordering::Release);
        self.bytes.fetch_sub(bytes, Ordering::Release);
        self.count.fetch_sub(count, Ordering::Release);
    }
}
