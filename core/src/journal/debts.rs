//! When a file of the journal may be used again.
//!
//! Owns which feeds have something in which file that their segments have not synced, and whom to ask for it; never syncs
//! anything. A feed that cannot sync stays, and with it the file, until the feed is deleted. Tested in `tests/journal.rs`.

use crate::commit::queue::Command;
use crate::feed::{FeedCore, FeedId};
use futures_channel::oneshot;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// Of the file that is being written.
    active: BTreeMap<FeedId, Weak<FeedCore>>,
    /// Of the one that was written before it.
    full: BTreeMap<FeedId, Weak<FeedCore>>,
    /// Those of the latter that have not been asked for a sync.
    unasked: Vec<FeedId>,
    /// How many there were to ask.
    to_ask: usize,
    /// Whether neither file has room.
    blocked: bool,
}

impl Debts {
    /// The file that is being written is the only one that has something of this feed for certain.
    pub(super) fn owe(&mut self, feed: &Arc<FeedCore>) {
        self.active.entry(feed.id).or_insert_with(|| Arc::downgrade(feed));
    }

    /// Nothing of this feed is needed any more.
    pub(super) fn settle(&mut self, feed: FeedId) {
        self.active.remove(&feed);
        self.full.remove(&feed);
        self.blocked &= !self.full.is_empty();
    }

    /// Whether the file that is being written was full when the other one was still needed, as it is now.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The file that is being written is full: whether nothing in the other one is needed, which then takes its place.
    pub(super) fn swap(&mut self) -> bool {
        self.blocked = !self.full.is_empty();
        if !self.blocked {
            self.full = std::mem::take(&mut self.active);
            self.unasked = self.full.keys().copied().collect();
            self.to_ask = self.unasked.len();
        }
        !self.blocked
    }

    /// Those who are to be asked now, of whom the full file has something. All have been asked when half of the other is used.
    pub(super) fn due(&mut self, used_bytes: u64, capacity: u64) -> Vec<Arc<FeedCore>> {
        let asked = (self.to_ask as u64 * (2 * used_bytes).min(capacity)).div_ceil(capacity);
        let left = self.to_ask - asked as usize;
        let due = self.unasked.split_off(left.min(self.unasked.len()));
        due.iter().filter_map(|feed| self.full.get(feed)?.upgrade()).collect()
    }
}

/// Asks writers to sync their segments, among all else they have to do; nobody waits for it.
pub(super) fn ask(feeds: Vec<Arc<FeedCore>>) {
    for feed in feeds {
        feed.queue.push(Command::Flush(oneshot::channel().0));
    }
}
