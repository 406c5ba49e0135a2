//! Opening a data directory after a crash: by the size of the newest segment, which is read and checked, and by the number of the
//! others, which are not.
//!
//! Every turn opens a fresh copy of a directory that was copied while its feed was being written: what a crash leaves behind.

#[path = "support/batch.rs"]
mod batch;
#[path = "support/documents.rs"]
mod documents;
#[path = "support/feed.rs"]
mod feed;

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use batch::{append_to, batch_of};
use criterion::{Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use documents::{json_body, json_event};
use feed::Running;
use tailwater_core::{Durability, FeedOptions, SEGMENT_BYTES_MIN, Store, StoreOptions};
use tempfile::TempDir;

/// Events of one append while a directory is filled: about 256 KiB.
const BATCH: usize = 450;

const MIB: u64 = 1 << 20;

/// Segments double from 1 MiB to 64: after so many MiB the newest one is nearly full.
const FEED_MIB: [u64; 3] = [1, 30, 122];

/// Numbers of segments of 1 MiB.
const SEGMENTS: [u64; 3] = [16, 256, 1024];

fn recovery(criterion: &mut Criterion) {
    for mib in FEED_MIB {
        measure(criterion, "recovery/bytes scanned", 64 * MIB, mib * MIB, |report| report.bytes_scanned);
    }
    for segments in SEGMENTS {
        let bytes = segments * SEGMENT_BYTES_MIN;
        measure(criterion, "recovery/segments", SEGMENT_BYTES_MIN, bytes, |report| report.segments as u64);
    }
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    segment_bytes_max: u64,
    feed_bytes: u64,
    parameter: fn(&tailwater_core::OpenReport) -> u64,
) {
    let crashed = crashed(segment_bytes_max, feed_bytes);
    let report = opened(&copied(crashed.path())).0.open_report();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(500));
    let turns = |bencher: &mut Bencher<'_>| {
        bencher.iter_custom(|turns| (0..turns).map(|_| opened(&copied(crashed.path())).1).sum());
    };
    group.bench_function(BenchmarkId::from_parameter(parameter(&report)), turns);
    group.finish();
}

/// Opens a directory, and how long that took.
fn opened(directory: &TempDir) -> (Store, Duration) {
    let begun = Instant::now();
    let store = Store::open(directory.path(), StoreOptions::default()).expect("what a crash leaves behind opens");
    (store, begun.elapsed())
}

/// What a crash would leave of a feed that has had at least `feed_bytes` appended.
fn crashed(segment_bytes_max: u64, feed_bytes: u64) -> TempDir {
    let written = tempfile::tempdir().expect("a temporary directory");
    // Without a sync per append, so that filling the directory takes no minutes.
    let options = FeedOptions { durability: Durability::Os, segment_bytes_max, ..FeedOptions::default() };
    let running = Running::new(written.path(), options, Vec::new());
    let body = json_body();
    let batch = batch_of(&json_event(&body), BATCH);
    while running.feed.bytes() < feed_bytes {
        append_to(&running.feed, batch.clone());
    }
    let copy = copied(written.path());
    running.close();
    copy
}

fn copied(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory");
    copy_into(directory, copy.path()).expect("the disk has room");
    copy
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_into(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

criterion_group!(benches, recovery);
criterion_main!(benches);
