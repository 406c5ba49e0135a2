//! Brings what the journal has back into the segments, after a crash.
//!
//! Owns the order in which a crash at any point loses nothing: every record is written to its segment, the segments are synced,
//! then the journal is renamed away, durably; a crash before that finds it again, and writes the same bytes to the same places.
//! So it is done before any feed is opened. A record whose segment is gone or another's is passed over: its feed was deleted, or
//! the segment has left the window or was compacted, which both come after a sync. Damage is named and nothing is opened. Reads
//! through the standard library, and blocks. Tested in `replay_tests.rs`, with power cuts at each step, and in `tests/journal.rs`;
//! with power cuts before it in `tests/crash.rs`.

use super::log::{HEADER_OFFSETS, NAMES, UID, journal_dir, temporary_dir};
use super::redo::Redo;
use crate::error::OpenError;
use crate::segment::format::{BLOCK_BYTES, HEADER_BYTES, MARK_OFFSET, Mark, RecordHeader, SegmentHeader};
use crate::segment::scan::scan;
use crate::segment::segment_path;
use crate::storage::Disk;
use crate::sys;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// What is to be written to one segment, with the time of each group in microseconds since the Unix epoch.
type Redos<'a> = Vec<(Redo<'a>, u64)>;

/// Empties the journal of a data directory into the segments below `feeds_dir`.
pub(crate) fn replay(disk: &dyn Disk, data_dir: &Path, feeds_dir: &Path) -> Result<(), OpenError> {
    let dir = journal_dir(data_dir);
    remove(&temporary_dir(data_dir))?;
    if !dir.try_exists().map_err(|source| OpenError::Io { path: dir.clone(), source })? {
        return Ok(());
    }
    let files = [Found::read(dir.join(NAMES[0]))?, Found::read(dir.join(NAMES[1]))?];
    let mut segments: BTreeMap<PathBuf, Redos<'_>> = BTreeMap::new();
    for file in &files {
        for (redo, time_us) in file.redos()? {
            let path = segment_path(&feeds_dir.join(redo.feed_dir), redo.base_seq);
            segments.entry(path).or_default().push((redo, time_us));
        }
    }
    for (path, redos) in segments {
        redo_segment(disk, &path, &redos).map_err(|source| OpenError::Io { path, source })?;
    }
    put_away(disk, data_dir).map_err(|source| OpenError::Io { path: dir, source })?;
    remove(&temporary_dir(data_dir))
}

/// A file as it was found.
struct Found {
    path: PathBuf,
    header: SegmentHeader,
    bytes: Vec<u8>,
    /// Where its records begin.
    offsets: Vec<u64>,
}

impl Found {
    fn read(path: PathBuf) -> Result<Found, OpenError> {
        let io_error = |source| OpenError::Io { path: path.clone(), source };
        let damage = |offset, what| OpenError::Journal { file: path.clone(), offset, what };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damage(0, "the file is missing")),
            file => file.map_err(io_error)?,
        };
        let length = file.metadata().map_err(io_error)?.len();
        if length < HEADER_BYTES {
            return Err(damage(0, "the file is cut short"));
        }
        let data_end = sys::data_end(&file).map_err(io_error)?.max(HEADER_BYTES);
        let mut bytes = vec![0; data_end as usize];
        file.read_exact_at(&mut bytes, 0).map_err(io_error)?;
        let header = header_of(&bytes).ok_or_else(|| damage(0, "both headers are damaged"))?;
        if length < header.capacity {
            return Err(damage(length, "the file is cut short"));
        }
        let found = scan(&bytes, &header, None);
        if let Some((offset, what)) = found.damage {
            return Err(damage(offset, what));
        }
        Ok(Found { offsets: found.entries.iter().map(|entry| entry.offset).collect(), path, header, bytes })
    }

    fn redos(&self) -> Result<Redos<'_>, OpenError> {
        let redo_at = |offset: &u64| {
            let bytes = &self.bytes[*offset as usize..];
            let record = RecordHeader::decode(bytes, self.header.salt)?.event(bytes)?;
            Some((Redo::decode(&record)?, record.time_us))
        };
        let what = "a record says nothing that could be done";
        let damage = |offset: &u64| OpenError::Journal { file: self.path.clone(), offset: *offset, what };
        self.offsets.iter().map(|offset| redo_at(offset).ok_or_else(|| damage(offset))).collect()
    }
}

/// The newer of the two headers, or the one that is whole.
fn header_of(bytes: &[u8]) -> Option<SegmentHeader> {
    let headers = HEADER_OFFSETS.into_iter().filter_map(|offset| {
        let block = bytes.get(offset as usize..)?.first_chunk()?;
        SegmentHeader::decode(block).filter(|header| header.feed_uid == UID)
    });
    headers.max_by_key(|header| header.base_seq)
}

/// Writes what belongs to a segment, and syncs it.
fn redo_segment(disk: &dyn Disk, path: &Path, redos: &Redos<'_>) -> io::Result<()> {
    let file = match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let Some(header) = read_block(&file, 0)?.and_then(|block| SegmentHeader::decode(&block)) else { return Ok(()) };
    let marked_end = read_block(&file, MARK_OFFSET)?.and_then(|block| Mark::decode(&block, header.salt));
    let marked_end = marked_end.map_or(0, |mark| mark.data_end);
    let is_missing = |redo: &Redo<'_>| {
        let end = redo.offset + redo.bytes.len() as u64;
        let belongs = (redo.feed_uid, redo.salt) == (header.feed_uid, header.salt);
        belongs && end > marked_end && (HEADER_BYTES..=header.capacity).contains(&end)
    };
    let missing: Vec<_> = redos.iter().filter(|(redo, _)| is_missing(redo)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let written = disk.open(path)?;
    let mut modified = file.metadata()?.modified()?;
    for (redo, time_us) in missing {
        written.write_at(redo.bytes, redo.offset)?;
        modified = modified.max(UNIX_EPOCH + Duration::from_micros(*time_us));
    }
    // Retention takes it for the time of the last append.
    file.set_modified(modified)?;
    file.sync_all()?;
    written.sync()
}

fn read_block(file: &File, offset: u64) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
    let mut block = [0; BLOCK_BYTES];
    match file.read_exact_at(&mut block, offset) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(block)),
    }
}

/// From here on the journal is not read again.
fn put_away(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    disk.rename(&journal_dir(data_dir), &temporary_dir(data_dir))?;
    disk.sync_dir(data_dir)
}

fn remove(dir: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(OpenError::Io { path: dir.to_owned(), source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
