//! `seq` inside a payload object: taken out when the feed numbers events itself, put in when a frame is made.
//!
//! Both work on slices and keep the canonical order of keys, so putting back the seq that was taken out gives the
//! original bytes.

use crate::dag_cbor::{CborError, MapReader, key_order, write};

const SEQ: &str = "seq";

/// Where `seq` is, or belongs, in a map.
struct Place {
    /// The number of entries without `seq`.
    others: u64,
    /// Behind the map's own header.
    first: usize,
    /// Behind the last entry that comes before `seq`.
    before: usize,
    /// The first entry behind `seq`.
    after: usize,
}

fn locate(map: &[u8]) -> Result<Place, CborError> {
    let mut entries = MapReader::new(map, 0)?;
    let first = entries.end();
    let mut place = Place { others: 0, first, before: first, after: first };
    while let Some(entry) = entries.next() {
        match key_order(entry?.0, SEQ) {
            std::cmp::Ordering::Less => {
                (place.before, place.after) = (entries.end(), entries.end());
                place.others += 1;
            }
            std::cmp::Ordering::Equal => place.after = entries.end(),
            std::cmp::Ordering::Greater => place.others += 1,
        }
    }
    Ok(place)
}

/// Appends `map` with `seq` set.
///
/// # Errors
/// `map` is not a DAG-CBOR map; nothing was appended.
pub(super) fn with_seq(map: &[u8], seq: u64, out: &mut Vec<u8>) -> Result<(), CborError> {
    let place = locate(map)?;
    write::map(out, place.others + 1);
    out.extend_from_slice(&map[place.first..place.before]);
    write::text(out, SEQ);
    write::unsigned(out, seq);
    out.extend_from_slice(&map[place.after..]);
    Ok(())
}

/// Appends `map` without its `seq`, if it has one.
///
/// # Errors
/// `map` is not a DAG-CBOR map; nothing was appended.
pub(crate) fn without_seq(map: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
    let place = locate(map)?;
    write::map(out, place.others);
    out.extend_from_slice(&map[place.first..place.before]);
    out.extend_from_slice(&map[place.after..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag_cbor::{Value, decode, encode};

    fn map(keys: &[&str]) -> Vec<u8> {
        let entries = keys.iter().map(|key| ((*key).to_owned(), Value::Int(1))).collect();
        let mut out = Vec::new();
        encode(&Value::Map(entries), &mut out).unwrap();
        out
    }

    #[test]
    fn seq_is_put_where_it_belongs() {
        let others: [&[&str]; 6] =
            [&[], &["ops"], &["did", "ops", "rev"], &["sex"], &["t"], &["did", "sez", "time", "z"]];
        for keys in others {
            let without = map(keys);
            let mut with = Vec::new();
            with_seq(&without, 1, &mut with).unwrap();
            assert_eq!(with, map(&[keys, &["seq"]].concat()), "{keys:?}");
            let mut replaced = Vec::new();
            with_seq(&with, 1 << 40, &mut replaced).unwrap();
            assert_eq!(decode(&replaced).unwrap().get("seq"), Some(&Value::Int(1 << 40)));
            let mut stripped = Vec::new();
            without_seq(&replaced, &mut stripped).unwrap();
            assert_eq!(stripped, without);
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let mut out = Vec::new();
        assert!(with_seq(&[0x80], 1, &mut out).is_err() && without_seq(&[0xa1, 0x61], &mut out).is_err());
        assert!(out.is_empty());
    }
}
