//! The index of a segment: a dense table of its events, to find a seq without reading the records before it.
//!
//! A cache, never trusted: a missing entry only means that more records are scanned, a sealed index whose checksum does not
//! hold is built again. Owns the file's layout (all little-endian): a header of 32 bytes (magic, salt of the segment, count,
//! crc of the entries), then 24 bytes for each event: seq, time in microseconds, offset of the record. Never touches the
//! segment. Tested below and in `tests/append.rs`.

use super::Segment;
use super::format::{HEADER_BYTES, RECORD_HEADER_BYTES, SegmentHeader, get_u32, get_u64};
use super::reader::SegmentReader;
use crate::sys::SharedMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: u32 = u32::from_le_bytes(*b"TWIX");
const INDEX_HEADER_BYTES: u64 = 32;
const ENTRY_BYTES: u64 = 24;

/// One event's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) seq: u64,
    pub(crate) time_us: u64,
    pub(crate) offset: u64,
}

impl IndexEntry {
    /// Appends the entry's bytes.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.time_us.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
    }
}

/// A mapped index. Its file is sparse and as long as the index can ever get.
#[derive(Debug)]
pub(crate) struct Index {
    map: SharedMap,
    file: Arc<File>,
    count: AtomicU64,
}

impl Index {
    /// An empty index for a segment; replaces what was there.
    pub(crate) fn create(path: &Path, segment: &SegmentHeader) -> io::Result<Index> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let events_max = (segment.capacity - HEADER_BYTES) / RECORD_HEADER_BYTES as u64;
        let bytes = INDEX_HEADER_BYTES + events_max * ENTRY_BYTES;
        file.set_len(bytes)?;
        let map = SharedMap::new(&file, bytes)?;
        Ok(Index { map, file: Arc::new(file), count: AtomicU64::new(0) })
    }

    /// The index of a sealed segment, if its file is whole and belongs to it.
    pub(crate) fn load(path: &Path, segment: &Segment) -> Option<Index> {
        let file = File::open(path).ok()?;
        let map = SharedMap::new(&file, file.metadata().ok()?.len()).ok()?;
        let count = segment.count();
        let end = INDEX_HEADER_BYTES + count * ENTRY_BYTES;
        if map.len() < end {
            return None;
        }
        let entries_crc = crc32c::crc32c(map.bytes(INDEX_HEADER_BYTES..end));
        let expected = seal_bytes(segment.header.salt, count, entries_crc);
        (map.bytes(0..INDEX_HEADER_BYTES) == expected).then(|| Index {
            map,
            file: Arc::new(file),
            count: AtomicU64::new(count),
        })
    }

    /// The file, and where the entry after the first `count` goes.
    pub(crate) fn slot(&self, count: u64) -> (Arc<File>, u64) {
        (Arc::clone(&self.file), INDEX_HEADER_BYTES + count * ENTRY_BYTES)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Makes the first `count` entries, which have been written, count.
    pub(crate) fn publish(&self, count: u64) {
        self.count.store(count, Ordering::Release);
    }

    /// What to write at offset 0 once the segment is sealed. Reads the entries.
    pub(crate) fn seal(&self, segment: &Segment) -> io::Result<()> {
        let count = self.count();
        let entries = self.map.bytes(INDEX_HEADER_BYTES..INDEX_HEADER_BYTES + count * ENTRY_BYTES);
        let header = seal_bytes(segment.header.salt, count, crc32c::crc32c(entries));
        self.file.write_all_at(&header, 0)
    }

    /// Offset of the last indexed record whose seq is at most `seq`; the first record's when there is none.
    pub(crate) fn offset_before(&self, seq: u64) -> u64 {
        let count = self.count();
        if count == 0 {
            return HEADER_BYTES;
        }
        // Seqs increase, so a record has at most as many before it as seqs lie between it and the first: exactly as many where
        // there are no gaps.
        let (mut low, mut high) = (0, count.min(seq.saturating_sub(self.entry(0).seq).saturating_add(1)));
        if self.entry(high - 1).seq <= seq {
            low = high;
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle).seq <= seq { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).map_or(HEADER_BYTES, |ordinal| self.entry(ordinal).offset)
    }

    /// The entry with this number.
    pub(crate) fn entry(&self, ordinal: u64) -> IndexEntry {
        let at = INDEX_HEADER_BYTES + ordinal * ENTRY_BYTES;
        let bytes = self.map.bytes(at..at + ENTRY_BYTES);
        IndexEntry { seq: get_u64(bytes, 0), time_us: get_u64(bytes, 8), offset: get_u64(bytes, 16) }
    }

    pub(crate) fn into_map(self) -> SharedMap {
        self.map
    }
}

/// Builds the index of a sealed segment from its records, as far as they can be read.
pub(crate) fn build(segment: &Segment) -> Option<Index> {
    let mut entries = Vec::new();
    let mut reader = SegmentReader::new(segment, HEADER_BYTES);
    loop {
        let offset = reader.offset();
        let Ok(Some(event)) = reader.next() else { break };
        IndexEntry { seq: event.seq, time_us: event.time_us, offset }.put(&mut entries);
    }
    let index = Index::create(segment.index_path(), &segment.header).ok()?;
    index.file.write_all_at(&entries, INDEX_HEADER_BYTES).ok()?;
    index.publish(entries.len() as u64 / ENTRY_BYTES);
    index.seal(segment).ok()?;
    Some(index)
}

fn seal_bytes(salt: u32, count: u64, entries_crc: u32) -> [u8; INDEX_HEADER_BYTES as usize] {
    let mut bytes = [0; INDEX_HEADER_BYTES as usize];
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[4..8].copy_from_slice(&salt.to_le_bytes());
    bytes[8..16].copy_from_slice(&count.to_le_bytes());
    bytes[16..20].copy_from_slice(&entries_crc.to_le_bytes());
    debug_assert_eq!(get_u32(&bytes, 0), MAGIC);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_record_before_is_found_whatever_the_gaps(
            first in 1_u64..50,
            gaps in prop::collection::vec(prop_oneof![3 => Just(1_u64), 1 => 2_u64..20], 0..60),
            seq in 0_u64..400,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let header =
                SegmentHeader { feed_uid: 1, base_seq: first, created_ms: 0, capacity: 1 << 20, salt: 1, compacted: false };
            let index = Index::create(&dir.path().join("index"), &header).unwrap();
            let seqs: Vec<u64> = gaps.iter().scan(first, |seq, gap| Some(std::mem::replace(seq, *seq + gap))).collect();
            let mut entries = Vec::new();
            let offset = |at: usize| HEADER_BYTES + 100 * at as u64;
            seqs.iter().enumerate().for_each(|(at, seq)| IndexEntry { seq: *seq, time_us: 0, offset: offset(at) }.put(&mut entries));
            index.file.write_all_at(&entries, INDEX_HEADER_BYTES).unwrap();
            index.publish(seqs.len() as u64);
            let expected = seqs.iter().rposition(|indexed| *indexed <= seq).map_or(HEADER_BYTES, offset);
            prop_assert_eq!(index.offset_before(seq), expected);
        }
    }
}
