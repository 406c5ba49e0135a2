//! The store's clock thread: wakes writers when an interval sync is due, and the store about once a second.
//!
//! Owns the only timers of this crate: an idle feed costs none. Never touches the disk itself. The thread ends when the store is
//! gone. Tested in `tests/durability.rs`.

use crate::commit::queue::Command;
use crate::feed::FeedCore;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the store looks after retention, budgets and free space.
const TICK: Duration = Duration::from_secs(1);

/// A handle to the clock thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    due: Mutex<Due>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Due {
    /// By time, with a number that keeps equal times apart.
    syncs: BTreeMap<(Instant, u64), Weak<FeedCore>>,
    number: u64,
    stopped: bool,
}

impl Ticker {
    /// Starts the thread, which calls `tick` about once a second until it returns `false` or [`Ticker::stop`] is called.
    pub(crate) fn start(&self, tick: impl Fn() -> bool + Send + 'static) -> io::Result<JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("tailwater-tick".into());
        thread.spawn(move || shared.run(tick))
    }

    /// Asks the writer of a feed to sync when `delay` is over.
    pub(crate) fn sync_after(&self, delay: Duration, core: &Arc<FeedCore>) {
        let mut due = self.shared.lock();
        due.number += 1;
        let key = (Instant::now() + delay, due.number);
        due.syncs.insert(key, Arc::downgrade(core));
        drop(due);
        self.shared.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn run(&self, tick: impl Fn() -> bool) {
        let mut next_tick = Instant::now() + TICK;
        let mut due = self.lock();
        while !due.stopped {
            let now = Instant::now();
            due = self.wake_writers(due, now);
            if now >= next_tick {
                drop(due);
                if !tick() {
                    return;
                }
                next_tick = now + TICK;
                due = self.lock();
                continue;
            }
            let wake_at = due.syncs.keys().next().map_or(next_tick, |(at, _)| (*at).min(next_tick));
            let wait = wake_at.saturating_duration_since(Instant::now());
            due = self.changed.wait_timeout(due, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wake_writers<'a>(&'a self, mut due: MutexGuard<'a, Due>, now: Instant) -> MutexGuard<'a, Due> {
        let later = due.syncs.split_off(&(now, u64::MAX));
        let ready = std::mem::replace(&mut due.syncs, later);
        if ready.is_empty() {
            return due;
        }
        drop(due);
        for core in ready.values().filter_map(Weak::upgrade) {
            core.queue.push(Command::SyncDue);
        }
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
