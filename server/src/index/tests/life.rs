//! Opening, writing, reading, catching up, removing.

use std::{
    collections::BTreeSet,
    ops::Bound::{self, Excluded, Included, Unbounded},
};

use super::*;

#[test]
fn a_new_index_is_empty_and_catches_up() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append(&[("a", Some(b"1")), ("b", Some(b"2")), ("a", Some(b"3")), ("b", None), ("c", Some(b""))]);
    let index = open(dir.path(), &log);
    assert_eq!((index.origin(), index.applied_seq()), (&Origin::Created, 0));
    assert!(rows(&index, Documents::ById).is_empty());
    assert_eq!(catch_up(&index, &log), 5);
    assert_true(&index, &log);
    assert_eq!(index.get(Documents::ById, b"a").unwrap().as_deref(), Some(&b"\0\0\0\0\0\0\0\x033"[..]));
    assert_eq!(index.get(Documents::ById, b"b").unwrap(), None);
    assert_eq!(catch_up(&index, &log), 0, "there is nothing more");
}

#[test]
fn what_is_kept_is_not_applied_again() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("early", 10);
    catch_up(&open(dir.path(), &log), &log);
    log.append_many("late", 3);
    log.append(&[("early-4", None)]);

    let index = open(dir.path(), &log);
    assert_eq!((index.origin(), index.applied_seq()), (&Origin::Kept, 10));
    let mut asked = Vec::new();
    let applied = index.catch_up(&log.feed, |event, batch| {
        asked.push(event.seq);
        apply(event, batch)
    });
    assert_eq!((applied.unwrap(), asked), (4, vec![11, 12, 13, 14]));
    assert_true(&index, &log);
}

#[test]
fn publishers_cannot_keep_it_going() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("early", 3);
    let index = open(dir.path(), &log);
    let applied = index.catch_up(&log.feed, |event, batch| {
        log.append_many(&format!("with-{}", event.seq), 1);
        apply(event, batch)
    });
    assert_eq!((applied.unwrap(), index.applied_seq()), (3, 3));
    assert_eq!(catch_up(&index, &log), 3);
    assert_true(&index, &log);
}

#[test]
fn a_log_and_its_index_are_closed_and_opened_together() {
    let dir = scratch();
    for round in 0..5 {
        let log = Log::open(dir.path());
        let index = open(dir.path(), &log);
        let origin = if round == 0 { Origin::Created } else { Origin::Kept };
        assert_eq!(index.origin(), &origin);
        log.append_many(&format!("round-{}", round % 3), 100);
        assert_eq!(catch_up(&index, &log), 100);
        assert_true(&index, &log);
    }
}

#[test]
fn a_batch_sees_its_own_changes_and_nobody_else_does() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append(&[("a", Some(b"1")), ("b", Some(b"2"))]);
    let index = open(dir.path(), &log);
    catch_up(&index, &log);

    let mut batch = index.batch();
    batch.put(Documents::ById, b"a", b"new").unwrap();
    batch.remove(Documents::ById, b"b").unwrap();
    assert_eq!(batch.get(Documents::ById, b"a").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(batch.get(Documents::ById, b"b").unwrap(), None);
    assert_eq!(batch.get(Documents::BySeq, b"a").unwrap(), None, "each table has its own keys");
    assert_eq!(batch.len(), 2);
    let bytes = batch.byte_len();
    batch.put(Documents::ById, b"a", b"newer").unwrap();
    assert_eq!((batch.len(), batch.byte_len()), (2, bytes + 2), "the last change of a key is the one that counts");
    drop(batch);
    assert_true(&index, &log);
}

