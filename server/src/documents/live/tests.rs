//! Live events against a plain set, over a real index.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tailwater_core::{BodyFormat, Event, FeedOptions, Store, StoreOptions};

use super::*;
use crate::index::{IndexOptions, Indexes};

/// Seqs within a page, at its edges, and pages apart.
fn seqs() -> impl Strategy<Value = u64> {
    prop_oneof![1..200_u64, PAGE_SEQS - 3..PAGE_SEQS + 3, 5 * PAGE_SEQS..5 * PAGE_SEQS + 2_000]
}

fn event(seq: u64) -> Event<'static> {
    Event { seq, time_us: 0, kind: "", key: "", format: BodyFormat::Json, body: b"" }
}

fn all(live: &Live, index: &Index<Table>, after: u64, upto: u64, max: usize) -> Vec<u64> {
    let (mut out, mut at) = (Vec::new(), after);
    loop {
        let before = out.len();
        live.next(index, (at, upto), max, &mut out).unwrap();
        if out.len() == before {
            return out;
        }
        at = *out.last().unwrap();
    }
}

fn all_down(live: &Live, index: &Index<Table>, after: u64, before: u64, max: usize) -> Vec<u64> {
    let (mut out, mut at) = (Vec::new(), before);
    loop {
        let length = out.len();
        live.previous(index, (after, at), max, &mut out).unwrap();
        if out.len() == length {
            return out;
        }
        at = *out.last().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_is_a_set(
        groups in prop::collection::vec(prop::collection::vec((seqs(), any::<bool>()), 0..60), 1..5),
        bounds in prop::collection::vec((seqs(), seqs()), 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let feed = store.create_feed("f", FeedOptions::default()).unwrap();
        let options = IndexOptions { cache_bytes: 1 << 20, write_buffer_bytes: 1 << 20 };
        let index = Indexes::new(dir.path()).open::<Table>(&feed, 1, options).unwrap();
        let live = Live::open(&index).unwrap();
        let mut set = BTreeSet::new();
        for (number, group) in groups.iter().enumerate() {
            let flips: Vec<Flip> = group.iter().map(|(seq, live)| Flip { seq: *seq, live: *live }).collect();
            for Flip { seq, live } in &flips {
                if *live { set.insert(*seq) } else { set.remove(seq) };
            }
            live.load(&index, &flips).unwrap();
            live.apply(&index, &flips).unwrap();
            let mut batch = index.batch();
            live.snapshot().put(&mut batch).unwrap();
            batch.applied(&event(number as u64 + 1));
            batch.commit().unwrap();
            live.left();
            // One that is opened now has read all of it from the index.
            for live in [&live, &Live::open(&index).unwrap()] {
                for (one, other) in &bounds {
                    let (after, upto) = (*one.min(other), *one.max(other));
                    let expected: Vec<u64> = set.range(after + 1..=upto.max(after + 1)).copied().filter(|seq| *seq <= upto).collect();
                    prop_assert_eq!(live.count(&index, after, upto).unwrap(), expected.len() as u64);
                    prop_assert_eq!(&all(live, &index, after, upto, 7), &expected);
                    let down: Vec<u64> = expected.iter().rev().copied().collect();
                    prop_assert_eq!(&all_down(live, &index, after, upto + 1, 7), &down);
                    prop_assert_eq!(live.is_live(&index, *one).unwrap(), set.contains(one));
                }
            }
        }
    }
}

#[test]
fn damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let index = Indexes::new(dir.path()).open::<Table>(&feed, 1, IndexOptions::default()).unwrap();
    let mut batch = index.batch();
    batch.put(Table::Chunks, &number_key(3), b"short").unwrap();
    batch.put(Table::Pages, &number_key(0), &number_key(9)).unwrap();
    batch.applied(&event(1));
    batch.commit().unwrap();
    let live = Live::open(&index).unwrap();
    assert_eq!(
        live.is_live(&index, 1).unwrap_err().to_string().split(':').next(),
        Some("the index says of live events what nobody wrote")
    );
    let mut batch = index.batch();
    batch.put(Table::Pages, b"x", b"").unwrap();
    batch.applied(&event(2));
    batch.commit().unwrap();
    assert!(Live::open(&index).is_err());
}
