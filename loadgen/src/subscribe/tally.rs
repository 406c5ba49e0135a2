//! What became of the connections, counted by reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts by reason, in words (`HTTP 429 RateLimitExceeded`, `close 1012`, `connection reset`).
pub type Reasons = BTreeMap<String, u64>;

/// The connections of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Connections that were open at least once.
    pub opened: u64,
    /// Connections that never were, by reason.
    pub failed: Reasons,
    /// Open connections that ended before the run did, by reason.
    pub closed: Reasons,
    /// Checked connections that ended because they had had the events they were to have.
    pub completed: u64,
    /// Times a dropped connection was open again (`resume`).
    pub reconnected: u64,
    /// Attempts at that which failed, by reason.
    pub reconnect_failed: Reasons,
}

impl Tally {
    /// Connections that were never open.
    pub fn failed_count(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// Counts one more for `reason`.
pub(crate) fn count(reasons: &mut Reasons, reason: String) {
    *reasons.entry(reason).or_default() += 1;
}
