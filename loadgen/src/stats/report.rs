//! Parts that several reports have in common.

use serde::{Deserialize, Serialize};

/// The stretch of time all rates, latencies and CPU figures of a report are about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredWindow {
    /// What was left out before it, in words.
    pub starts: String,
    /// Its beginning, µs since the Unix epoch; 0 when it never began.
    pub start_unix_us: u64,
    /// Its end, µs since the Unix epoch.
    pub end_unix_us: u64,
    /// Its length in seconds, from the monotonic clock.
    pub seconds: f64,
    /// Whether it began at all; if not, every figure about it is zero.
    pub measured: bool,
}

/// What the load generator itself used, so that one sees whether it was the limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadGenerator {
    /// CPU seconds (user and system) of its threads within the window.
    pub cpu_seconds: f64,
    /// The same per second of the window: near 1 per thread means that the load generator was the limit.
    pub cpu_share: f64,
    /// Threads it ran on.
    pub threads: u32,
}

impl LoadGenerator {
    /// The figures of `threads` threads that used `cpu_seconds` in a window of `window_seconds`.
    pub fn new(cpu_seconds: f64, window_seconds: f64, threads: u32) -> Self {
        Self { cpu_seconds, cpu_share: per_second(cpu_seconds, window_seconds), threads }
    }
}

/// Smallest, median and largest of a set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The smallest.
    pub min: u64,
    /// The median (of two, the lower).
    pub median: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// The spread of `values`; zeros when there are none.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or(0);
        Self { min: at(0), median: at(values.len().saturating_sub(1) / 2), max: at(values.len().saturating_sub(1)) }
    }
}

/// `amount` per second; 0 when no time passed.
pub(crate) fn per_second(amount: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        let table = [(vec![], (0, 0, 0)), (vec![7], (7, 7, 7)), (vec![9, 1], (1, 1, 9)), (vec![3, 1, 2], (1, 2, 3))];
        for (values, (min, median, max)) in table {
            assert_eq!(Spread::of(values), Spread { min, median, max });
        }
    }
}
