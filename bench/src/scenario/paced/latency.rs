//! The latencies of a paced comparison, over all rounds. Owns their arithmetic. Tests are below.

use serde::Serialize;
use tailwater_loadgen::stats::LatencyReport;

use crate::figures::{Figure, ratio_of_rounds};

/// Latency of the server and of the raw sender that stores.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// The server's.
    pub served: Quantiles,
    /// The raw sender's.
    pub stored: Quantiles,
    /// The one against the other: of p50, and of p99.
    pub ratios: [Figure; 2],
    /// The raw sender's syncs by themselves; zeros where there are none.
    pub syncs: Quantiles,
}

/// Times over all rounds, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// The median of each round.
    pub p50_us: Figure,
    /// 99 of 100 are at most this.
    pub p99_us: Figure,
}

/// What each round has told.
#[derive(Debug, Default)]
pub(super) struct Times {
    served: Vec<LatencyReport>,
    stored: Vec<LatencyReport>,
    syncs: Vec<LatencyReport>,
}

impl Times {
    /// Takes a round's: the server's, the raw sender's, those of its syncs.
    pub(super) fn push(&mut self, served: LatencyReport, stored: LatencyReport, syncs: LatencyReport) {
        self.served.push(served);
        self.stored.push(stored);
        self.syncs.push(syncs);
    }

    /// What they come to; `None` without rounds.
    pub(super) fn latency(&self) -> Option<Latency> {
        let ratio = |of| ratio_of_rounds(&each(&self.served, of), &each(&self.stored, of));
        (!self.served.is_empty()).then(|| Latency {
            served: Quantiles::of(&self.served),
            stored: Quantiles::of(&self.stored),
            ratios: [ratio(P50_US), ratio(P99_US)],
            syncs: Quantiles::of(&self.syncs),
        })
    }
}

impl Quantiles {
    fn of(rounds: &[LatencyReport]) -> Self {
        let figure = |of| Figure::of(each(rounds, of));
        Self { p50_us: figure(P50_US), p99_us: figure(P99_US) }
    }
}

/// A time of a round.
type Quantile = fn(&LatencyReport) -> u64;

const P50_US: Quantile = |times| times.p50_us;
const P99_US: Quantile = |times| times.p99_us;

fn each(rounds: &[LatencyReport], of: Quantile) -> Vec<f64> {
    rounds.iter().map(|times| of(times) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_compared_round_by_round() {
        let report = |p50_us, p99_us| LatencyReport { p50_us, p99_us, ..LatencyReport::default() };
        let mut times = Times::default();
        assert!(times.latency().is_none());
        times.push(report(4, 9), report(2, 9), report(1, 2));
        times.push(report(2, 20), report(2, 5), report(1, 4));
        let found = times.latency().unwrap();
        assert_eq!(found.served.p50_us, Figure { median: 3.0, min: 2.0, max: 4.0 });
        assert_eq!(found.stored.p99_us, Figure { median: 7.0, min: 5.0, max: 9.0 });
        assert_eq!(found.syncs.p99_us, Figure { median: 3.0, min: 2.0, max: 4.0 });
        assert_eq!(found.ratios[0], Figure { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!(found.ratios[1], Figure { median: 14.5 / 7.0, min: 1.0, max: 4.0 });
    }
}
