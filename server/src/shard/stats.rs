//! What a shard tells the outside about itself: a few counters that other threads may read.
//!
//! Owns the published numbers. Written by one shard, once per pause, never per event. Tested by `server/tests/`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::State;

/// Counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardStats {
    accepted: AtomicU64,
    subscribers: AtomicU64,
    sends: AtomicU64,
    sent_bytes: AtomicU64,
}

impl ShardStats {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn publish(&self, state: &State) {
        self.sends.store(state.sends, Ordering::Relaxed);
        self.sent_bytes.store(state.sent_bytes, Ordering::Relaxed);
        self.subscribers.store(state.subscribers as u64, Ordering::Relaxed);
    }

    /// Connections taken since the start.
    pub(crate) fn accepted_total(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Streams open now.
    pub(crate) fn subscribers(&self) -> u64 {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// Sends that carried events since the start.
    pub(crate) fn sends_total(&self) -> u64 {
        self.sends.load(Ordering::Relaxed)
    }

    /// Bytes of frames handed to the kernel since the start.
    pub(crate) fn sent_bytes_total(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }
}
