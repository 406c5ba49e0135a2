//! Runs storage work on threads of its own, so that neither the disk nor the kernel's write throttling ever stops a shard.
//!
//! Owns the threads. One job does all that a commit needs (write, sync), so a commit costs one hand-over each way: measured
//! equal to or faster than io_uring for write and sync, which on ext4 is handed to a kernel thread as well, twice.

use super::{Disk, RealDisk, Storage};
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that block in place of a shard. Create one for the process and clone it for each writer; the threads end with the
/// last clone.
#[derive(Clone, Debug)]
pub struct PoolStorage {
    pool: Arc<Pool>,
    disk: Arc<dyn Disk>,
}

impl PoolStorage {
    /// Starts `threads` threads (at least one) on the real disk. As many commits of different feeds can be in flight.
    pub fn new(threads: usize) -> io::Result<PoolStorage> {
        Self::on(Arc::new(RealDisk), threads)
    }

    /// The same on another disk.
    pub fn on(disk: Arc<dyn Disk>, threads: usize) -> io::Result<PoolStorage> {
        let shared = Arc::new(Shared::default());
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("tailwater-io-{number}"));
            thread.spawn(move || shared.work())?;
        }
        Ok(PoolStorage { pool: Arc::new(Pool { shared }), disk })
    }
}

impl Storage for PoolStorage {
    fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>> {
        let (sender, receiver) = oneshot::channel();
        self.pool.shared.push(Box::new(move || {
            // Whoever no longer waits does not need the result.
            sender.send(job()).ok();
        }));
        async { receiver.await.map_err(|_| io::Error::other("a storage job was lost")) }
    }
}

#[derive(Debug)]
struct Pool {
    shared: Arc<Shared>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.ready.notify_all();
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("jobs", &self.jobs.len()).field("closed", &self.closed).finish()
    }
}

impl Shared {
    fn push(&self, job: Job) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).jobs.push_back(job);
        self.ready.notify_one();
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // A job that panics loses its result, which its owner notices; the thread goes on for the others.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).ok();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
