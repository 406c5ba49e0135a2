//! Cursors: frames of every encoding, replay and live, across segments, parts and evictions.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tailwater_core::*;

/// A seq that makes the frames of `EvenAndLarge` so large that a segment needs several parts.
const LONG_SEQ: u64 = 1_000_000_000_000;

#[test]
fn a_cursor_reads_what_is_there_and_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a", b"b"]), SeqMode::Assign).await.unwrap();
        let mut all = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        let mut from_two = feed.cursor(LINES, Start::Seq(2)).await.unwrap();
        let mut tail = feed.cursor(LINES, Start::Tail).await.unwrap();
        assert_eq!(feed.encodings_in_use(), [LINES]);
        assert_eq!((all.next_seq(), from_two.next_seq(), tail.next_seq()), (1, 2, 3));
        assert_eq!(tail.step(), Step::AtTail);
        feed.append(batch(&[b"c"]), SeqMode::Assign).await.unwrap();
        assert_eq!(drain(&feed, &mut all, 3).await.unwrap(), b"1:k:a\n2:k:b\n3:k:c\n");
        assert_eq!(drain(&feed, &mut from_two, 100).await.unwrap(), b"2:k:b\n3:k:c\n");
        assert_eq!(drain(&feed, &mut tail, 100).await.unwrap(), b"3:k:c\n");
        assert_eq!(
            feed.cursor(EncodingId(7), Start::Tail).await.unwrap_err().to_string(),
            "encoding 7 is not registered with this store"
        );
    });
}

#[test]
fn a_cursor_knows_frame_boundaries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a", b"bcd"]), SeqMode::Assign).await.unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        // 1:k:a\n is 6 bytes, 2:k:bcd\n is 8.
        let expected = [
            (0, 1),
            (5, 1),
            (4, 1),
            (3, 1),
            (2, 1),
            (1, 1),
            (0, 2),
            (7, 2),
            (6, 2),
            (5, 2),
            (4, 2),
            (3, 2),
            (2, 2),
            (1, 2),
            (0, 3),
        ];
        for (position, expected) in expected.into_iter().enumerate() {
            assert_eq!((cursor.to_boundary(), cursor.next_seq()), expected, "after {position} bytes");
            assert_eq!(cursor.at_boundary(), expected.0 == 0);
            assert_eq!(cursor.lag_bytes_in_segment(), 14 - position as u64);
            if position < 14 {
                cursor.advance(1);
            }
        }
    });
}

#[test]
fn whole_frames_are_lent() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a", b"bcd", b"e"]), SeqMode::Assign).await.unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        let mut ends = vec![77];
        let table: [(usize, usize, &[u8], &[usize]); 7] = [
            (0, 0, b"1:k:a\n", &[6]),
            (0, 13, b"1:k:a\n", &[6]),
            (0, 14, b"1:k:a\n2:k:bcd\n", &[6, 14]),
            (0, 1_000, b"1:k:a\n2:k:bcd\n3:k:e\n", &[6, 14, 20]),
            (2, 12, b"k:a\n2:k:bcd\n", &[4, 12]),
            (12, 1_000, b"3:k:e\n", &[6]),
            (6, 1_000, b"", &[]),
        ];
        for (advance, bytes_max, bytes, expected) in table {
            cursor.advance(advance);
            let lent = cursor.lend(bytes_max, &mut ends);
            assert_eq!((lent.as_ref(), &*ends), (bytes, expected), "at most {bytes_max} bytes");
        }
        let lent = feed.cursor(LINES, Start::Seq(0)).await.unwrap().lend(6, &mut ends);
        drop(cursor);
        assert_eq!(lent.as_ref(), b"1:k:a\n", "what is lent needs no cursor");
    });
}

