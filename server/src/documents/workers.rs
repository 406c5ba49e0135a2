//! Threads that databases write with, or compact.
//!
//! Owns the threads and the order of databases that have something to do: each gets a turn, and comes last again. A thread may
//! block, on the log above all; so many databases can be written at once. Never knows what a database does. Tested at the end
//! of this file.

use std::{
    collections::VecDeque,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Something that has work to do now and then, and says so with [`Workers::submit`].
pub(super) trait Work: Send + Sync {
    /// Does some of it; says whether there is more.
    fn work(self: Arc<Self>) -> bool;
}

/// The threads, shared by all databases of a process. They end when the last clone is gone.
#[derive(Clone)]
pub struct Workers {
    pool: Arc<Pool>,
}

struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<dyn Work>>,
    closed: bool,
}

impl Workers {
    /// Starts so many threads, at least one, of this name and a number.
    pub fn start(name: &str, threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("{name}-{number}")).spawn(move || shared.run())?;
        }
        Ok(Self { pool: Arc::new(Pool { shared }) })
    }

    /// Has one worked on. What is waiting already must not be submitted again.
    pub(super) fn submit(&self, work: Arc<dyn Work>) {
        self.pool.shared.push(work);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
    }
}

impl Shared {
    fn push(&self, work: Arc<dyn Work>) {
        self.lock().waiting.push_back(work);
        self.ready.notify_one();
    }

    fn run(&self) {
        while let Some(work) = self.next() {
            // One that panics has told those who wait for it; the thread goes on for the others.
            let more = catch_unwind(AssertUnwindSafe(|| Arc::clone(&work).work()));
            if more.unwrap_or(false) {
                self.push(work);
            }
        }
    }

    /// The next one, and none when nobody can submit any more.
    fn next(&self) -> Option<Arc<dyn Work>> {
        let mut queue = self.lock();
        loop {
            if let Some(work) = queue.waiting.pop_front() {
                return Some(work);
            }
            if queue.closed {
                return None;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::AtomicUsize, atomic::Ordering, mpsc};

    use super::*;

    struct Countdown {
        left: AtomicUsize,
        done: mpsc::SyncSender<()>,
    }

    impl Work for Countdown {
        fn work(self: Arc<Self>) -> bool {
            let more = self.left.fetch_sub(1, Ordering::Relaxed) > 1;
            if !more {
                self.done.send(()).unwrap();
            }
            more
        }
    }

    struct Panics;

    impl Work for Panics {
        fn work(self: Arc<Self>) -> bool {
            panic!("as this test wants it");
        }
    }

    #[test]
    fn a_panic_does_not_end_a_thread() {
        let workers = Workers::start("test", 1).unwrap();
        let (done, all_done) = mpsc::sync_channel(1);
        workers.submit(Arc::new(Panics));
        workers.submit(Arc::new(Countdown { left: AtomicUsize::new(1), done }));
        all_done.recv().unwrap();
    }

    #[test]
    fn everybody_gets_as_many_turns_as_they_want() {
        let workers = Workers::start("test", 2).unwrap();
        let (done, all_done) = mpsc::sync_channel(9);
        for turns in 1..=9 {
            workers.submit(Arc::new(Countdown { left: AtomicUsize::new(turns), done: done.clone() }));
        }
        drop(workers);
        for _ in 0..9 {
            all_done.recv().unwrap();
        }
    }
}
