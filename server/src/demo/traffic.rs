//! The demo's publishers: one thread per feed, at a fixed rate.
//!
//! Owns the pace. What is published comes from [`super::generate`]. Tested by `server/tests/demo.rs`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tailwater_core::{Batch, BodyFormat, Draft, DraftError, SeqMode};
use tailwater_wire::native::request::{PublishLimits, push_frame};

use super::{
    DOCUMENTS, REPOS,
    generate::{Documents, Firehose},
};
use crate::{
    clock::now_us,
    serve::{Publisher, Running},
};

/// Events are published together this often.
const BEAT: Duration = Duration::from_millis(20);

/// Events published together at most, so that one who is behind hears soon that it is over.
const TOGETHER_MAX: usize = 64;

/// Every demo shows the same accounts and documents.
const SEED: u64 = 7;

#[derive(Default)]
struct Counters {
    stop: AtomicBool,
    published: AtomicU64,
    refused: AtomicU64,
}

/// The running publishers.
pub(super) struct Traffic {
    counters: Arc<Counters>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts publishing `rate` events a second, shared by both feeds.
    pub(super) fn start(running: &Running, rate: u64) -> Self {
        let counters = Arc::new(Counters::default());
        let mut firehose = Firehose::new(SEED);
        let mut documents = Documents::new(SEED);
        let frames = move |batch: &mut Batch, now_us: u64| {
            let frame = firehose.next_frame(now_us);
            push_frame(batch, &frame, SeqMode::Assign, now_us, &PublishLimits::default()).is_ok()
        };
        let puts = move |batch: &mut Batch, now_us: u64| push_document(batch, &mut documents, now_us).is_ok();
        let rate = rate.div_ceil(2);
        let threads = [
            running.publisher(REPOS).map(|feed| publish(feed, rate, counters.clone(), frames)),
            running.publisher(DOCUMENTS).map(|feed| publish(feed, rate, counters.clone(), puts)),
        ];
        Self { counters, threads: threads.into_iter().flatten().collect() }
    }

    pub(super) fn published(&self) -> u64 {
        self.counters.published.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }

    /// Ends the publishers.
    pub(super) fn stop(self) {
        self.counters.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a publisher of the demo had failed");
            }
        }
    }
}

fn push_document(batch: &mut Batch, documents: &mut Documents, now_us: u64) -> Result<(), DraftError> {
    let document = documents.next_document(now_us);
    batch.push(&Draft {
        seq: None,
        time_us: now_us,
        kind: document.kind,
        key: &document.key,
        format: BodyFormat::Json,
        body: document.body.as_bytes(),
    })
}

fn publish(
    feed: Publisher,
    rate: u64,
    counters: Arc<Counters>,
    mut push: impl FnMut(&mut Batch, u64) -> bool + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let started = Instant::now();
        let mut done = 0;
        while !counters.stop.load(Ordering::Relaxed) {
            let due = (started.elapsed().as_secs_f64() * rate as f64) as u64;
            let mut batch = Batch::new();
            while done < due && batch.len() < TOGETHER_MAX {
                done += 1;
                if !push(&mut batch, now_us()) {
                    counters.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            send(&feed, batch, &counters);
            if done == due {
                std::thread::sleep(BEAT);
            }
        }
    })
}

fn send(feed: &Publisher, batch: Batch, counters: &Counters) {
    let count = batch.len() as u64;
    if count == 0 {
        return;
    }
    match feed.publish(batch) {
        Ok(_) => counters.published.fetch_add(count, Ordering::Relaxed),
        Err(_) => counters.refused.fetch_add(count, Ordering::Relaxed),
    };
}
