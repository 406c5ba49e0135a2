//! Cursors that pass over events and end before the tail, against what the events say.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tailwater_core::*;

/// Passes over the seqs of a set, which may grow. Does not always look far ahead, as it need not.
#[derive(Default)]
struct Passed(Mutex<BTreeSet<u64>>);

impl Skip for Passed {
    fn next_kept(&self, from: u64) -> u64 {
        let passed = self.0.lock().unwrap();
        (from..).find(|seq| !passed.contains(seq)).unwrap()
    }

    fn next_skipped(&self, from: u64) -> u64 {
        let next = self.0.lock().unwrap().range(from..).next().copied().unwrap_or(u64::MAX);
        if next == from || from.is_multiple_of(2) { next } else { next.min(from + 1 + from % 5) }
    }
}

/// Reads until there is nothing more for now; says whether the cursor is done. Every third time it takes several runs at
/// once, and not all of them.
async fn read_on(feed: &Feed, cursor: &mut Cursor, chunk: usize, out: &mut Vec<u8>) -> bool {
    let mut runs = Runs::default();
    for turn in 0.. {
        let ready = cursor.ready(chunk).to_vec();
        if turn % 3 == 0 && cursor.has_gaps() {
            cursor.list_runs(chunk, &mut runs);
            let listed: Vec<u8> = cursor.run_bytes(&runs).flatten().copied().collect();
            assert!(listed.starts_with(&ready), "the first run is what is ready");
            let taken = listed.len() - if listed.len() > 2 { listed.len() % 3 } else { 0 };
            cursor.advance_over(&runs, taken);
            out.extend_from_slice(&listed[..taken]);
            if taken > 0 {
                continue;
            }
        }
        cursor.advance(ready.len());
        out.extend_from_slice(&ready);
        if !ready.is_empty() {
            continue;
        }
        match cursor.step() {
            Step::More => {}
            Step::AtTail => return false,
            Step::Done => return true,
            Step::NeedSegment => feed.next_segment(cursor).await.unwrap(),
            Step::Gone => panic!("nothing leaves the window here"),
        }
    }
    unreachable!("it is read to its end")
}

fn lines(feed: &Feed, keep: impl Fn(u64) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader = feed.read(0);
    while let Some(event) = reader.next() {
        let event = event.unwrap();
        if keep(event.seq) {
            Lines.encode(&event, None, &mut out);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_read_is_what_the_bounds_allow(
        sizes in prop::collection::vec(0_usize..90_000, 1..50), passed in prop::collection::btree_set(0_u64..60, 0..40),
        skip_to in 0_u64..60, stop in prop::option::of(0_u64..60), start in 0_u64..50, chunk in 1_usize..150_000,
        early in 0_usize..50,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let options = FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() };
        let feed = store.create_feed("f", options).unwrap();
        let skip: Arc<dyn Skip> = Arc::new(Passed(Mutex::new(passed.clone())));
        drive(&store, &[&feed], async {
            let mut cursor = None;
            let mut read = Vec::new();
            for (position, size) in sizes.iter().enumerate() {
                feed.append(batch(&[&vec![b'x'; *size]]), SeqMode::Assign).await.unwrap();
                if position == early.min(sizes.len() - 1) {
                    let bounds = Bounds { skip: Some((Arc::clone(&skip), skip_to)), stop_after: stop };
                    let start = start.min(feed.last_seq());
                    cursor = Some((feed.cursor(LINES, Start::Seq(start)).await.unwrap().bounded(bounds), start));
                }
                if let Some((cursor, _)) = cursor.as_mut().filter(|_| position % 3 == 0) {
                    read_on(&feed, cursor, chunk, &mut read).await;
                }
            }
            let (mut cursor, start) = cursor.unwrap();
            let done = read_on(&feed, &mut cursor, chunk, &mut read).await;
            let expected = lines(&feed, |seq| {
                seq >= start && stop.is_none_or(|stop| seq <= stop) && (seq > skip_to || !passed.contains(&seq))
            });
            assert!(read == expected, "{} bytes read, {} expected", read.len(), expected.len());
            let last = sizes.len() as u64;
            assert_eq!(done, stop.is_some_and(|stop| stop < last.max(start.saturating_sub(1)) + 1 && stop <= last));
        });
    }
}

/// An event that is superseded while its frame is on the way is sent to its end, and the ones after it are judged anew.
#[test]
fn a_frame_that_was_begun_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let passed = Arc::new(Passed::default());
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"one", b"two", b"three"]), SeqMode::Assign).await.unwrap();
        let skip: Arc<dyn Skip> = passed.clone();
        let bounds = Bounds { skip: Some((skip, 3)), stop_after: None };
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap().bounded(bounds);
        let begun = cursor.ready(4).to_vec();
        cursor.advance(4);
        passed.0.lock().unwrap().extend([1, 2]);
        let mut read = begun;
        assert!(!read_on(&feed, &mut cursor, 100, &mut read).await);
        assert_eq!(read, lines(&feed, |seq| seq != 2));
    });
}

