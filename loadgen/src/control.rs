//! The line between a run and whoever started it: stop it, open its window, watch it.
//!
//! Shared by reference between threads. Owns flags and gauges only; the run reads the flags and writes the gauges about 50
//! times a second, so that neither costs anything per event.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
};

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Preparing: connections are being opened.
    Opening,
    /// Everything is open; waiting for the window to begin.
    Ready,
    /// The window has begun.
    Measuring,
    /// Over.
    Ended,
}

/// A look at a running run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// How far it has come.
    pub phase: Phase,
    /// Connections that are open.
    pub open: u64,
    /// Connections that could not be opened.
    pub failed: u64,
    /// Events so far: checked ones when subscribing, acknowledged ones when publishing.
    pub events: u64,
    /// Bytes so far: received when subscribing, acknowledged when publishing.
    pub bytes: u64,
}

/// Handle of one run. Make a new one for each.
#[derive(Debug, Default)]
pub struct Control {
    stop: Arc<AtomicBool>,
    begin_window: AtomicBool,
    until_seq: AtomicU64,
    phase: AtomicU8,
    open: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Control {
    /// A handle whose stop flag is `stop`, for instance one that a signal sets.
    pub fn with_stop_flag(stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Ends the run within a few milliseconds; it reports what it has.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Begins the window of a run that waits for this (`Window::Manual`).
    pub fn begin_window(&self) {
        self.begin_window.store(true, Relaxed);
    }

    /// Ends a subscribing run as soon as every checked connection has seen an event with this seq or a later one.
    pub fn set_until_seq(&self, seq: u64) {
        self.until_seq.store(seq, Relaxed);
    }

    /// The run as it was a few milliseconds ago.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            phase: match self.phase.load(Relaxed) {
                0 => Phase::Opening,
                1 => Phase::Ready,
                2 => Phase::Measuring,
                _ => Phase::Ended,
            },
            open: self.open.load(Relaxed),
            failed: self.failed.load(Relaxed),
            events: self.events.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    pub(crate) fn window_was_begun(&self) -> bool {
        self.begin_window.load(Relaxed)
    }

    pub(crate) fn until_seq(&self) -> Option<u64> {
        Some(self.until_seq.load(Relaxed)).filter(|seq| *seq > 0)
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    pub(crate) fn set_connections(&self, open: u64, failed: u64) {
        self.open.store(open, Relaxed);
        self.failed.store(failed, Relaxed);
    }

    pub(crate) fn set_delivered(&self, events: u64, bytes: u64) {
        self.events.store(events, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }

    pub(crate) fn add_delivered(&self, events: u64, bytes: u64) {
        self.events.fetch_add(events, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }
}
