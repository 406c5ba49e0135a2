//! The store underneath: one ordered map from bytes to bytes, on fjall, whose writes are atomic.
//!
//! Owns every call into fjall and what its errors mean here. All tables of an index are one keyspace: fjall flushes each
//! keyspace by itself, and after a power cut two of them can stand at different batches. Never syncs on its own account, and
//! never knows what it stores. Tested in [`super`].

use std::{
    fmt,
    fs::{self, DirEntry},
    io,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Slice, config::CompressionPolicy,
};

use super::{
    error::IndexError,
    place,
    stamp::Stamp,
    tables::{FullRange, STAMP_KEY, TABLE_PREFIX_BYTES},
};

/// fjall's name for what all tables are in.
const KEYSPACE: &str = "entries";

/// Write buffers that may wait to be written out before a batch has to wait. From 4 on fjall waits by itself, and does not
/// look whether the thread it waits for has failed.
const FULL_BUFFERS_MAX: usize = 2;

/// The same for files that have not been merged yet; fjall brakes from 20 on.
const LOOSE_FILES_MAX: usize = 16;

/// How often it is looked whether a batch may go on.
const LOOK_MS: u64 = 5;

/// How often that is looked for the sake of loose files: nothing promises that they are being merged.
const LOOSE_FILES_LOOKS_MAX: usize = 200;

/// How much memory an index may take.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// What has been read from files; default 64 MiB. The larger, the cheaper is looking up what was not written lately.
    pub cache_bytes: u64,
    /// What is written is gathered up to this size, and written out as a file then; default 64 MiB. Up to four of these are
    /// held at once. Takes effect when the index is created.
    pub write_buffer_bytes: u64,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, write_buffer_bytes: 64 << 20 }
    }
}

/// An open store. One thread of fjall's own belongs to it.
pub(super) struct Store {
    dir: PathBuf,
    database: Database,
    entries: Keyspace,
}

impl Store {
    /// Opens the store in a directory, or creates it.
    pub(super) fn open(dir: &Path, options: IndexOptions) -> Result<Self, IndexError> {
        let unfit = |what: &str| Err(damaged(dir, what.into()));
        if place::is_marked_damaged(dir) {
            return unfit("it was found to be before");
        }
        if is_without_journal(dir) {
            return unfit("its journal is missing");
        }
        if !place::begin_opening(dir)? {
            return unfit("opening it has brought the process down");
        }
        // fjall does not check all it reads before it believes it.
        let opened = catch_unwind(AssertUnwindSafe(|| open(dir, options)));
        place::end_opening(dir);
        let Ok(opened) = opened else { return unfit("opening it panicked") };
        let (database, entries) = opened.map_err(|error| judge(dir, error))?;
        Ok(Self { dir: dir.to_owned(), database, entries })
    }

    /// What the entries contain.
    pub(super) fn stamp(&self) -> Result<Stamp, IndexError> {
        let bytes = self.get(STAMP_KEY)?.ok_or_else(|| damaged(&self.dir, "it has no stamp".into()))?;
        Stamp::from_bytes(&bytes).ok_or_else(|| damaged(&self.dir, format!("its stamp is {:?}", &*bytes)))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, IndexError> {
        let found = self.entries.get(key).map_err(|error| judge(&self.dir, error))?;
        Ok(found.map(|slice| Bytes { slice, skipped: 0 }))
    }

    /// The tables' entries of a range as they are now.
    pub(super) fn range(&self, range: FullRange) -> Rows {
        Rows { dir: self.dir.clone(), rows: self.database.snapshot().range(&self.entries, range) }
    }

    /// Writes all of it or nothing; `None` removes. Waits while the store has too much to write out.
    pub(super) fn write(
        &self,
        changes: impl IntoIterator<Item = (Vec<u8>, Option<Bytes>)>,
        stamp: Stamp,
    ) -> Result<(), IndexError> {
        self.wait_for_room()?;
        let changes = changes.into_iter();
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), changes.size_hint().0 + 1);
        // Into the page cache, where it outlives the process.
        let mut batch = batch.durability(Some(PersistMode::Buffer));
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&self.entries, key, value.slice),
                None => batch.remove(&self.entries, key),
            }
        }
        batch.insert(&self.entries, STAMP_KEY, stamp.to_bytes());
        batch.commit().map_err(|error| judge(&self.dir, error))
    }

    fn wait_for_room(&self) -> Result<(), IndexError> {
        for looks in 0.. {
            let buffers_full = self.entries.sealed_memtable_count() > FULL_BUFFERS_MAX;
            let files_loose = self.entries.l0_table_count() > LOOSE_FILES_MAX && looks < LOOSE_FILES_LOOKS_MAX;
            if !buffers_full && !files_loose {
                break;
            }
            // Writes nothing new; says whether the store still works.
            self.database.persist(PersistMode::Buffer).map_err(|error| judge(&self.dir, error))?;
            thread::sleep(Duration::from_millis(LOOK_MS));
        }
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.dir).finish()
    }
}

