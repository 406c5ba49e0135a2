//! A segment: one preallocated file of the canonical log, and what is known about it in memory.
//!
//! Owns the shared view that readers have of a segment; never writes the file (that is [`crate::commit`]'s) and never
//! repairs it (that is [`recover`]'s). Files are named by their base seq; a segment's base seq is the last seq of the segment
//! before it plus one, so that a missing file is noticed. Tested through [`recover`], [`reader`] and the store's tests.

pub(crate) mod format;
pub(crate) mod index;
pub(crate) mod reader;
pub(crate) mod recover;
pub(crate) mod scan;

use crate::frames::slots::Slots;
use crate::janitor::{Garbage, Janitor};
use crate::sys::SharedMap;
use format::{HEADER_BYTES, Mark, SegmentHeader};
use index::Index;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One segment, shared by the feed's writer and all readers.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Frame logs of this segment, by encoding.
    pub(crate) slots: Slots,
    index_path: PathBuf,
    map: OnceLock<SharedMap>,
    index: OnceLock<Index>,
    committed: AtomicU64,
    count: AtomicU64,
    last_seq: AtomicU64,
    appended_ms: AtomicU64,
    sealed: AtomicBool,
    marked_end: u64,
    janitor: Janitor,
}

impl Segment {
    /// The view of a segment of `feed_dir` that holds what `mark` says.
    pub(crate) fn new(feed_dir: &Path, header: SegmentHeader, mark: Mark, janitor: Janitor) -> Segment {
        Segment {
            path: segment_path(feed_dir, header.base_seq),
            header,
            slots: Slots::default(),
            index_path: index_path(feed_dir, header.base_seq),
            map: OnceLock::new(),
            index: OnceLock::new(),
            committed: AtomicU64::new(mark.data_end),
            count: AtomicU64::new(mark.count),
            last_seq: AtomicU64::new(mark.last_seq),
            appended_ms: AtomicU64::new(mark.appended_ms),
            sealed: AtomicBool::new(mark.sealed),
            marked_end: 0,
            janitor,
        }
    }

    /// The same, with what the mark in its file said when it was opened.
    pub(crate) fn marked(mut self, mark: Option<&Mark>) -> Segment {
        self.marked_end = mark.map_or(0, |mark| mark.data_end);
        self
    }

    /// The same, with its file mapped already, whatever that is called now.
    pub(crate) fn mapped(self, map: SharedMap) -> Segment {
        self.map.set(map).ok();
        self
    }

    /// End of what the mark in the file claimed when the segment was opened; 0 without a mark.
    pub(crate) fn marked_end(&self) -> u64 {
        self.marked_end
    }

    /// Offset of the end of what readers may see.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Bytes of the events readers may see.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.committed() - HEADER_BYTES
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Seq of the last event, dropped by compaction or not; base seq - 1 when there never was one.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Acquire)
    }

    pub(crate) fn appended_ms(&self) -> u64 {
        self.appended_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// What a mark written now would say.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            data_end: self.committed(),
            count: self.count(),
            last_seq: self.last_seq(),
            appended_ms: self.appended_ms(),
            sealed: self.is_sealed(),
        }
    }

    /// Shows everything up to `mark` to readers. Called by the feed's writer alone.
    pub(crate) fn publish(&self, mark: Mark) {
        self.count.store(mark.count, Ordering::Release);
        self.last_seq.store(mark.last_seq, Ordering::Release);
        self.appended_ms.store(mark.appended_ms, Ordering::Relaxed);
        self.committed.store(mark.data_end, Ordering::Release);
    }

    /// Nothing will be appended any more. Called by the feed's writer alone, after the last [`Segment::publish`].
    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// The mapped file; opened by the first who asks.
    pub(crate) fn map(&self) -> io::Result<&SharedMap> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let file = File::open(&self.path)?;
        let map = SharedMap::new(&file, self.header.capacity)?;
        Ok(self.map.get_or_init(|| map))
    }

    /// The index as far as it exists.
    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.get()
    }

    /// The index, loaded or rebuilt when the segment is sealed. Blocks on the disk.
    pub(crate) fn index_or_build(&self) -> Option<&Index> {
        if self.index.get().is_none() && self.is_sealed() {
            let index = Index::load(&self.index_path, self).or_else(|| index::build(self))?;
            return Some(self.index.get_or_init(|| index));
        }
        self.index.get()
    }

    /// Creates the index of a segment that is being written.
    pub(crate) fn create_index(&self) -> io::Result<&Index> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = Index::create(&self.index_path, &self.header)?;
        Ok(self.index.get_or_init(|| index))
    }

    pub(crate) fn index_path(&self) -> &Path {
        &self.index_path
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let maps = [self.map.take(), self.index.take().map(Index::into_map)];
        for map in maps.into_iter().flatten() {
            self.janitor.dispose(Garbage { map: Some(map), path: None });
        }
    }
}

/// The file of a segment while it is being made; removed at the next opening if it is left behind.
pub(crate) fn temporary_path(feed_dir: &Path, name: &str) -> PathBuf {
    segments_dir(feed_dir).join(format!("{name}.tmp"))
}

/// Where the segments of a feed are.
pub(crate) fn segments_dir(feed_dir: &Path) -> PathBuf {
    feed_dir.join("segments")
}

/// The file of the segment with this base seq.
pub(crate) fn segment_path(feed_dir: &Path, base_seq: u64) -> PathBuf {
    segments_dir(feed_dir).join(format!("{base_seq:020}.seg"))
}

fn index_path(feed_dir: &Path, base_seq: u64) -> PathBuf {
    feed_dir.join("index").join(format!("{base_seq:020}.idx"))
}

/// The base seq that a segment's file name says; `None` for any other file.
pub(crate) fn base_seq_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
    digits.parse().ok()
}
