//! A subscriber's position, and the reading of frames.
//!
//! Owns 32 bytes: a frame log and an offset in it, and [`Bounds`] where it is not to read everything. `ready`, `advance` and
//! `step` take nanoseconds, no lock and no allocation: they are called for each subscriber of each sweep. Never waits; what needs waiting is [`crate::Feed::next_segment`]'s.
//! Tested in `tests/cursors.rs`.

mod bounds;
mod lent;
mod runs;

pub use bounds::{Bounds, Skip};
pub use lent::Lent;
pub use runs::{RUNS_MAX, Runs};

use crate::frames::EncodingId;
use crate::frames::frame_log::{FrameLog, Phase};
use std::cell::Cell;
use std::sync::Arc;

/// Where a cursor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the last committed event: only what comes from now on.
    Tail,
    /// At the first committed event with this seq or a larger one; at the tail when there is none.
    Seq(u64),
}

/// What an empty [`Cursor::ready`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more to read now: look at [`Cursor::ready`] again.
    More,
    /// Everything committed has been read; wait for [`crate::CommitListener::committed`].
    AtTail,
    /// The frames that come next are not linked: await [`crate::Feed::next_segment`].
    NeedSegment,
    /// What comes next has left the retention window.
    Gone,
    /// Everything within [`Bounds::stop_after`] has been read.
    Done,
}

/// A subscriber's position in the frames of one encoding. Holds no buffer.
#[derive(Debug)]
pub struct Cursor {
    log: Arc<FrameLog>,
    offset: u64,
    /// Some frame that ends at or before `offset`, as its ordinal; where the search for the frame at `offset` starts.
    hint: Cell<u32>,
    encoding: EncodingId,
    bounds: Option<Box<Bounds>>,
}

impl Cursor {
    pub(crate) fn new(log: Arc<FrameLog>, encoding: EncodingId, offset: u64) -> Cursor {
        Cursor { log, offset, hint: Cell::new(0), encoding, bounds: None }
    }

    /// The same position, from which not everything is read.
    pub fn bounded(self, bounds: Bounds) -> Cursor {
        Cursor { bounds: Some(Box::new(bounds)), ..self }
    }

    /// Goes on at another position, within the same bounds.
    pub(crate) fn move_to(&mut self, position: Cursor) {
        let bounds = self.bounds.take();
        *self = Cursor { bounds, ..position };
    }

