//! Appending to a feed: write, sync, show and answer, by batch size and durability, and with frames built along the way.
//!
//! A batch is 512-byte JSON documents. `sync` is bound by the disk, `os` shows what is left without it.

#[path = "support/batch.rs"]
mod batch;
#[path = "support/documents.rs"]
mod documents;
#[path = "support/feed.rs"]
mod feed;

use std::{sync::Arc, time::Duration};

use batch::{append_to, batch_of};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use documents::{json_body, json_event};
use feed::Running;
use futures_lite::future::block_on;
use tailwater_core::{Durability, EncodingId, FeedOptions, Retention, Start};
use tailwater_wire::native::encode::NativeNdjson;

const BATCHES: [usize; 4] = [1, 16, 256, 2048];

/// What the feed keeps while it is appended to: the bench may take any number of turns.
const KEPT_BYTES: u64 = 256 << 20;

fn append(criterion: &mut Criterion) {
    for (name, durability) in [("append/sync", Durability::Sync), ("append/os", Durability::Os)] {
        measure(criterion, name, durability, false);
    }
    measure(criterion, "append/os with frames", Durability::Os, true);
}

fn measure(criterion: &mut Criterion, name: &str, durability: Durability, frames: bool) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let retention = Retention { bytes: Some(KEPT_BYTES), ..Retention::default() };
    let options = FeedOptions { durability, retention, ..FeedOptions::default() };
    let running = Running::new(directory.path(), options, vec![Arc::new(NativeNdjson)]);
    // While somebody reads an encoding, its frames are made with each commit.
    let reader =
        frames.then(|| block_on(running.feed.cursor(EncodingId(0), Start::Tail)).expect("the tail can be read"));
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let body = json_body();
    for count in BATCHES {
        let batch = batch_of(&json_event(&body), count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &batch, |bencher, batch| {
            bencher.iter_batched(|| batch.clone(), |batch| append_to(&running.feed, batch), BatchSize::PerIteration);
        });
    }
    group.finish();
    drop(reader);
    running.close();
}

criterion_group!(benches, append);
criterion_main!(benches);
