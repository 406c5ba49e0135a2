//! Reads records from a mapped segment, verifying each checksum.
//!
//! Owns the walk over committed records; never looks beyond `committed`. Tested through [`crate::Feed::read`].

use super::Segment;
use super::format::RecordHeader;
use crate::error::ReadError;
use crate::event::Event;

/// A position among the records of a segment.
pub(crate) struct SegmentReader<'a> {
    segment: &'a Segment,
    offset: u64,
}

impl<'a> SegmentReader<'a> {
    /// Starts at a record's offset.
    pub(crate) fn new(segment: &'a Segment, offset: u64) -> SegmentReader<'a> {
        SegmentReader { segment, offset }
    }

    /// Offset of the record that comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next committed event; `None` after the last. After an error the position has not moved.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'a>>, ReadError> {
        let Some((header, bytes)) = self.header()? else { return Ok(None) };
        let event = header.event(bytes).ok_or_else(|| self.damage("record payload is damaged"))?;
        self.offset += header.padded_bytes() as u64;
        Ok(Some(event))
    }

    /// Passes over the next record if its seq is below `seq`, and returns its seq then. Its payload is not looked at.
    fn skip_below(&mut self, seq: u64) -> Result<Option<u64>, ReadError> {
        let Some((header, _)) = self.header()?.filter(|(header, _)| header.seq < seq) else { return Ok(None) };
        self.offset += header.padded_bytes() as u64;
        Ok(Some(header.seq))
    }

    /// The header of the next record, and the bytes that begin with it.
    fn header(&self) -> Result<Option<(RecordHeader, &'a [u8])>, ReadError> {
        let committed = self.segment.committed();
        if self.offset >= committed {
            return Ok(None);
        }
        let map = self.segment.map().map_err(|_| self.damage("the file cannot be opened"))?;
        let bytes = map.bytes(self.offset..committed);
        let header = RecordHeader::decode(bytes, self.segment.header.salt);
        Ok(Some((header.ok_or_else(|| self.damage("record header is damaged"))?, bytes)))
    }

    fn damage(&self, what: &'static str) -> ReadError {
        ReadError { file: self.segment.path.clone(), offset: self.offset, what }
    }
}

/// Where a record lies, and the seq of the one before it in its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordPlace {
    pub(crate) offset: u64,
    pub(crate) previous_seq: Option<u64>,
}

/// The place of the first committed record of `segment` with a seq of at least `seq`; the end when there is none. May block on
/// the disk.
pub(crate) fn place_of(segment: &Segment, seq: u64) -> Result<RecordPlace, ReadError> {
    let index = segment.index_or_build();
    // From the record before on, so that its seq is seen.
    let start = index.map_or(super::format::HEADER_BYTES, |index| index.offset_before(seq.saturating_sub(1)));
    let mut reader = SegmentReader::new(segment, start);
    let mut previous_seq = None;
    while let Some(passed) = reader.skip_below(seq)? {
        previous_seq = Some(passed);
    }
    Ok(RecordPlace { offset: reader.offset(), previous_seq })
}
