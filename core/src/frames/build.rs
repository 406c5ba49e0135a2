//! Builds the frames of a segment from its events, in the background.
//!
//! Owns the catching up with a segment that is still being written: the background thread encodes what is committed, then hands
//! the build to the feed's writer, which adds the rest between two commits and goes on from there. So the change from built to
//! live can neither lose nor repeat an event. Each (segment, encoding) is built once however many wait: see [`super::slots`].
//! Tested in `tests/cursors.rs`.

use super::EncodingId;
use super::slots::Parts;
use super::writer::FrameWriter;
use crate::commit::queue::Command;
use crate::feed::FeedCore;
use crate::segment::Segment;
use crate::segment::format::HEADER_BYTES;
use crate::segment::reader::SegmentReader;
use crate::storage::CacheWrite;
use std::sync::{Arc, Weak};

/// Frames are written to the disk in pieces of about this size.
const FLUSH_BYTES: usize = 256 << 10;

/// A build under way.
#[derive(Debug)]
pub(crate) struct Build {
    /// Weak, because a build may wait in the queue of the feed itself.
    core: Weak<FeedCore>,
    segment: Arc<Segment>,
    encoding: EncodingId,
    /// Offset of the first record that is not encoded.
    offset: u64,
    writer: Option<FrameWriter>,
    parts: Parts,
    /// How often it has been handed to the feed's writer.
    handed_over: u32,
    /// Set once somebody has been told how it ended.
    settled: bool,
}

impl Build {
    pub(crate) fn new(core: &Arc<FeedCore>, segment: Arc<Segment>, encoding: EncodingId) -> Build {
        let core = Arc::downgrade(core);
        Build {
            core,
            segment,
            encoding,
            offset: HEADER_BYTES,
            writer: None,
            parts: Vec::new(),
            handed_over: 0,
            settled: false,
        }
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    pub(crate) fn handed_over(&self) -> u32 {
        self.handed_over
    }

    /// Committed bytes that are not encoded yet.
    pub(crate) fn lag_bytes(&self) -> u64 {
        self.segment.committed() - self.offset
    }

    /// Encodes what there is; then finishes, or hands over to the feed's writer. Runs on the background thread.
    pub(crate) fn run(mut self: Box<Self>) {
        let Some(core) = self.core.upgrade() else { return };
        let caught_up = self.catch_up(&core);
        let next = core.segments.after(self.segment.header.base_seq);
        match (caught_up, next) {
            (Err(reason), _) => self.fail(&reason),
            (Ok(()), Some(next)) if self.segment.is_sealed() && self.lag_bytes() == 0 => {
                // Whoever waits may close the store at once, which needs every hold on the feed to be gone.
                drop(core);
                self.finish(&next);
            }
            (Ok(()), _) => self.hand_over(core),
        }
    }

    /// The feed's writer goes on: it alone knows what comes next. Without a writer nothing does.
    fn hand_over(mut self: Box<Self>, core: Arc<FeedCore>) {
        self.handed_over += 1;
        let refused = core.queue.push(Command::Adopt(self));
        drop(core);
        if let Some(Command::Adopt(mut build)) = refused {
            build.settle();
        }
    }

    /// Encodes and shows everything committed so far.
    pub(crate) fn catch_up(&mut self, core: &FeedCore) -> Result<(), String> {
        let segment = Arc::clone(&self.segment);
        let mut reader = SegmentReader::new(&segment, self.offset);
        let mut writer = self.take_writer(core)?;
        while let Some(event) = reader.next().map_err(|error| error.to_string())? {
            writer.encode(&event);
            if writer.pending_bytes() >= FLUSH_BYTES {
                self.flush(&mut writer)?;
            }
        }
        self.flush(&mut writer)?;
        self.offset = reader.offset();
        self.writer = Some(writer);
        Ok(())
    }

    fn take_writer(&mut self, core: &FeedCore) -> Result<FrameWriter, String> {
        if let Some(writer) = self.writer.take() {
            return Ok(writer);
        }
        let encoder = core.encoder(self.encoding).ok_or("the encoding is not registered")?;
        let place = core.frame_place(&self.segment, self.encoding).ok_or("the encoding is not registered")?;
        let writer = FrameWriter::begin(self.encoding, encoder, place)
            .map_err(|error| format!("creating a frame log: {error}"))?;
        self.parts.push(Arc::clone(writer.log()));
        Ok(writer)
    }

    fn flush(&mut self, writer: &mut FrameWriter) -> Result<(), String> {
        let mut writes = Vec::new();
        let staged = writer.stage(&mut writes);
        let written = staged.and_then(|()| writes.iter().try_for_each(CacheWrite::perform));
        writes.into_iter().for_each(|write| writer.place().context.spare.give(write.bytes));
        written.map_err(|error| format!("writing {}: {error}", writer.place().dir.display()))?;
        self.parts.extend(writer.publish());
        Ok(())
    }

    /// The segment is finished: ends the frame log, links it and makes it available.
    fn finish(mut self: Box<Self>, next: &Segment) {
        if let Some(last) = self.parts.last() {
            let next_base_seq = self.segment.last_seq() + 1;
            let first_of_next = next.slots.ready(self.encoding).and_then(|parts| parts.first().cloned());
            // It may have become part of one that compaction has made of several.
            if let Some(first_of_next) = first_of_next.filter(|_| next.header.base_seq == next_base_seq) {
                last.link(&first_of_next);
            }
            last.finish_before(next_base_seq);
        }
        self.settle();
    }

    /// The feed's writer goes on from here.
    pub(crate) fn adopt(mut self: Box<Self>) -> Option<FrameWriter> {
        let writer = self.writer.take();
        self.settle();
        writer
    }

    fn settle(&mut self) {
        self.settled = true;
        self.segment.slots.fill(self.encoding, std::mem::take(&mut self.parts));
    }

    pub(crate) fn fail(mut self: Box<Self>, reason: &str) {
        self.settled = true;
        self.segment.slots.clear(self.encoding, reason);
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        if !self.settled {
            self.segment.slots.clear(self.encoding, "the build was abandoned");
        }
    }
}
