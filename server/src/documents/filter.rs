//! Which ids are surely new.
//!
//! Owns a Bloom filter of all ids of an index that was empty when it was opened. Writing new documents is then spared a search
//! in the index for each, which finds nothing: with ids in no order, that is a third of the work. An index that was opened with
//! documents in it has none of this, since filling it would read them all. Tested at the end of this file.

use std::hash::{BuildHasher, RandomState};

/// Ids of the first part; each next one takes twice as many.
const FIRST_IDS: usize = 16 << 10;

/// Ids of the largest part.
const PART_IDS_MAX: usize = 8 << 20;

/// Ids in all; when there are more, the filter is given up. It takes 64 MiB then.
const IDS_MAX: usize = 42 << 20;

/// Ids of a block. A block is a line of the processor's cache, so an id costs one access to memory for each part.
const BLOCK_IDS: usize = 42;

/// Bits that are set for an id.
const PROBES: usize = 6;

const BLOCK_WORDS: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Filter {
    hasher: RandomState,
    parts: Vec<Part>,
    ids: usize,
}

#[derive(Debug)]
struct Part {
    blocks: Vec<Block>,
    ids_left: usize,
}

#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Block([u64; BLOCK_WORDS]);

impl Filter {
    /// A filter of no ids.
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), parts: Vec::new(), ids: 0 }
    }

    /// Adds an id that may be there already; false if there are too many now.
    pub(super) fn add(&mut self, id: &str) -> bool {
        let hash = self.hasher.hash_one(id);
        if self.may_have_hash(hash) {
            return true;
        }
        if self.parts.last().is_none_or(|part| part.ids_left == 0) {
            let ids = (FIRST_IDS << self.parts.len().min(16)).min(PART_IDS_MAX);
            self.parts.push(Part { blocks: vec![Block::default(); ids.div_ceil(BLOCK_IDS)], ids_left: ids });
        }
        if let Some(part) = self.parts.last_mut() {
            part.ids_left -= 1;
            let at = block_of(hash, part.blocks.len());
            bits_of(hash).for_each(|(word, bit)| part.blocks[at].0[word] |= bit);
        }
        self.ids += 1;
        self.ids <= IDS_MAX
    }

    /// Whether an id was added. It may say so of one that was not, in one case of a hundred.
    pub(super) fn may_have(&self, id: &str) -> bool {
        self.may_have_hash(self.hasher.hash_one(id))
    }

    fn may_have_hash(&self, hash: u64) -> bool {
        self.parts.iter().any(|part| {
            let block = &part.blocks[block_of(hash, part.blocks.len())];
            bits_of(hash).all(|(word, bit)| block.0[word] & bit != 0)
        })
    }
}

fn block_of(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

/// Word and bit of each probe.
fn bits_of(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    // The upper half has chosen the block.
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash >> 29;
    (0..PROBES).map(move |probe| {
        let place = mixed >> (9 * probe) & 511;
        ((place / 64) as usize, 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_and_little_else() {
        let mut filter = Filter::new();
        assert!(!filter.may_have("a"));
        // Enough for the third part, though some look as if they were there already.
        let ids = 4 * FIRST_IDS;
        for id in 0..ids {
            assert!(filter.add(&format!("doc-{id}")));
        }
        assert_eq!(filter.parts.len(), 3);
        assert!(filter.ids <= ids && filter.add("doc-0"));
        assert!((0..ids).all(|id| filter.may_have(&format!("doc-{id}"))));
        let wrong = (0..10_000).filter(|id| filter.may_have(&format!("other-{id}"))).count();
        assert!(wrong < 500, "{wrong} of 10000");
    }
}