fn open(dir: &Path, options: IndexOptions) -> fjall::Result<(Database, Keyspace)> {
    let database = Database::builder(dir).cache_size(options.cache_bytes).worker_threads(1).open()?;
    let entries = database.keyspace(KEYSPACE, || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(options.write_buffer_bytes)
            .data_block_compression_policy(CompressionPolicy::disabled())
    })?;
    Ok((database, entries))
}

/// Whether there is a store that has lost its journal, which fjall would take for an empty one and then number writes anew.
fn is_without_journal(dir: &Path) -> bool {
    let is_journal =
        |entry: io::Result<DirEntry>| entry.is_ok_and(|entry| entry.path().extension() == Some("jnl".as_ref()));
    dir.join("keyspaces").exists() && !fs::read_dir(dir).is_ok_and(|mut entries| entries.any(is_journal))
}

/// What an error of fjall means for the index in `dir`. Of damage it is made sure that the next opening knows.
fn judge(dir: &Path, error: fjall::Error) -> IndexError {
    match error {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => judge_io(dir, source),
        fjall::Error::Poisoned => IndexError::Stopped { dir: dir.to_owned() },
        fjall::Error::Locked => IndexError::InUse { dir: dir.to_owned() },
        error => {
            place::mark_damaged(dir);
            damaged(dir, format!("{error:?}"))
        }
    }
}

/// Files that are missing, too short, or there although nothing tells of them are damage; all else is the disk's.
fn judge_io(dir: &Path, source: io::Error) -> IndexError {
    use io::ErrorKind::{AlreadyExists, InvalidData, InvalidInput, NotFound, Other, UnexpectedEof};
    match source.kind() {
        AlreadyExists | InvalidData | InvalidInput | NotFound | Other | UnexpectedEof => {
            place::mark_damaged(dir);
            damaged(dir, source.to_string())
        }
        _ => IndexError::Io { dir: dir.to_owned(), source },
    }
}

fn damaged(dir: &Path, what: String) -> IndexError {
    IndexError::Damaged { dir: dir.to_owned(), what }
}

/// The entries of a range, in the order of their keys, from either end; see [`super::Index::range`].
pub struct Rows {
    dir: PathBuf,
    rows: fjall::Iter,
}

impl Rows {
    fn row(&self, guard: fjall::Guard) -> Result<(Bytes, Bytes), IndexError> {
        let (key, value) = guard.into_inner().map_err(|error| judge(&self.dir, error))?;
        Ok((Bytes { slice: key, skipped: TABLE_PREFIX_BYTES }, Bytes { slice: value, skipped: 0 }))
    }
}

impl Iterator for Rows {
    type Item = Result<(Bytes, Bytes), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let guard = self.rows.next()?;
        Some(self.row(guard))
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        let guard = self.rows.next_back()?;
        Some(self.row(guard))
    }
}

/// A key or a value, cheap to clone.
#[derive(Clone)]
pub struct Bytes {
    slice: Slice,
    /// Bytes at the beginning that are not the user's.
    skipped: usize,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.slice.get(self.skipped..).unwrap_or_default()
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { slice: Slice::from(bytes), skipped: 0 }
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
