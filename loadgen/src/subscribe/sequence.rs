//! Order, duplicates and gaps of the sequence numbers one connection has seen.

use std::collections::BTreeMap;

/// Most separate gaps that are remembered. Beyond, a late event counts as disorder even if it is a repetition.
const GAPS_MAX: usize = 4096;

/// What a sequence number is, seen after the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Larger than every one before.
    InOrder,
    /// Smaller than one before, and new: the order is wrong.
    Disorder,
    /// Seen before, or before the first one was: a repetition or an event that should not have been sent.
    Duplicate,
}

/// Tracks one stream of sequence numbers.
#[derive(Clone, Debug, Default)]
pub struct SequenceTracker {
    first: Option<u64>,
    last: u64,
    count: u64,
    missing: u64,
    disorder: u64,
    duplicates: u64,
    /// Gaps as first missing to last missing seq.
    gaps: BTreeMap<u64, u64>,
    gaps_forgotten: bool,
}

impl SequenceTracker {
    /// Takes the next sequence number.
    pub fn observe(&mut self, seq: u64) -> Observed {
        self.count += 1;
        let Some(first) = self.first else {
            (self.first, self.last) = (Some(seq), seq);
            return Observed::InOrder;
        };
        if seq > self.last {
            if seq - self.last > 1 {
                self.open_gap(self.last + 1, seq - 1);
            }
            self.last = seq;
            return Observed::InOrder;
        }
        if self.fill_gap(seq) || (self.gaps_forgotten && seq > first && seq != self.last) {
            self.disorder += 1;
            return Observed::Disorder;
        }
        self.duplicates += 1;
        Observed::Duplicate
    }

    /// The same where events may share a sequence number: the last one again is in order.
    pub fn observe_grouped(&mut self, seq: u64) -> Observed {
        if self.last() != Some(seq) {
            return self.observe(seq);
        }
        self.count += 1;
        Observed::InOrder
    }

    /// The first sequence number seen.
    pub fn first(&self) -> Option<u64> {
        self.first
    }

    /// The largest sequence number seen.
    pub fn last(&self) -> Option<u64> {
        self.first.map(|_| self.last)
    }

    /// How many were seen, repetitions included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many between first and last were not seen.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How many came later than a larger one.
    pub fn disorder(&self) -> u64 {
        self.disorder
    }

    /// How many were seen before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    fn open_gap(&mut self, from: u64, to: u64) {
        self.missing += to - from + 1;
        if self.gaps.len() < GAPS_MAX {
            self.gaps.insert(from, to);
        } else {
            self.gaps_forgotten = true;
        }
    }

    /// Whether `seq` was missing; it no longer is.
    fn fill_gap(&mut self, seq: u64) -> bool {
        let Some((&from, &to)) = self.gaps.range(..=seq).next_back() else {
            return false;
        };
        if seq > to {
            return false;
        }
        self.gaps.remove(&from);
        if from < seq {
            self.gaps.insert(from, seq - 1);
        }
        if seq < to {
            self.gaps.insert(seq + 1, to);
        }
        self.missing -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn track(seqs: &[u64]) -> (SequenceTracker, Vec<Observed>) {
        let mut tracker = SequenceTracker::default();
        let observed = seqs.iter().map(|seq| tracker.observe(*seq)).collect();
        (tracker, observed)
    }

    #[test]
    fn what_is_seen() {
        use Observed::{Disorder as X, Duplicate as D, InOrder as I};
        let table: [(&[u64], &[Observed], u64); 6] = [
            (&[5, 6, 7], &[I, I, I], 0),
            (&[5, 8, 9], &[I, I, I], 2),
            (&[5, 8, 6, 9], &[I, I, X, I], 1),
            (&[5, 5], &[I, D], 0),
            (&[5, 6, 5, 6, 7], &[I, I, D, D, I], 0),
            (&[5, 4], &[I, D], 0),
        ];
        for (seqs, expected, missing) in table {
            let (tracker, observed) = track(seqs);
            assert_eq!(observed, expected, "{seqs:?}");
            assert_eq!(tracker.missing(), missing, "{seqs:?}");
        }
    }

    #[test]
    fn many_gaps_are_counted_beyond_what_is_remembered() {
        let seqs: Vec<u64> = (0..GAPS_MAX as u64 + 10).map(|n| n * 3 + 1).collect();
        let (mut tracker, _) = track(&seqs);
        assert_eq!(tracker.missing(), 2 * (GAPS_MAX as u64 + 9));
        assert_eq!(tracker.observe(*seqs.last().unwrap() - 1), Observed::Disorder);
        assert_eq!(tracker.observe(*seqs.last().unwrap()), Observed::Duplicate);
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(seqs in prop::collection::vec(100u64..140, 1..80)) {
            let (tracker, observed) = track(&seqs);
            let mut seen = BTreeSet::new();
            for (seq, observed) in seqs.iter().zip(observed) {
                let largest = seen.last().copied().unwrap_or(0);
                let expected = match () {
                    () if *seq > largest => Observed::InOrder,
                    () if !seen.contains(seq) && *seq > seqs[0] => Observed::Disorder,
                    () => Observed::Duplicate,
                };
                prop_assert_eq!(observed, expected);
                seen.insert(*seq);
            }
            let last = *seen.last().unwrap();
            let missing = (seqs[0]..=last).filter(|seq| !seen.contains(seq)).count() as u64;
            prop_assert_eq!(tracker.missing(), missing);
            prop_assert_eq!(tracker.last(), Some(last));
        }
    }
}