#[test]
fn cursors_follow_across_segments_and_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = FeedOptions { segment_bytes_max: 1 << 20, first_seq: LONG_SEQ, ..FeedOptions::default() };
    let feed = store.create_feed("news", options).unwrap();
    let body = vec![b'x'; 50_000];
    drive(&store, &[&feed], async {
        for _ in 0..30 {
            feed.append(batch(&[&body, b"small"]), SeqMode::Assign).await.unwrap();
        }
        let mut early =
            [feed.cursor(LINES, Start::Seq(0)).await.unwrap(), feed.cursor(EVEN, Start::Seq(0)).await.unwrap()];
        let mut late = [feed.cursor(LINES, Start::Tail).await.unwrap(), feed.cursor(EVEN, Start::Tail).await.unwrap()];
        let after = feed.next_seq();
        for _ in 0..60 {
            feed.append(batch(&[b"small", &body]), SeqMode::Assign).await.unwrap();
        }
        let encoders: [&dyn Encoder; 2] = [&Lines, &EvenAndLarge];
        for (which, encoder) in encoders.into_iter().enumerate() {
            let all = drain(&feed, &mut early[which], 70_001).await.unwrap();
            assert!(all == frames_of(&feed, encoder, 0), "{}: replay", encoder.name());
            let new = drain(&feed, &mut late[which], 70_001).await.unwrap();
            assert!(new == frames_of(&feed, encoder, after), "{}: live", encoder.name());
        }
    });
}

/// Frames can name the event before theirs: across gaps, segments, restarts and what retention has dropped.
#[test]
fn every_event_knows_the_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { bytes: Some(2 << 20), age_ms: None };
    let options = FeedOptions { segment_bytes_max: 1 << 20, first_seq: 5, retention, ..FeedOptions::default() };
    let body = vec![b'x'; 100_000];
    let seqs: Vec<u64> = (0..60).map(|n| 7 + n * n).collect();
    let link = |at: usize| {
        let before = at.checked_sub(1).map(|before| seqs[before]);
        format!("gaps {before:?} {}\n", seqs[at])
    };
    let chain = |from: usize, to: usize| (from..to).map(link).collect::<String>();
    for (begin, end) in [(0, 8), (8, 30), (30, 60)] {
        let store = open(dir.path());
        let feed = store.feed("gaps").unwrap_or_else(|| store.create_feed("gaps", options.clone()).unwrap());
        drive(&store, &[&feed], async {
            let mut cursor = feed.cursor(CHAIN, Start::Tail).await.unwrap();
            let mut live = Vec::new();
            for seq in &seqs[begin..end] {
                feed.append(batch_at(&[*seq], &body), SeqMode::Preserve).await.unwrap();
                live.extend(drain(&feed, &mut cursor, 100).await.unwrap());
            }
            assert_eq!(String::from_utf8(live).unwrap(), chain(begin, end));
            // What retention has to do is done before a flush is.
            feed.flush().await.unwrap();
            let first = seqs.iter().position(|seq| *seq == feed.first_seq()).unwrap();
            let mut replay = feed.cursor(CHAIN, Start::Seq(0)).await.unwrap();
            let replayed = drain(&feed, &mut replay, 100).await.unwrap();
            assert_eq!(String::from_utf8(replayed).unwrap(), chain(first, end));
            for (from, seq) in seqs.iter().enumerate().take(end).skip(first) {
                let frames = frames_of(&feed, &Chain::of("gaps"), *seq);
                assert_eq!(String::from_utf8(frames).unwrap(), chain(from, end), "read from {seq}");
            }
        });
    }
}

