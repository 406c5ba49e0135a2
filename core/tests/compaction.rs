//! Segments that are rewritten without some of their events: what is left, who goes on reading, what is refused.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tailwater_core::storage::InlineStorage;
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::*;

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir.join("feeds/f/segments")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn file_bytes(dir: &Path) -> u64 {
    segment_files(dir).iter().map(|path| path.metadata().unwrap().len()).sum()
}

fn seqs(feed: &Feed) -> Vec<u64> {
    read_all(feed, 0).into_iter().map(|(seq, _)| seq).collect()
}

/// Rewrites a run; true when that was of use.
async fn rewrite(feed: &Feed, run: SealedRun, keep: impl Fn(u64) -> bool) -> Result<bool, CompactError> {
    match run.rewrite(|event| Ok::<_, CompactError>(keep(event.seq)))? {
        Some(rewritten) => feed.replace(rewritten).await.map(|()| true),
        None => Ok(false),
    }
}

/// Compacts all that is sealed.
async fn compact(feed: &Feed, keep: impl Fn(u64) -> bool) -> Result<u64, CompactError> {
    let (mut from, mut rewritten) = (0, 0);
    while let Some(run) = feed.sealed_run(from) {
        from = run.last_seq() + 1;
        rewritten += u64::from(rewrite(feed, run, &keep).await?);
    }
    Ok(rewritten)
}

/// Appends events of so many bytes, each a batch of its own.
async fn append(feed: &Feed, count: usize, bytes: usize) {
    for _ in 0..count {
        let body = vec![b'a' + (feed.next_seq() % 26) as u8; bytes];
        feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
    }
}

fn body_of(seq: u64, bytes: usize) -> Vec<u8> {
    vec![b'a' + (seq % 26) as u8; bytes]
}

fn small_segments() -> FeedOptions {
    FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }
}

#[test]
fn what_is_kept_is_the_same_and_what_is_dropped_takes_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", small_segments()).unwrap();
    let keep = |seq: u64| seq.is_multiple_of(5);
    let expected: Vec<_> =
        (1..=50).filter(|seq| keep(*seq) || *seq > 40).map(|seq| (seq, body_of(seq, 100_000))).collect();
    drive(&store, &[&feed], async {
        append(&feed, 50, 100_000).await;
        let before = file_bytes(dir.path());
        assert_eq!(feed.unsealed(), (10, 41));
        assert_eq!(compact(&feed, keep).await.unwrap(), 4);
        assert!(read_all(&feed, 0) == expected);
        assert_eq!((feed.first_seq(), feed.next_seq(), feed.event_count()), (1, 51, 18));
        assert_eq!(feed.bytes(), 18 * (40 + 3 + 1 + 100_000_u64).next_multiple_of(8));
        assert!(file_bytes(dir.path()) * 2 < before);
        assert_eq!(compact(&feed, keep).await.unwrap(), 1, "small segments become one");
        assert_eq!(compact(&feed, keep).await.unwrap(), 0, "and then there is nothing left to do");
        assert!(read_all(&feed, 0) == expected);
        assert_eq!(feed.seq_of_last(11).unwrap(), Some(40));
        assert_eq!(read_all(&feed, 11)[0].0, 15);
        feed.close().await.unwrap();
    });
    let numbers = (feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes());
    drop((feed, store));
    let store = open(dir.path());
    let feed = store.feed("f").unwrap();
    assert_eq!(feed.state(), FeedState::Open);
    assert_eq!((feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes()), numbers);
    assert!(read_all(&feed, 0) == expected);
    assert_eq!((feed.seq_of_last(18).unwrap(), feed.seq_of_last(12).unwrap()), (Some(5), Some(35)));
}

