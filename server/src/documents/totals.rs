//! What a database is asked for as a whole: how many documents, how many bytes.
//!
//! Owns the counters and their bytes, five numbers of eight bytes, little-endian. Tested at the end of this file.

use super::{error::DocumentsError, record::Standing};

/// Counters over all documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents that are not deleted.
    pub docs: u64,
    /// Documents that are.
    pub deleted: u64,
    /// Documents that were purged, whole or in part; each counts as often as that happened.
    pub purges: u64,
    /// Bytes of the latest events' bodies.
    pub body_bytes: u64,
    /// Bytes of the latest events' bodies and keys.
    pub event_bytes: u64,
}

impl Totals {
    const BYTES: usize = 40;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let numbers = [self.docs, self.deleted, self.purges, self.body_bytes, self.event_bytes];
        let mut bytes = [0; Self::BYTES];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DocumentsError> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().map_err(|_| DocumentsError::damaged("all documents"))?;
        let at = |at: usize| std::array::from_fn(|byte| bytes[8 * at + byte]);
        let [docs, deleted, purges, body_bytes, event_bytes] = std::array::from_fn(|n| u64::from_le_bytes(at(n)));
        Ok(Self { docs, deleted, purges, body_bytes, event_bytes })
    }

    /// A document begins to count, whose latest event's body has so many bytes.
    pub(super) fn add(&mut self, id: &str, standing: Standing, bytes: u64) {
        let Some(counter) = self.counter(standing) else { return };
        *counter += 1;
        self.body_bytes += bytes;
        self.event_bytes += bytes + id.len() as u64;
    }

    /// The reverse of [`Totals::add`].
    pub(super) fn remove(&mut self, id: &str, standing: Standing, bytes: u64) {
        let Some(counter) = self.counter(standing) else { return };
        *counter = counter.saturating_sub(1);
        self.body_bytes = self.body_bytes.saturating_sub(bytes);
        self.event_bytes = self.event_bytes.saturating_sub(bytes + id.len() as u64);
    }

    fn counter(&mut self, standing: Standing) -> Option<&mut u64> {
        match standing {
            Standing::Nothing => None,
            Standing::Live => Some(&mut self.docs),
            Standing::Deleted => Some(&mut self.deleted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_it_was_written() {
        let totals = Totals { docs: 1, deleted: 2, purges: 3, body_bytes: 4, event_bytes: u64::MAX };
        assert_eq!(Totals::read(&totals.to_bytes()).unwrap(), totals);
        assert!(Totals::read(&[0; 39]).is_err());
    }

    #[test]
    fn what_is_removed_no_longer_counts() {
        let mut totals = Totals::default();
        totals.add("ab", Standing::Live, 10);
        totals.add("c", Standing::Deleted, 1);
        totals.add("d", Standing::Nothing, 99);
        assert_eq!(totals, Totals { docs: 1, deleted: 1, purges: 0, body_bytes: 11, event_bytes: 14 });
        totals.remove("ab", Standing::Live, 10);
        totals.remove("d", Standing::Nothing, 99);
        assert_eq!(totals, Totals { docs: 0, deleted: 1, purges: 0, body_bytes: 1, event_bytes: 2 });
    }
}
