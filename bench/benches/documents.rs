//! A database of documents: `_bulk_docs` of new documents and of known ones, durable, and single reads.
//!
//! Documents are about 100 bytes. Ids are in no order, as UUIDs are: the worst case for an index.

#[path = "support/feed.rs"]
mod feed;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use feed::Running;
use futures_lite::future::block_on;
use tailwater::documents::{Asked, Database, DocumentsOptions, Edit, Home, Mode, Order, Update, Workers};
use tailwater_core::FeedOptions;
use tailwater_wire::couchdb::rev::{History, Rev};
use tempfile::TempDir;

const BULK: [u64; 3] = [1, 100, 1_000];

/// Documents that are there when known ones are updated or read.
const KNOWN: u64 = 200_000;

struct Bench {
    directory: TempDir,
    running: Running,
    database: Arc<Database>,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let running = Running::new(directory.path(), FeedOptions::default(), Vec::new());
        let [workers, compactors] =
            ["write", "compact"].map(|name| Workers::start(name, 1).expect("a thread can be started"));
        let data = directory.path().to_owned();
        let home = Home { data, workers, compactors, options: DocumentsOptions::default() };
        let database = home.open(running.feed.clone()).expect("a new database opens");
        Self { directory, running, database }
    }

    /// Writes documents by number, and returns their revisions.
    fn write(&self, numbers: impl Iterator<Item = (u64, Option<Rev>)>) -> Vec<Rev> {
        self.update(edits(numbers))
    }

    fn update(&self, edits: Vec<Edit>) -> Vec<Rev> {
        let outcomes = block_on(self.database.update(Update { edits, mode: Mode::NewEdits }));
        let outcomes = outcomes.expect("the disk takes it").into_iter();
        outcomes.map(|outcome| outcome.result.expect("nothing conflicts")).collect()
    }

    fn close(self) {
        let Self { directory, running, database } = self;
        database.close();
        running.close();
        drop(directory);
    }
}

fn edits(numbers: impl Iterator<Item = (u64, Option<Rev>)>) -> Vec<Edit> {
    let edit = |(number, rev): (u64, Option<Rev>)| Edit {
        id: id(number),
        history: rev.map(History::of),
        deleted: false,
        body: format!(
            r#"{{"type":"reading","sensor":"room-{}","value":{number},"unit":"C","at":"2026-07-04T14:39:14Z"}}"#,
            number % 100
        ),
        attachments: Vec::new(),
    };
    numbers.map(edit).collect()
}

/// 32 digits in no order.
fn id(number: u64) -> String {
    let mixed = u128::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("{mixed:032x}")
}

fn new_documents(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("documents/new");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let mut next = 0;
    for count in BULK {
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::from_parameter(count), &count, |bencher, count| {
            bencher.iter_custom(|turns| {
                let mut took = Duration::ZERO;
                for _ in 0..turns {
                    let edits = edits((next..next + count).map(|number| (number, None)));
                    next += count;
                    let begun = Instant::now();
                    bench.update(edits);
                    took += begun.elapsed();
                }
                took
            });
        });
    }
    group.finish();
    bench.close();
}

fn known_documents(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut revs = Vec::new();
    for first in (0..KNOWN).step_by(1_000) {
        revs.extend(bench.write((first..first + 1_000).map(|number| (number, None))));
    }
    let mut group = criterion.benchmark_group("documents/known");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let mut next = 0;
    for count in BULK {
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::from_parameter(count), &count, |bencher, count| {
            bencher.iter_custom(|turns| {
                let mut took = Duration::ZERO;
                for _ in 0..turns {
                    // Spread over all of them.
                    let numbers: Vec<u64> = (next..next + count).map(|n| n * 7_919 % KNOWN).collect();
                    next += count;
                    let edits = edits(numbers.iter().map(|number| (*number, Some(revs[*number as usize].clone()))));
                    let begun = Instant::now();
                    let new = bench.update(edits);
                    took += begun.elapsed();
                    numbers.into_iter().zip(new).for_each(|(number, rev)| revs[number as usize] = rev);
                }
                took
            });
        });
    }
    group.finish();
    reads(criterion, &bench);
    bench.close();
}

fn reads(criterion: &mut Criterion, bench: &Bench) {
    let mut group = criterion.benchmark_group("documents/read");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(1));
    let mut next = 0;
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            next = (next + 7_919) % KNOWN;
            black_box(bench.database.get(&id(next), None, Asked::default()).expect("the disk can be read"))
        });
    });
    group.throughput(Throughput::Elements(KNOWN));
    group.bench_function("changes", |bencher| {
        bencher.iter(|| {
            let mut changes = bench.database.changes(0, Order::Ascending).expect("the disk can be read");
            let mut rows = 0;
            while changes.next(|event| black_box(event.body.len())).expect("the disk can be read").is_some() {
                rows += 1;
            }
            assert_eq!(rows, KNOWN);
        });
    });
    group.finish();
}

criterion_group!(benches, new_documents, known_documents);
criterion_main!(benches);
