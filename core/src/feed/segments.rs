//! The list of a feed's segments.
//!
//! Owns who comes before whom; the lock is taken when a cursor or reader is made or crosses to another segment, and by the
//! feed's writer when it adds or drops one, never for a single event.

use crate::segment::Segment;
use crate::segment::format::HEADER_BYTES;
use crate::segment::reader::SegmentReader;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

/// Segments, oldest first, with contiguous seqs. Empty only when a damaged feed has no readable part.
#[derive(Debug)]
pub(crate) struct Segments {
    list: RwLock<VecDeque<Arc<Segment>>>,
}

impl Segments {
    pub(crate) fn new(list: Vec<Arc<Segment>>) -> Segments {
        Segments { list: RwLock::new(list.into()) }
    }

    /// The segment that holds `seq`, or would: the oldest one for a seq before the window, the newest for one after it.
    pub(crate) fn find(&self, seq: u64) -> Option<Arc<Segment>> {
        self.read(|list| {
            let after = list.partition_point(|segment| segment.header.base_seq <= seq);
            list.get(after.saturating_sub(1)).cloned()
        })
    }

    pub(crate) fn newest(&self) -> Option<Arc<Segment>> {
        self.read(|list| list.back().cloned())
    }

    pub(crate) fn oldest(&self) -> Option<Arc<Segment>> {
        self.read(|list| list.front().cloned())
    }

    /// The segment after the one with this base seq.
    pub(crate) fn after(&self, base_seq: u64) -> Option<Arc<Segment>> {
        self.read(|list| {
            let after = list.partition_point(|segment| segment.header.base_seq <= base_seq);
            list.get(after).cloned()
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.read(|list| list.iter().cloned().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.read(VecDeque::len)
    }

    /// Adds the newest segment; it takes the place of an empty one with the same base seq.
    pub(crate) fn push(&self, segment: Arc<Segment>) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if list.back().is_some_and(|last| last.header.base_seq == segment.header.base_seq) {
            list.pop_back();
        }
        list.push_back(segment);
    }

    /// Puts one segment in the place of several; says whether all of them are still there, side by side.
    pub(crate) fn replace(&self, old: &[Arc<Segment>], new: Arc<Segment>) -> bool {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = place_of_run(&list, old) else { return false };
        list.drain(at + 1..at + old.len());
        list[at] = new;
        true
    }

    /// Whether these are all there, side by side.
    pub(crate) fn hold(&self, run: &[Arc<Segment>]) -> bool {
        self.read(|list| place_of_run(list, run).is_some())
    }

    /// Removes the oldest segment.
    pub(crate) fn pop(&self) -> Option<Arc<Segment>> {
        self.list.write().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn read<T>(&self, look: impl FnOnce(&VecDeque<Arc<Segment>>) -> T) -> T {
        look(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn place_of_run(list: &VecDeque<Arc<Segment>>, run: &[Arc<Segment>]) -> Option<usize> {
    let first = run.first()?;
    let at = list.iter().position(|segment| Arc::ptr_eq(segment, first))?;
    let there = list.iter().skip(at).zip(run).filter(|(there, wanted)| Arc::ptr_eq(there, wanted)).count();
    (there == run.len()).then_some(at)
}

/// Where the window begins when this is the oldest segment: at its first event, or where that cannot be read at its base seq,
/// as well as after compaction, which moves no window. `None` when there never was an event in it.
pub(crate) fn window_start(segment: &Segment) -> Option<u64> {
    if segment.header.compacted {
        return Some(segment.header.base_seq);
    }
    if segment.count() == 0 {
        return None;
    }
    let first = SegmentReader::new(segment, HEADER_BYTES).next();
    Some(first.ok().flatten().map_or(segment.header.base_seq, |event| event.seq))
}
