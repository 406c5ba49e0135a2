//! What all feeds of a store share.

use super::lock::DirLock;
use super::options::StoreOptions;
use super::ticker::Ticker;
use crate::frames::FrameContext;
use crate::journal::Journal;
use crate::storage::Disk;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Options, budgets and background threads of a store.
#[derive(Debug)]
pub(crate) struct StoreShared {
    pub(crate) dir: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) frames: Arc<FrameContext>,
    pub(crate) ticker: Ticker,
    pub(crate) journal: Arc<Journal>,
    disk_low: AtomicBool,
    /// Held until the last feed handle and writer are gone, not only the store.
    _lock: DirLock,
}

impl StoreShared {
    pub(crate) fn new(
        dir: PathBuf,
        options: StoreOptions,
        frames: Arc<FrameContext>,
        ticker: Ticker,
        lock: DirLock,
    ) -> StoreShared {
        let journal = Arc::new(Journal::new(dir.clone(), options.journal_file_bytes));
        StoreShared { dir, options, frames, ticker, journal, disk_low: AtomicBool::new(false), _lock: lock }
    }

    /// Whether the disk was below its low-water mark when it was last looked at.
    pub(crate) fn disk_is_low(&self) -> bool {
        self.disk_low.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more leave enough free space on the disk; the error is the reason to give to publishers.
    pub(crate) fn check_disk(&self, disk: &dyn Disk, bytes: u64) -> Result<(), String> {
        let low_water = self.options.disk_low_water_bytes;
        // Where free space cannot be found out, writing will tell.
        let free = disk.free_bytes(&self.dir).unwrap_or(u64::MAX);
        let low = free < low_water.saturating_add(bytes);
        self.disk_low.store(free < low_water, Ordering::Relaxed);
        if !low {
            return Ok(());
        }
        Err(format!(
            "the disk of {} has {free} bytes free and {} are needed, the low-water mark included; free some space",
            self.dir.display(),
            low_water.saturating_add(bytes)
        ))
    }
}