#[test]
fn whoever_stands_in_an_old_segment_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", small_segments()).unwrap();
    drive(&store, &[&feed], async {
        append(&feed, 12, 100_000).await;
        feed.seal().await.unwrap();
        append(&feed, 12, 100_000).await;
        let encoding = |which| feed.cursor(which, Start::Seq(0));
        let (mut lines, mut chain) = (encoding(LINES).await.unwrap(), encoding(CHAIN).await.unwrap());
        let mut late = feed.cursor(LINES, Start::Tail).await.unwrap();
        // The rest of the segment they stand in, then the one that is not touched.
        let read: Vec<u64> = (1..=10).chain(feed.unsealed().1..=24).collect();
        let line = |seq: &u64| [format!("{seq}:k:").as_bytes(), &body_of(*seq, 100_000), b"\n"].concat();
        let link = |seq: &u64| format!("f {:?} {seq}\n", (*seq > 1).then(|| seq - 1)).into_bytes();
        let expected: [Vec<u8>; 2] = [read.iter().flat_map(line).collect(), read.iter().flat_map(link).collect()];
        // One in the middle of a frame, one between two.
        lines.advance(12_345);
        chain.advance("f None 1\n".len());
        let mut reader = feed.read(0);
        assert_eq!(reader.next().unwrap().unwrap().seq, 1);
        let mut idle = feed.read(0);
        // Of each old segment, the last events go: what comes next is not what comes after the last frame.
        compact(&feed, |seq| seq < 3).await.unwrap();
        assert!(drain(&feed, &mut lines, 60_000).await.unwrap() == expected[0][12_345..]);
        assert!(drain(&feed, &mut chain, 7).await.unwrap() == expected[1]["f None 1\n".len()..]);
        let mut left = Vec::new();
        while let Some(event) = reader.next() {
            left.push(event.unwrap().seq);
        }
        assert_eq!(left, read[1..]);
        assert_eq!(idle.next().unwrap().unwrap().seq, 1);
        let mut anew = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        assert!(drain(&feed, &mut anew, 60_000).await.unwrap() == frames_of(&feed, &Lines, 0));
        append(&feed, 1, 10).await;
        for cursor in [&mut lines, &mut anew, &mut late] {
            assert_eq!(
                drain(&feed, cursor, 60_000).await.unwrap(),
                [b"25:k:".as_slice(), &body_of(25, 10), b"\n"].concat()
            );
        }
    });
}

#[test]
fn a_segment_without_events_keeps_the_place_of_its_seqs() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let options = || StoreOptions { clock: Clock::Manual(clock.clone()), ..options() };
    let store = Store::open(dir.path(), options()).unwrap();
    let retention = Retention { age_ms: Some(1_000), bytes: None };
    let feed = store.create_feed("f", FeedOptions { retention, ..small_segments() }).unwrap();
    drive(&store, &[&feed], async {
        append(&feed, 25, 100_000).await;
        feed.seal().await.unwrap();
        assert_eq!(compact(&feed, |_| false).await.unwrap(), 3);
        assert_eq!((seqs(&feed), feed.bytes(), feed.event_count()), (vec![], 0, 0));
        assert_eq!((feed.first_seq(), feed.next_seq(), segment_files(dir.path()).len()), (1, 26, 4));
        let mut cursor = feed.cursor(LINES, Start::Seq(3)).await.unwrap();
        assert_eq!((cursor.next_seq(), cursor.is_outside_window()), (11, false));
        clock.fetch_add(500, Ordering::Relaxed);
        append(&feed, 1, 1).await;
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"26:k:a\n");
        assert_eq!(feed.seq_of_last(3).unwrap(), Some(26));
        let numbers = (feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes());
        feed.close().await.unwrap();
        assert_eq!(numbers, (1, 27, 1, 48));
    });
    drop((feed, store));
    let store = Store::open(dir.path(), options()).unwrap();
    let feed = store.feed("f").unwrap();
    assert_eq!((feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes()), (1, 27, 1, 48));
    drive(&store, &[&feed], async {
        let mut slow = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        clock.fetch_add(600, Ordering::Relaxed);
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!((feed.first_seq(), feed.event_count(), segment_files(dir.path()).len()), (26, 1, 1));
        assert!(matches!(drain(&feed, &mut slow, 100).await, Err(CursorError::Gone { first_seq: 26 })));
    });
}