/// Knows what to pass over up to a seq that moves.
struct Known {
    passed: BTreeSet<u64>,
    open: AtomicU64,
    ends: bool,
}

impl Skip for Known {
    fn next_kept(&self, from: u64) -> u64 {
        (from..).find(|seq| !self.passed.contains(seq)).unwrap().min(self.next_open(from))
    }

    fn next_skipped(&self, from: u64) -> u64 {
        self.passed.range(from..).next().copied().unwrap_or(u64::MAX)
    }

    fn next_open(&self, from: u64) -> u64 {
        self.open.load(Ordering::Relaxed).max(from)
    }

    fn is_end(&self, seq: u64) -> bool {
        self.ends && seq == self.open.load(Ordering::Relaxed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_not_known_yet_is_waited_for(
        passed in prop::collection::btree_set(1_u64..30, 0..30), mut opens in prop::collection::vec(1_u64..32, 1..6),
        chunk in 1_usize..40, ends in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let feed = store.create_feed("f", FeedOptions::default()).unwrap();
        opens.sort_unstable();
        drive(&store, &[&feed], async {
            let known = Arc::new(Known { passed: passed.clone(), open: AtomicU64::new(opens[0]), ends: false });
            let skip: Arc<dyn Skip> = known.clone();
            let bounds = Bounds { skip: Some((skip, u64::MAX)), stop_after: None };
            let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap().bounded(bounds);
            let mut read = Vec::new();
            for seq in 1..30 {
                feed.append(batch(&[format!("event {seq}").as_bytes()]), SeqMode::Assign).await.unwrap();
            }
            for open in opens {
                known.open.store(open, Ordering::Relaxed);
                assert!(!read_on(&feed, &mut cursor, chunk, &mut read).await);
                assert!(read == lines(&feed, |seq| seq < open && !passed.contains(&seq)), "up to {open}");
                let next = if open < 30 { open } else { 30 };
                assert_eq!(cursor.next_seq(), next);
            }
            let skip: Arc<dyn Skip> = Arc::new(Known { passed: BTreeSet::new(), open: AtomicU64::new(9), ends });
            let bounds = Bounds { skip: Some((skip, u64::MAX)), stop_after: None };
            let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap().bounded(bounds);
            assert_eq!(read_on(&feed, &mut cursor, chunk, &mut Vec::new()).await, ends);
        });
    }
}

/// An end that is known does not wait for an event behind it.
#[test]
fn an_end_at_the_tail_is_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        for seq in 1..4 {
            feed.append(batch(&[format!("event {seq}").as_bytes()]), SeqMode::Assign).await.unwrap();
        }
        for (ends, end) in [(true, 4), (false, 4), (true, 5)] {
            let skip: Arc<dyn Skip> = Arc::new(Known { passed: BTreeSet::new(), open: AtomicU64::new(end), ends });
            let bounds = Bounds { skip: Some((skip, u64::MAX)), stop_after: None };
            let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap().bounded(bounds);
            let mut read = Vec::new();
            assert_eq!(read_on(&feed, &mut cursor, 100, &mut read).await, ends && end == 4);
            assert_eq!(read, lines(&feed, |_| true));
        }
    });
}
