//! What changes with the options of a feed that exists, and from when on.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use futures_lite::future::{poll_once, yield_now};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tailwater_core::storage::fault::FaultDisk;
use tailwater_core::storage::{InlineStorage, QueuedStorage};
use tailwater_core::*;

fn kept(age_ms: Option<u64>, bytes: Option<u64>) -> FeedOptions {
    FeedOptions { retention: Retention { age_ms, bytes }, ..FeedOptions::default() }
}

#[test]
fn what_cannot_be_changed_is_refused_and_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { first_seq: 5, ..FeedOptions::default() }).unwrap();
    let cases = [
        ("g", FeedOptions { first_seq: 5, ..FeedOptions::default() }, "there is no feed `g`"),
        (
            "f",
            FeedOptions { first_seq: 6, ..FeedOptions::default() },
            "feed option `first_seq`: it is 5 since the feed was created, and stays so",
        ),
        ("f", kept(Some(0), None), "feed option `retention.age_ms`: 0 is outside 1..=18446744073709551615"),
    ];
    for (name, options, message) in cases {
        assert_eq!(store.change_feed(name, options, &[]).unwrap_err().to_string(), message);
    }
    assert_eq!(*feed.options(), FeedOptions { first_seq: 5, ..FeedOptions::default() });
}

#[test]
fn options_are_there_again_after_a_start_whatever_lies_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    let mut options = FeedOptions { durability: Durability::Os, segment_bytes_max: 2 << 20, ..kept(Some(7), None) };
    options.extra.insert("dialects".into(), json!({"a": {}}));
    store.change_feed("f", options.clone(), &[]).unwrap();
    assert_eq!(*feed.options(), options);
    drop((feed, store));
    std::fs::write(dir.path().join("feeds/f/feed.json.tmp"), b"half of ano").unwrap();
    let store = open(dir.path());
    assert_eq!(*store.feed("f").unwrap().options(), options);
    store.change_feed("f", FeedOptions::default(), &[]).unwrap();
    drop(store);
    assert_eq!(*open(dir.path()).feed("f").unwrap().options(), FeedOptions::default());
}

#[test]
fn a_shorter_retention_has_its_turn_with_the_next_round_and_a_reader_finishes_its_segment() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let store = Store::open(dir.path(), StoreOptions { clock: Clock::Manual(clock.clone()), ..options() }).unwrap();
    let feed = store.create_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    let body = vec![b'x'; 300_000];
    drive(&store, &[&feed], async {
        for _ in 0..9 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        let expected = frames_of(&feed, &Lines, 1);
        let mut reader = feed.cursor(LINES, Start::Seq(1)).await.unwrap();
        let within = reader.ready(100_000).to_vec();
        reader.advance(within.len());
        assert_eq!(within.len(), 100_000, "it stands within the first frame");
        // All lies within the limit of bytes at first, and nothing is old.
        store.change_feed("f", kept(Some(60_000), Some(100 << 20)), &[]).unwrap();
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!(feed.first_seq(), 1);
        store.change_feed("f", kept(None, Some(1 << 20)), &[]).unwrap();
        assert_eq!(feed.first_seq(), 1, "not before the next round");
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!(feed.first_seq(), 7, "three events are a segment, and the newest stays");
        let mut rest = Vec::new();
        while let Step::More = reader.step() {
            let ready = reader.ready(50_000).to_vec();
            reader.advance(ready.len());
            rest.extend(ready);
        }
        assert_eq!(reader.next_seq(), 4, "what it was being sent is whole");
        assert_eq!([within, rest].concat(), expected[..expected.len() / 3]);
        assert!(matches!(feed.next_segment(&mut reader).await, Err(CursorError::Gone { first_seq: 7 })));
        clock.fetch_add(60_000, Ordering::Relaxed);
        store.change_feed("f", kept(Some(60_000), None), &[]).unwrap();
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!((feed.event_count(), feed.first_seq()), (0, 10));
    });
}

#[test]
fn the_next_segments_are_as_large_as_they_may_be_now() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }).unwrap();
    let sizes = || {
        let segments = std::fs::read_dir(dir.path().join("feeds/f/segments")).unwrap();
        let mut files: Vec<_> = segments.map(|entry| entry.unwrap()).collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        files.iter().map(|file| file.metadata().unwrap().len() >> 20).collect::<Vec<_>>()
    };
    let body = vec![b'x'; 900_000];
    drive(&store, &[&feed], async {
        for _ in 0..2 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        assert_eq!(sizes(), [1, 1]);
        store.change_feed("f", FeedOptions { segment_bytes_max: 2 << 20, ..FeedOptions::default() }, &[]).unwrap();
        for _ in 0..5 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        assert_eq!(sizes(), [1, 1, 2, 2, 2]);
        store.change_feed("f", FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() }, &[]).unwrap();
        for _ in 0..2 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        assert_eq!(sizes(), [1, 1, 2, 2, 2, 1]);
    });
}

/// How many events of `f` a power cut at this moment leaves, over many seeds.
fn survivors(disk: &FaultDisk) -> Vec<u64> {
    let counts = (0..40).map(|seed| {
        let image = scratch();
        disk.write_image(seed, image.path()).unwrap();
        let store = open(image.path());
        let feed = store.feed("f").unwrap();
        assert_eq!(feed.state(), FeedState::Open, "what was lost had never been durable");
        feed.event_count()
    });
    let counts: BTreeSet<u64> = counts.collect();
    counts.into_iter().collect()
}