#[test]
fn a_batch_takes_the_index_forward_only() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("a", 3);
    let index = open(dir.path(), &log);
    catch_up(&index, &log);

    let mut silent = index.batch();
    silent.put(Documents::ById, b"x", b"").unwrap();
    let refused = silent.commit().unwrap_err();
    assert!(matches!(refused, IndexError::Backwards { applied_seq: 3, seq: 0 }), "{refused}");

    let mut again = index.batch();
    again.put(Documents::ById, b"x", b"").unwrap();
    again.applied(&log.feed.read(3).next().unwrap().unwrap());
    let refused = again.commit().unwrap_err();
    assert!(matches!(refused, IndexError::Backwards { applied_seq: 3, seq: 3 }), "{refused}");
    assert_true(&index, &log);
}

#[test]
fn keys_have_a_limit() {
    let dir = scratch();
    let log = Log::open(dir.path());
    let index = open(dir.path(), &log);
    let longest = vec![b'k'; KEY_BYTES_MAX];
    let too_long = vec![b'k'; KEY_BYTES_MAX + 1];
    let mut batch = index.batch();
    batch.put(Documents::ById, &longest, b"").unwrap();
    for refused in [
        batch.put(Documents::ById, &too_long, b"").unwrap_err(),
        batch.remove(Documents::ById, &too_long).unwrap_err(),
        batch.get(Documents::ById, &too_long).unwrap_err(),
        index.get(Documents::ById, &too_long).unwrap_err(),
        index.range(Documents::ById, (Included(&too_long[..]), Unbounded)).err().unwrap(),
    ] {
        assert_eq!(refused.to_string(), "an index key is 4097 bytes long, at most 4096 are allowed");
    }
    assert_eq!(batch.len(), 1);
}

type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

#[test]
fn ranges_go_either_way_and_stay_within_their_table() {
    let dir = scratch();
    let log = Log::open(dir.path());
    let index = open(dir.path(), &log);
    log.append(&[("", Some(b"e")), ("a", Some(b"1")), ("b", Some(b"2")), ("ba", Some(b"3")), ("\u{7f}", Some(b"4"))]);
    catch_up(&index, &log);

    let keys = |range: Range<'_>| -> Vec<Vec<u8>> {
        index.range(Documents::ById, range).unwrap().map(|row| row.unwrap().0.to_vec()).collect()
    };
    let cases: [(Range<'_>, &[&[u8]]); 9] = [
        ((Unbounded, Unbounded), &[b"", b"a", b"b", b"ba", b"\x7f"]),
        ((Included(b""), Unbounded), &[b"", b"a", b"b", b"ba", b"\x7f"]),
        ((Excluded(b""), Excluded(b"ba")), &[b"a", b"b"]),
        ((Included(b"a"), Included(b"ba")), &[b"a", b"b", b"ba"]),
        ((Excluded(b"a"), Excluded(b"b")), &[]),
        ((Included(b"b"), Included(b"b")), &[b"b"]),
        ((Included(b"b"), Excluded(b"b")), &[]),
        ((Excluded(b"b"), Excluded(b"b")), &[]),
        ((Included(b"c"), Included(b"a")), &[]),
    ];
    for (range, expected) in cases {
        assert_eq!(keys(range), expected, "{range:?}");
    }
    let backwards: Vec<_> =
        index.range(Documents::BySeq, ..).unwrap().rev().map(|row| row.unwrap().1.to_vec()).collect();
    assert_eq!(backwards, [&b"\x7f"[..], b"ba", b"b", b"a", b""]);
    let mut both = index.range(Documents::ById, ..).unwrap();
    assert_eq!(&*both.next().unwrap().unwrap().0, b"");
    assert_eq!(&*both.next_back().unwrap().unwrap().0, b"\x7f");
    assert_eq!(both.count(), 3);
}

#[test]
fn a_range_shows_one_moment() {
    let dir = scratch();
    let log = Log::open(dir.path());
    // All of it stays in one write buffer, which the range reads while it is written.
    let index = Indexes::new(dir.path()).open(&log.feed, UID, IndexOptions::default()).unwrap();
    log.append_many("a", 200);
    catch_up(&index, &log);
    let range = index.range(Documents::ById, ..).unwrap();
    for round in 0..20 {
        log.append_many("a", 200);
        log.append_many(&format!("other-{round}"), 50);
        catch_up(&index, &log);
    }
    let seqs = range.map(|row| u64::from_be_bytes(row.unwrap().1[..8].try_into().unwrap()));
    assert_eq!(seqs.filter(|seq| *seq <= 200).count(), 200);
}

