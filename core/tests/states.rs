//! States of a feed and of a store: full and failing disks, closing, deleting, locking, damage.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::storage::{Disk, InlineStorage};
use tailwater_core::*;

#[derive(Default)]
struct States(Mutex<Vec<FeedState>>);

impl CommitListener for States {
    fn committed(&self, _feed: &Feed) {}
    fn state_changed(&self, feed: &Feed) {
        self.0.lock().unwrap().push(feed.state());
    }
    fn window_moved(&self, _feed: &Feed) {}
}

#[test]
fn a_disk_below_its_low_water_mark_refuses_appends_until_space_returns() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let disk = FaultDisk::new(dir.path()).unwrap();
    let states = Arc::new(States::default());
    let options = StoreOptions {
        disk: Arc::new(disk.clone()),
        disk_low_water_bytes: 1000,
        listener: Some(states.clone()),
        ..options()
    };
    let store = Store::open(dir.path(), options).unwrap();
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        disk.set_free_bytes(999);
        store.tick();
        let refused = feed.append(batch(&[b"b"]), SeqMode::Assign).await.unwrap_err();
        assert!(matches!(refused, AppendError::ReadOnly { .. }), "{refused}");
        assert!(refused.to_string().contains("999 bytes free"), "{refused}");
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"1:k:a\n", "reading goes on");
        assert!(matches!(store.create_feed("g", FeedOptions::default()), Err(FeedError::DiskFull { .. })));
        disk.set_free_bytes(1 << 40);
        feed.append(batch(&[b"c"]), SeqMode::Assign).await.unwrap();
        assert_eq!(feed.state(), FeedState::Open);
    });
    let seen = states.0.lock().unwrap();
    assert!(matches!(seen[..], [FeedState::ReadOnly { .. }, FeedState::Open, FeedState::Closed]), "{seen:?}");
}

#[test]
fn no_room_for_another_segment_refuses_only_what_needs_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let disk = {
        drop(disk);
        FaultDisk::new(dir.path()).unwrap()
    };
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        disk.fail_at(disk.steps() + 2, Fault::Error(ErrorKind::StorageFull));
        let refused = feed.append(batch(&[&vec![b'x'; 2 << 20]]), SeqMode::Assign).await.unwrap_err();
        assert!(refused.to_string().contains("no room for another segment"), "{refused}");
        feed.append(batch(&[b"small"]), SeqMode::Assign).await.unwrap();
        feed.append(batch(&[&vec![b'x'; 2 << 20]]), SeqMode::Assign).await.unwrap();
    });
    assert_eq!(feed.event_count(), 3);
}

#[test]
fn a_failed_sync_ends_appending_and_not_reading() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        disk.fail_at(disk.steps() + 2, Fault::Error(ErrorKind::Other));
        let failed = feed.append(batch(&[b"b"]), SeqMode::Assign).await.unwrap_err();
        assert!(matches!(&failed, AppendError::Failed { reason } if reason.contains(".seg failed")), "{failed}");
        assert_eq!(feed.append(batch(&[b"c"]), SeqMode::Assign).await.unwrap_err(), failed, "it is never tried again");
        assert_eq!(feed.flush().await.unwrap_err(), failed);
        let mut cursor = feed.cursor(LINES, Start::Seq(0)).await.unwrap();
        assert_eq!(drain(&feed, &mut cursor, 100).await.unwrap(), b"1:k:a\n");
        assert_eq!(read_all(&feed, 0), [(1, b"a".to_vec())]);
        assert_eq!(feed.close().await.unwrap_err(), failed);
    });
    assert_eq!(feed.state(), FeedState::Closed);
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = Store::open(dir.path(), options()).unwrap_err();
    let expected = format!(
        "data directory {} is in use by process {}; stop that process or choose another directory",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    drop(store);
    open(dir.path());
}

#[test]
fn feeds_are_created_once_closed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let name = "Ünïcode / and .. dots";
    let feed = store.create_feed(name, FeedOptions::default()).unwrap();
    assert_eq!(
        store.create_feed(name, FeedOptions::default()).unwrap_err().to_string(),
        format!("feed `{name}` exists already")
    );
    assert_eq!(
        store.delete_feed(name).unwrap_err().to_string(),
        format!("feed `{name}` is still open; close it before deleting it")
    );
    assert_eq!(store.delete_feed("other").unwrap_err().to_string(), "there is no feed `other`");
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        feed.close().await.unwrap();
        feed.close().await.unwrap();
    });
    assert_eq!(futures_lite::future::block_on(feed.append(batch(&[b"a"]), SeqMode::Assign)), Err(AppendError::Closed));
    assert!(store.take_writer(&feed).is_none());
    store.delete_feed(name).unwrap();
    assert!(store.feed(name).is_none());
    assert_eq!(std::fs::read_dir(dir.path().join("feeds")).unwrap().count(), 0);
    let never_written = store.create_feed(name, FeedOptions { first_seq: 7, ..FeedOptions::default() }).unwrap();
    assert_eq!((never_written.next_seq(), never_written.id() == feed.id()), (7, false));
    futures_lite::future::block_on(never_written.close()).unwrap();
    store.delete_feed(name).unwrap();
}

