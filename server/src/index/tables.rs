//! What a user of an index says of its entries: which tables there are, and in which layout.
//!
//! Owns the keys as they stand in the store, where all tables are one: so that a batch reaches them at one moment, and so does
//! what a crash takes back. Tested at the end of this file.

use std::ops::{Bound, RangeBounds};

use super::error::IndexError;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 4096;

/// Stands before the number of a table.
const TABLES: u8 = 1;

/// The key of the stamp: before all tables.
pub(super) const STAMP_KEY: &[u8] = &[0];

/// The tables of one kind of index, as an enum. Keys and values are bytes; keys are ordered by their bytes.
pub trait Tables: Copy + Send + Sync + 'static {
    /// Tells this kind of index from others of the same feed, in names of directories: a few lower-case letters.
    const NAME: &str;

    /// Changes whenever the form or the meaning of entries does: an index of another layout is built anew.
    const LAYOUT: u32;

    /// A number of its own for each table, which stands before each of its keys.
    fn number(self) -> u8;
}

/// Bytes before a table's key in the store.
pub(super) const TABLE_PREFIX_BYTES: usize = 2;

/// The key in the store of a table's key.
pub(super) fn full_key<T: Tables>(table: T, key: &[u8]) -> Result<Vec<u8>, IndexError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(IndexError::KeyTooLong { bytes: key.len() });
    }
    let mut full = Vec::with_capacity(TABLE_PREFIX_BYTES + key.len());
    full.extend_from_slice(&prefix(table).to_be_bytes());
    full.extend_from_slice(key);
    Ok(full)
}

/// A range of keys in the store.
pub(super) type FullRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The range in the store of a range of a table's keys.
pub(super) fn full_range<T: Tables>(table: T, range: &impl RangeBounds<[u8]>) -> Result<FullRange, IndexError> {
    let full = |bound: Bound<&[u8]>, end_of_table: Bound<u16>| {
        Ok(match bound {
            Bound::Included(key) => Bound::Included(full_key(table, key)?),
            Bound::Excluded(key) => Bound::Excluded(full_key(table, key)?),
            Bound::Unbounded => end_of_table.map(|prefix| prefix.to_be_bytes().to_vec()),
        })
    };
    let start = full(range.start_bound(), Bound::Included(prefix(table)))?;
    let end = full(range.end_bound(), Bound::Excluded(prefix(table) + 1))?;
    Ok((start, end))
}

/// Stands before each key of a table.
fn prefix<T: Tables>(table: T) -> u16 {
    u16::from_be_bytes([TABLES, table.number()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Numbered(u8);

    impl Tables for Numbered {
        const NAME: &str = "numbered";
        const LAYOUT: u32 = 1;

        fn number(self) -> u8 {
            self.0
        }
    }

    #[test]
    fn tables_are_apart_from_each_other_and_from_the_stamp() {
        let keys: [&[u8]; 4] = [b"", b"\0", b"k", b"\xff\xff\xff"];
        let numbers = [0, 1, 2, 254, 255];
        for number in numbers {
            let (start, end) = full_range(Numbered(number), &..).unwrap();
            let range = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
            let contains = |key: &[u8]| RangeBounds::<[u8]>::contains(&range, key);
            assert!(!contains(STAMP_KEY), "{number}");
            for other in numbers {
                for key in keys {
                    let key = full_key(Numbered(other), key).unwrap();
                    assert_eq!(contains(&key), other == number, "{key:?} in {number}");
                    assert_eq!(&key[..TABLE_PREFIX_BYTES], &[TABLES, other]);
                }
            }
        }
    }
}
