//! What of the log may be dropped: without it, a database is the same, but for old bodies. And that it is dropped.

use std::{collections::BTreeSet, thread, time::Duration};

use futures_lite::future::block_on;
use proptest::prelude::*;
use tailwater_core::{Batch, Draft, SeqMode};

use super::common::{Running, edit, lose_index, options};
use crate::{
    documents::{DocumentsOptions, Missing, Mode, NewAttachment, Order, Source, compact::Verdict},
    index::Origin,
};

fn kept(db: &Running) -> BTreeSet<u64> {
    db.database.settle().unwrap();
    let mut reader = db.feed.read(1);
    let mut kept = BTreeSet::new();
    while let Some(event) = reader.next().transpose().unwrap() {
        if db.database.verdict(&event).unwrap() == Verdict::Keep {
            kept.insert(event.seq);
        }
    }
    kept
}

fn seqs(db: &Running) -> BTreeSet<u64> {
    let mut reader = db.feed.read(0);
    std::iter::from_fn(|| reader.next().map(|event| event.unwrap().seq)).collect()
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
    db.close();
}

/// One edit of many, by numbers.
fn one_of_many(db: &Running, (doc, what, name, deleted): (u8, u8, u8, bool)) {
    let id = format!("doc{doc}");
    let leaves = db.leaves(&id);
    let leaf =
        leaves.get(usize::from(name) % leaves.len().max(1)).map(|leaf| leaf.split(' ').next().unwrap().to_owned());
    match what {
        0 => drop(db.publish("put", &id, r#"{"theirs":1}"#)),
        1 => db.replicate(&id, 2, &format!("r{name} a"), deleted, r#"{"r":1}"#),
        2 if name == 0 => drop(leaf.map(|leaf| db.purge(&id, &[&leaf]))),
        _ => drop(db.one(edit(&id, leaf.as_deref(), deleted, &format!("{{\"n\":{name}}}")), Mode::NewEdits)),
    }
}

/// All that a database says of itself, but what it takes on the disk.
fn view(db: &Running) -> impl PartialEq + std::fmt::Debug + use<> {
    let docs: Vec<_> = (0..4).map(|doc| format!("doc{doc}")).map(|id| (db.leaves(&id), db.shown(&id))).collect();
    let pending = db.database.changes(0, Order::Ascending).unwrap().pending().unwrap();
    let summary = crate::documents::Summary { file_bytes: 0, ..db.database.summary().unwrap() };
    (docs, db.changes(0, Order::Ascending), db.changes(0, Order::Descending), pending, db.all(), db.bodies(), summary)
}

/// A leaf whose descendants an event of another origin had ended was lost with them, where that event was dropped.
#[test]
fn a_leaf_that_had_descendants_before_is_not_lost() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = Running::open(one.path());
    db.replicate("a", 2, "r a", true, "{}");
    db.replicate("a", 3, "s r a", false, "{}");
    db.publish("put", "a", "{}");
    db.replicate("a", 2, "r a", true, "{}");
    assert_eq!(db.leaves("a").len(), 2);
    assert_eq!(kept(&db), BTreeSet::from([3, 4]));
    let compacted = Running::open(two.path());
    copy_events(&db, &compacted, &BTreeSet::from([1, 2, 4]));
    assert_eq!(compacted.leaves("a"), ["2-r deleted"], "the event before is missing, and nothing else");
    db.close();
    compacted.close();
}

#[test]
fn old_bodies_and_attachments_go_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let source = Source::Stored(db.database.blobs().store(b"xx").unwrap());
    let attached = NewAttachment { name: "x".into(), content_type: "text/plain".into(), revpos: None, source };
    let first = crate::documents::Edit { attachments: vec![attached], ..edit("a", None, false, r#"{"n":0}"#) };
    let first = db.one(first, Mode::NewEdits).unwrap();
    let mut rev = first.clone();
    for n in 1..=200 {
        rev = db.put("a", Some(&rev), &format!("{{\"n\":{n}}}")).unwrap();
    }
    db.put("b", None, "{}").unwrap();
    let bytes = db.feed.bytes();
    assert!(db.get_rev("a", &first).is_ok());
    db.compact();
    assert_eq!(seqs(&db), BTreeSet::from([201, 202]));
    assert!(db.feed.bytes() < bytes / 20);
    assert_eq!(db.get_rev("a", &first), Err(Missing::Missing));
    assert_eq!(db.database.sweep_attachments().unwrap().seen, 0);
    assert_eq!(db.shown("a").unwrap(), (rev.clone(), r#"{"n":200}"#.to_owned()));
    assert_eq!(db.changes(0, Order::Ascending), [(201, "a".to_owned()), (202, "b".to_owned())]);
    // Nothing can be dropped of what is being written: it stays as it is.
    let unsealed = db.feed.unsealed();
    db.compact();
    assert_eq!((seqs(&db).len(), db.feed.unsealed()), (2, unsealed));
    db.put("a", Some(&rev), r#"{"n":201}"#).unwrap();
    db.compact();
    assert_eq!(seqs(&db), BTreeSet::from([202, 203]));
    db.close();
}

#[test]
fn an_index_that_stood_at_what_is_dropped_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = DocumentsOptions::default();
    let db = Running::open_with(dir.path(), options);
    let first = db.put("a", None, "{}").unwrap();
    db.database.write_out().unwrap();
    db.put("a", Some(&first), r#"{"n":2}"#).unwrap();
    db.compact();
    assert_eq!(seqs(&db), BTreeSet::from([2]));
    db.close();
    let db = Running::open_with(dir.path(), options);
    assert_eq!(db.database.shelf.index.origin(), &Origin::Kept);
    assert_eq!(db.shown("a").unwrap().1, r#"{"n":2}"#);
    db.close();
}

#[test]
fn it_begins_by_itself_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let options = DocumentsOptions { auto_compact_bytes: Some(100_000), ..options() };
    let db = Running::open_with(dir.path(), options);
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(2_000));
    let mut revs = vec![None; 20];
    let mut most = 0;
    for round in 0..400 {
        let (id, rev) = (round % 20, &mut revs[round % 20]);
        *rev = Some(db.put(&format!("doc{id}"), rev.as_deref(), &text).unwrap());
        most = most.max(db.feed.bytes());
        while db.database.compacting().is_some() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    // 20 documents of 2 kB are needed; of 400 all would be there.
    assert!((140_000..250_000).contains(&most), "{most}");
    assert_eq!(db.changes(0, Order::Ascending).len(), 20);
    db.close();
}

#[test]
fn one_at_a_time_and_none_of_a_closed_database() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let mut rev = None;
    for n in 0..3_000 {
        rev = Some(db.put("a", rev.as_deref(), &format!("{{\"n\":{n}}}")).unwrap());
    }
    assert!(db.database.compact());
    assert!(!db.database.compact());
    let compacting = db.database.compacting().unwrap();
    assert!(compacting.total == 3_000 && compacting.done <= 3_000, "{compacting:?}");
    db.database.close();
    while db.database.compacting().is_some() {
        thread::sleep(Duration::from_millis(1));
    }
    db.compact();
    assert_eq!(seqs(&db).len(), 3_000, "it was closed before the first could be rewritten");
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
        edits.into_iter().for_each(|edit| one_of_many(&db, edit));
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

    /// Nobody sees that a database is compacted, now or when its index is lost.
    #[test]
    fn compaction_changes_nothing_that_is_seen(
        rounds in prop::collection::vec(prop::collection::vec((0..4_u8, 0..5_u8, 0..6_u8, any::<bool>()), 0..20), 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Running::open(dir.path());
        for edits in rounds {
            edits.into_iter().for_each(|edit| one_of_many(&db, edit));
            let before = view(&db);
            db.compact();
            prop_assert_eq!(&view(&db), &before);
            prop_assert_eq!(kept(&db), seqs(&db));
            db.close();
            db = Running::open(dir.path());
            prop_assert_eq!(&view(&db), &before);
            db.close();
            lose_index(dir.path());
            db = Running::open(dir.path());
            prop_assert_eq!(&view(&db), &before);
        }
        db.close();
    }
}
