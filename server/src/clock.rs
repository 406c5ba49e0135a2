//! The time of day.
//!
//! Owns reading it in the unit of events. Never used to measure how long something took.

use std::time::SystemTime;

/// Microseconds since the Unix epoch.
pub(crate) fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