#[test]
fn dropping_the_writer_closes_the_feed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let seed = store.take_writer(&feed).unwrap();
    let waiting = feed.append(batch(&[b"a"]), SeqMode::Assign);
    let answer = futures_lite::future::block_on(futures_lite::future::zip(waiting, async { drop(seed) }));
    assert_eq!(answer.0, Err(AppendError::Closed));
    assert_eq!(feed.state(), FeedState::Closed);
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions { queue_bytes_max: 1000, ..options() }).unwrap();
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    futures_lite::future::block_on(async {
        let first = feed.append(batch(&[&[0; 900]]), SeqMode::Assign);
        let second = feed.append(batch(&[&[0; 900]]), SeqMode::Assign);
        let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
        assert!(futures_lite::future::poll_once(&mut first).await.is_none());
        let refused = futures_lite::future::poll_once(&mut second).await.unwrap().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "feed `f` has 944 bytes waiting to be written, at most 1000 are allowed; retry later"
        );
    });
}

/// Writes two segments and part of a third; returns the paths of their files.
fn three_segments(dir: &std::path::Path, close: bool) -> Vec<std::path::PathBuf> {
    let store = open(dir);
    let feed = store.create_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        for _ in 0..25 {
            feed.append(batch(&[&[b'x'; 100_000]]), SeqMode::Assign).await.unwrap();
        }
        if close {
            feed.close().await.unwrap();
        }
    });
    let mut paths: Vec<_> =
        std::fs::read_dir(dir.join("feeds/f/segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 3);
    paths
}

fn flip(path: &std::path::Path, offset: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn damage_is_named_and_what_comes_before_it_can_be_read() {
    // (which segment, offset, events that remain readable, what the reason contains)
    let cases = [
        (2, 4096 + 50, 20, "at offset 4096"),
        (2, 4096 + 100_060, 21, "at offset 104144"),
        (2, 513, 20, "the mark of the last clean close is damaged at offset 512"),
        (2, 20, 20, "the segment header is damaged at offset 0"),
        (1, 520, 10, "the seal of a finished segment is damaged or missing at offset 512"),
        (0, 3, 0, "the segment header is damaged at offset 0"),
    ];
    for (which, offset, readable, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let paths = three_segments(dir.path(), true);
        flip(&paths[which], offset);
        let store = open(dir.path());
        let feed = store.feed("f").unwrap();
        let FeedState::Failed { reason } = feed.state() else { panic!("case {which}@{offset}: {:?}", feed.state()) };
        assert!(reason.starts_with(paths[which].to_str().unwrap()) && reason.contains(expected), "{reason}");
        assert_eq!(read_all(&feed, 0).len(), readable, "case {which}@{offset}");
        drive(&store, &[&feed], async {
            let refused = feed.append(batch(&[b"x"]), SeqMode::Assign).await.unwrap_err();
            assert_eq!(refused, AppendError::Failed { reason: reason.clone() });
            match feed.cursor(LINES, Start::Seq(0)).await {
                Ok(mut cursor) => assert_eq!(
                    drain(&feed, &mut cursor, 1 << 20).await.unwrap().iter().filter(|byte| **byte == b'\n').count(),
                    readable
                ),
                Err(error) => assert!(readable == 0 && error.to_string().contains(expected), "{error}"),
            }
        });
    }
}

#[test]
fn a_missing_segment_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let paths = three_segments(dir.path(), true);
    std::fs::remove_file(&paths[1]).unwrap();
    let store = open(dir.path());
    let feed = store.feed("f").unwrap();
    assert!(matches!(feed.state(), FeedState::Failed { reason } if reason.contains("is missing")));
    assert_eq!(read_all(&feed, 0).len(), 10);
}

#[test]
fn damage_in_an_old_segment_is_found_by_whoever_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let paths = three_segments(dir.path(), true);
    flip(&paths[0], 4096 + 60);
    let store = open(dir.path());
    let feed = store.feed("f").unwrap();
    assert_eq!(feed.state(), FeedState::Open, "opening reads the newest segment only");
    let error = feed.read(0).next().unwrap().unwrap_err();
    assert_eq!(error, ReadError { file: paths[0].clone(), offset: 4096, what: "record payload is damaged" });
    drive(&store, &[&feed], async {
        let refused = feed.cursor(LINES, Start::Seq(0)).await.unwrap_err();
        assert_eq!(refused, CursorError::Build { reason: error.to_string() });
        let mut cursor = feed.cursor(LINES, Start::Seq(15)).await.unwrap();
        assert!(!drain(&feed, &mut cursor, 1 << 20).await.unwrap().is_empty());
    });
}

#[test]
fn opening_reads_the_newest_segment_only() {
    for close in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        three_segments(dir.path(), close);
        let store = open(dir.path());
        let report = store.open_report();
        assert_eq!((report.feeds, report.segments), (1, 3));
        assert!((500_000..700_000).contains(&report.bytes_scanned), "{report:?}: five events of the newest segment");
    }
}

#[test]
fn the_clock_of_a_test_can_be_set() {
    let clock = Clock::Manual(Arc::new(AtomicU64::new(5)));
    assert_eq!(clock.now_ms(), 5);
    if let Clock::Manual(ms) = &clock {
        ms.store(9, Ordering::Relaxed);
    }
    assert_eq!(clock.clone().now_ms(), 9);
    assert!(Clock::System.now_ms() > 1_600_000_000_000);
    assert!(storage::RealDisk.free_bytes(std::path::Path::new("/")).unwrap() > 0);
}

#[test]
fn what_was_appended_is_counted_whether_it_is_kept_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        assert_eq!(feed.appended(), (0, 0));
        feed.append(batch(&[b"a", b"bc"]), SeqMode::Assign).await.unwrap();
        feed.append(batch(&[b""]), SeqMode::Assign).await.unwrap();
        assert_eq!(feed.appended(), (3, 3));
        let repeated = feed.append(batch(&[b"abc"]), SeqMode::Preserve).await;
        assert!(repeated.is_err(), "it has no seq");
        assert_eq!(feed.appended(), (3, 3), "what is refused is not counted");
    });
}
