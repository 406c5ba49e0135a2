//! Sets of seqs, as bits in pages.
//!
//! Owns finding, within a page and over many, and counting within a page. A page that is not there is empty; what is not there costs
//! nothing. Tested at the end of this file.

use std::collections::BTreeMap;

/// Seqs of a page.
pub(crate) const PAGE_SEQS: u64 = 1 << 16;

const WORDS: usize = (PAGE_SEQS / 64) as usize;

/// One bit for each seq of a page, by its remainder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page(Box<[u64]>);

impl Default for Page {
    fn default() -> Self {
        Self(vec![0; WORDS].into())
    }
}

impl Page {
    pub(crate) fn set(&mut self, place: u64, on: bool) {
        let (word, bit) = (&mut self.0[(place / 64) as usize], 1 << (place % 64));
        *word = if on { *word | bit } else { *word & !bit };
    }

    fn get(&self, place: u64) -> bool {
        self.0[(place / 64) as usize] >> (place % 64) & 1 == 1
    }

    /// The first place from here on whose bit is so.
    pub(crate) fn first(&self, from: u64, on: bool) -> Option<u64> {
        let sought = |word: u64| if on { word } else { !word };
        let start = (from / 64) as usize;
        let mut word = sought(*self.0.get(start)?) & (u64::MAX << (from % 64));
        for at in start..WORDS {
            if at > start {
                word = sought(self.0[at]);
            }
            if word != 0 {
                return Some(at as u64 * 64 + u64::from(word.trailing_zeros()));
            }
        }
        None
    }

    /// How many bits are set between two places, both included.
    pub(crate) fn count(&self, from: u64, to: u64) -> u64 {
        if from > to {
            return 0;
        }
        let (first, last) = ((from / 64) as usize, (to / 64) as usize);
        let words = (first..=last).map(|at| {
            let mut word = self.0[at];
            if at == first {
                word &= u64::MAX << (from % 64);
            }
            if at == last {
                word &= u64::MAX >> (63 - to % 64);
            }
            u64::from(word.count_ones())
        });
        words.sum()
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeqSet {
    pages: BTreeMap<u64, Page>,
}

impl SeqSet {
    pub(crate) fn set(&mut self, seq: u64, on: bool) {
        self.pages.entry(seq / PAGE_SEQS).or_default().set(seq % PAGE_SEQS, on);
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.pages.get(&(seq / PAGE_SEQS)).is_some_and(|page| page.get(seq % PAGE_SEQS))
    }

    /// The first member from `from` on.
    pub(crate) fn next(&self, from: u64) -> Option<u64> {
        self.pages.range(from / PAGE_SEQS..).find_map(|(number, page)| {
            let base = number * PAGE_SEQS;
            page.first(from.saturating_sub(base), true).map(|place| base + place)
        })
    }

    /// The first seq from `from` on that is no member, or the end of its page.
    pub(crate) fn next_missing(&self, from: u64) -> u64 {
        let base = from / PAGE_SEQS * PAGE_SEQS;
        let page = self.pages.get(&(from / PAGE_SEQS));
        page.map_or(from, |page| base + page.first(from - base, false).unwrap_or(PAGE_SEQS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn seqs() -> impl Strategy<Value = BTreeSet<u64>> {
        let seq = prop_oneof![0..200_u64, PAGE_SEQS - 100..PAGE_SEQS + 100, 0..4 * PAGE_SEQS];
        proptest::collection::btree_set(seq, 0..80)
    }

    proptest! {
        #[test]
        fn it_is_a_set(
            members in seqs(), removed in seqs(), run in 0..3 * PAGE_SEQS, length in 0..2 * PAGE_SEQS,
            from in 0..5 * PAGE_SEQS,
        ) {
            let mut expected: BTreeSet<u64> = members.union(&(run..run + length).collect()).copied().collect();
            let mut set = SeqSet::default();
            expected.iter().for_each(|seq| set.set(*seq, true));
            for seq in removed {
                set.set(seq, false);
                expected.remove(&seq);
            }
            prop_assert_eq!(set.next(from), expected.range(from..).next().copied());
            let page_end = (from / PAGE_SEQS + 1) * PAGE_SEQS;
            let missing = (from..page_end).find(|seq| !expected.contains(seq));
            prop_assert_eq!(set.next_missing(from), missing.unwrap_or(page_end));
            prop_assert_eq!(set.contains(from), expected.contains(&from));
        }
    }
}
