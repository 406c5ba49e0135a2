//! The documents that events were about lately, as the index has them: what changes often is not looked up often.
//!
//! Owns a bounded copy of entries. It is right only as long as every change of the index goes through it as well. Never reads or
//! writes the index. Tests: below and `server/tests/fauna/`.

use std::collections::HashMap;

use super::table::Version;

/// Documents of a generation. There are two: when the young one is full, it takes the place of the old one, whose documents are
/// forgotten unless an event was about them since.
const GENERATION_DOCUMENTS: usize = 16 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: HashMap<Vec<u8>, Option<Version>>,
    old: HashMap<Vec<u8>, Option<Version>>,
}

impl Recent {
    /// What the index has of a document, `Some(None)` for nothing; `None` if that is not known here.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Version>> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    /// The index is given this, or nothing, for a document.
    pub(super) fn put(&mut self, key: Vec<u8>, version: Option<Version>) {
        if self.young.len() >= GENERATION_DOCUMENTS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, version);
    }

    /// The index has been changed otherwise.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(seq: u64) -> Option<Version> {
        Some(Version { seq, time_us: seq })
    }

    #[test]
    fn what_is_put_again_stays_and_the_rest_is_forgotten() {
        let mut recent = Recent::default();
        for seq in 0..10 * GENERATION_DOCUMENTS as u64 {
            recent.put(seq.to_be_bytes().to_vec(), version(seq));
            if seq % 1000 == 0 {
                recent.put(b"often".to_vec(), version(seq));
                recent.put(b"gone".to_vec(), None);
            }
            assert!(recent.young.len() <= GENERATION_DOCUMENTS && recent.old.len() <= GENERATION_DOCUMENTS);
            assert_eq!(recent.get(&seq.to_be_bytes()), Some(version(seq)));
            assert_eq!((recent.get(b"often"), recent.get(b"gone")), (Some(version(seq / 1000 * 1000)), Some(None)));
        }
        assert_eq!(recent.get(&0_u64.to_be_bytes()), None);
        recent.clear();
        assert_eq!(recent.get(b"often"), None);
    }
}
