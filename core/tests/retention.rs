//! What leaves the window, and what that means for cursors.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tailwater_core::*;

struct Windows(AtomicU64);

impl CommitListener for Windows {
    fn committed(&self, _feed: &Feed) {}
    fn state_changed(&self, _feed: &Feed) {}
    fn window_moved(&self, feed: &Feed) {
        self.0.store(feed.first_seq(), Ordering::Relaxed);
    }
}

fn segment_files(store: &Store, feed: &str) -> usize {
    std::fs::read_dir(store.dir().join("feeds").join(feed).join("segments")).unwrap().count()
}

#[test]
fn old_segments_leave_by_bytes_and_the_listener_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let windows = Arc::new(Windows(AtomicU64::new(0)));
    let store = Store::open(dir.path(), StoreOptions { listener: Some(windows.clone()), ..options() }).unwrap();
    let retention = Retention { age_ms: None, bytes: Some(3 << 20) };
    let feed = store.create_feed("f", FeedOptions { retention, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 100_000];
    drive(&store, &[&feed], async {
        for _ in 0..100 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
            // After each commit retention has its turn before the next command.
            feed.flush().await.unwrap();
            assert!(feed.bytes() <= (3 << 20) + 100_100);
        }
        assert_eq!(read_all(&feed, 0).first().unwrap().0, feed.first_seq());
        assert_eq!(feed.event_count(), feed.next_seq() - feed.first_seq());
        assert_eq!(windows.0.load(Ordering::Relaxed), feed.first_seq());
        assert!(feed.first_seq() > 60 && segment_files(&store, "f") <= 5);
    });
}

#[test]
fn quiet_feeds_empty_by_age_and_never_use_a_seq_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let options = || StoreOptions { clock: Clock::Manual(clock.clone()), ..options() };
    let store = Store::open(dir.path(), options()).unwrap();
    let retention = Retention { age_ms: Some(60_000), bytes: None };
    let feed = store.create_feed("f", FeedOptions { retention, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a", b"b"]), SeqMode::Assign).await.unwrap();
        let mut slow = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        let mut done = feed.cursor(LINES, Start::Tail).await.unwrap();
        clock.fetch_add(59_999, Ordering::Relaxed);
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!(feed.event_count(), 2);
        clock.fetch_add(1, Ordering::Relaxed);
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!((feed.event_count(), feed.bytes(), feed.first_seq(), feed.next_seq()), (0, 0, 3, 3));
        assert_eq!(segment_files(&store, "f"), 1);
        feed.append(batch(&[b"c"]), SeqMode::Assign).await.unwrap();
        assert_eq!(
            drain(&feed, &mut slow, 5).await.unwrap(),
            b"1:k:a\n2:k:b\n3:k:c\n",
            "a cursor finishes its segment"
        );
        assert_eq!(drain(&feed, &mut done, 5).await.unwrap(), b"3:k:c\n");
        clock.fetch_add(60_000, Ordering::Relaxed);
        store.tick();
        feed.close().await.unwrap();
    });
    drop((feed, store));
    let store = Store::open(dir.path(), options()).unwrap();
    let feed = store.feed("f").unwrap();
    assert_eq!((feed.event_count(), feed.first_seq(), feed.next_seq(), feed.state()), (0, 4, 4, FeedState::Open));
}

#[test]
fn a_cursor_that_falls_out_of_the_window_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let retention = Retention { age_ms: None, bytes: Some(1 << 20) };
    let feed = store.create_feed("f", FeedOptions { retention, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 100_000];
    drive(&store, &[&feed], async {
        feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(1)).await.unwrap();
        for _ in 0..40 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        feed.flush().await.unwrap();
        // Frames of dropped segments go with them, so that the link breaks.
        let gone = loop {
            let n = cursor.ready(usize::MAX).len();
            cursor.advance(n);
            match cursor.step() {
                Step::More => {}
                other => break other,
            }
        };
        assert!(cursor.next_seq() < feed.first_seq());
        assert_eq!(gone, Step::Gone);
        assert_eq!(feed.next_segment(&mut cursor).await, Err(CursorError::Gone { first_seq: feed.first_seq() }));
        let restarted = feed.cursor(LINES, Start::Seq(cursor.next_seq())).await.unwrap();
        assert_eq!(restarted.next_seq(), feed.first_seq(), "a start before the window is its beginning");
    });
}

#[test]
fn a_reader_that_is_overtaken_goes_on_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let retention = Retention { age_ms: None, bytes: Some(1 << 20) };
    let feed = store.create_feed("f", FeedOptions { retention, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 100_000];
    drive(&store, &[&feed], async {
        feed.append(batch(&[&body, &body]), SeqMode::Assign).await.unwrap();
        let mut reader = feed.read(0);
        assert_eq!(reader.next().unwrap().unwrap().seq, 1);
        for _ in 0..40 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        feed.flush().await.unwrap();
        let mut seqs = Vec::new();
        while let Some(event) = reader.next() {
            seqs.push(event.unwrap().seq);
        }
        assert_eq!((seqs[0], seqs.last().copied()), (2, Some(42)));
        assert!(seqs.is_sorted());
    });
}
