//! A power cut after every single storage step: of appending, rotating, retention, creating and deleting feeds.
//!
//! Each run cuts the power at one step; each of several seeds then makes another directory of what the disk may be left with,
//! and that is opened. The oracle knows what was acknowledged and what readers have seen. `TAILWATER_CRASH_SEED` adds a seed.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tailwater_core::storage::InlineStorage;
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::*;

/// What must be true after the power cut.
#[derive(Default)]
struct Oracle {
    /// Every event that was ever handed in and may be found: seq to body.
    offered: BTreeMap<u64, Vec<u8>>,
    /// Batches as ranges of seqs: all of it or none.
    batches: Vec<(u64, u64)>,
    /// The largest seq that was acknowledged or shown.
    promised: u64,
    /// The first seq that retention has left.
    first_seq: u64,
    /// Whether the feed's creation was acknowledged; whether its deletion was begun, or acknowledged.
    created: bool,
    deleting: bool,
    deleted: bool,
}

fn body(seq: u64, bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|at| (seq * 31 + at % 251) as u8).collect()
}

/// Appends one batch, and remembers what may and what must be found.
async fn append(feed: &Feed, oracle: &mut Oracle, sizes: &[usize]) -> bool {
    let first = feed.next_seq();
    let mut batch = Batch::new();
    for (seq, size) in (first..).zip(sizes) {
        let body = body(seq, *size);
        batch
            .push(&Draft { seq: None, time_us: seq, kind: "put", key: "k", format: BodyFormat::Json, body: &body })
            .unwrap();
        oracle.offered.insert(seq, body);
    }
    let last = first + sizes.len() as u64 - 1;
    oracle.batches.push((first, last));
    let result = feed.append(batch, SeqMode::Assign).await;
    if result.is_ok() {
        oracle.promised = last;
    }
    assert!(feed.last_seq() <= oracle.promised, "nothing is shown that was not acknowledged");
    oracle.first_seq = feed.first_seq();
    result.is_ok()
}

fn store_options(disk: &FaultDisk, clock: &Arc<AtomicU64>) -> StoreOptions {
    StoreOptions { disk: Arc::new(disk.clone()), clock: Clock::Manual(Arc::clone(clock)), ..options() }
}