#[test]
fn idle_encodings_are_no_longer_built_and_come_back_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(0));
    let store = Store::open(dir.path(), StoreOptions { clock: Clock::Manual(clock.clone()), ..options() }).unwrap();
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    let later = async |ms: u64| {
        clock.fetch_add(ms, Ordering::Relaxed);
        store.tick();
        feed.flush().await.unwrap();
    };
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        later(60_000).await;
        later(60_000).await;
        assert_eq!(feed.encodings_in_use(), [LINES], "a cursor at the tail keeps it");
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"1:k:a\n");
        assert!(feed.frame_bytes() > 0 && store.frame_bytes() == feed.frame_bytes());
        drop(cursor);
        later(59_999).await;
        assert_eq!(feed.encodings_in_use(), [LINES]);
        later(1).await;
        assert_eq!(feed.encodings_in_use(), []);
        assert_eq!(store.frame_bytes(), 0);
        feed.append(batch(&[b"b"]), SeqMode::Assign).await.unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"1:k:a\n2:k:b\n");
    });
}

/// Encodings that come and go, such as filters, must not use up numbers or keep frames.
#[test]
fn an_encoder_is_forgotten_once_nobody_reads_it() {
    struct Marked(String);
    impl Encoder for Marked {
        fn name(&self) -> &str {
            &self.0
        }
        fn encode(&self, event: &Event<'_>, _: Option<u64>, out: &mut Vec<u8>) {
            out.extend_from_slice(format!("{}{}", self.0, event.seq).as_bytes());
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    let feed = store.create_feed("news", options).unwrap();
    let body = vec![b'x'; 700_000];
    drive(&store, &[&feed], async {
        for _ in 0..4 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        let mut last = None;
        for name in ["a", "b", "c"] {
            let encoding = store.register_encoder(Arc::new(Marked(name.to_owned())));
            assert_eq!(last.replace(encoding).unwrap_or(encoding), encoding, "the number is free again");
            let mut cursor = feed.cursor(encoding, Start::Seq(0)).await.unwrap();
            let frames = drain(&feed, &mut cursor, 100).await.unwrap();
            assert_eq!(String::from_utf8(frames).unwrap(), format!("{name}1{name}2{name}3{name}4"));
            assert!(!store.forget_encoder(encoding), "a cursor holds it");
            drop(cursor);
            while !store.forget_encoder(encoding) {
                // What the tail has to stop is done before a flush is.
                feed.flush().await.unwrap();
            }
            assert_eq!(store.encoding_name(encoding), None);
            let unknown = feed.cursor(encoding, Start::Tail).await.unwrap_err();
            assert!(matches!(unknown, CursorError::UnknownEncoding { .. }), "{unknown}");
        }
    });
}

#[test]
fn frames_beyond_the_budget_go_unless_a_cursor_holds_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions { frame_bytes_max: 1, ..options() }).unwrap();
    let feed = store.create_feed("news", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 100_000];
    drive(&store, &[&feed], async {
        let mut live = feed.cursor(LINES, Start::Tail).await.unwrap();
        for _ in 0..50 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        let full = store.frame_bytes();
        let expected = frames_of(&feed, &Lines, 0);
        assert!(full > 5_000_000);
        store.tick();
        let held = store.frame_bytes();
        assert!(
            held < full / 2 && held > 1_000_000,
            "the first segment, held by the cursor, and the tail stay: {held} of {full}"
        );
        assert!(drain(&feed, &mut live, 1 << 20).await.unwrap() == expected, "what was evicted is built again");
        let mut replay = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        store.tick();
        assert!(drain(&feed, &mut replay, 12_345).await.unwrap() == expected);
    });
}

#[test]
fn waiting_for_frames_that_cannot_be_written_ends_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    // A file where the folder of the frames should be.
    let frames = dir.path().join("feeds/news/frames");
    std::fs::write(&frames, b"").unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        let refused = feed.cursor(LINES, Start::Tail).await.unwrap_err();
        assert!(refused.to_string().starts_with("frames could not be built: creating a frame log: "), "{refused}");
        std::fs::remove_file(&frames).unwrap();
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"1:k:a\n");
    });
}

