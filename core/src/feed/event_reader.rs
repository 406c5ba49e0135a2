//! Reads committed events back from the mapped canonical log.
//!
//! Owns the walk from segment to segment; the checks of each record are [`crate::segment::reader`]'s. Tested in `tests/`.

use super::FeedCore;
use crate::error::ReadError;
use crate::event::Event;
use crate::segment::Segment;
use crate::segment::format::HEADER_BYTES;
use crate::segment::reader::{RecordPlace, SegmentReader, place_of};
use std::sync::Arc;

/// Reads committed events without copying them; see [`crate::Feed::read`]. An event is borrowed until the next is asked for.
#[derive(Debug)]
pub struct EventReader {
    core: Arc<FeedCore>,
    segment: Option<Arc<Segment>>,
    /// Where the next event lies; `None` until the first is asked for.
    place: Option<RecordPlace>,
    from_seq: u64,
}

impl EventReader {
    pub(super) fn new(core: Arc<FeedCore>, from_seq: u64) -> EventReader {
        EventReader { segment: core.segments.find(from_seq), core, place: None, from_seq }
    }

    /// The next committed event. `None` at the tail, where it may be asked again later; there is no event to skip to after an
    /// error, which is returned again. When retention overtakes the reader, it goes on with the oldest event there is.
    #[allow(clippy::should_implement_trait)] // The event borrows from the reader, which `Iterator` cannot express.
    pub fn next(&mut self) -> Option<Result<Event<'_>, ReadError>> {
        self.next_with_previous().map(|next| next.map(|(event, _)| event))
    }

    /// The same, with the seq of the event before it in the feed, retained or not, though within a compacted segment it
    /// is one that is left: what encoders are told. `None` for the feed's first event.
    pub fn next_with_previous(&mut self) -> Option<Result<(Event<'_>, Option<u64>), ReadError>> {
        if let Err(error) = self.settle() {
            return Some(Err(error));
        }
        let segment = self.segment.as_deref()?;
        let place = self.place.as_mut()?;
        let mut reader = SegmentReader::new(segment, place.offset);
        let event = match reader.next().transpose()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        let previous_seq = place.previous_seq.or_else(|| self.core.seq_before(segment));
        *place = RecordPlace { offset: reader.offset(), previous_seq: Some(event.seq) };
        Some(Ok((event, previous_seq)))
    }

    /// Stands the reader on a segment that has more to read, if there is one.
    fn settle(&mut self) -> Result<(), ReadError> {
        if self.segment.is_none() {
            self.segment = self.core.segments.find(self.from_seq);
        }
        while let Some(segment) = &self.segment {
            let place = match self.place {
                Some(place) => place,
                None => place_of(segment, self.from_seq)?,
            };
            self.place = Some(place);
            // The seal is looked at before the end: what is sealed does not grow afterwards.
            if !segment.is_sealed() || place.offset < segment.committed() {
                return Ok(());
            }
            let next_seq = segment.last_seq() + 1;
            // It may begin before that seq, where compaction has made one segment of several.
            let is_next = |next: &Arc<Segment>| next.header.base_seq >= next_seq || next.last_seq() >= next_seq;
            let Some(next) = self.core.segments.find(next_seq).filter(is_next) else { return Ok(()) };
            self.from_seq = self.from_seq.max(next_seq);
            let start = RecordPlace { offset: HEADER_BYTES, previous_seq: None };
            self.place = (next.header.base_seq >= self.from_seq).then_some(start);
            self.segment = Some(next);
        }
        Ok(())
    }
}
