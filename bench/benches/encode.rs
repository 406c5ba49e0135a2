//! Encoding: an event to the bytes that go on the socket, for every encoding that can carry it.
//!
//! Frames of commits (captured ones where a corpus is at hand) and JSON documents of 512 bytes. One turn encodes the whole
//! sample.

#[path = "support/commits.rs"]
mod commits;
#[path = "support/documents.rs"]
mod documents;

use std::{hint::black_box, time::Duration};

use commits::commit_frames;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use documents::{TIME_US, json_body, json_event};
use tailwater_core::{BodyFormat, Encoder, Event};
use tailwater_wire::{
    atproto::{
        encode::{AtprotoCbor, AtprotoJson},
        frame,
    },
    native::encode::{NativeNdjson, NativeSse, NativeWsCbor, NativeWsJson},
};

/// JSON events in a sample.
const DOCUMENTS: usize = 100;

fn encode(criterion: &mut Criterion) {
    let frames = commit_frames();
    let commits: Vec<Event<'_>> = frames.iter().map(|frame| frame_event(frame)).collect();
    let body = json_body();
    let documents = vec![json_event(&body); DOCUMENTS];
    measure(criterion, "encode/commits", &commits);
    measure(criterion, "encode/512 B JSON", &documents);
}

/// A frame as an event.
fn frame_event(bytes: &[u8]) -> Event<'_> {
    let parsed = frame::parse(bytes).expect("every frame of the sample is one");
    let seq = parsed.seq.unwrap_or(1);
    Event { seq, time_us: TIME_US, kind: "#commit", key: "did:plc:a", format: BodyFormat::AtprotoFrame, body: bytes }
}

fn measure(criterion: &mut Criterion, name: &str, events: &[Event<'_>]) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(30).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(events.len() as u64));
    for encoder in encoders() {
        let mut out = Vec::new();
        let mut turn = || {
            out.clear();
            events.iter().for_each(|event| encoder.encode(event, None, &mut out));
            black_box(out.len())
        };
        if turn() > 0 {
            group.bench_function(BenchmarkId::from_parameter(encoder.name()), |bencher| bencher.iter(&mut turn));
        }
    }
    group.finish();
}

fn encoders() -> [Box<dyn Encoder>; 6] {
    [
        Box::new(AtprotoCbor),
        Box::new(AtprotoJson::new("com.atproto.sync.subscribeRepos")),
        Box::new(NativeNdjson),
        Box::new(NativeSse),
        Box::new(NativeWsJson),
        Box::new(NativeWsCbor),
    ]
}

criterion_group!(benches, encode);
criterion_main!(benches);
