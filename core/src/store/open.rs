//! Opening a data directory: the format, the feeds, what a crash left behind.
//!
//! Owns the walk over the directory; the recovery of a feed's segments is [`crate::segment::recover`]'s. Reads through the
//! standard library and blocks. Tested in `tests/format.rs` and others there.

use super::OpenReport;
use super::shared::StoreShared;
use crate::error::OpenError;
use crate::feed::current::CurrentOptions;
use crate::feed::meta::{FeedMeta, META_FILE, dir_name};
use crate::feed::position::Position;
use crate::feed::segments::{Segments, window_start};
use crate::feed::state::{FeedState, StateCell};
use crate::feed::{Feed, FeedCore, FeedId};
use crate::segment::recover::{Place, Recovered, recover};
use crate::storage::Disk;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What this program writes.
const FORMAT: &str = "tailwater-data 2";

/// What it raises: the same, when the journal was no part of it yet.
const FORMAT_BEFORE: &str = "tailwater-data 1";

/// Creates what is missing of a data directory and checks that this program can read it. Afterwards programs that do not know
/// the journal refuse it, whatever happens.
pub(super) fn prepare(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    let feeds = feeds_dir(dir);
    fs::create_dir_all(&feeds).map_err(|source| OpenError::Io { path: feeds.clone(), source })?;
    let file = dir.join("FORMAT");
    let io_error = |source| OpenError::Io { path: file.clone(), source };
    let found = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        found => found.map_err(io_error)?,
    };
    match found.trim_end() {
        FORMAT => Ok(()),
        // Nothing is what a crash leaves while the directory is made; it cannot hold feeds yet.
        "" | FORMAT_BEFORE => write_format(disk, dir, &file).map_err(io_error),
        found => Err(OpenError::Format { file, found: found.to_owned(), expected: FORMAT }),
    }
}

fn write_format(disk: &dyn Disk, dir: &Path, file: &Path) -> io::Result<()> {
    let beside = dir.join("FORMAT.tmp");
    let written = disk.create(&beside, 0)?;
    written.write_at(format!("{FORMAT}\n").as_bytes(), 0)?;
    written.sync()?;
    disk.rename(&beside, file)?;
    disk.sync_dir(dir)
}

pub(super) fn feeds_dir(dir: &Path) -> PathBuf {
    dir.join("feeds")
}

/// Opens every feed, in the order of their names.
pub(super) fn open_feeds(shared: &Arc<StoreShared>, report: &mut OpenReport) -> Result<Vec<Arc<Feed>>, OpenError> {
    let dir = feeds_dir(&shared.dir);
    let io_error = |source| OpenError::Io { path: dir.clone(), source };
    let mut feeds = Vec::new();
    for entry in fs::read_dir(&dir).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            fs::remove_dir_all(&path).map_err(|source| OpenError::Io { path, source })?;
        } else {
            feeds.push(open_feed(shared, path, feeds.len() as u32, report)?);
        }
    }
    feeds.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(feeds)
}

/// Opens one feed.
pub(super) fn open_feed(
    shared: &Arc<StoreShared>,
    dir: PathBuf,
    id: u32,
    report: &mut OpenReport,
) -> Result<Arc<Feed>, OpenError> {
    let meta = read_meta(&dir)?;
    let uid = meta.uid().unwrap_or_default();
    wipe_frames(&dir)?;
    let place =
        Place { feed_dir: &dir, feed_uid: uid, now_ms: shared.options.clock.now_ms(), janitor: &shared.frames.janitor };
    let recovered = recover(&place)?;
    report.feeds += 1;
    report.segments += recovered.segments.len();
    report.bytes_scanned += recovered.bytes_scanned;
    let state = state_after(&recovered);
    let core = FeedCore {
        id: FeedId(id),
        uid,
        position: position_of(&recovered, meta.options.first_seq),
        segments: Segments::new(recovered.segments),
        state: StateCell::new(state),
        queue: Default::default(),
        live: Default::default(),
        frame_bytes: Default::default(),
        writer_taken: Default::default(),
        stale: Default::default(),
        name: meta.name,
        options: CurrentOptions::new(meta.options),
        store: Arc::clone(shared),
        dir,
    };
    Ok(Arc::new(Feed { core: Arc::new(core) }))
}

fn read_meta(dir: &Path) -> Result<FeedMeta, OpenError> {
    let file = dir.join(META_FILE);
    let bytes = fs::read(&file).map_err(|source| OpenError::Io { path: file.clone(), source })?;
    let meta = FeedMeta::from_bytes(&bytes).map_err(|reason| OpenError::FeedFile { file: file.clone(), reason })?;
    let named = dir.file_name().is_some_and(|name| name.to_str() == Some(&dir_name(&meta.name)));
    if !named {
        let reason = format!("it describes feed `{}`, whose directory would be `{}`", meta.name, dir_name(&meta.name));
        return Err(OpenError::FeedFile { file, reason });
    }
    Ok(meta)
}

fn wipe_frames(dir: &Path) -> Result<(), OpenError> {
    let frames = dir.join("frames");
    match fs::remove_dir_all(&frames) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::Io { path: frames, source: error }),
        _ => Ok(()),
    }
}

fn state_after(recovered: &Recovered) -> FeedState {
    match &recovered.damage {
        Some(damage) => {
            FeedState::Failed { reason: format!("{damage}; restore the file from a copy, or delete the feed") }
        }
        None if recovered.segments.is_empty() => {
            FeedState::Failed { reason: "every segment file is missing; restore them, or delete the feed".into() }
        }
        None => FeedState::Open,
    }
}

fn position_of(recovered: &Recovered, first_seq: u64) -> Arc<Position> {
    let segments = &recovered.segments;
    let position = Position::empty(segments.last().map_or(first_seq - 1, |newest| newest.last_seq()));
    let bytes = segments.iter().map(|segment| segment.data_bytes()).sum();
    let count = segments.iter().map(|segment| segment.count()).sum();
    if let Some(first_seq) = segments.iter().find_map(|segment| window_start(segment)) {
        position.grow(first_seq, position.last_seq(), bytes, count);
    }
    position.open_window(segments.first().map_or(0, |oldest| oldest.header.base_seq));
    Arc::new(position)
}
