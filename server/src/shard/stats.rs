//! What a shard tells the outside about itself: a few counters that other threads may read.
//!
//! Owns the published numbers. Written by one shard, once per pause, never per event. Tested by `server/tests/`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::State;

/// Counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardStats {
    accepted: AtomicU64,
    subscribers: AtomicU64,
    sends: AtomicU64,
    sent_bytes: AtomicU64,
    tls_connections: AtomicU64,
    tls_handshakes: AtomicU64,
    tls_failures: AtomicU64,
}

/// A connection that speaks TLS; counted until this is dropped.
pub(crate) struct TlsCounted(Arc<ShardStats>);

impl Drop for TlsCounted {
    fn drop(&mut self) {
        self.0.tls_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ShardStats {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A handshake has come to an agreement.
    pub(crate) fn tls_agreed(self: &Arc<Self>) -> TlsCounted {
        self.tls_handshakes.fetch_add(1, Ordering::Relaxed);
        self.tls_connections.fetch_add(1, Ordering::Relaxed);
        TlsCounted(self.clone())
    }

    /// A handshake has not.
    pub(crate) fn tls_failed(&self) {
        self.tls_failures.fetch_add(1, Ordering::Relaxed);
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

    /// Connections open now that speak TLS.
    pub(crate) fn tls_connections(&self) -> u64 {
        self.tls_connections.load(Ordering::Relaxed)
    }

    /// Handshakes that came to an agreement since the start.
    pub(crate) fn tls_handshakes_total(&self) -> u64 {
        self.tls_handshakes.load(Ordering::Relaxed)
    }

    /// Handshakes that did not.
    pub(crate) fn tls_handshakes_failed_total(&self) -> u64 {
        self.tls_failures.load(Ordering::Relaxed)
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
