//! A frame log: the mapped file that cursors read. One writer appends, any number of cursors read without locks.
//!
//! Owns the file's layout, the atomics that publish it and the link to the frame log that comes next. The file is sparse, as
//! long as it can ever get, and mapped whole: first a table with 16 bytes for each event (seq, offset of the frame's end), then
//! the frames. It is written through its descriptor, never through the mapping, so that a full disk is an error and not a
//! signal. It is never truncated; when the last user is gone it is unlinked. Tested through [`crate::cursor`].

use super::FrameContext;
use super::residency::Residency;
use crate::feed::position::Position;
use crate::janitor::Garbage;
use crate::segment::format::{HEADER_BYTES, RECORD_HEADER_BYTES, SegmentHeader, get_u64};
use crate::sys::SharedMap;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

const ENTRY_BYTES: u64 = 16;

/// Frames are given this many times the room of their segment before another part is begun.
const EXPANSION: u64 = 8;

/// Whether more frames will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The tail: more may come.
    Live = 0,
    /// Complete; the link says what comes next, if it is known.
    Finished = 1,
    /// Given up before it was complete. What it holds is right; the rest is to be had from another frame log.
    Detached = 2,
}

/// What of a frame log may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// Bytes of frames.
    pub(crate) committed: u64,
    /// Number of frames.
    pub(crate) count: u64,
}

/// Room for the events of the largest segment: 1 GiB of records of at least 40 bytes.
const COUNT_BITS: u32 = 26;

/// Bytes of frames that can be published: 256 GiB.
const COMMITTED_MAX: u64 = u64::MAX >> COUNT_BITS;

impl Published {
    fn pack(self) -> u64 {
        assert!(self.count < 1 << COUNT_BITS && self.committed <= COMMITTED_MAX, "a frame log stays within its limits");
        self.committed << COUNT_BITS | self.count
    }

    fn unpack(packed: u64) -> Published {
        Published { committed: packed >> COUNT_BITS, count: packed & ((1 << COUNT_BITS) - 1) }
    }
}

/// The frames of a segment in one encoding, or a part of them.
#[derive(Debug)]
pub(crate) struct FrameLog {
    /// What may be read, as one number so that both halves always belong together: see [`Published`].
    published: AtomicU64,
    phase: AtomicU8,
    /// Seq that the first frame has at least.
    base_seq: u64,
    /// Seq that what comes next has at least, where that is more than the last frame says: the last events of a segment may have
    /// been dropped. Set before the phase.
    next_base_seq: AtomicU64,
    frames_offset: u64,
    map: Option<SharedMap>,
    next: OnceLock<Weak<FrameLog>>,
    position: Arc<Position>,
    /// When a cursor was last seen to hold it, in milliseconds since the Unix epoch.
    used_ms: AtomicU64,
    disk_bytes: AtomicU64,
    residency: Residency,
    path: PathBuf,
    context: Arc<FrameContext>,
}

