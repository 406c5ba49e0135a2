//! DAG-CBOR on frames of commits: walking them, taking them apart, and turning them into JSON.
//!
//! One turn goes through the whole sample.

#[path = "support/commits.rs"]
mod commits;

use std::{hint::black_box, time::Duration};

use commits::commit_frames;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tailwater_wire::{
    atproto::frame,
    dag_cbor::{decode, skip, to_json, validate},
};

fn dag_cbor(criterion: &mut Criterion) {
    let frames = commit_frames();
    let payloads: Vec<&[u8]> =
        frames.iter().map(|bytes| frame::parse(bytes).expect("every frame of the sample is one").payload).collect();
    let mut group = criterion.benchmark_group("dag_cbor");
    group.sample_size(30).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(payloads.len() as u64));
    group.bench_function("skip", |bencher| {
        bencher.iter(|| payloads.iter().filter(|payload| skip(black_box(payload), 0).is_ok()).count());
    });
    group.bench_function("validate", |bencher| {
        bencher.iter(|| payloads.iter().filter(|payload| validate(black_box(payload)).is_ok()).count());
    });
    group.bench_function("parse a frame", |bencher| {
        bencher.iter(|| frames.iter().filter(|bytes| frame::parse(black_box(bytes)).is_ok()).count());
    });
    group.bench_function("decode to a tree", |bencher| {
        bencher.iter(|| payloads.iter().filter(|payload| decode(black_box(payload)).is_ok()).count());
    });
    let mut out = Vec::new();
    group.bench_function("to_json", |bencher| {
        bencher.iter(|| {
            out.clear();
            payloads.iter().filter(|payload| to_json(black_box(payload), &mut out).is_ok()).count()
        });
    });
    group.finish();
}

criterion_group!(benches, dag_cbor);
criterion_main!(benches);
