//! Finding events by number from the end and by time, across segments, restarts and lost indexes.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use proptest::prelude::*;
use tailwater_core::*;

fn timed(time_us: u64, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    let body = vec![b'x'; bytes];
    batch.push(&Draft { seq: None, time_us, kind: "put", key: "k", format: BodyFormat::Json, body: &body }).unwrap();
    batch
}

/// Compares every answer with what the events themselves say.
fn compare(feed: &Feed, times: &[u64]) {
    let mut events = Vec::new();
    let mut reader = feed.read(0);
    while let Some(event) = reader.next() {
        let event = event.unwrap();
        events.push((event.seq, event.time_us));
    }
    for count in (0..4).chain([events.len() as u64, events.len() as u64 + 5]) {
        let at = events.len().saturating_sub(count.max(1) as usize);
        assert_eq!(feed.seq_of_last(count).unwrap(), events.get(at).map(|event| event.0), "the last {count}");
    }
    for time in times.iter().flat_map(|time| [time.saturating_sub(1), *time, time + 1]) {
        let first = events.iter().find(|event| event.1 >= time).map(|event| event.0);
        assert_eq!(feed.first_seq_since(time).unwrap(), first, "since {time}");
        let last = events.iter().rev().find(|event| event.1 <= time).map(|event| event.0);
        assert_eq!(feed.last_seq_until(time).unwrap(), last, "until {time}");
    }
    let before = events.first().map_or(feed.first_seq(), |event| event.0) - 1;
    assert_eq!(feed.seq_before_first(), (before > 0).then_some(before));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn answers_are_those_of_the_events(
        times in proptest::collection::vec(0_u64..50, 0..60), bytes in 0_usize..120_000, lose_indexes: bool, bounded: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let retention = Retention { age_ms: None, bytes: bounded.then_some(2 << 20) };
        let options = FeedOptions { segment_bytes_max: 1 << 20, retention, ..FeedOptions::default() };
        let store = open(dir.path());
        let feed = store.create_feed("news", options).unwrap();
        drive(&store, &[&feed], async {
            for time in &times {
                feed.append(timed(*time, bytes), SeqMode::Assign).await.unwrap();
            }
            feed.flush().await.unwrap();
        });
        compare(&feed, &times);
        drop((feed, store));
        if lose_indexes {
            for index in walk(dir.path()).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "idx")) {
                std::fs::remove_file(index).unwrap();
            }
        }
        compare(&open(dir.path()).feed("news").unwrap(), &times);
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
