//! Reads committed events back from the mapped canonical log.
//!
//! Owns the walk from segment to segment; the checks of each record are [`crate::segment::reader`]'s. Tested in `tests/`.

use super::FeedCore;
use crate::error::ReadError;
use crate::event::Event;
use crate::segment::Segment;
use crate::segment::format::HEADER_BYTES;
use crate::segment::reader::{SegmentReader, offset_of};
use std::sync::Arc;

/// Reads committed events without copying them; see [`crate::Feed::read`]. An event is borrowed until the next is asked for.
#[derive(Debug)]
pub struct EventReader {
    core: Arc<FeedCore>,
    segment: Option<Arc<Segment>>,
    /// `None` until the first event is asked for.
    offset: Option<u64>,
    from_seq: u64,
}

impl EventReader {
    pub(super) fn new(core: Arc<FeedCore>, from_seq: u64) -> EventReader {
        EventReader { segment: core.segments.find(from_seq), core, offset: None, from_seq }
    }

    /// The next committed event. `None` at the tail, where it may be asked again later; there is no event to skip to after an
    /// error, which is returned again. When retention overtakes the reader, it goes on with the oldest event there is.
    #[allow(clippy::should_implement_trait)] // The event borrows from the reader, which `Iterator` cannot express.
    pub fn next(&mut self) -> Option<Result<Event<'_>, ReadError>> {
        if let Err(error) = self.settle() {
            return Some(Err(error));
        }
        let segment = self.segment.as_deref()?;
        let mut reader = SegmentReader::new(segment, self.offset?);
        let event = reader.next().transpose()?;
        self.offset = Some(reader.offset());
        Some(event)
    }

    /// Stands the reader on a segment that has more to read, if there is one.
    fn settle(&mut self) -> Result<(), ReadError> {
        if self.segment.is_none() {
            self.segment = self.core.segments.find(self.from_seq);
        }
        while let Some(segment) = &self.segment {
            let offset = match self.offset {
                Some(offset) => offset,
                None => offset_of(segment, self.from_seq)?,
            };
            self.offset = Some(offset);
            // The seal is looked at before the end: what is sealed does not grow afterwards.
            if !segment.is_sealed() || offset < segment.committed() {
                return Ok(());
            }
            let Some(next) = self.core.segments.after(segment.header.base_seq) else { return Ok(()) };
            self.offset = (next.header.base_seq >= self.from_seq).then_some(HEADER_BYTES);
            self.segment = Some(next);
        }
        Ok(())
    }
}
