//! What each durability promises, seen from the steps on the disk.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use std::sync::Arc;
use tailwater_core::storage::InlineStorage;
use tailwater_core::storage::fault::FaultDisk;
use tailwater_core::*;

/// What a power cut right after an append leaves of it, over many seeds: always, never, or sometimes.
fn survives(durability: Durability, flush: bool) -> (bool, bool) {
    let dir = scratch();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { durability, ..FeedOptions::default() }).unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    let counts = drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        assert_eq!(read_all(&feed, 0).len(), 1, "it is visible");
        if flush {
            feed.flush().await.unwrap();
        }
        (0..40)
            .map(|seed| {
                let image = scratch();
                disk.write_image(seed, image.path()).unwrap();
                open(image.path()).feed("f").unwrap().event_count()
            })
            .collect::<Vec<_>>()
    });
    (counts.contains(&1), counts.contains(&0))
}

#[test]
fn only_what_was_synced_survives_a_power_cut_for_certain() {
    let hour = Durability::Interval { ms: 3_600_000 };
    let (always, sometimes) = ((true, false), (true, true));
    let cases = [
        (Durability::Sync, false, always),
        (Durability::Os, false, sometimes),
        (Durability::Os, true, always),
        (hour, false, sometimes),
        (hour, true, always),
    ];
    for (durability, flush, expected) in cases {
        assert_eq!(survives(durability, flush), expected, "{durability:?}, flush: {flush}");
    }
}

#[test]
fn an_interval_sync_comes_by_itself() {
    let dir = scratch();
    let store = open(dir.path());
    let durability = Durability::Interval { ms: 1 };
    let feed = store.create_feed("f", FeedOptions { durability, ..FeedOptions::default() }).unwrap();
    let disk = FaultDisk::new(dir.path()).unwrap();
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        let synced = disk.steps() + 1;
        // Yields until the clock thread has asked the writer, which runs on this thread, to sync.
        while disk.steps() < synced {
            futures_lite::future::yield_now().await;
        }
        assert_eq!(feed.state(), FeedState::Open);
    });
}

#[test]
fn what_a_killed_process_left_in_the_page_cache_is_made_durable_before_it_is_shown() {
    let dir = scratch();
    let store = open(dir.path());
    let feed = store.create_feed("f", FeedOptions { durability: Durability::Os, ..FeedOptions::default() }).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a", b"b"]), SeqMode::Assign).await.unwrap();
    });
    drop((feed, store));
    let store = open(dir.path());
    let feed = store.feed("f").unwrap();
    assert_eq!((feed.event_count(), feed.state()), (2, FeedState::Open));
}
