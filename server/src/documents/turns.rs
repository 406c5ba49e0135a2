//! Whose turn it is to bring the index on, and waiting until it has come far enough.
//!
//! Owns one rule: one thread at a time moves the index, the writer with its groups, or whoever finds it behind the log and has
//! to wait for it anyway. Knows nothing of documents. Tested at the end of this file.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: Mutex<bool>,
    changed: Condvar,
}

/// It is the holder's turn until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    turns: &'t Turns,
}

impl Turns {
    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut taken = self.lock();
        while *taken {
            taken = self.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Turn { turns: self }
    }

    /// Waits until `reached`, for which it is asked after every turn, or for a turn in which the caller sees to it.
    pub(super) fn take_unless(&self, reached: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut taken = self.lock();
        loop {
            if reached() {
                return None;
            }
            if !*taken {
                *taken = true;
                return Some(Turn { turns: self });
            }
            taken = self.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The index has come on: whoever waits for that is told, though the turn goes on.
    pub(super) fn tell(&self) {
        drop(self.turns.lock());
        self.turns.changed.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.turns.lock() = false;
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_at_a_time() {
        let (turns, inside) = (Turns::default(), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let turn = turns.take();
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        inside.fetch_sub(1, Ordering::Relaxed);
                        drop(turn);
                    }
                });
            }
        });
    }

    #[test]
    fn whoever_waits_goes_on_when_another_has_done_it() {
        let (turns, at) = (Turns::default(), AtomicU64::new(0));
        let turn = turns.take();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take_unless(|| at.load(Ordering::Relaxed) > 0).is_none());
            at.store(1, Ordering::Relaxed);
            turn.tell();
            assert!(waiting.join().unwrap(), "the turn is still held");
        });
        drop(turn);
        assert!(turns.take_unless(|| false).is_some());
        assert!(turns.take_unless(|| false).is_some(), "a turn that is dropped can be had again");
    }
}
