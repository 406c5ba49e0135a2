//! The seam between the log and the disk.
//!
//! Owns two ideas. A [`Disk`] is what can be done to a disk, blocking, one storage step a call: [`RealDisk`] does it,
//! [`fault::FaultDisk`] does it with injected errors and power cuts. A [`Storage`] is where a writer runs such blocking work:
//! [`PoolStorage`] on threads of its own, so that a shard never waits for a disk; [`InlineStorage`] in place and [`QueuedStorage`] later,
//! for tests.
//! Recovery reads directories through the standard library and is not behind this seam: a simulated power cut leaves a real
//! directory behind.

pub mod fault;
mod inline;
mod pool;
mod queued;
mod real;

pub use inline::InlineStorage;
pub use pool::PoolStorage;
pub use queued::QueuedStorage;
pub use real::RealDisk;

use futures_lite::future::yield_now;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A disk. Nothing is durable before the matching sync: file contents need [`DiskFile::sync`], names need [`Disk::sync_dir`].
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Creates a directory; an existing one is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file, or empties an existing one, and reserves `bytes` zero bytes for it.
    fn create(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames within one directory, replacing what had the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Bytes that can still be written to the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send + Sync + fmt::Debug + 'static {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the contents durable.
    fn sync(&self) -> io::Result<()>;
}

/// Where a writer runs work that blocks.
pub trait Storage: 'static {
    /// The disk that is written to.
    fn disk(&self) -> &Arc<dyn Disk>;
    /// Runs `job`; it is on its way when this returns, before the future is first polled. An error says that the job was lost.
    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>>;
    /// Lets everybody else on the writer's executor have a turn. For executors that look for more than ready tasks only when there
    /// are none, a yield is not enough.
    fn breathe(&self) -> impl Future<Output = ()> {
        yield_now()
    }
}

/// A write to a file that can be rebuilt: a frame log or an index. Such files are not synced and not behind [`Disk`].
#[derive(Debug)]
pub(crate) struct CacheWrite {
    pub(crate) file: Arc<File>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) offset: u64,
}

impl CacheWrite {
    pub(crate) fn perform(&self) -> io::Result<()> {
        self.file.write_all_at(&self.bytes, self.offset)
    }
}