#[test]
fn several_become_one_and_readers_find_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let kept = |seq: &u64| seq.is_multiple_of(3) || *seq > 20;
    drive(&store, &[&feed], async {
        for _ in 0..4 {
            append(&feed, 5, 100).await;
            feed.seal().await.unwrap();
        }
        append(&feed, 2, 100).await;
        assert_eq!(segment_files(dir.path()).len(), 5);
        let mut readers = Vec::new();
        let mut cursors = Vec::new();
        for seq in 1..=20 {
            let mut reader = feed.read(seq);
            assert_eq!(reader.next().unwrap().unwrap().seq, seq);
            readers.push((seq, reader));
            cursors.push((seq, feed.cursor(LINES, Start::Seq(seq)).await.unwrap()));
        }
        let leftovers: Vec<_> =
            segment_files(dir.path())[1..4].iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        assert_eq!(compact(&feed, |seq| kept(&seq)).await.unwrap(), 1);
        assert_eq!(segment_files(dir.path()).len(), 2);
        assert_eq!(seqs(&feed), (1..=22).filter(kept).collect::<Vec<_>>());
        for (seq, mut reader) in readers {
            // All of the segment it stands in, then what is left of the others.
            let segment_end = seq.next_multiple_of(5);
            let expected: Vec<u64> = (seq + 1..=22).filter(|seq| *seq <= segment_end || kept(seq)).collect();
            let mut left = Vec::new();
            while let Some(event) = reader.next() {
                left.push(event.unwrap().seq);
            }
            assert_eq!(left, expected, "a reader behind {seq}");
        }
        for (seq, mut cursor) in cursors {
            let lines = String::from_utf8(drain(&feed, &mut cursor, 33).await.unwrap()).unwrap();
            let left: Vec<u64> = lines.lines().map(|line| line.split(':').next().unwrap().parse().unwrap()).collect();
            assert!(left.is_sorted() && (seq..=22).filter(kept).all(|seq| left.contains(&seq)), "{seq}: {left:?}");
            assert!(left.iter().all(|at| *at >= seq));
        }
        feed.close().await.unwrap();
        // As if the power had gone before they were removed.
        leftovers.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    });
    let numbers = (feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes());
    drop((feed, store));
    let store = open(dir.path());
    let feed = store.feed("f").unwrap();
    assert_eq!((feed.state(), segment_files(dir.path()).len()), (FeedState::Open, 2));
    assert_eq!((feed.first_seq(), feed.next_seq(), feed.event_count(), feed.bytes()), numbers);
    assert_eq!(seqs(&feed), (1..=22).filter(kept).collect::<Vec<_>>());
}

#[test]
fn segments_become_one_for_no_less_than_it_costs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        for bytes in [90_000, 30_000, 10_000] {
            append(&feed, 1, bytes).await;
            feed.seal().await.unwrap();
        }
        assert_eq!(compact(&feed, |_| true).await.unwrap(), 0, "one is much larger than the others");
        append(&feed, 1, 80_000).await;
        feed.seal().await.unwrap();
        assert_eq!(compact(&feed, |_| true).await.unwrap(), 1);
        assert_eq!((segment_files(dir.path()).len(), seqs(&feed)), (2, vec![1, 2, 3, 4]));
        append(&feed, 1, 10).await;
        feed.seal().await.unwrap();
        assert!(rewrite(&feed, feed.sealed_run(5).unwrap(), |_| false).await.unwrap());
        assert_eq!(compact(&feed, |_| true).await.unwrap(), 1, "an empty one goes whatever the others cost");
        assert_eq!((segment_files(dir.path()).len(), feed.unsealed()), (2, (0, 6)));
    });
}