#[test]
fn frames_that_cannot_be_written_cost_no_event_and_are_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions { first_seq: LONG_SEQ, ..FeedOptions::default() }).unwrap();
    let frames = dir.path().join("feeds/news/frames/even-and-large");
    let hidden = dir.path().join("hidden");
    drive(&store, &[&feed], async {
        let mut cursor = feed.cursor(EVEN, Start::Tail).await.unwrap();
        std::fs::rename(&frames, &hidden).unwrap();
        std::fs::write(&frames, b"").unwrap();
        // The part that the cursor reads has room for about ten of these; the next part cannot be created.
        for _ in 0..26 {
            feed.append(batch(&[&[b'x'; 30_000]]), SeqMode::Assign).await.unwrap();
        }
        assert_eq!((feed.event_count(), feed.encodings_in_use()), (26, vec![]));
        let first = cursor.ready(usize::MAX).to_vec();
        assert!(first.len() > 7_000_000);
        cursor.advance(first.len());
        assert_eq!(cursor.step(), Step::NeedSegment);
        assert!(matches!(feed.next_segment(&mut cursor).await, Err(CursorError::Build { .. })));
        std::fs::remove_file(&frames).unwrap();
        std::fs::rename(&hidden, &frames).unwrap();
        let rest = drain(&feed, &mut cursor, 1 << 20).await.unwrap();
        assert!([first, rest].concat() == frames_of(&feed, &EvenAndLarge, 0));
    });
}

#[test]
fn a_range_can_be_made_resident() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        for _ in 0..20 {
            feed.append(batch(&[&[b'x'; 100_000]]), SeqMode::Assign).await.unwrap();
        }
        let old = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        let job = old.populate_job(usize::MAX);
        std::thread::spawn(|| job.run()).join().unwrap();
        assert!(old.resident(usize::MAX));
        assert!(feed.cursor(LINES, Start::Tail).await.unwrap().resident(1));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whenever an encoding is asked for and however a cursor is read, it gives the frames of all events, once, in order.
    #[test]
    fn a_cursor_is_the_concatenation_of_frames(
        batches in proptest::collection::vec(proptest::collection::vec(0_usize..60_000, 1..6), 1..40),
        ask_after: prop::sample::Index, start in 0_u64..80, chunk in 1_usize..200_000, even: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let options = FeedOptions { segment_bytes_max: 1 << 20, first_seq: LONG_SEQ, ..FeedOptions::default() };
        let feed = store.create_feed("f", options).unwrap();
        let start = LONG_SEQ + start;
        let (encoding, encoder): (_, &dyn Encoder) = if even { (EVEN, &EvenAndLarge) } else { (LINES, &Lines) };
        let ask_after = ask_after.index(batches.len());
        drive(&store, &[&feed], async {
            let mut cursor = None;
            let mut read = Vec::new();
            for (position, sizes) in batches.iter().enumerate() {
                let bodies: Vec<_> = sizes.iter().map(|size| vec![b'x'; *size]).collect();
                let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
                feed.append(batch(&bodies), SeqMode::Assign).await.unwrap();
                if position == ask_after {
                    cursor = Some(feed.cursor(encoding, Start::Seq(start.min(feed.last_seq()))).await.unwrap());
                }
                if let Some(cursor) = cursor.as_mut().filter(|_| position % 3 == 0) {
                    read.extend(drain(&feed, cursor, chunk).await.unwrap());
                }
            }
            let mut cursor = cursor.unwrap();
            read.extend(drain(&feed, &mut cursor, chunk).await.unwrap());
            let mut expected = Vec::new();
            let mut reader = feed.read(0);
            let asked_at = LONG_SEQ - 1 + batches[..=ask_after].iter().map(|sizes| sizes.len() as u64).sum::<u64>();
            while let Some(next) = reader.next_with_previous() {
                let (event, previous_seq) = next.unwrap();
                if event.seq >= start.min(asked_at) {
                    encoder.encode(&event, previous_seq, &mut expected);
                }
            }
            assert!(read == expected, "{} bytes read, {} expected", read.len(), expected.len());
        });
    }
}
