//! One bit for each of 65,536 seqs.
//!
//! Owns counting and finding within one page; knows no index. Tested at the end of this file.

use std::ops::RangeInclusive;

/// Seqs of a page.
pub(super) const PAGE_SEQS: u64 = 1 << 16;

/// Seqs of a chunk: the part of a page that is stored as one entry.
pub(super) const CHUNK_SEQS: u64 = 1 << 10;

/// Chunks of a page.
pub(super) const PAGE_CHUNKS: u64 = PAGE_SEQS / CHUNK_SEQS;

const WORDS: usize = (PAGE_SEQS / 64) as usize;
const CHUNK_WORDS: usize = (CHUNK_SEQS / 64) as usize;

/// Bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = CHUNK_WORDS * 8;

/// The bits of a page, by place: the seq's remainder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64]>);

impl Default for Bits {
    fn default() -> Self {
        Self(vec![0; WORDS].into())
    }
}

impl Bits {
    pub(super) fn set(&mut self, place: u64, on: bool) {
        let (word, bit) = (&mut self.0[(place / 64) as usize], 1 << (place % 64));
        *word = if on { *word | bit } else { *word & !bit };
    }

    pub(super) fn get(&self, place: u64) -> bool {
        self.0[(place / 64) as usize] >> (place % 64) & 1 == 1
    }

    /// How many bits of these places are set.
    pub(super) fn count(&self, places: RangeInclusive<u64>) -> u64 {
        let (first, last) = places.into_inner();
        if first > last {
            return 0;
        }
        let (first_word, last_word) = ((first / 64) as usize, (last / 64) as usize);
        let words = self.0[first_word..=last_word].iter().enumerate().map(|(at, word)| {
            let mut word = *word;
            if at == 0 {
                word &= u64::MAX << (first % 64);
            }
            if first_word + at == last_word {
                word &= u64::MAX >> (63 - last % 64);
            }
            u64::from(word.count_ones())
        });
        words.sum()
    }

    /// The set places from `first` on, ascending.
    pub(super) fn from(&self, first: u64) -> impl Iterator<Item = u64> {
        let words = self.0.iter().enumerate().skip((first / 64) as usize);
        words.flat_map(move |(at, word)| {
            let base = at as u64 * 64;
            let mut left = if base < first { *word & (u64::MAX << (first - base)) } else { *word };
            std::iter::from_fn(move || {
                let place = (left != 0).then(|| u64::from(left.trailing_zeros()))?;
                left &= left - 1;
                Some(base + place)
            })
        })
    }

    /// The set places from `last` on, descending.
    pub(super) fn down_from(&self, last: u64) -> impl Iterator<Item = u64> {
        let words = self.0.iter().enumerate().take((last / 64) as usize + 1).rev();
        words.flat_map(move |(at, word)| {
            let base = at as u64 * 64;
            let mut left = if last < base + 63 { *word & (u64::MAX >> (63 - (last - base))) } else { *word };
            std::iter::from_fn(move || {
                let place = (left != 0).then(|| 63 - u64::from(left.leading_zeros()))?;
                left &= !(1 << place);
                Some(base + place)
            })
        })
    }

    /// The bytes of a chunk.
    pub(super) fn chunk(&self, chunk: u64) -> [u8; CHUNK_BYTES] {
        let words = &self.0[chunk as usize * CHUNK_WORDS..][..CHUNK_WORDS];
        let mut bytes = [0; CHUNK_BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Takes over the bytes of a chunk; false if they are none.
    pub(super) fn set_chunk(&mut self, chunk: u64, bytes: &[u8]) -> bool {
        let words = self.0.get_mut(chunk as usize * CHUNK_WORDS..).and_then(|words| words.get_mut(..CHUNK_WORDS));
        let Some(words) = words.filter(|_| bytes.len() == CHUNK_BYTES) else { return false };
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn places() -> impl Strategy<Value = BTreeSet<u64>> {
        let place = prop_oneof![0..PAGE_SEQS, 0..200_u64, PAGE_SEQS - 200..PAGE_SEQS];
        proptest::collection::btree_set(place, 0..80)
    }

    proptest! {
        #[test]
        fn a_page_is_a_set(set in places(), removed in places(), from in 0..PAGE_SEQS, to in 0..PAGE_SEQS) {
            let mut bits = Bits::default();
            set.union(&removed).for_each(|place| bits.set(*place, true));
            removed.difference(&set).for_each(|place| bits.set(*place, false));
            let range = |first, last| set.iter().filter(move |place| (first..=last).contains(*place)).copied();
            prop_assert_eq!(bits.count(from..=to), range(from, to).count() as u64);
            prop_assert!(bits.from(from).eq(range(from, PAGE_SEQS)));
            prop_assert!(bits.down_from(to).eq(range(0, to).rev()));
            prop_assert_eq!(bits.get(from), set.contains(&from));
        }

        #[test]
        fn a_page_is_its_chunks(set in places()) {
            let (mut bits, mut copy) = (Bits::default(), Bits::default());
            set.iter().for_each(|place| bits.set(*place, true));
            for chunk in 0..PAGE_CHUNKS {
                prop_assert!(copy.set_chunk(chunk, &bits.chunk(chunk)));
            }
            prop_assert_eq!(&copy, &bits);
            prop_assert!(!copy.set_chunk(0, &[0; 9]) && !copy.set_chunk(PAGE_CHUNKS, &[0; CHUNK_BYTES]));
        }
    }
}
