//! Creating and deleting feeds, so that a crash leaves a whole feed or none.
//!
//! Owns the order of storage steps: a feed is made under a temporary name and renamed when all of it is durable; it is renamed
//! away before it is removed. What a crash leaves behind has a name that starts with a dot and is removed at the next opening.
//! Tested with simulated power cuts in `tests/crash.rs`.

use super::random_u64;
use crate::commit::tail::{create_segment, next_capacity};
use crate::error::FeedError;
use crate::feed::meta::{FeedMeta, META_FILE};
use crate::feed::options::FeedOptions;
use crate::segment::format::SegmentHeader;
use crate::segment::{segment_path, segments_dir};
use crate::storage::Disk;
use std::io;
use std::path::{Path, PathBuf};

/// Creates the directory of a feed, durably.
pub(super) fn create(
    disk: &dyn Disk,
    feeds_dir: &Path,
    dir: &Path,
    name: &str,
    options: &FeedOptions,
    now_ms: u64,
) -> Result<(), FeedError> {
    let temporary = feeds_dir.join(format!(".creating-{:016x}", random_u64()));
    let made = fill(disk, &temporary, name, options, now_ms).and_then(|()| disk.rename(&temporary, dir));
    let made = made.and_then(|()| disk.sync_dir(feeds_dir));
    made.map_err(|source| {
        // It would be removed at the next opening as well.
        std::fs::remove_dir_all(&temporary).ok();
        FeedError::Io { path: dir.to_owned(), source }
    })
}

fn fill(disk: &dyn Disk, dir: &Path, name: &str, options: &FeedOptions, now_ms: u64) -> io::Result<()> {
    let uid = random_u64();
    disk.create_dir(dir)?;
    disk.create_dir(&segments_dir(dir))?;
    let header = SegmentHeader {
        feed_uid: uid,
        base_seq: options.first_seq,
        created_ms: now_ms,
        capacity: next_capacity(0, options.segment_bytes_max, options.retention.bytes, 0),
        salt: random_u64() as u32,
        compacted: false,
    };
    create_segment(disk, &segment_path(dir, header.base_seq), &header)?;
    disk.sync_dir(&segments_dir(dir))?;
    write_meta(disk, &dir.join(META_FILE), &FeedMeta::new(name, uid, options))?;
    disk.sync_dir(dir)
}

/// Writes the description of a feed to a file, whose content is then durable; its name is not.
pub(super) fn write_meta(disk: &dyn Disk, path: &Path, meta: &FeedMeta) -> io::Result<()> {
    let file = disk.create(path, 0)?;
    file.write_at(&meta.to_bytes(), 0)?;
    file.sync()
}

/// Deletes the directory of a feed: gone for good once this returns.
pub(super) fn delete(disk: &dyn Disk, feeds_dir: &Path, dir: &Path) -> Result<(), FeedError> {
    let doomed: PathBuf = feeds_dir.join(format!(".deleted-{:016x}", random_u64()));
    let io_error = |source| FeedError::Io { path: dir.to_owned(), source };
    disk.rename(dir, &doomed).and_then(|()| disk.sync_dir(feeds_dir)).map_err(io_error)?;
    // What cannot be removed now is removed at the next opening.
    std::fs::remove_dir_all(&doomed).ok();
    Ok(())
}
