//! Finds events by their number from the end and by their time.
//!
//! Owns the search in indexes, and in the records where an index has gaps; it reads no body where an index will do. Blocks on
//! the disk: not for a shard. Tested in `tests/seek.rs`.

use super::Feed;
use crate::error::ReadError;
use crate::segment::Segment;
use crate::segment::format::HEADER_BYTES;
use crate::segment::reader::SegmentReader;
use std::sync::Arc;

impl Feed {
    /// Seq of the first of the last `count` retained events; of the oldest when there are fewer. `None` when there is none.
    pub fn seq_of_last(&self, count: u64) -> Result<Option<u64>, ReadError> {
        let segments = self.segments();
        let mut left = count.max(1);
        let mut oldest = None;
        for segment in segments.iter().rev() {
            let held = segment.count();
            if held >= left {
                return nth(segment, held - left);
            }
            if held > 0 {
                oldest = Some(segment);
            }
            left -= held;
        }
        oldest.map_or(Ok(None), |segment| nth(segment, 0))
    }

    /// Seq of the first retained event whose time is `time_us` or later. Times are the publishers' and need not increase.
    pub fn first_seq_since(&self, time_us: u64) -> Result<Option<u64>, ReadError> {
        for segment in self.segments() {
            let mut found = None;
            each(&segment, |seq, time| {
                found = found.or((time >= time_us).then_some(seq));
                found.is_none()
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Seq of the last retained event whose time is `time_us` or earlier.
    pub fn last_seq_until(&self, time_us: u64) -> Result<Option<u64>, ReadError> {
        for segment in self.segments().iter().rev() {
            let mut found = None;
            each(segment, |seq, time| {
                found = (time <= time_us).then_some(seq).or(found);
                true
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Seq of the event before the oldest retained one, if there ever was one.
    pub fn seq_before_first(&self) -> Option<u64> {
        self.core.segments.oldest().and_then(|oldest| self.core.seq_before(&oldest))
    }

    fn segments(&self) -> Vec<Arc<Segment>> {
        self.core.segments.all()
    }
}

/// Seq of the event with this ordinal in its segment.
fn nth(segment: &Segment, ordinal: u64) -> Result<Option<u64>, ReadError> {
    let (mut at, mut found) = (0, None);
    if let Some(index) = segment.index_or_build().filter(|index| index.count() >= segment.count()) {
        return Ok(Some(index.entry(ordinal).seq));
    }
    each(segment, |seq, _| {
        found = Some(seq);
        at += 1;
        at <= ordinal
    })?;
    Ok(found)
}

/// Hands seq and time of every committed event to `visit` until that says false.
fn each(segment: &Segment, mut visit: impl FnMut(u64, u64) -> bool) -> Result<(), ReadError> {
    let held = segment.count();
    if let Some(index) = segment.index_or_build().filter(|index| index.count() >= held) {
        for ordinal in 0..held {
            let entry = index.entry(ordinal);
            if !visit(entry.seq, entry.time_us) {
                break;
            }
        }
        return Ok(());
    }
    let mut reader = SegmentReader::new(segment, HEADER_BYTES);
    while let Some(event) = reader.next()? {
        if !visit(event.seq, event.time_us) {
            break;
        }
    }
    Ok(())
}
