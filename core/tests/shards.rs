//! Everything at once on real shards: publishers on several threads, readers that follow while the log rotates and retention
//! drops segments, writers on a glommio executor.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use futures_lite::future::block_on;
use glommio::{LocalExecutorBuilder, Placement};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use tailwater_core::storage::PoolStorage;
use tailwater_core::storage::fault::FaultDisk;
use tailwater_core::*;

const PUBLISHERS: u64 = 3;
const BATCHES: u64 = 150;

/// Follows a feed from the first event to the seq `last`, and returns what it read.
fn follow(feed: &Feed, last: u64, chunk: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut cursor = block_on(feed.cursor(LINES, Start::Seq(1))).unwrap();
    while cursor.next_seq() <= last {
        bytes.extend(block_on(drain(feed, &mut cursor, chunk)).unwrap());
        thread::yield_now();
    }
    bytes
}

fn publish(feed: &Feed, publisher: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    for number in 0..BATCHES {
        let body = format!("{publisher}-{number}-{}", "x".repeat((number * 97 % 9000) as usize));
        let appended = block_on(feed.append(batch(&[body.as_bytes(), b"second"]), SeqMode::Assign)).unwrap();
        assert_eq!(appended.last_seq, appended.first_seq + 1);
        seqs.push(appended.first_seq);
    }
    seqs
}

/// Runs the writers of `feeds` on a glommio executor of their own until they are closed.
fn shard(store: &Store, feeds: &[&Arc<Feed>]) -> thread::JoinHandle<()> {
    shard_on(store, feeds, PoolStorage::new(2).unwrap())
}

/// The same on any disk.
fn shard_on(store: &Store, feeds: &[&Arc<Feed>], storage: PoolStorage) -> thread::JoinHandle<()> {
    let seeds: Vec<_> = feeds.iter().map(|feed| store.take_writer(feed).unwrap()).collect();
    thread::spawn(move || {
        let executor = LocalExecutorBuilder::new(Placement::Unbound).make().unwrap();
        executor.run(async {
            let writers: Vec<_> =
                seeds.into_iter().map(|seed| glommio::spawn_local(seed.attach(storage.clone()).run())).collect();
            for writer in writers {
                writer.await;
            }
        });
    })
}

#[test]
fn readers_miss_and_repeat_nothing_while_publishers_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    let small = store.create_feed("small", FeedOptions::default()).unwrap();
    let executor = shard(&store, &[&feed, &small]);
    let last = PUBLISHERS * BATCHES * 2;
    let read = thread::scope(|scope| {
        let readers: Vec<_> = [100, 70_000, 1 << 20]
            .map(|chunk| {
                scope.spawn({
                    let feed = &feed;
                    move || follow(feed, last, chunk)
                })
            })
            .into();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                scope.spawn({
                    let feed = &feed;
                    move || publish(feed, publisher)
                })
            })
            .collect();
        let mut seqs: Vec<_> = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq((1..=last).step_by(2)), "every batch got two seqs of its own");
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    let expected = frames_of(&feed, &Lines, 0);
    for bytes in read {
        assert!(bytes == expected);
    }
    block_on(feed.close()).unwrap();
    block_on(small.close()).unwrap();
    executor.join().unwrap();
    drop((feed, small, store));
    let store = open(dir.path());
    assert_eq!(store.feed("f").unwrap().event_count(), last);
}

