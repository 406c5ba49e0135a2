//! Fills the frame logs of one segment in one encoding.
//!
//! Owns the frames that are encoded and not yet shown, and the decision to begin another part. Used by the feed's writer for
//! the tail and by [`super::build`] for everything else; never decides when frames become visible. Tested through
//! [`crate::cursor`].

use super::frame_log::{FrameLog, FramePlace, Phase, Published};
use super::{Encoder, EncodingId};
use crate::event::Event;
use crate::storage::CacheWrite;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// The one writer of a segment's frames in one encoding.
pub(crate) struct FrameWriter {
    pub(crate) encoding: EncodingId,
    encoder: Arc<dyn Encoder>,
    place: FramePlace,
    part: Part,
    /// A part that has been begun with what is pending, to be linked when that is shown.
    next_part: Option<Part>,
    frames: Vec<u8>,
    /// Seq and end of each pending frame; the end counts from the first pending byte.
    pending: Vec<(u64, u64)>,
    /// Seq of the event encoded last, or of the last one before the segment.
    previous_seq: Option<u64>,
    given_up: bool,
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter")
            .field("encoding", &self.encoding)
            .field("place", &self.place.dir)
            .finish_non_exhaustive()
    }
}

struct Part {
    log: Arc<FrameLog>,
    file: Arc<File>,
    end: u64,
    count: u64,
    capacity: u64,
}

impl Part {
    fn begin(place: &FramePlace, base_seq: u64, bytes: u64) -> io::Result<Part> {
        let (log, file, capacity) = FrameLog::create(place, base_seq, bytes)?;
        Ok(Part { log: Arc::new(log), file: Arc::new(file), end: 0, count: 0, capacity })
    }
}

impl FrameWriter {
    /// Begins the first part.
    pub(crate) fn begin(encoding: EncodingId, encoder: Arc<dyn Encoder>, place: FramePlace) -> io::Result<FrameWriter> {
        let part = Part::begin(&place, place.header.base_seq, 0)?;
        Ok(FrameWriter {
            encoding,
            encoder,
            previous_seq: place.previous_seq,
            place,
            part,
            next_part: None,
            frames: Vec::new(),
            pending: Vec::new(),
            given_up: false,
        })
    }

    /// The part that is being written.
    pub(crate) fn log(&self) -> &Arc<FrameLog> {
        &self.part.log
    }

    /// Where the frames go.
    pub(crate) fn place(&self) -> &FramePlace {
        &self.place
    }

    /// Begins the frames of the next segment in the same encoding.
    pub(crate) fn begin_next(&self, place: FramePlace) -> io::Result<FrameWriter> {
        FrameWriter::begin(self.encoding, Arc::clone(&self.encoder), place)
    }

    /// Nothing more will be written: frames are missing from here on.
    pub(crate) fn give_up(&mut self) {
        self.given_up = true;
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up
    }

    /// Encodes an event; it stays pending.
    pub(crate) fn encode(&mut self, event: &Event<'_>) {
        if self.frames.capacity() == 0 {
            self.frames = self.place.context.spare.take();
        }
        self.encoder.encode(event, self.previous_seq, &mut self.frames);
        self.previous_seq = Some(event.seq);
        self.pending.push((event.seq, self.frames.len() as u64));
    }

    /// Bytes that are pending.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.frames.len() + self.pending.len() * 16
    }

    /// Hands out the writes that bring what is pending to the disk, beginning another part when this one is full.
    /// [`FrameWriter::publish`] is to follow once they are done.
    pub(crate) fn stage(&mut self, writes: &mut Vec<CacheWrite>) -> io::Result<()> {
        let Some(&(_, bytes)) = self.pending.last() else { return Ok(()) };
        if self.part.end + bytes > self.part.capacity {
            self.next_part = Some(Part::begin(&self.place, self.part.log.resume_seq(), bytes)?);
        }
        let part = self.next_part.as_mut().unwrap_or(&mut self.part);
        let mut table = self.place.context.spare.take();
        for (seq, end) in self.pending.drain(..) {
            table.extend_from_slice(&seq.to_le_bytes());
            table.extend_from_slice(&(part.end + end).to_le_bytes());
        }
        let frames_at = part.log.frames_offset() + part.end;
        part.end += bytes;
        let table_at = part.count * 16;
        part.count += table.len() as u64 / 16;
        let frames = std::mem::take(&mut self.frames);
        writes.push(CacheWrite { file: Arc::clone(&part.file), bytes: table, offset: table_at });
        writes.push(CacheWrite { file: Arc::clone(&part.file), bytes: frames, offset: frames_at });
        Ok(())
    }

    /// Shows what was staged. Returns the part that was begun, if one was: it must be made known before cursors get there.
    pub(crate) fn publish(&mut self) -> Option<Arc<FrameLog>> {
        let begun = self.next_part.take().map(|next| std::mem::replace(&mut self.part, next));
        self.part.log.publish(Published { committed: self.part.end, count: self.part.count });
        let full = begun?;
        full.log.link(&self.part.log);
        full.log.end_with(Phase::Finished);
        Some(Arc::clone(&self.part.log))
    }
}
