//! How far a view is known, and what of it has to be found out next.
//!
//! Owns the ranges. Readers need everything from where they start; whoever starts nearest to the tail is served first, so that
//! a reader who catches up does not keep those waiting who have. Never looks at an event. Tested at the end of this file.

use std::collections::BTreeMap;

use super::error::ScriptError;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Ranges of which everything is known, by their first seq; both ends are within. No two touch.
    known: BTreeMap<u64, u64>,
    /// Events that could not be judged: nobody gets beyond them.
    walls: BTreeMap<u64, ScriptError>,
    /// Where readers start, and how many there.
    starts: BTreeMap<u64, usize>,
    /// From here on there are readers for whom superseded events are events like any other.
    plain_from: u64,
}

/// A range to find out about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Whether superseded events count.
    pub(super) plain: bool,
}

impl Progress {
    /// A reader starts. It passes over what was superseded up to `kept_to`.
    pub(super) fn join(&mut self, start: u64, kept_to: u64) {
        if self.starts.is_empty() {
            self.plain_from = kept_to + 1;
        }
        *self.starts.entry(start).or_default() += 1;
    }

    pub(super) fn leave(&mut self, start: u64) {
        if let Some(readers) = self.starts.get_mut(&start) {
            *readers -= 1;
            if *readers == 0 {
                self.starts.remove(&start);
            }
        }
    }

    /// Whether there are readers.
    pub(super) fn is_read(&self) -> bool {
        !self.starts.is_empty()
    }

    /// The first seq from `from` on of which nothing is known.
    pub(super) fn next_open(&self, from: u64) -> u64 {
        match self.known.range(..=from).next_back() {
            Some((_, to)) if *to >= from => to + 1,
            _ => from,
        }
    }

    /// Everything in a range is known now.
    pub(super) fn learn(&mut self, from: u64, to: u64) {
        let (mut first, mut last) = (from, to);
        // Ranges that touch it become part of it.
        while let Some((other, end)) = self.known.range(..=last + 1).next_back().map(|(other, end)| (*other, *end)) {
            if end + 1 < first {
                break;
            }
            self.known.remove(&other);
            (first, last) = (first.min(other), last.max(end));
        }
        self.known.insert(first, last);
    }

    pub(super) fn wall(&mut self, seq: u64, error: ScriptError) {
        self.walls.insert(seq, error);
    }

    /// Why nobody gets beyond this seq.
    pub(super) fn failure(&self, seq: u64) -> Option<&ScriptError> {
        self.walls.get(&seq)
    }

    /// Events of a range that could not be judged and of which `is_gone` says that they do not count any more.
    pub(super) fn clear(&mut self, from: u64, to: u64, is_gone: impl Fn(u64) -> bool) {
        if from > to {
            return;
        }
        let gone: Vec<u64> = self.walls.range(from..=to).map(|(seq, _)| *seq).filter(|seq| is_gone(*seq)).collect();
        for seq in gone {
            self.walls.remove(&seq);
            self.learn(seq, seq);
        }
    }

    /// What has to be found out next, of events up to `last_seq`.
    pub(super) fn task(&self, last_seq: u64) -> Option<Task> {
        let opens = self.starts.keys().map(|start| self.next_open(*start));
        let from = opens.filter(|open| *open <= last_seq && !self.walls.contains_key(open)).max()?;
        let plain = from >= self.plain_from;
        let next_known = self.known.range(from..).next().map_or(u64::MAX, |(first, _)| first - 1);
        let next_wall = self.walls.range(from..).next().map_or(u64::MAX, |(seq, _)| seq - 1);
        let to = last_seq.min(next_known).min(next_wall);
        let to = if plain { to } else { to.min(self.plain_from - 1) };
        Some(Task { from, to, plain })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_is_near_the_tail_comes_first() {
        let mut progress = Progress::default();
        assert_eq!(progress.task(10), None);
        progress.join(11, 10);
        assert_eq!(progress.task(10), None);
        assert_eq!(progress.task(12), Some(Task { from: 11, to: 12, plain: true }));
        progress.learn(11, 12);
        // Another one begins at the beginning.
        progress.join(1, 12);
        assert_eq!(progress.task(12), Some(Task { from: 1, to: 10, plain: false }));
        progress.learn(1, 4);
        assert_eq!(progress.task(13), Some(Task { from: 13, to: 13, plain: true }));
        progress.learn(13, 13);
        assert_eq!(progress.task(13), Some(Task { from: 5, to: 10, plain: false }));
        progress.learn(5, 10);
        assert_eq!((progress.task(13), progress.next_open(1)), (None, 14));
        progress.leave(1);
        progress.leave(11);
        assert_eq!(progress.task(20), None);
        // What was missed meanwhile is caught up with.
        progress.join(1, 20);
        assert_eq!(progress.task(22), Some(Task { from: 14, to: 20, plain: false }));
        progress.learn(14, 20);
        assert_eq!(progress.task(22), Some(Task { from: 21, to: 22, plain: true }));
    }

    #[test]
    fn nobody_gets_beyond_a_wall() {
        let mut progress = Progress::default();
        progress.join(1, 9);
        progress.learn(1, 3);
        progress.wall(4, ScriptError::Unreadable);
        assert_eq!((progress.task(9), progress.next_open(1)), (None, 4));
        assert_eq!((progress.failure(4).is_some(), progress.failure(3)), (true, None));
        progress.join(5, 9);
        assert_eq!(progress.task(9), Some(Task { from: 5, to: 9, plain: false }));
        progress.clear(1, 9, |seq| seq != 4);
        assert!(progress.failure(4).is_some());
        progress.clear(1, 9, |seq| seq == 4);
        assert_eq!((progress.failure(4), progress.next_open(1)), (None, 5));
    }

    proptest! {
        #[test]
        fn ranges_are_sets(ranges in prop::collection::vec((1..60_u64, 0..12_u64), 0..12), from in 0..80_u64) {
            let mut progress = Progress::default();
            let mut known = [false; 200];
            for (first, length) in ranges {
                progress.learn(first, first + length);
                (first..=first + length).for_each(|seq| known[seq as usize] = true);
            }
            let open = (from..).find(|seq| !known[*seq as usize]).unwrap();
            prop_assert_eq!(progress.next_open(from), open);
            progress.join(from, from);
            let to = (open..150).find(|seq| known[*seq as usize]).map_or(150, |seq| seq - 1);
            prop_assert_eq!(progress.task(150).map(|task| (task.from, task.to)), Some((open, if open > from { to } else { to.min(from).max(open) })));
        }
    }
}
