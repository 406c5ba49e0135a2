//! What a mirror reports of itself.
//!
//! Owns the counters and the words. Written by the mirror's task, read by the API. Tests: below.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// What a mirror does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MirrorState {
    /// Opening the stream.
    #[default]
    Connecting,
    /// The stream is open.
    Following,
    /// The stream ended; it is opened again after a pause.
    Waiting,
    /// Something needs an operator; nothing is followed until the next start.
    Stopped,
}

/// A snapshot of a mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StatusReport {
    state: MirrorState,
    /// Why it waits or has stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The last seq that is durable here.
    last_seq: u64,
    /// Streams opened since the start.
    connects_total: u64,
    frames_total: u64,
    bytes_total: u64,
    /// Dropped because they were here already.
    duplicates_total: u64,
    /// Dropped because they were too large, malformed, or had no seq.
    refused_total: u64,
    /// Times the upstream said that it no longer had what was asked for.
    gaps_total: u64,
}

/// A mirror's status, shared with the API.
#[derive(Default)]
pub(crate) struct Status {
    report: Mutex<StatusReport>,
}

impl Status {
    /// What is durable here before anything is followed.
    pub(super) fn found(&self, last_seq: u64) {
        self.lock().last_seq = last_seq;
    }

    pub(super) fn connecting(&self) {
        self.set(MirrorState::Connecting, None);
    }

    pub(super) fn following(&self) {
        let mut report = self.lock();
        report.connects_total += 1;
        report.state = MirrorState::Following;
        report.reason = None;
    }

    pub(super) fn waiting(&self, reason: String) {
        self.set(MirrorState::Waiting, Some(reason));
    }

    pub(super) fn stopped(&self, reason: String) {
        self.set(MirrorState::Stopped, Some(reason));
    }

    pub(super) fn stored(&self, frames: usize, bytes: usize, last_seq: u64) {
        let mut report = self.lock();
        report.frames_total += frames as u64;
        report.bytes_total += bytes as u64;
        report.last_seq = last_seq;
    }

    pub(super) fn duplicate(&self) {
        self.lock().duplicates_total += 1;
    }

    pub(super) fn refused(&self) {
        self.lock().refused_total += 1;
    }

    pub(super) fn gap(&self) {
        self.lock().gaps_total += 1;
    }

    pub(crate) fn report(&self) -> StatusReport {
        self.lock().clone()
    }

    fn set(&self, state: MirrorState, reason: Option<String>) {
        let mut report = self.lock();
        report.state = state;
        report.reason = reason;
    }

    fn lock(&self) -> MutexGuard<'_, StatusReport> {
        // Every update is a few plain stores, so a poisoned lock still guards a sound report.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_happened() {
        let status = Status::default();
        status.following();
        status.stored(2, 300, 17);
        status.duplicate();
        status.waiting("the upstream closed".to_owned());
        let json = serde_json::to_value(status.report()).unwrap();
        assert_eq!(json["state"], "waiting");
        assert_eq!(json["reason"], "the upstream closed");
        assert_eq!((&json["last_seq"], &json["frames_total"]), (&17.into(), &2.into()));
        assert_eq!(json["duplicates_total"], 1);
        status.following();
        assert_eq!(status.report().reason, None);
    }
}
