//! How a store is set up: encoders, budgets, callbacks, clock.
//!
//! Owns the options and their defaults; never acts on them.

use crate::storage::{Disk, RealDisk};
use crate::{Encoder, Feed};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Called by a feed's writer, on the thread that owns the feed, unless said otherwise. Must not block.
pub trait CommitListener: Send + Sync + 'static {
    /// Events have become visible: cursors at the tail have more to read.
    fn committed(&self, feed: &Feed);
    /// [`Feed::state`] has changed.
    fn state_changed(&self, feed: &Feed);
    /// [`Feed::first_seq`] has moved: retention has dropped events.
    fn window_moved(&self, feed: &Feed);
    /// The journal cannot be made or written, for this reason, and is not used any more: every feed syncs for itself from now on.
    /// Called on a thread of a [`crate::storage::Storage`].
    fn journal_given_up(&self, _reason: &str) {}
}

/// How a [`crate::Store`] is set up.
#[derive(Clone)]
pub struct StoreOptions {
    /// The encodings cursors can ask for from the start; [`crate::Store::register_encoder`] adds more.
    pub encoders: Vec<Arc<dyn Encoder>>,
    /// Who is told about commits.
    pub listener: Option<Arc<dyn CommitListener>>,
    /// Disk budget of all frame logs together; the least recently used ones beyond it are removed, unless a cursor holds
    /// them. Default 4 GiB.
    pub frame_bytes_max: u64,
    /// Appends are refused while the disk has less free space than this. Default 256 MiB.
    pub disk_low_water_bytes: u64,
    /// An encoding without a cursor for this long is no longer built live. Default 60 s.
    pub encoding_idle_ms: u64,
    /// Bytes that may wait in the queue of one feed's writer; one batch is always taken. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// Bytes the writer commits at once, unless a single batch is larger. Default 4 MiB.
    pub group_bytes_max: usize,
    /// Bytes of each of the two files of the journal, from 64 KiB to 1 GiB. Default 16 MiB.
    pub journal_file_bytes: u64,
    /// What retention and budgets take for the time.
    pub clock: Clock,
    /// Where feeds are created and deleted. Writers bring their own with their [`crate::storage::Storage`].
    pub disk: Arc<dyn Disk>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            encoders: Vec::new(),
            listener: None,
            frame_bytes_max: 4 << 30,
            disk_low_water_bytes: 256 << 20,
            encoding_idle_ms: 60_000,
            queue_bytes_max: 64 << 20,
            group_bytes_max: 4 << 20,
            journal_file_bytes: 16 << 20,
            clock: Clock::System,
            disk: Arc::new(RealDisk),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoders: Vec<_> = self.encoders.iter().map(|encoder| encoder.name()).collect();
        f.debug_struct("StoreOptions")
            .field("encoders", &encoders)
            .field("frame_bytes_max", &self.frame_bytes_max)
            .field("disk_low_water_bytes", &self.disk_low_water_bytes)
            .finish_non_exhaustive()
    }
}

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Milliseconds since the Unix epoch, set by a test.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        match self {
            Clock::System => system_ms(),
            Clock::Manual(ms) => ms.load(Ordering::Relaxed),
        }
    }
}

fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
