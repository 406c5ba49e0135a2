//! The two files of the journal.
//!
//! Owns their bytes while the store is open: each has the layout of a segment, with the header in the mark's place as well. They
//! are made under a temporary name and written in turn. To use a file again, a header with another salt is written to both
//! places, each write synced before the next, so that one of them is whole at any time, and before the first record, so that no
//! old record is taken for a new one. What a crash leaves behind is [`super::replay`]'s. Blocks; runs in
//! [`crate::storage::Storage::run`]. Tested with simulated power cuts in `tests/crash.rs`.

use super::redo::Redo;
use crate::segment::format::{Finish, HEADER_BYTES, MARK_OFFSET, SegmentHeader};
use crate::storage::{Disk, DiskFile};
use crate::store::random_u64;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands in a header in the place of a feed's uid.
pub(super) const UID: u64 = u64::from_le_bytes(*b"journal\0");

/// The names of the files.
pub(super) const NAMES: [&str; 2] = ["0.redo", "1.redo"];

/// Where the header stands.
pub(super) const HEADER_OFFSETS: [u64; 2] = [0, MARK_OFFSET];

/// How far ahead of a batch zeros are written. The first write to a reserved block changes the file's metadata, which the sync
/// has to write too; so it is done once for many batches, and only until all blocks have been written.
const LAY_OUT_BYTES: u64 = 256 << 10;

/// Where the files are.
pub(super) fn journal_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// Where they are made, and where they go when they are not needed any more.
pub(super) fn temporary_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal.tmp")
}

/// What there is to write to.
#[derive(Debug)]
pub(super) enum Log {
    /// Nothing yet.
    Absent,
    Ready(Box<Files>),
    /// Files that could not be made or written. They stay as they are until the next start.
    GivenUp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Files {
    active: LogFile,
    other: LogFile,
    next_seq: u64,
    /// Records to be stored.
    batch: Vec<u8>,
    /// Where the last one begins.
    last_at: usize,
}

#[derive(Debug)]
struct LogFile {
    /// For messages.
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    header: SegmentHeader,
    /// Where the next record goes.
    end: u64,
    /// Everything before has been written once, be it with zeros.
    laid_out: u64,
}

impl Files {
    /// Creates both, durably; leaves nothing behind without success.
    pub(super) fn create(disk: &dyn Disk, data_dir: &Path, file_bytes: u64) -> io::Result<Files> {
        let (temporary, dir) = (temporary_dir(data_dir), journal_dir(data_dir));
        let made = make(disk, &temporary, &dir, file_bytes).and_then(|files| {
            disk.rename(&temporary, &dir)?;
            disk.sync_dir(data_dir)?;
            Ok(files)
        });
        made.map_err(|error| {
            // It would be removed at the next opening as well.
            std::fs::remove_dir_all(&temporary).ok();
            explain("creating", &dir, &error)
        })
    }

    /// Whether so many bytes of records fit into the file that is being written.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.active.end + bytes <= self.capacity()
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.active.end
    }

    pub(super) fn capacity(&self) -> u64 {
        self.active.header.capacity
    }

    /// Goes on in the other file, of which nothing is needed any more.
    pub(super) fn recycle(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.active, &mut self.other);
        let LogFile { path, file, header, end, .. } = &mut self.active;
        (*header, *end) = (new_header(self.next_seq, header.capacity), HEADER_BYTES);
        self.next_seq += 1;
        let write = |offset| file.write_at(&header.encode(), offset).and_then(|()| file.sync());
        HEADER_OFFSETS.into_iter().try_for_each(write).map_err(|error| explain("writing", path, &error))
    }

    /// Adds a record to the batch.
    pub(super) fn add(&mut self, redo: &Redo<'_>, time_ms: u64) {
        let LogFile { header, end, .. } = &self.active;
        // A file is shorter than 4 GiB.
        let finish = Finish { seq: self.next_seq, durable_to: *end as u32, batch_end: true, salt: header.salt };
        self.last_at = self.batch.len();
        redo.encode(time_ms, finish, &mut self.batch);
        self.next_seq += 1;
    }

    /// Takes the record back that was added last.
    pub(super) fn take_back(&mut self) {
        self.batch.truncate(self.last_at);
    }

    /// Writes and syncs the batch.
    pub(super) fn store(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let LogFile { path, file, header, end, laid_out } = &mut self.active;
        let new_end = *end + self.batch.len() as u64;
        if new_end > *laid_out {
            *laid_out = new_end.next_multiple_of(LAY_OUT_BYTES).min(header.capacity);
            self.batch.resize((*laid_out - *end) as usize, 0);
        }
        let stored = file.write_at(&self.batch, *end).and_then(|()| file.sync());
        *end = new_end;
        self.batch.clear();
        stored.map_err(|error| explain("writing", path, &error))
    }
}

fn make(disk: &dyn Disk, temporary: &Path, dir: &Path, file_bytes: u64) -> io::Result<Files> {
    disk.create_dir(temporary)?;
    let make_file = |number: usize| {
        let header = new_header(1 + number as u64, file_bytes);
        let file = disk.create(&temporary.join(NAMES[number]), file_bytes)?;
        HEADER_OFFSETS.into_iter().try_for_each(|offset| file.write_at(&header.encode(), offset))?;
        file.sync()?;
        let path = dir.join(NAMES[number]);
        Ok::<_, io::Error>(LogFile { path, file, header, end: HEADER_BYTES, laid_out: HEADER_BYTES })
    };
    let (active, other) = (make_file(0)?, make_file(1)?);
    disk.sync_dir(temporary)?;
    Ok(Files { active, other, next_seq: 3, batch: Vec::new(), last_at: 0 })
}

/// A header whose base seq is larger than that of every other before it, so that the newer of two is told.
fn new_header(base_seq: u64, capacity: u64) -> SegmentHeader {
    SegmentHeader { feed_uid: UID, base_seq, created_ms: 0, capacity, salt: random_u64() as u32, compacted: false }
}

fn explain(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {} failed: {error}", path.display()))
}
