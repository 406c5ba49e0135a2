//! What of the log may be dropped: without it, a database that is built anew is the same, but for old bodies.

use std::collections::BTreeSet;

use futures_lite::future::block_on;
use proptest::prelude::*;
use tailwater_core::{Batch, Draft, SeqMode};

use super::common::{Running, edit};
use crate::documents::{Mode, Order, Verdict};

fn kept(db: &Running) -> BTreeSet<u64> {
    let verdicts = db.database.compaction(1, db.feed.last_seq()).unwrap().map(Result::unwrap);
    verdicts.filter(|(_, verdict)| *verdict == Verdict::Keep).map(|(seq, _)| seq).collect()
}

/// Copies the events with these seqs to a new feed.
fn copy_events(from: &Running, to: &Running, seqs: &BTreeSet<u64>) {
    let mut reader = from.feed.read(1);
    let mut batch = Batch::new();
    while let Some(event) = reader.next().transpose().unwrap() {
        if seqs.contains(&event.seq) {
            let tailwater_core::Event { seq, time_us, kind, key, format, body } = event;
            batch.push(&Draft { seq: Some(seq), time_us, kind, key, format, body }).unwrap();
        }
    }
    block_on(to.feed.append(batch, SeqMode::Preserve)).unwrap();
}

#[test]
fn the_latest_and_the_leaves_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let first = db.put("a", None, "{}").unwrap();
    db.put("a", Some(&first), r#"{"n":2}"#).unwrap();
    db.replicate("b", 2, "b a", false, "{}");
    db.replicate("b", 2, "c a", false, "{}");
    db.replicate("b", 3, "d c a", false, "{}");
    db.put("c", None, "{}").unwrap();
    db.purge("c", &["1-967a00dff5e02add41819138abb3284d"]);
    assert_eq!(kept(&db), BTreeSet::from([2, 3, 5, 7]));
    let some: Vec<_> = db.database.compaction(2, 4).unwrap().map(Result::unwrap).collect();
    assert_eq!(some, [(2, Verdict::Keep), (3, Verdict::Keep), (4, Verdict::Drop)]);
    db.close();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Some of what may be dropped is, as if some segments had been rewritten and others not.
    #[test]
    fn what_is_dropped_is_not_missed(
        edits in prop::collection::vec((0..4_u8, 0..5_u8, 0..6_u8, any::<bool>()), 1..60),
        spared in any::<u64>(),
    ) {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let db = Running::open(one.path());
        for (doc, what, name, deleted) in edits {
            let id = format!("doc{doc}");
            let leaves = db.leaves(&id);
            let leaf = leaves.get(usize::from(name) % leaves.len().max(1)).map(|leaf| leaf.split(' ').next().unwrap().to_owned());
            match what {
                0 => drop(db.publish("put", &id, r#"{"theirs":1}"#)),
                1 => db.replicate(&id, 2, &format!("r{name} a"), deleted, r#"{"r":1}"#),
                2 if name == 0 => drop(leaf.map(|leaf| db.purge(&id, &[&leaf]))),
                _ => drop(db.one(edit(&id, leaf.as_deref(), deleted, &format!("{{\"n\":{name}}}")), Mode::NewEdits)),
            }
        }
        let all = 1..=db.feed.last_seq();
        let kept = kept(&db);
        let kept: BTreeSet<u64> = all.filter(|seq| kept.contains(seq) || spared >> (seq % 64) & 1 == 1).collect();
        let compacted = Running::open(two.path());
        if !kept.is_empty() {
            copy_events(&db, &compacted, &kept);
        }
        for doc in 0..4 {
            let id = format!("doc{doc}");
            prop_assert_eq!(compacted.leaves(&id), db.leaves(&id));
            prop_assert_eq!(compacted.shown(&id), db.shown(&id));
        }
        prop_assert_eq!(compacted.changes(0, Order::Ascending), db.changes(0, Order::Ascending));
        prop_assert_eq!(compacted.all(), db.all());
        compacted.close();
        db.close();
    }
}
