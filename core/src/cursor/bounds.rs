//! What a cursor passes over, and where it ends.
//!
//! Owns the runs between what is skipped: a cursor with bounds sends the frames of each run in one piece, as others send all
//! frames. Never copies a frame and never looks into one. Tested in `tests/bounds.rs`.

use super::{Cursor, Step};
use std::fmt;
use std::sync::Arc;

/// Which events are passed over, such as those that later ones have superseded. The answers may change while a cursor reads;
/// each holds for the moment it is asked.
pub trait Skip: Send + Sync + 'static {
    /// The first seq from `from` on that is not passed over.
    fn next_kept(&self, from: u64) -> u64;
    /// The first seq from `from` on that is passed over; `u64::MAX` when there is none. It may be said of an earlier one, behind
    /// `from`, that is not: a run of frames ends there and another begins, so an answer need not look far.
    fn next_skipped(&self, from: u64) -> u64;
    /// The first seq from `from` on of which neither is known yet: what lies before it is read, then the cursor waits as it
    /// does at the tail. `u64::MAX` when all is known. The two above answer with nothing behind it.
    fn next_open(&self, from: u64) -> u64 {
        let _ = from;
        u64::MAX
    }
    /// Whether that of this seq, which is open, will never be known: the cursor is done there.
    fn is_end(&self, seq: u64) -> bool {
        let _ = seq;
        false
    }
}

/// See the module. The default bounds nothing.
#[derive(Clone, Default)]
pub struct Bounds {
    /// What is passed over, and up to which seq: behind it everything is read.
    pub skip: Option<(Arc<dyn Skip>, u64)>,
    /// The cursor is done behind this seq.
    pub stop_after: Option<u64>,
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skip_to = self.skip.as_ref().map(|(_, to)| to);
        f.debug_struct("Bounds").field("skip_to", &skip_to).field("stop_after", &self.stop_after).finish()
    }
}

impl Bounds {
    /// The first seq from `seq` on that is to be read; beyond the end when there is none.
    fn next_kept(&self, seq: u64) -> u64 {
        match &self.skip {
            Some((skip, to)) if seq <= *to => skip.next_kept(seq).min(to.saturating_add(1)),
            _ => seq,
        }
    }

    /// The first seq behind `seq` that is not to be read any more.
    fn run_end(&self, seq: u64) -> u64 {
        let stop = self.stop_after.map_or(u64::MAX, |stop| stop.saturating_add(1));
        match &self.skip {
            Some((skip, to)) if seq < *to => {
                let end = skip.next_skipped(seq + 1).min(skip.next_open(seq));
                if end <= *to { end.min(stop) } else { stop }
            }
            _ => stop,
        }
    }

    fn is_beyond(&self, seq: u64) -> bool {
        self.stop_after.is_some_and(|stop| seq > stop)
    }

    /// Whether it is not known yet what becomes of `seq`.
    fn is_open(&self, seq: u64) -> bool {
        self.skip.as_ref().is_some_and(|(skip, to)| seq <= *to && skip.next_open(seq) == seq)
    }

    fn is_end(&self, seq: u64) -> bool {
        self.skip.as_ref().is_some_and(|(skip, to)| seq <= *to && skip.is_end(seq))
    }
}

/// What the bounds say about the next step of a cursor that has nothing ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BoundedStep {
    Done,
    /// Waits until more is known.
    Wait,
    /// Passes over everything before this offset.
    Pass(u64),
}

impl Cursor {
    /// Where the run ends that the cursor stands in; its own offset when what comes next is not to be read.
    pub(super) fn run_end(&self, bounds: &Bounds) -> u64 {
        let published = self.log.published();
        if self.offset >= published.committed {
            return self.offset;
        }
        self.run_end_at(self.offset, self.frame_at_offset(published.count), bounds)
    }

    /// The same from another offset, where `frame` is.
    pub(super) fn run_end_at(&self, offset: u64, frame: u64, bounds: &Bounds) -> u64 {
        let (seq, frame_end) = (self.log.seq(frame), self.log.end(frame));
        // A frame that was begun is finished, whatever has become of its event.
        let is_read = || !bounds.is_beyond(seq) && bounds.next_kept(seq) == seq && !bounds.is_open(seq);
        let frame_start = frame.checked_sub(1).map_or(0, |before| self.log.end(before));
        if frame_start == offset && !is_read() {
            return offset;
        }
        match bounds.run_end(seq) {
            u64::MAX => self.log.committed(),
            end => self.log.offset_of(end).max(frame_end),
        }
    }

    /// `None` when the bounds have nothing to say.
    pub(super) fn bounded_step(&self, bounds: &Bounds) -> Option<BoundedStep> {
        let next_seq = self.next_seq();
        if bounds.is_beyond(next_seq) {
            return Some(BoundedStep::Done);
        }
        let is_open = bounds.is_open(next_seq);
        // There may be no frame there yet, nor ever: the end does not wait for one.
        if is_open && bounds.is_end(next_seq) {
            return Some(BoundedStep::Done);
        }
        if self.offset >= self.log.committed() {
            return None;
        }
        if is_open {
            return Some(BoundedStep::Wait);
        }
        self.passes_to(next_seq, bounds).map(BoundedStep::Pass)
    }

    /// The offset up to which everything from `seq` on is passed over, if it is.
    pub(super) fn passes_to(&self, seq: u64, bounds: &Bounds) -> Option<u64> {
        let kept = bounds.next_kept(seq);
        (kept > seq).then(|| self.log.offset_of(kept))
    }

    pub(super) fn take(&mut self, step: BoundedStep) -> Step {
        match step {
            BoundedStep::Done => Step::Done,
            BoundedStep::Wait => Step::AtTail,
            BoundedStep::Pass(offset) => {
                self.offset = offset.max(self.offset);
                Step::More
            }
        }
    }
}