fn stored(durability: Durability) -> FeedOptions {
    FeedOptions { durability, ..FeedOptions::default() }
}

#[test]
fn what_was_stored_before_the_feed_began_to_sync_is_synced_soon() {
    let dir = scratch();
    let store = open(dir.path());
    let feed = store.create_feed("f", stored(Durability::Os)).unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        assert_eq!(survivors(&disk), [0, 1]);
        let synced = disk.steps() + 1;
        store.change_feed("f", stored(Durability::Sync), &[]).unwrap();
        // Yields until the writer, which runs on this thread, has done so.
        while disk.steps() < synced {
            yield_now().await;
        }
        assert_eq!(survivors(&disk), [1]);
        store.change_feed("f", stored(Durability::Os), &[]).unwrap();
        feed.append(batch(&[b"b"]), SeqMode::Assign).await.unwrap();
        assert_eq!(survivors(&disk), [1, 2], "and so is no more");
    });
}

/// The second group goes on behind the first, which was written under the old durability, before the writer can sync that.
#[test]
fn a_group_that_has_to_be_synced_is_so_together_with_one_that_had_not_to_be() {
    let dir = scratch();
    let store = Store::open(dir.path(), StoreOptions { group_bytes_max: 1000, ..options() }).unwrap();
    let feed = store.create_feed("f", stored(Durability::Os)).unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    let storage = QueuedStorage::new(Arc::new(disk.clone()));
    drive_on(&store, &[&feed], storage.clone(), async {
        let mut first = Box::pin(feed.append(batch(&[&[b'a'; 900]]), SeqMode::Assign));
        let mut second = Box::pin(feed.append(batch(&[&[b'b'; 900]]), SeqMode::Assign));
        assert!(poll_once(&mut first).await.is_none() && poll_once(&mut second).await.is_none());
        yield_now().await;
        store.change_feed("f", stored(Durability::Sync), &[]).unwrap();
        let answer = loop {
            match poll_once(&mut second).await {
                Some(answer) => break answer,
                None => drop(storage.run_next()),
            }
            yield_now().await;
        };
        assert_eq!(answer.unwrap().last_seq, 2);
        assert_eq!(survivors(&disk), [2]);
    });
}

/// Frames of `<option> <seq>\n`.
struct Tagged(String);

impl Encoder for Tagged {
    fn name(&self) -> &str {
        "tagged"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{} {}\n", self.0, event.seq).as_bytes());
    }

    fn for_feed(&self, _name: &str, options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        Some(Arc::new(Tagged(options.extra.get("tag")?.as_str()?.to_owned())))
    }
}

fn tagged(tag: &str) -> FeedOptions {
    let mut options = FeedOptions { segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    options.extra.insert("tag".into(), tag.into());
    options
}

#[test]
fn frames_that_say_what_is_no_longer_true_are_built_anew_for_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let encoding = store.register_encoder(Arc::new(Tagged(String::new())));
    let feed = store.create_feed("f", tagged("old")).unwrap();
    let body = vec![b'x'; 600_000];
    let frames = |tag: &str, seqs: std::ops::RangeInclusive<u64>| {
        seqs.map(|seq| format!("{tag} {seq}\n")).collect::<String>().into_bytes()
    };
    drive(&store, &[&feed], async {
        for _ in 0..3 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        let mut early = feed.cursor(encoding, Start::Seq(1)).await.unwrap();
        assert_eq!(drain(&feed, &mut early, 99).await.unwrap(), frames("old", 1..=3));
        // This one does not name its feed, and stays.
        let mut lines = feed.cursor(LINES, Start::Seq(1)).await.unwrap();
        drain(&feed, &mut lines, 1 << 20).await.unwrap();
        store.change_feed("f", tagged("new"), &[encoding]).unwrap();
        feed.flush().await.unwrap();
        assert_eq!(feed.encodings_in_use(), [LINES]);
        let mut late = feed.cursor(encoding, Start::Seq(1)).await.unwrap();
        assert_eq!(drain(&feed, &mut late, 99).await.unwrap(), frames("new", 1..=3));
        for _ in 0..2 {
            feed.append(batch(&[&body]), SeqMode::Assign).await.unwrap();
        }
        for cursor in [&mut early, &mut late] {
            assert_eq!(drain(&feed, cursor, 99).await.unwrap(), frames("new", 4..=5));
        }
        store.tick();
        feed.flush().await.unwrap();
        assert_eq!(feed.encodings_in_use(), [LINES, encoding], "what is new is not removed again");
    });
}

/// A build that was under way is let go on, and its frames are removed when it is done.
#[test]
fn frames_that_were_being_built_are_removed_when_they_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let encoding = store.register_encoder(Arc::new(Tagged(String::new())));
    let feed = store.create_feed("f", tagged("old")).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        let mut asked = Box::pin(feed.cursor(encoding, Start::Seq(1)));
        assert!(futures_lite::future::poll_once(&mut asked).await.is_none());
        // Only the writer, which runs on this thread, can finish it.
        store.change_feed("f", tagged("new"), &[encoding]).unwrap();
        drop(asked.await.unwrap());
        let expected = b"new 1\n";
        loop {
            store.tick();
            feed.flush().await.unwrap();
            let mut cursor = feed.cursor(encoding, Start::Seq(1)).await.unwrap();
            if drain(&feed, &mut cursor, 99).await.unwrap() == expected {
                break;
            }
        }
    });
}