#[test]
fn a_reader_either_keeps_up_with_retention_or_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let retention = Retention { age_ms: None, bytes: Some(2 << 20) };
    let feed = store
        .create_feed("f", FeedOptions { retention, durability: Durability::Os, ..FeedOptions::default() })
        .unwrap();
    let executor = shard(&store, &[&feed]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut cursor = block_on(feed.cursor(LINES, Start::Seq(1))).unwrap();
            let (mut last, mut gone) = (0, 0);
            while !(done.load(Ordering::Acquire) && last == feed.last_seq()) {
                match block_on(drain(&feed, &mut cursor, 300_000)) {
                    Ok(bytes) => last = check_lines(&bytes, last),
                    Err(CursorError::Gone { first_seq }) => {
                        gone += 1;
                        assert!(first_seq > last);
                        cursor = block_on(feed.cursor(LINES, Start::Seq(last + 1))).unwrap();
                        last = cursor.next_seq() - 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            gone
        });
        let body = vec![b'y'; 20_000];
        for _ in 0..1000 {
            block_on(feed.append(batch(&[&body]), SeqMode::Assign)).unwrap();
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    assert!(feed.first_seq() > 800);
    block_on(feed.close()).unwrap();
    executor.join().unwrap();
}

/// Checks that lines follow each other without a gap after `last`; returns the last seq.
fn check_lines(bytes: &[u8], mut last: u64) -> u64 {
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let seq = std::str::from_utf8(line).unwrap().split(':').next().unwrap().parse().unwrap();
        assert_eq!(seq, last + 1);
        last = seq;
    }
    last
}

/// The seq of the first line, if there is one.
fn first_seq(lines: &[u8]) -> Option<u64> {
    let line = lines.split(|byte| *byte == b'\n').next().filter(|line| !line.is_empty())?;
    Some(std::str::from_utf8(line).unwrap().split(':').next().unwrap().parse().unwrap())
}

#[test]
fn a_cursor_knows_what_comes_next_while_it_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = FeedOptions { durability: Durability::Os, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    let feed = store.create_feed("f", options).unwrap();
    let executor = shard(&store, &[&feed]);
    let done = AtomicBool::new(false);
    let (mut followed, mut opened) = (0_u64, 0_u64);
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            for _ in 0..4000 {
                block_on(feed.append(batch(&[b"a", b"b", &[b'c'; 300]]), SeqMode::Assign)).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let opener = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(Ordering::Acquire) {
                let last = feed.last_seq();
                let at_last = block_on(feed.cursor(LINES, Start::Seq(last.max(1)))).unwrap();
                assert!(last == 0 || first_seq(at_last.ready(usize::MAX)) == Some(last), "seq {last} is visible");
                let tail = block_on(feed.cursor(LINES, Start::Tail)).unwrap();
                let next = tail.next_seq();
                assert!(next > last && first_seq(tail.ready(usize::MAX)).is_none_or(|seq| seq >= next));
                assert!(feed.first_seq() == 1);
                opened += 1;
            }
            opened
        });
        let mut cursor = block_on(feed.cursor(LINES, Start::Seq(1))).unwrap();
        while !done.load(Ordering::Acquire) || cursor.next_seq() <= 12_000 {
            let next = cursor.next_seq();
            let ready = cursor.ready(usize::MAX);
            let length = ready.len();
            if let Some(seq) = first_seq(ready) {
                assert_eq!(seq, next);
                followed += 1;
            }
            cursor.advance(length);
            if cursor.step() == Step::NeedSegment {
                block_on(feed.next_segment(&mut cursor)).unwrap();
            }
        }
        publisher.join().unwrap();
        opened = opener.join().unwrap();
    });
    assert!(followed > 0 && opened > 0);
    block_on(feed.close()).unwrap();
    executor.join().unwrap();
}

/// Power cuts at any moment, while writers on two shards lead each other and the files of the journal are used again.
#[test]
fn feeds_of_several_shards_share_a_journal_that_has_what_was_acknowledged() {
    const EVENTS: u64 = 120;
    let dir = scratch();
    let store = open(dir.path());
    let feeds: Vec<_> =
        (0..6).map(|number| store.create_feed(&format!("feed-{number}"), FeedOptions::default()).unwrap()).collect();
    let disk = FaultDisk::new(dir.path()).unwrap();
    let shards: Vec<_> = feeds
        .chunks(3)
        .map(|feeds| {
            let storage = PoolStorage::on(Arc::new(disk.clone()), 2).unwrap();
            shard_on(&store, &feeds.iter().collect::<Vec<_>>(), storage)
        })
        .collect();
    let acknowledged: Vec<_> = feeds.iter().map(|_| AtomicU64::new(0)).collect();
    let body = |seq: u64| vec![seq as u8; (seq * 131 % 4000) as usize];
    let check = |seed| {
        let promised: Vec<_> = acknowledged.iter().map(|seq| seq.load(Ordering::Acquire)).collect();
        let image = scratch();
        disk.write_image(seed, image.path()).unwrap();
        let store = open(image.path());
        for (feed, promised) in feeds.iter().zip(&promised) {
            let feed = store.feed(feed.name()).unwrap();
            assert_eq!(feed.state(), FeedState::Open);
            let found = read_all(&feed, 0);
            assert!(found.len() as u64 >= *promised, "{} of {promised} events", found.len());
            let whole = found.iter().zip(1..).all(|((seq, bytes), expected)| *seq == expected && *bytes == body(*seq));
            assert!(whole, "once, and in order");
        }
        promised
    };
    thread::scope(|scope| {
        for (feed, acknowledged) in feeds.iter().zip(&acknowledged) {
            scope.spawn(move || {
                for seq in 1..=EVENTS {
                    block_on(feed.append(batch(&[&body(seq)]), SeqMode::Assign)).unwrap();
                    acknowledged.store(seq, Ordering::Release);
                }
            });
        }
        let mut seed = 0;
        while check(seed) != [EVENTS; 6] {
            seed += 1;
        }
    });
    check(u64::MAX);
    for feed in &feeds {
        block_on(feed.close()).unwrap();
    }
    shards.into_iter().for_each(|shard| shard.join().unwrap());
}