impl FrameLog {
    /// Creates the file of an empty frame log with room for `frame_bytes_min` bytes or more, and says how many.
    pub(crate) fn create(place: &FramePlace, base_seq: u64, frame_bytes_min: u64) -> io::Result<(FrameLog, File, u64)> {
        let capacity = (place.header.capacity * EXPANSION).max(frame_bytes_min);
        let events_max = (place.header.capacity - HEADER_BYTES) / RECORD_HEADER_BYTES as u64;
        let frames_offset = (events_max * ENTRY_BYTES).next_multiple_of(4096);
        let path = place.unique_path();
        place.create_dir()?;
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        file.set_len(frames_offset + capacity)?;
        let log = FrameLog {
            published: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Live as u8),
            base_seq,
            next_base_seq: AtomicU64::new(0),
            frames_offset,
            map: Some(SharedMap::new(&file, frames_offset + capacity)?),
            next: OnceLock::new(),
            position: Arc::clone(&place.position),
            used_ms: AtomicU64::new(0),
            disk_bytes: AtomicU64::new(0),
            residency: Residency::new(capacity),
            path,
            context: Arc::clone(&place.context),
        };
        Ok((log, file, capacity))
    }

    /// What may be read now.
    pub(crate) fn published(&self) -> Published {
        Published::unpack(self.published.load(Ordering::Acquire))
    }

    /// Bytes of frames that may be read.
    pub(crate) fn committed(&self) -> u64 {
        self.published().committed
    }

    /// Where frames start in the file.
    pub(crate) fn frames_offset(&self) -> u64 {
        self.frames_offset
    }

    /// Bytes of frames between two offsets, both committed.
    pub(crate) fn bytes(&self, start: u64, end: u64) -> &[u8] {
        self.map().bytes(self.frames_offset + start..self.frames_offset + end)
    }

    /// Whether bytes of frames, both ends committed, are in memory; at the tail they are, and elsewhere they are for as long as a tick
    /// once they were.
    pub(crate) fn resident(&self, start: u64, end: u64) -> bool {
        if self.phase() == Phase::Live {
            return true;
        }
        let ask =
            |range: Range<u64>| self.map().resident(self.frames_offset + range.start..self.frames_offset + range.end);
        self.residency.holds(start..end, self.committed(), self.context.ticks.load(Ordering::Relaxed), ask)
    }

    pub(crate) fn populate(&self, start: u64, end: u64) -> io::Result<()> {
        self.map().populate(self.frames_offset + start..self.frames_offset + end)
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Live,
            1 => Phase::Finished,
            _ => Phase::Detached,
        }
    }

    /// Seq of a frame.
    pub(crate) fn seq(&self, ordinal: u64) -> u64 {
        get_u64(self.entry(ordinal), 0)
    }

    /// Offset of the end of a frame.
    pub(crate) fn end(&self, ordinal: u64) -> u64 {
        get_u64(self.entry(ordinal), 8)
    }

    fn entry(&self, ordinal: u64) -> &[u8] {
        self.map().bytes(ordinal * ENTRY_BYTES..(ordinal + 1) * ENTRY_BYTES)
    }

    /// Where the frame of the first event with a seq of at least `seq` starts; the end when there is none yet.
    pub(crate) fn offset_of(&self, seq: u64) -> u64 {
        let (mut low, mut high) = (0, self.published().count);
        while low < high {
            let middle = low.midpoint(high);
            if self.seq(middle) < seq { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).map_or(0, |ordinal| self.end(ordinal))
    }

    /// The seq that comes after the first `count` frames, which are all there are.
    pub(crate) fn seq_after(&self, count: u64) -> u64 {
        let after_last = count.checked_sub(1).map_or(self.base_seq, |ordinal| self.seq(ordinal) + 1);
        after_last.max(self.next_base_seq.load(Ordering::Acquire))
    }

    /// The seq that comes after the last frame.
    pub(crate) fn resume_seq(&self) -> u64 {
        self.seq_after(self.published().count)
    }

    /// Oldest seq of the feed's window, and whether what comes after this log has left it.
    pub(crate) fn successor_is_gone(&self) -> bool {
        self.is_outside_window(self.resume_seq())
    }

    /// Whether events of this seq are no longer retained.
    pub(crate) fn is_outside_window(&self, seq: u64) -> bool {
        self.position.oldest_base() > seq
    }

    /// The frame log that comes next, if it is linked and still there.
    pub(crate) fn next(&self) -> Option<Arc<FrameLog>> {
        self.next.get().and_then(Weak::upgrade)
    }

    /// Links what comes next. Only the first link counts; when its target is gone, cursors ask the feed.
    pub(crate) fn link(&self, next: &Arc<FrameLog>) {
        self.next.set(Arc::downgrade(next)).ok();
    }

    /// Shows frames that have been written. Called by the one writer.
    pub(crate) fn publish(&self, new: Published) {
        let old = self.published();
        let added = new.committed - old.committed + (new.count - old.count) * ENTRY_BYTES;
        self.disk_bytes.fetch_add(added, Ordering::Relaxed);
        self.context.bytes.fetch_add(added, Ordering::Relaxed);
        self.published.store(new.pack(), Ordering::Release);
    }

    /// No more frames will come; see [`Phase`]. Called by the one writer.
    pub(crate) fn end_with(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// These are the last frames of a segment that the one with this base seq comes after.
    pub(crate) fn finish_before(&self, next_base_seq: u64) {
        self.next_base_seq.store(next_base_seq, Ordering::Release);
        self.end_with(Phase::Finished);
    }

    /// Bytes it takes up on the disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn used_ms(&self) -> u64 {
        self.used_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, now_ms: u64) {
        self.used_ms.store(now_ms, Ordering::Relaxed);
    }

    fn map(&self) -> &SharedMap {
        self.map.as_ref().expect("the mapping is there until the frame log is dropped")
    }
}

impl Drop for FrameLog {
    fn drop(&mut self) {
        self.context.bytes.fetch_sub(self.disk_bytes(), Ordering::Relaxed);
        let garbage = Garbage { map: self.map.take(), path: Some(std::mem::take(&mut self.path)) };
        self.context.janitor.dispose(garbage);
    }
}

/// Where the frame logs of a segment in one encoding go.
#[derive(Clone, Debug)]
pub(crate) struct FramePlace {
    /// `frames/<encoding>` of the feed.
    pub(crate) dir: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Seq of the last event before the segment.
    pub(crate) previous_seq: Option<u64>,
    pub(crate) position: Arc<Position>,
    pub(crate) context: Arc<FrameContext>,
}

impl FramePlace {
    /// Makes the folder, but never that of the feed: a feed that was deleted while its frames were asked for stays away.
    fn create_dir(&self) -> io::Result<()> {
        for dir in self.dir.parent().into_iter().chain([self.dir.as_path()]) {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// A path that no other frame log of this process has or had.
    fn unique_path(&self) -> PathBuf {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("{:020}-{number}.frames", self.header.base_seq))
    }
}
