//! Cursors: frames of every encoding, replay and live, across segments, parts and evictions.

mod common;

use common::*;
use tailwater_core::*;

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
        assert_eq!(feed.cursor(EncodingId(7), Start::Tail).await.unwrap_err().to_string(), "encoding 7 is not registered with this store");
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
        let expected = [(0, 1), (5, 1), (4, 1), (3, 1), (2, 1), (1, 1), (0, 2), (7, 2), (6, 2), (5, 2), (4, 2), (3, 2), (2, 2), (1, 2), (0, 3)];
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
fn cursors_follow_across_segments_and_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("news", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 50_000];
    drive(&store, &[&feed], async {
        for _ in 0..30 {
            feed.append(batch(&[&body, b"small"]), SeqMode::Assign).await.unwrap();
        }
        let mut early = [feed.cursor(LINES, Start::Seq(0)).await.unwrap(), feed.cursor(EVEN, Start::Seq(0)).await.unwrap()];
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
