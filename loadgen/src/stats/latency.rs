//! Latency in microseconds, in a high dynamic range histogram (three significant digits).

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies above this are counted as stale, not measured: the event was replayed, or its time stamp is not its publish time.
pub const LATENCY_MAX_US: u64 = 3_600_000_000;

/// A histogram being filled.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    stale: u64,
    ahead: u64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3)
            .expect("one microsecond to one hour at three digits is a valid range");
        Self { histogram, stale: 0, ahead: 0 }
    }
}

impl Latency {
    /// Records one latency.
    pub fn record(&mut self, us: u64) {
        match us {
            0..=LATENCY_MAX_US => self.histogram.saturating_record(us),
            _ => self.stale += 1,
        }
    }

    /// Records the latency of something that happened at `then_us` and is seen at `now_us` (both since the Unix epoch).
    ///
    /// A time in the future is recorded as no latency and counted: the clocks differ.
    pub fn record_since(&mut self, then_us: u64, now_us: u64) {
        self.ahead += u64::from(then_us > now_us);
        self.record(now_us.saturating_sub(then_us));
    }

    /// Forgets everything recorded.
    pub fn clear(&mut self) {
        self.histogram.reset();
        (self.stale, self.ahead) = (0, 0);
    }

    /// Adds what another histogram recorded.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both histograms have the same bounds");
        self.stale += other.stale;
        self.ahead += other.ahead;
    }

    /// The figures of what was recorded.
    pub fn report(&self) -> LatencyReport {
        let at = |quantile| self.histogram.value_at_quantile(quantile);
        LatencyReport {
            count: self.histogram.len(),
            min_us: self.histogram.min(),
            mean_us: self.histogram.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.histogram.max(),
            stale: self.stale,
            ahead: self.ahead,
        }
    }
}

/// Quantiles in microseconds; all zero when nothing was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// How many latencies were recorded.
    pub count: u64,
    /// The smallest.
    pub min_us: u64,
    /// The mean.
    pub mean_us: f64,
    /// The median.
    pub p50_us: u64,
    /// 90 of 100 are at most this.
    pub p90_us: u64,
    /// 99 of 100 are at most this.
    pub p99_us: u64,
    /// 999 of 1,000 are at most this.
    pub p999_us: u64,
    /// The largest.
    pub max_us: u64,
    /// Not recorded because over [`LATENCY_MAX_US`].
    pub stale: u64,
    /// Recorded as none because the event's time lay in the future.
    pub ahead: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_exceptions() {
        let mut latency = Latency::default();
        for us in 1..=1000 {
            latency.record_since(5_000, 5_000 + us);
        }
        latency.record_since(9, 5);
        latency.record(LATENCY_MAX_US + 1);
        let report = latency.report();
        assert_eq!((report.count, report.ahead, report.stale), (1001, 1, 1));
        assert_eq!((report.p50_us, report.p99_us, report.max_us), (500, 990, 1000));

        let mut both = Latency::default();
        both.merge(&latency);
        assert_eq!(both.report(), report);
        both.clear();
        assert_eq!(both.report(), LatencyReport::default());
    }
}
