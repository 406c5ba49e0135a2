//! Where indexes lie: `index/<uid of the feed>-<kind>/` in the data directory. A feed has one for each dialect that looks
//! something up about it.
//!
//! Owns their names, the notes that are left in them, and that one is thrown away whole or not at all: it is renamed first,
//! to a name with a dot, and what has such a name is removed when indexes are next swept. Never looks at what is stored.
//! Tested in [`super`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::error::IndexError;

/// In an index's directory: it was found damaged, by somebody who could not throw it away.
const DAMAGED: &str = "DAMAGED";

/// In an index's directory while it is being opened: a byte for each opening that has not ended.
const OPENING: &str = "OPENING";

/// Openings in a row that may come to no end. One can be killed; a store that brings the process down does so every time.
const OPENINGS_UNENDED_MAX: u64 = 2;

/// Tells directories of one process apart that wait to be removed.
static DISCARDED: AtomicU64 = AtomicU64::new(0);

/// The place of the indexes of one data directory.
#[derive(Clone, Debug)]
pub struct Indexes {
    root: PathBuf,
}

impl Indexes {
    /// Those below a data directory. Touches nothing.
    pub fn new(data: &Path) -> Self {
        Self { root: data.join("index") }
    }

    /// Removes the indexes of a feed that is deleted; none is fine. Nobody may have one open. Blocks.
    pub fn remove(&self, feed_uid: u64) -> Result<(), IndexError> {
        self.discard_where(|uid| uid == Some(feed_uid)).map(drop)
    }

    /// Removes the indexes of all feeds but these, which a crash in the middle of deleting a feed leaves behind, and how many
    /// those were. Blocks; meant for the start, before any is open.
    pub fn sweep(&self, feed_uids: &[u64]) -> Result<usize, IndexError> {
        self.discard_where(|uid| uid.is_none_or(|uid| !feed_uids.contains(&uid)))
    }

    /// Throws away what is of such a feed, or of none.
    fn discard_where(&self, condition: impl Fn(Option<u64>) -> bool) -> Result<usize, IndexError> {
        let mut removed = 0;
        for dir in entries(&self.root)?.into_iter().filter(|dir| condition(feed_uid_of(dir))) {
            discard(&dir)?;
            removed += 1;
        }
        Ok(removed)
    }

    pub(super) fn dir(&self, feed_uid: u64, kind: &str) -> PathBuf {
        self.root.join(format!("{feed_uid:016x}-{kind}"))
    }
}

/// Whose index a directory is.
fn feed_uid_of(dir: &Path) -> Option<u64> {
    let (uid, _kind) = dir.file_name()?.to_str()?.split_once('-')?;
    u64::from_str_radix(uid, 16).ok()
}

/// Throws an index away; none is fine.
pub(super) fn discard(dir: &Path) -> Result<(), IndexError> {
    let number = DISCARDED.fetch_add(1, Ordering::Relaxed);
    let doomed = dir.with_file_name(format!(".discarded-{}-{number}", std::process::id()));
    match fs::rename(dir, &doomed) {
        Ok(()) => fs::remove_dir_all(&doomed).map_err(|source| io_error(dir, source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error(dir, source)),
    }
}

/// Whether the index was marked with [`mark_damaged`].
pub(super) fn is_marked_damaged(dir: &Path) -> bool {
    dir.join(DAMAGED).exists()
}

/// Has the index thrown away when it is next opened.
pub(super) fn mark_damaged(dir: &Path) {
    // Where this fails, the damage is found again.
    fs::write(dir.join(DAMAGED), []).ok();
}

/// Notes that an opening begins. `false` if none has ended lately and another one is not to be tried.
pub(super) fn begin_opening(dir: &Path) -> Result<bool, IndexError> {
    let path = dir.join(OPENING);
    let unended = fs::metadata(&path).map_or(0, |found| found.len());
    if unended >= OPENINGS_UNENDED_MAX {
        return Ok(false);
    }
    let noted = fs::create_dir_all(dir).and_then(|()| fs::write(&path, vec![b'.'; unended as usize + 1]));
    noted.map_err(|source| io_error(dir, source))?;
    Ok(true)
}

/// Notes that it has ended, well or not.
pub(super) fn end_opening(dir: &Path) {
    // Where this fails, the next opening but one does without what is there.
    fs::remove_file(dir.join(OPENING)).ok();
}

fn entries(root: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let listed = match fs::read_dir(root) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io_error(root, source)),
    };
    let paths: Result<_, _> = listed.map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map_err(|source| io_error(root, source))
}

fn io_error(dir: &Path, source: io::Error) -> IndexError {
    IndexError::Io { dir: dir.to_owned(), source }
}
