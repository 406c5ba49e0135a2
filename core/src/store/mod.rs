//! A store: an open data directory and its feeds.
//!
//! Owns the directory's lock, the list of feeds and two threads: one that keeps time ([`ticker`]), one that builds frames and
//! closes files ([`crate::janitor`]). Runs no executor: each feed is written by a [`crate::Writer`] that the caller spawns on the
//! shard of its choice. Layout of the directory: `LOCK`, `FORMAT`, `journal/`, and for each feed
//! `feeds/<name>/{feed.json, segments/, index/, frames/}`. Tested in `tests/`.

mod change;
mod create;
mod lock;
mod open;
pub(crate) mod options;
pub(crate) mod shared;
pub(crate) mod ticker;

use crate::commit::WriterSeed;
use crate::commit::queue::Command;
use crate::error::{FeedError, OpenError};
use crate::feed::meta::{check_name, dir_name};
use crate::feed::options::FeedOptions;
use crate::feed::{Feed, FeedCore};
use crate::frames::spare::Spare;
use crate::frames::{Encoder, EncodingId, FrameContext, evict};
use crate::janitor::Janitor;
use crate::journal::replay::replay;
use crate::retention;
use lock::DirLock;
use options::StoreOptions;
use shared::StoreShared;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use ticker::Ticker;

/// An open data directory. Keep it for as long as its feeds are used: interval syncs, retention and budgets end with it. The
/// directory is unlocked when the store and the last handle to one of its feeds are gone.
#[derive(Debug)]
pub struct Store {
    inner: Arc<Inner>,
    ticking: Option<JoinHandle<()>>,
}

/// What opening a data directory took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Feeds found.
    pub feeds: usize,
    /// Segments found.
    pub segments: usize,
    /// Bytes of segments that were read and checked: those of each feed's newest.
    pub bytes_scanned: u64,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<StoreShared>,
    feeds: Mutex<BTreeMap<String, Arc<Feed>>>,
    next_id: AtomicU32,
    report: OpenReport,
}