#[test]
fn what_changes_meanwhile_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", small_segments()).unwrap();
    drive(&store, &[&feed], async {
        append(&feed, 30, 100_000).await;
        let keep = |event: &Event<'_>| Ok::<_, CompactError>(event.seq.is_multiple_of(2));
        let [one, other] = [(); 2].map(|()| feed.sealed_run(0).unwrap().rewrite(keep).unwrap().unwrap());
        assert_eq!((one.dropped_events(), one.dropped_bytes()), (5, 5 * 100_048));
        let files = segment_files(dir.path()).len();
        feed.replace(one).await.unwrap();
        assert_eq!(feed.replace(other).await.unwrap_err().to_string(), CompactError::Changed.to_string());
        assert_eq!(segment_files(dir.path()).len(), files - 2);
        drop(feed.sealed_run(0).unwrap().rewrite(|event| Ok::<_, CompactError>(event.seq > 7)).unwrap());
        assert_eq!(segment_files(dir.path()).len(), files - 2, "what is given up is removed");
        assert_eq!(feed.event_count(), 25);
    });
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let dir = scratch();
    drop(open(dir.path()));
    let disk = FaultDisk::new(dir.path()).unwrap();
    let store = Store::open(dir.path(), StoreOptions { disk: Arc::new(disk.clone()), ..options() }).unwrap();
    let feed = store.create_feed("f", small_segments()).unwrap();
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        append(&feed, 25, 100_000).await;
        let (before, files) = (read_all(&feed, 0), segment_files(dir.path()));
        let unchanged = || {
            assert_eq!(feed.state(), FeedState::Open);
            assert!(read_all(&feed, 0) == before && segment_files(dir.path()) == files);
        };
        disk.set_free_bytes(1000);
        let error = compact(&feed, |seq| seq > 5).await.unwrap_err();
        assert!(
            matches!(&error, CompactError::DiskFull { reason } if reason.contains("has 1000 bytes free")),
            "{error}"
        );
        unchanged();
        disk.set_free_bytes(u64::MAX);
        // The name, the room, the header, the records, the mark, the sync.
        for step in 1..=6 {
            disk.fail_at(disk.steps() + step, Fault::Error(std::io::ErrorKind::StorageFull));
            let error = compact(&feed, |seq| seq > 5).await.unwrap_err();
            assert!(matches!(error, CompactError::Io { .. }), "step {step}: {error}");
            unchanged();
        }
        compact(&feed, |seq| seq > 5).await.unwrap();
        assert_eq!(seqs(&feed), (6..=25).collect::<Vec<_>>());
    });
}

#[test]
fn a_run_that_cannot_be_judged_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", small_segments()).unwrap();
    drive(&store, &[&feed], async {
        append(&feed, 25, 100_000).await;
        let refused = feed.sealed_run(0).unwrap().rewrite(|event| match event.seq {
            7 => Err(CompactError::Changed),
            _ => Ok(false),
        });
        assert!(matches!(refused, Err(CompactError::Changed)));
        assert_eq!(feed.event_count(), 25);
        feed.close().await.unwrap();
        let closed = feed.sealed_run(0).unwrap().rewrite(|_| Ok::<_, CompactError>(false)).map(|_| ());
        assert!(matches!(closed, Err(CompactError::Append(AppendError::Closed))));
    });
}

#[derive(Clone, Debug)]
enum Act {
    Append(usize, usize),
    Seal,
    Compact(u64),
    Open(u64),
    Read(usize, usize),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..30_usize, 0..60_000_usize).prop_map(|(count, bytes)| Act::Append(count, bytes)),
        2 => Just(Act::Seal),
        2 => any::<u64>().prop_map(Act::Compact),
        3 => (0..200_u64).prop_map(Act::Open),
        4 => (any::<usize>(), 1..400_000_usize).prop_map(|(which, bytes)| Act::Read(which, bytes)),
        1 => Just(Act::Reopen),
    ]
}

