//! Runs storage work in place.

use super::{Disk, RealDisk, Storage};
use std::future::{Future, ready};
use std::io;
use std::sync::Arc;

/// Runs storage work in place, blocking the caller: deterministic, for tests and for threads that do nothing else.
#[derive(Clone, Debug)]
pub struct InlineStorage {
    disk: Arc<dyn Disk>,
}

impl InlineStorage {
    /// Works on `disk`.
    pub fn new(disk: Arc<dyn Disk>) -> InlineStorage {
        InlineStorage { disk }
    }
}

impl Default for InlineStorage {
    fn default() -> Self {
        InlineStorage::new(Arc::new(RealDisk))
    }
}

impl Storage for InlineStorage {
    fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>> {
        ready(Ok(job()))
    }
}