impl Store {
    /// Opens or creates the data directory. Blocks; uses no executor.
    pub fn open(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Store, OpenError> {
        let dir = dir.as_ref();
        let io_error = |source| OpenError::Io { path: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(io_error)?;
        let lock = DirLock::take(dir)?;
        open::prepare(&*options.disk, dir)?;
        let janitor = Janitor::start().map_err(io_error)?;
        let frames = FrameContext {
            encoders: RwLock::new(options.encoders.iter().cloned().map(Some).collect()),
            bytes: AtomicU64::new(0),
            ticks: AtomicU32::new(1),
            spare: Spare::default(),
            janitor,
        };
        let ticker = Ticker::default();
        let shared = Arc::new(StoreShared::new(dir.to_owned(), options, Arc::new(frames), ticker.clone(), lock));
        replay(&*shared.options.disk, dir, &open::feeds_dir(dir))?;
        let mut report = OpenReport::default();
        let feeds = open::open_feeds(&shared, &mut report)?;
        let inner = Arc::new(Inner {
            shared,
            next_id: AtomicU32::new(feeds.len() as u32),
            feeds: Mutex::new(feeds.into_iter().map(|feed| (feed.name().to_owned(), feed)).collect()),
            report,
        });
        let ticking = Arc::downgrade(&inner);
        let ticking = ticker.start(move || ticking.upgrade().map(|inner| inner.tick()).is_some()).map_err(io_error)?;
        Ok(Store { inner, ticking: Some(ticking) })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.inner.shared.dir
    }

    /// What opening it took.
    pub fn open_report(&self) -> OpenReport {
        self.inner.report
    }

    /// Every feed, in the order of their names.
    pub fn feeds(&self) -> Vec<Arc<Feed>> {
        self.inner.feeds().values().cloned().collect()
    }

    /// The feed of that name.
    pub fn feed(&self, name: &str) -> Option<Arc<Feed>> {
        self.inner.feeds().get(name).cloned()
    }

    /// The encoding with that name.
    pub fn encoding(&self, name: &str) -> Option<EncodingId> {
        self.inner.shared.frames.find(name)
    }

    /// Adds an encoder while the store is open, for example one that a new feed needs. One whose name is there already is
    /// not added; the number of the one that is there is returned.
    pub fn register_encoder(&self, encoder: Arc<dyn Encoder>) -> EncodingId {
        self.inner.shared.frames.register(encoder)
    }

    /// Frees an encoder and the frames it has made. False while a cursor or the tail of a feed still uses them; the tails are
    /// then asked to stop, so that it may succeed a little later. The caller sees to it that nobody makes a cursor of this
    /// encoding meanwhile: its number may become another's.
    pub fn forget_encoder(&self, encoding: EncodingId) -> bool {
        let feeds: Vec<Arc<Feed>> = self.inner.feeds().values().cloned().collect();
        let mut unused = true;
        for feed in feeds {
            unused &= evict::release(&feed.core, encoding);
        }
        if unused {
            self.inner.shared.frames.forget(encoding);
        }
        unused
    }

    /// The name of an encoding.
    pub fn encoding_name(&self, encoding: EncodingId) -> Option<String> {
        self.inner.shared.frames.encoder(encoding).map(|encoder| encoder.name().to_owned())
    }

    /// Bytes of all frame logs on the disk.
    pub fn frame_bytes(&self) -> u64 {
        self.inner.shared.frames.bytes.load(Ordering::Relaxed)
    }

    /// Creates a feed. Blocks on the disk: call it from a blocking pool. Its name has 1 to 200 bytes and no control characters.
    pub fn create_feed(&self, name: &str, options: FeedOptions) -> Result<Arc<Feed>, FeedError> {
        check_name(name)?;
        options.check()?;
        let shared = &self.inner.shared;
        let mut feeds = self.inner.feeds();
        if feeds.contains_key(name) {
            return Err(FeedError::Exists { name: name.to_owned() });
        }
        let disk = &*shared.options.disk;
        shared.check_disk(disk, crate::SEGMENT_BYTES_MIN).map_err(|reason| FeedError::DiskFull { reason })?;
        let feeds_dir = open::feeds_dir(&shared.dir);
        let dir = feeds_dir.join(dir_name(name));
        create::create(disk, &feeds_dir, &dir, name, &options, shared.options.clock.now_ms())?;
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let feed = open::open_feed(shared, dir.clone(), id, &mut OpenReport::default());
        let feed = feed.map_err(|error| FeedError::Io { path: dir, source: std::io::Error::other(error) })?;
        feeds.insert(name.to_owned(), Arc::clone(&feed));
        Ok(feed)
    }

    /// Deletes a feed that was closed. Blocks on the disk: call it from a blocking pool. Cursors in it may finish their segment.
    pub fn delete_feed(&self, name: &str) -> Result<(), FeedError> {
        let mut feeds = self.inner.feeds();
        let feed = feeds.get(name).ok_or_else(|| FeedError::Unknown { name: name.to_owned() })?;
        if !feed.core.state.is_closed() {
            return Err(FeedError::Open { name: name.to_owned() });
        }
        let shared = &self.inner.shared;
        create::delete(&*shared.options.disk, &open::feeds_dir(&shared.dir), &feed.core.dir)?;
        shared.journal.settle(feed.id());
        feeds.remove(name);
        Ok(())
    }

    /// The right to write `feed`; `None` when it has been taken before.
    pub fn take_writer(&self, feed: &Feed) -> Option<WriterSeed> {
        let feed = self.feed(feed.name()).filter(|listed| listed.id() == feed.id())?;
        feed.core.claim_writer().then(|| WriterSeed::new(feed))
    }

    /// Looks after retention, budgets and free space now, as the store does by itself about once a second.
    pub fn tick(&self) {
        self.inner.tick();
    }
}

impl Inner {
    fn feeds(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let shared = &self.shared;
        let now_ms = shared.options.clock.now_ms();
        shared.frames.ticks.fetch_add(1, Ordering::Relaxed);
        // What it finds is kept for the writers.
        shared.check_disk(&*shared.options.disk, 0).ok();
        let cores: Vec<Arc<FeedCore>> = self.feeds().values().map(|feed| Arc::clone(&feed.core)).collect();
        for core in &cores {
            evict::watch(core, now_ms);
            if retention::is_due(core, now_ms) {
                core.queue.push(Command::Retain);
            }
            if core.has_stale() {
                core.queue.push(Command::ForgetStale);
            }
        }
        evict::evict(&cores, || shared.frames.bytes.load(Ordering::Relaxed), shared.options.frame_bytes_max);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.inner.shared.ticker.stop();
        if let Some(ticking) = self.ticking.take() {
            // A tick that panicked has said so itself.
            ticking.join().ok();
        }
    }
}

/// A number that nobody can foresee.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}