/// The thread that builds frames may hold what was closed for an instant.
fn open_again(dir: &Path) -> Store {
    loop {
        match Store::open(dir, options()) {
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// A cursor, and what it has read.
struct Follower {
    from: u64,
    cursor: Cursor,
    bytes: Vec<u8>,
}

impl Follower {
    async fn read(&mut self, feed: &Feed, bytes_max: usize) {
        let mut left = bytes_max;
        while left > 0 {
            let ready = self.cursor.ready(left).to_vec();
            if ready.is_empty() {
                match self.cursor.step() {
                    Step::More => continue,
                    Step::NeedSegment => feed.next_segment(&mut self.cursor).await.unwrap(),
                    Step::AtTail => return,
                    step => panic!("{step:?}"),
                }
            }
            self.cursor.advance(ready.len());
            left -= ready.len();
            self.bytes.extend_from_slice(&ready);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is compacted when, every cursor reads all that is kept, each event once, in order and whole.
    #[test]
    fn cursors_lose_and_repeat_nothing(acts in prop::collection::vec(act(), 1..40)) {
        let dir = scratch();
        let mut store = open(dir.path());
        let mut feed = store.create_feed("f", FeedOptions { durability: Durability::Os, ..small_segments() }).unwrap();
        let mut sizes = vec![0];
        let mut dropped = BTreeSet::new();
        let mut acts = acts.into_iter().peekable();
        while acts.peek().is_some() {
            drive(&store, &[&feed], async {
                let mut followers: Vec<Follower> = Vec::new();
                for act in acts.by_ref() {
                    match act {
                        Act::Append(count, bytes) => {
                            append(&feed, count, bytes).await;
                            sizes.resize(sizes.len() + count, bytes);
                        }
                        Act::Seal => feed.seal().await.unwrap(),
                        Act::Compact(bits) => {
                            let sealed = 1..feed.unsealed().1;
                            let goes = |seq: u64| bits >> (seq % 64) & 1 == 1;
                            compact(&feed, |seq| !goes(seq)).await.unwrap();
                            dropped.extend(sealed.filter(|seq| goes(*seq)));
                        }
                        Act::Open(from) => {
                            let cursor = feed.cursor(LINES, Start::Seq(from)).await.unwrap();
                            followers.push(Follower { from: from.min(feed.next_seq()), cursor, bytes: Vec::new() });
                        }
                        Act::Read(which, bytes) if !followers.is_empty() => {
                            let which = which % followers.len();
                            followers[which].read(&feed, bytes).await;
                        }
                        Act::Read(..) => {}
                        Act::Reopen => break,
                    }
                }
                for follower in &mut followers {
                    follower.read(&feed, usize::MAX).await;
                    let mut rest = follower.bytes.as_slice();
                    let mut wanted: BTreeSet<u64> = (follower.from.max(1)..feed.next_seq()).filter(|seq| !dropped.contains(seq)).collect();
                    let mut last = 0;
                    while !rest.is_empty() {
                        let digits = rest.iter().position(|byte| *byte == b':').unwrap();
                        let seq: u64 = std::str::from_utf8(&rest[..digits]).unwrap().parse().unwrap();
                        assert!(seq > last && seq >= follower.from);
                        let frame = [format!("{seq}:k:").as_bytes(), &body_of(seq, sizes[seq as usize]), b"\n"].concat();
                        assert!(rest.starts_with(&frame), "frame {seq}");
                        rest = &rest[frame.len()..];
                        wanted.remove(&seq);
                        last = seq;
                    }
                    assert!(wanted.is_empty(), "lost: {wanted:?}");
                }
                let expected: Vec<_> = (1..feed.next_seq()).filter(|seq| !dropped.contains(seq)).collect();
                assert_eq!(seqs(&feed), expected);
                let bytes: u64 = expected.iter().map(|seq| (44 + sizes[*seq as usize] as u64).next_multiple_of(8)).sum();
                assert_eq!((feed.bytes(), feed.event_count()), (bytes, expected.len() as u64));
                drop(followers);
                feed.close().await.unwrap();
            });
            drop((feed, store));
            store = open_again(dir.path());
            feed = store.feed("f").unwrap();
            assert_eq!(feed.next_seq(), sizes.len() as u64);
        }
    }
}
