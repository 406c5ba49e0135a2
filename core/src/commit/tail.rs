//! The segment that a feed is writing: its file, where the next record goes, and how it gives way to the next segment.
//!
//! Owns the order of storage steps in which a crash at any point loses nothing that was acknowledged. The new segment is made
//! under a temporary name with its header durable, the old one is sealed, then the new one gets its name and the directory is
//! synced; so a segment file always has a whole header, and all but the newest are sealed. Everything here blocks and runs in
//! [`crate::storage::Storage::run`]. Tested with simulated power cuts in `tests/crash.rs`.

use crate::segment::format::{HEADER_BYTES, MARK_OFFSET, Mark, SegmentHeader};
use crate::segment::{Segment, segment_path, segments_dir, temporary_path};
use crate::storage::{Disk, DiskFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The segment being written.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) segment: Arc<Segment>,
    /// Opened by the first write.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
    /// Where the next record goes; everything before is written.
    pub(crate) end: u64,
    /// Everything before this offset is synced in this file.
    pub(crate) synced: u64,
    /// Everything before this offset is synced, or in the journal: a power cut does not take it.
    pub(crate) durable: u64,
}

impl Tail {
    /// A segment as recovery left it: all of it is on the disk.
    pub(crate) fn recovered(segment: Arc<Segment>) -> Tail {
        let end = segment.committed();
        Tail { segment, file: None, end, synced: end, durable: end }
    }

    /// The segment that [`succeed`] has created.
    pub(crate) fn begun(segment: Arc<Segment>, file: Arc<dyn DiskFile>) -> Tail {
        Tail { segment, file: Some(file), end: HEADER_BYTES, synced: HEADER_BYTES, durable: HEADER_BYTES }
    }

    /// Bytes that still fit.
    pub(crate) fn room(&self) -> u64 {
        if self.segment.is_sealed() { 0 } else { self.segment.header.capacity - self.end }
    }
}

/// Opens the file of a segment.
pub(crate) fn open(disk: &dyn Disk, file: Option<Arc<dyn DiskFile>>, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    file.map_or_else(|| disk.open(path), Ok)
}

/// Writes and syncs a mark.
pub(crate) fn write_mark(file: &dyn DiskFile, salt: u32, mark: &Mark) -> io::Result<()> {
    file.write_at(&mark.encode(salt), MARK_OFFSET)?;
    file.sync()
}

/// Creates the segment after `previous`, which gets sealed if it holds anything and replaced otherwise. What `previous` holds
/// must be synced.
pub(crate) fn succeed(
    disk: &dyn Disk,
    feed_dir: &Path,
    previous: &Sealing,
    header: &SegmentHeader,
) -> Result<Arc<dyn DiskFile>, SucceedError> {
    let temporary = temporary_path(feed_dir, "next");
    let file = create_segment(disk, &temporary, header).map_err(SucceedError::Create)?;
    if let Some(mark) = &previous.mark {
        let old = open(disk, previous.file.clone(), &previous.path).map_err(SucceedError::Seal)?;
        write_mark(&*old, previous.salt, mark).map_err(SucceedError::Seal)?;
    }
    disk.rename(&temporary, &segment_path(feed_dir, header.base_seq)).map_err(SucceedError::Seal)?;
    disk.sync_dir(&segments_dir(feed_dir)).map_err(SucceedError::Seal)?;
    Ok(file)
}

/// Which step of [`succeed`] failed.
#[derive(Debug)]
pub(crate) enum SucceedError {
    /// Nothing has changed.
    Create(io::Error),
    /// The old segment may be sealed.
    Seal(io::Error),
}

/// How the previous segment is to be sealed.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) path: PathBuf,
    pub(crate) file: Option<Arc<dyn DiskFile>>,
    pub(crate) salt: u32,
    /// `None` when it is empty, or sealed already.
    pub(crate) mark: Option<Mark>,
}

/// Creates a segment file with its header durable, and removes what an attempt without success leaves behind.
pub(crate) fn create_segment(disk: &dyn Disk, path: &Path, header: &SegmentHeader) -> io::Result<Arc<dyn DiskFile>> {
    let created = disk.create(path, header.capacity).and_then(|file| {
        file.write_at(&header.encode(), 0)?;
        file.sync()?;
        Ok(file)
    });
    created.inspect_err(|_| {
        // It holds nothing; recovery would remove it as well.
        disk.remove_file(path).ok();
    })
}

/// How large the next segment is to be: double the last, within the limits, and large enough for `needed` bytes of records.
pub(crate) fn next_capacity(last: u64, segment_bytes_max: u64, retention_bytes: Option<u64>, needed: u64) -> u64 {
    const MIN: u64 = crate::SEGMENT_BYTES_MIN;
    let max = segment_bytes_max.min(retention_bytes.map_or(u64::MAX, |bytes| bytes / 8)).max(MIN);
    let planned = last.saturating_mul(2).clamp(MIN, max);
    planned.max((HEADER_BYTES + needed).next_multiple_of(4096))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_double_up_to_their_limit_and_fit_what_is_needed() {
        const MIB: u64 = 1 << 20;
        let cases = [
            (next_capacity(0, 64 * MIB, None, 100), MIB),
            (next_capacity(MIB, 64 * MIB, None, 100), 2 * MIB),
            (next_capacity(64 * MIB, 64 * MIB, None, 100), 64 * MIB),
            (next_capacity(16 * MIB, 64 * MIB, Some(80 * MIB), 100), 10 * MIB),
            (next_capacity(16 * MIB, 64 * MIB, Some(MIB), 100), MIB),
            (next_capacity(MIB, 2 * MIB, None, 5_000_040), 5_005_312),
        ];
        for (position, (actual, expected)) in cases.into_iter().enumerate() {
            assert_eq!(actual, expected, "case {position}");
        }
    }
}
