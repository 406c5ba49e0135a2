//! Keeps storage work until a test runs it.

use super::{Disk, Storage};
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Keeps storage work until a test runs it, on the test's own thread: for what happens while the disk works.
#[derive(Clone)]
pub struct QueuedStorage {
    disk: Arc<dyn Disk>,
    jobs: Arc<Mutex<VecDeque<Job>>>,
}

impl QueuedStorage {
    /// Works on `disk`.
    pub fn new(disk: Arc<dyn Disk>) -> QueuedStorage {
        QueuedStorage { disk, jobs: Arc::default() }
    }

    /// Runs the job that has waited longest; false when there is none.
    pub fn run_next(&self) -> bool {
        let job = self.jobs().pop_front();
        job.map(|job| job()).is_some()
    }

    /// Loses all jobs that wait, as if their threads had ended.
    pub fn lose(&self) {
        let jobs = std::mem::take(&mut *self.jobs());
        drop(jobs);
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for QueuedStorage {
    fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>> {
        let (sender, receiver) = oneshot::channel();
        self.jobs().push_back(Box::new(move || {
            // Whoever no longer waits does not need the result.
            sender.send(job()).ok();
        }));
        async { receiver.await.map_err(|_| io::Error::other("a storage job was lost")) }
    }
}

impl fmt::Debug for QueuedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedStorage").field("jobs", &self.jobs().len()).finish_non_exhaustive()
    }
}
