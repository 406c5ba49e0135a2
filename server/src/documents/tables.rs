//! The tables of a database's index.
//!
//! | table | key | value | owned by |
//! | --- | --- | --- | --- |
//! | `Documents` | id | [`Record`](super::record::Record) | `record.rs` |
//! | `Chunks` | number of 1,024 seqs | which of them are live | `live/` |
//! | `Pages` | number of 65,536 seqs | how many of them are live | `live/` |
//! | `Totals` | nothing | [`Totals`](super::totals::Totals) | `totals.rs` |
//! | `Attachments` | MD5, seq | nothing: that event names that attachment | `compact.rs` |
//!
//! Numbers in keys are big-endian, so that keys are in their order.

use crate::index::Tables;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Documents,
    Chunks,
    Pages,
    Totals,
    Attachments,
}

impl Tables for Table {
    const NAME: &str = "couchdb";
    const LAYOUT: u32 = 2;

    fn number(self) -> u8 {
        self as u8
    }
}

/// The key of a number.
pub(super) fn number_key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The number a key is of.
pub(super) fn key_number(key: &[u8]) -> Option<u64> {
    key.try_into().map(u64::from_be_bytes).ok()
}

/// The key of an attachment that an event names.
pub(super) fn attachment_key(digest: [u8; 16], seq: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&digest);
    key[16..].copy_from_slice(&seq.to_be_bytes());
    key
}
