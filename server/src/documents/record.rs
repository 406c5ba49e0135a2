//! What the index knows of one document: its revision tree, and the event that speaks for it.
//!
//! Owns the bytes: the seq and the size of the latest event as varints (LEB128), then the tree in the wire's form. Tested at
//! the end of this file.

use tailwater_wire::couchdb::rev::{RevTree, codec};

use super::error::DocumentsError;

/// One document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Seq of the document's latest event; 0 for a document that is not there.
    pub(super) seq: u64,
    /// Bytes of that event's body.
    pub(super) bytes: u64,
    /// Its revisions.
    pub(super) tree: RevTree,
}

/// What a document counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not there.
    Nothing,
    Live,
    Deleted,
}

impl Record {
    pub(super) fn standing(&self) -> Standing {
        match self.tree.winner() {
            None => Standing::Nothing,
            Some(winner) if winner.body.deleted => Standing::Deleted,
            Some(_) => Standing::Live,
        }
    }

    /// Appends the bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, self.seq);
        write_varint(out, self.bytes);
        codec::encode(&self.tree, out);
    }

    pub(super) fn read(id: &[u8], bytes: &[u8]) -> Result<Self, DocumentsError> {
        Self::from_bytes(bytes).ok_or_else(|| DocumentsError::damaged(&format!("{:?}", String::from_utf8_lossy(id))))
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let seq = read_varint(&mut bytes)?;
        let event_bytes = read_varint(&mut bytes)?;
        Some(Self { seq, bytes: event_bytes, tree: codec::decode(bytes).ok()? })
    }
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailwater_core::SEQ_MAX;
    use tailwater_wire::couchdb::rev::{Body, History};

    use super::*;

    #[test]
    fn golden_bytes() {
        let mut record = Record { seq: 300, bytes: 5, tree: RevTree::new() };
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        assert_eq!(bytes, [0xac, 2, 5, 1, 0]);
        record.tree.insert(&History::of("1-a".parse().unwrap()), Body { seq: 300, deleted: true }, 9);
        assert_eq!(record.standing(), Standing::Deleted);
        assert_eq!(Record::default().standing(), Standing::Nothing);
    }

    proptest! {
        #[test]
        fn reads_as_it_was_written(seq in 0..=SEQ_MAX, bytes in 0..=5_000_000_u64, pos in 1..99_u64) {
            let mut record = Record { seq, bytes, tree: RevTree::new() };
            record.tree.insert(&History::of(format!("{pos}-x").parse().unwrap()), Body { seq, deleted: false }, 9);
            let mut out = Vec::new();
            record.write(&mut out);
            prop_assert_eq!(Record::from_bytes(&out), Some(record));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Record::from_bytes(&bytes);
        }
    }
}
