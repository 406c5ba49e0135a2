//! What is known to be in memory of a frame log.
//!
//! Owns when each block was last seen there. A range is asked for by every subscriber that is about to send it, and asking the kernel
//! takes as long as looking through its page tables: one answer serves everybody until the next tick. Never asks by itself. Tests are
//! below.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is asked about at once, in bytes: about as much as is sent at once.
const BLOCK_BYTES: u64 = 256 << 10;

/// The ticks at which blocks were last seen in memory.
#[derive(Debug)]
pub(crate) struct Residency {
    /// 0: never.
    seen: Box<[AtomicU32]>,
}

impl Residency {
    /// Of `bytes` bytes, none of which was looked at.
    pub(crate) fn new(bytes: u64) -> Residency {
        Residency { seen: (0..bytes.div_ceil(BLOCK_BYTES)).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Whether a range out of the first `end` bytes is in memory, as far as was seen since the tick `now` (at least 1) began. `ask` is
    /// called for what was not: for blocks, and for the range itself when some block is not there as a whole.
    pub(crate) fn holds(&self, range: Range<u64>, end: u64, now: u32, ask: impl Fn(Range<u64>) -> bool) -> bool {
        if range.is_empty() {
            return true;
        }
        let blocks = range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES);
        let mut unseen = blocks.filter(|block| self.seen[*block as usize].load(Ordering::Relaxed) != now);
        let all = unseen.all(|block| {
            let there = ask(block * BLOCK_BYTES..((block + 1) * BLOCK_BYTES).min(end));
            if there {
                self.seen[block as usize].store(now, Ordering::Relaxed);
            }
            there
        });
        all || ask(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_block_is_asked_about_once_a_tick() {
        let residency = Residency::new(3 * BLOCK_BYTES);
        let end = 2 * BLOCK_BYTES + 7;
        let blocks = [0..BLOCK_BYTES, BLOCK_BYTES..2 * BLOCK_BYTES, 2 * BLOCK_BYTES..end];
        let table = [
            (5..BLOCK_BYTES, 1, vec![blocks[0].clone()]),
            (0..BLOCK_BYTES, 1, vec![]),
            (9..BLOCK_BYTES + 1, 1, vec![blocks[1].clone()]),
            (0..0, 1, vec![]),
            (0..end, 1, vec![blocks[2].clone()]),
            (0..end, 1, vec![]),
            (3..BLOCK_BYTES + 1, 2, vec![blocks[0].clone(), blocks[1].clone()]),
        ];
        for (range, now, expected) in table {
            let asked = RefCell::new(Vec::new());
            let ask = |range| {
                asked.borrow_mut().push(range);
                true
            };
            assert!(residency.holds(range.clone(), end, now, ask));
            assert_eq!(asked.into_inner(), expected, "{range:?} at {now}");
        }
    }

    /// What was brought into memory for a send is all that has to be there.
    #[test]
    fn a_block_that_is_there_in_part_does_not_keep_a_range_waiting() {
        let residency = Residency::new(2 * BLOCK_BYTES);
        let there = 100..BLOCK_BYTES + 100;
        let ask = |asked: Range<u64>| there.start <= asked.start && asked.end <= there.end;
        for (range, expected) in [(100..200, true), (99..200, false), (100..BLOCK_BYTES + 100, true)] {
            assert_eq!(residency.holds(range.clone(), 2 * BLOCK_BYTES, 1, ask), expected, "{range:?}");
        }
    }
}
