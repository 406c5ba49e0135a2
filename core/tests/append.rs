//! Appending, reading back, reopening.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use tailwater_core::*;

#[test]
fn events_are_numbered_read_back_and_still_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    assert_eq!((feed.first_seq(), feed.last_seq(), feed.next_seq(), feed.event_count()), (1, 0, 1, 0));
    drive(&store, &[&feed], async {
        let appended = feed.append(batch(&[b"a", b"b"]), SeqMode::Assign).await.unwrap();
        assert_eq!(appended, Appended { first_seq: 1, last_seq: 2, count: 2 });
        let appended = feed.append(batch_at(&[10, 12], b"c"), SeqMode::Preserve).await.unwrap();
        assert_eq!(appended, Appended { first_seq: 10, last_seq: 12, count: 2 });
        feed.close().await.unwrap();
    });
    let expected = [(1, b"a".to_vec()), (2, b"b".to_vec()), (10, b"c".to_vec()), (12, b"c".to_vec())];
    assert_eq!(read_all(&feed, 0), expected);
    assert_eq!(read_all(&feed, 3), expected[2..]);
    drop((feed, store));
    let store = open(dir.path());
    let feed = store.feed("news").unwrap();
    assert_eq!(read_all(&feed, 0), expected);
    assert_eq!((feed.first_seq(), feed.last_seq(), feed.next_seq(), feed.event_count()), (1, 12, 13, 4));
    assert_eq!(read_all(&feed, 12), expected[3..]);
    assert_eq!(read_all(&feed, 13), []);
}

#[test]
fn a_refused_batch_refuses_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions { first_seq: 100, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        let (good, bad, also_good, empty) = futures_lite::future::zip(
            futures_lite::future::zip(
                feed.append(batch_at(&[100], b"a"), SeqMode::Preserve),
                feed.append(batch_at(&[101, 101], b"b"), SeqMode::Preserve),
            ),
            futures_lite::future::zip(
                feed.append(batch_at(&[101], b"c"), SeqMode::Preserve),
                feed.append(Batch::new(), SeqMode::Assign),
            ),
        )
        .await
        .into_flat();
        assert!(good.is_ok() && also_good.is_ok());
        assert_eq!(bad, Err(AppendError::SeqNotIncreasing { position: 1, seq: 101, last_seq: 101 }));
        assert_eq!(empty, Err(AppendError::Empty));
    });
    assert_eq!(read_all(&feed, 0), [(100, b"a".to_vec()), (101, b"c".to_vec())]);
}

trait Flat<A, B, C, D> {
    fn into_flat(self) -> (A, B, C, D);
}

impl<A, B, C, D> Flat<A, B, C, D> for ((A, B), (C, D)) {
    fn into_flat(self) -> (A, B, C, D) {
        (self.0.0, self.0.1, self.1.0, self.1.1)
    }
}

#[test]
fn a_feed_rotates_through_growing_segments_and_takes_batches_larger_than_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("big", FeedOptions { segment_bytes_max: 2 << 20, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 4_000_000];
    drive(&store, &[&feed], async {
        feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        for _ in 0..40 {
            feed.append(batch(&[&body[..100_000]]), SeqMode::Assign).await.unwrap();
        }
        feed.append(batch(&[&body, &body]), SeqMode::Assign).await.unwrap();
        feed.close().await.unwrap();
    });
    let lengths: Vec<_> = read_all(&feed, 0).iter().map(|(_, body)| body.len()).collect();
    assert_eq!(lengths.len(), 43);
    assert_eq!((lengths[0], lengths[1], lengths[42]), (4_000_000, 100_000, 4_000_000));
    let bytes = feed.bytes();
    drop((feed, store));
    let store = open(dir.path());
    let feed = store.feed("big").unwrap();
    assert_eq!((feed.event_count(), feed.bytes(), feed.state()), (43, bytes, FeedState::Open));
    assert_eq!(read_all(&feed, 42).len(), 2);
    assert!(store.open_report().segments > 3);
}

#[test]
fn reading_starts_at_any_seq_whatever_has_become_of_the_indexes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        for seq in (3..120).step_by(3) {
            feed.append(batch_at(&[seq], &vec![b'x'; 90_000]), SeqMode::Preserve).await.unwrap();
        }
        feed.close().await.unwrap();
    });
    drop((feed, store));
    let indexes = dir.path().join("feeds/f/index");
    let damages: [&dyn Fn(&std::path::Path); 4] = [
        &|_| {},
        &|path| std::fs::remove_file(path).unwrap(),
        &|path| std::fs::write(path, b"short").unwrap(),
        &|path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[60] ^= 1;
            std::fs::write(path, bytes).unwrap();
        },
    ];
    for (which, damage) in damages.into_iter().enumerate() {
        for entry in std::fs::read_dir(&indexes).unwrap() {
            damage(&entry.unwrap().path());
        }
        let store = open(dir.path());
        let feed = store.feed("f").unwrap();
        for from_seq in 0..=120_u64 {
            let expected = from_seq.max(3).next_multiple_of(3);
            let first = feed.read(from_seq).next().map(|event| event.unwrap().seq);
            assert_eq!(first, (expected < 120).then_some(expected), "damage {which}, from {from_seq}");
        }
        drop((feed, store));
        assert!(std::fs::read_dir(&indexes).unwrap().count() >= 3, "what was missing has been built again");
    }
}