#[test]
fn an_error_of_the_caller_ends_catching_up_between_batches() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("a", 3_500);
    let index = open(dir.path(), &log);
    let stopped = index.catch_up(&log.feed, |event, batch| match event.seq {
        2_345 => Err("enough".to_owned()),
        _ => apply(event, batch).map_err(|error| error.to_string()),
    });
    assert_eq!(stopped.unwrap_err().to_string(), "an event could not be applied: enough");
    assert_eq!(index.applied_seq(), 2_000, "whole batches");
    assert_eq!(catch_up(&index, &log), 1_500);
    assert_true(&index, &log);
}

#[test]
fn batches_are_bounded_by_bytes_as_well() {
    let dir = scratch();
    let log = Log::open(dir.path());
    let body = vec![b'x'; 1 << 20];
    for n in 0..12 {
        log.append(&[(format!("large-{n}").as_str(), Some(&body))]);
    }
    let index = open(dir.path(), &log);
    let mut largest = 0;
    let applied = index.catch_up(&log.feed, |event, batch| {
        apply(event, batch)?;
        largest = largest.max(batch.byte_len());
        Ok::<_, IndexError>(())
    });
    assert_eq!(applied.unwrap(), 12);
    assert!((4 << 20..6 << 20).contains(&largest), "{largest}");
    assert_true(&index, &log);
}

#[test]
fn an_index_is_open_once() {
    let dir = scratch();
    let log = Log::open(dir.path());
    let first = open(dir.path(), &log);
    let second = Indexes::new(dir.path()).open::<Documents>(&log.feed, UID, SMALL);
    assert!(matches!(second, Err(IndexError::InUse { .. })), "{second:?}");
    drop(first);
    assert_eq!(open(dir.path(), &log).origin(), &Origin::Kept);
}

/// Two dialects of one feed once took each other's index for a damaged one of their own.
#[test]
fn a_feed_has_an_index_of_each_kind() {
    #[derive(Clone, Copy)]
    struct Others;
    impl Tables for Others {
        const NAME: &str = "others";
        const LAYOUT: u32 = 1;
        fn number(self) -> u8 {
            0
        }
    }

    let dir = scratch();
    let log = Log::open(dir.path());
    let documents = open(dir.path(), &log);
    let others = Indexes::new(dir.path()).open::<Others>(&log.feed, UID, SMALL).unwrap();
    assert_eq!((documents.origin(), others.origin()), (&Origin::Created, &Origin::Created));
    drop((documents, others));
    assert_eq!(open(dir.path(), &log).origin(), &Origin::Kept);
    Indexes::new(dir.path()).remove(UID).unwrap();
    assert_eq!(fs::read_dir(dir.path().join("index")).unwrap().count(), 0);
}

#[test]
fn removing_and_sweeping_leave_what_is_wanted() {
    let dir = scratch();
    let log = Log::open(dir.path());
    let indexes = Indexes::new(dir.path());
    assert_eq!(indexes.sweep(&[]).unwrap(), 0, "there is no directory yet");
    for uid in 1..=4 {
        drop(indexes.open::<Documents>(&log.feed, uid, SMALL).unwrap());
    }
    indexes.remove(2).unwrap();
    indexes.remove(2).unwrap();
    // A removal that a crash cut short.
    fs::create_dir_all(dir.path().join("index/.discarded-1-1/keyspaces")).unwrap();
    assert_eq!(indexes.sweep(&[1, 2, 4]).unwrap(), 2, "3, and what was on its way out");
    let left: Vec<_> =
        fs::read_dir(dir.path().join("index")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        BTreeSet::from_iter(left),
        BTreeSet::from_iter(["0000000000000001-documents".into(), "0000000000000004-documents".into()])
    );
}