    pub(crate) fn log(&self) -> &Arc<FrameLog> {
        &self.log
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Which frames it reads.
    pub fn encoding(&self) -> EncodingId {
        self.encoding
    }

    /// The next bytes to send, at most `bytes_max`; empty at the end of the segment or of what is committed.
    pub fn ready(&self, bytes_max: usize) -> &[u8] {
        self.log.bytes(self.offset, self.ready_end(bytes_max))
    }

    /// Never before `offset`: a cursor made at the very moment of a commit can be ahead of what is shown, for an instant.
    fn ready_end(&self, bytes_max: usize) -> u64 {
        let end = self.log.committed().min(self.offset.saturating_add(bytes_max as u64)).max(self.offset);
        match &self.bounds {
            Some(bounds) => end.min(self.run_end(bounds)),
            None => end,
        }
    }

    /// Moves past the first `n` bytes of [`Cursor::ready`].
    ///
    /// # Panics
    /// When `n` is more than was ready: bytes that were never sent would be lost.
    pub fn advance(&mut self, n: usize) {
        let offset = self.offset + n as u64;
        assert!(offset <= self.log.committed(), "a cursor advances over committed bytes only");
        self.offset = offset;
    }

    /// Called when [`Cursor::ready`] is empty: hops to the next segment when it is linked, or says what to do.
    pub fn step(&mut self) -> Step {
        // The phase is read before the end: a log that is no longer live does not grow.
        let phase = self.log.phase();
        if let Some(bounds) = &self.bounds
            && let Some(step) = self.bounded_step(bounds)
        {
            return self.take(step);
        }
        if self.log.committed() > self.offset {
            return Step::More;
        }
        match phase {
            Phase::Live => Step::AtTail,
            Phase::Finished => self.hop(),
            Phase::Detached => Step::NeedSegment,
        }
    }

    fn hop(&mut self) -> Step {
        match self.log.next() {
            Some(next) => {
                self.move_to(Cursor::new(next, self.encoding, 0));
                Step::More
            }
            None if self.log.successor_is_gone() => Step::Gone,
            None => Step::NeedSegment,
        }
    }

    /// Whether the cursor stands between two frames.
    pub fn at_boundary(&self) -> bool {
        self.to_boundary() == 0
    }

    /// Bytes to the next frame boundary, 0 at a boundary.
    pub fn to_boundary(&self) -> usize {
        let published = self.log.published();
        if self.offset == 0 || self.offset == published.committed {
            return 0;
        }
        let frame = self.frame_at_offset(published.count);
        let starts = frame.checked_sub(1).map_or(0, |before| self.log.end(before));
        if starts == self.offset { 0 } else { (self.log.end(frame) - self.offset) as usize }
    }

    /// The seq of the frame at the cursor (of the one it stands within, or the next); at the end the seq after the last frame.
    /// For an instant it may be ahead of [`crate::Feed::next_seq`] of another thread.
    pub fn next_seq(&self) -> u64 {
        let published = self.log.published();
        if self.offset == published.committed {
            return self.log.seq_after(published.count);
        }
        self.log.seq(self.frame_at_offset(published.count))
    }

    /// Whether the event at the cursor has left the retention window. False at the end of frames whose successor is retained,
    /// even when a gap in the seqs lies between.
    pub fn is_outside_window(&self) -> bool {
        self.log.is_outside_window(self.next_seq())
    }

    /// Committed bytes of this segment that are still to be sent.
    pub fn lag_bytes_in_segment(&self) -> u64 {
        self.log.committed().saturating_sub(self.offset)
    }

    /// Whether the next `bytes_max` bytes are in memory, so that sending them causes no disk read. Always true at the tail.
    pub fn resident(&self, bytes_max: usize) -> bool {
        self.log.resident(self.offset, self.near_end(bytes_max))
    }

    /// Where what is needed next ends: what is passed over lies between what is not.
    fn near_end(&self, bytes_max: usize) -> u64 {
        match self.has_gaps() {
            true => self.log.committed().min(self.offset.saturating_add(bytes_max as u64)).max(self.offset),
            false => self.ready_end(bytes_max),
        }
    }

    /// A job that reads the next `bytes_max` bytes into memory; run it on a blocking pool, not on a shard.
    pub fn populate_job(&self, bytes_max: usize) -> PopulateJob {
        PopulateJob { log: Arc::clone(&self.log), start: self.offset, end: self.near_end(bytes_max) }
    }

    /// Ordinal of the first of `count` frames that ends after `offset`, which must be less than the end of the last. Gallops from where the
    /// last search ended, so that its cost depends on how far the cursor has moved and not on the segment.
    fn frame_at_offset(&self, count: u64) -> u64 {
        let frame = self.frame_at(self.offset, u64::from(self.hint.get()), count);
        self.hint.set(u32::try_from(frame).unwrap_or(0));
        frame
    }

    /// The same for another offset. `low` is a frame that is not behind it.
    fn frame_at(&self, offset: u64, mut low: u64, count: u64) -> u64 {
        let ends_after = |ordinal: u64| self.log.end(ordinal) > offset;
        let mut step = 1;
        while low + step < count && !ends_after(low + step) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(count);
        while low < high {
            let middle = low.midpoint(high);
            if ends_after(middle) { high = middle } else { low = middle + 1 }
        }
        low
    }
}

/// See [`Cursor::populate_job`].
#[derive(Debug)]
pub struct PopulateJob {
    log: Arc<FrameLog>,
    start: u64,
    end: u64,
}

impl PopulateJob {
    /// Blocks until the range is in memory. What cannot be read ahead is read when it is sent, so an error is of no consequence.
    pub fn run(self) {
        self.log.populate(self.start, self.end).ok();
    }
}