/// The workload; ends early when the power is cut.
fn work(store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracle: &mut Oracle) {
    let retention = Retention { age_ms: Some(1000), bytes: None };
    let feed_options = FeedOptions { retention, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    let Ok(feed) = store.create_feed("f", feed_options) else { return };
    oracle.created = true;
    let closed = drive_on(store, &[&feed], storage.clone(), async {
        let large = 400_000;
        for sizes in [&[10, 600, 3000][..], &[1], &[large, 20], &[large], &[large, 1], &[5], &[large, large], &[700]] {
            if !append(&feed, oracle, sizes).await {
                return false;
            }
            clock.fetch_add(300, Ordering::Relaxed);
            store.tick();
            feed.flush().await.ok();
            oracle.first_seq = feed.first_seq();
        }
        // Quiet for long: everything leaves the window, the next seq stays.
        clock.fetch_add(5000, Ordering::Relaxed);
        store.tick();
        feed.flush().await.ok();
        oracle.first_seq = feed.first_seq();
        append(&feed, oracle, &[50, 60]).await && feed.close().await.is_ok()
    });
    if closed {
        oracle.deleting = true;
        oracle.deleted = store.delete_feed("f").is_ok();
    }
}

/// Opens what is left and compares it with what was promised; then goes on appending, closes cleanly, and opens it again.
fn check(image: &Path, oracle: &Oracle, label: &str) {
    // Retention stands still from here on.
    let options = || StoreOptions { clock: Clock::Manual(Arc::new(AtomicU64::new(0))), ..options() };
    let store = Store::open(image, options()).unwrap_or_else(|error| panic!("{label}: {error}"));
    let Some(feed) = store.feed("f") else {
        assert!(!oracle.created || oracle.deleting, "{label}: the feed is lost");
        return;
    };
    assert!(!oracle.deleted, "{label}: the feed is back");
    assert_eq!(feed.state(), FeedState::Open, "{label}");
    let found = read_all(&feed, 0);
    check_events(&found, &feed, oracle, label);
    let last = feed.last_seq();
    drive(&store, &[&feed], async {
        let appended =
            feed.append(batch(&[b"after"]), SeqMode::Assign).await.unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!(appended.first_seq, last + 1, "{label}");
        feed.close().await.unwrap();
    });
    drop((feed, store));
    let store = Store::open(image, options()).unwrap();
    let feed = store.feed("f").unwrap();
    assert_eq!(feed.state(), FeedState::Open, "{label}: second opening");
    let mut expected = found;
    expected.push((last + 1, b"after".to_vec()));
    assert!(read_all(&feed, 0) == expected, "{label}: second opening");
}

fn check_events(found: &[(u64, Vec<u8>)], feed: &Feed, oracle: &Oracle, label: &str) {
    assert!(found.is_sorted_by(|a, b| a.0 < b.0), "{label}: seqs do not increase");
    for (seq, body) in found {
        assert!(oracle.offered.get(seq) == Some(body), "{label}: seq {seq} was never written like this");
    }
    let seqs: Vec<u64> = found.iter().map(|(seq, _)| *seq).collect();
    for seq in oracle.first_seq..=oracle.promised {
        assert!(seqs.binary_search(&seq).is_ok(), "{label}: seq {seq} was acknowledged and is lost");
    }
    for (first, last) in &oracle.batches {
        let present = (*first..=*last).filter(|seq| seqs.binary_search(seq).is_ok()).count() as u64;
        assert!(present == 0 || present == last - first + 1, "{label}: half of the batch {first}..={last}");
    }
    assert!(feed.next_seq() > oracle.promised, "{label}: seq {} would be used again", feed.next_seq());
}

/// Runs the workload on a new disk with a fault; returns the number of storage steps.
fn run(fault: Option<(u64, Fault)>, examine: impl FnOnce(&FaultDisk, &Oracle)) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let disk = FaultDisk::new(dir.path()).unwrap();
    if let Some((step, fault)) = fault {
        disk.fail_at(step, fault);
    }
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let mut oracle = Oracle { first_seq: 1, ..Oracle::default() };
    let store = Store::open(dir.path(), store_options(&disk, &clock)).unwrap();
    work(&store, &InlineStorage::new(Arc::new(disk.clone())), &clock, &mut oracle);
    let steps = disk.steps();
    examine(&disk, &oracle);
    steps
}

fn seeds() -> Vec<u64> {
    let extra = std::env::var("TAILWATER_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    (1..=6).chain(extra).collect()
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_acknowledged() {
    let steps = run(None, |_, oracle| {
        assert!(oracle.deleted && oracle.first_seq > 10, "the workload covers retention and deletion")
    });
    assert!(steps > 60, "only {steps} steps");
    for step in 1..=steps {
        run(Some((step, Fault::PowerCut)), |disk, oracle| {
            for seed in seeds() {
                let image = tempfile::tempdir().unwrap();
                disk.write_image(seed, image.path()).unwrap();
                check(image.path(), oracle, &format!("step {step}, seed {seed}"));
            }
        });
    }
}

#[test]
fn an_error_at_any_step_loses_nothing_that_was_acknowledged() {
    use std::io::ErrorKind;
    let steps = run(None, |_, _| {});
    for step in 1..=steps {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            run(Some((step, Fault::Error(kind))), |disk, oracle| {
                let image = tempfile::tempdir().unwrap();
                disk.write_image(step, image.path()).unwrap();
                check(image.path(), oracle, &format!("{kind} at step {step}, seed {step}"));
            });
        }
    }
}
