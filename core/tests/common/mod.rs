//! What the tests share: a store whose writers run on the test's own thread, simple encoders, and an oracle.
#![allow(dead_code)] // Each test binary uses its own part of this.

use futures_lite::future;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tailwater_core::storage::{InlineStorage, Storage};
use tailwater_core::*;

/// Frames of `<seq>:<key>:<body>\n`.
pub struct Lines;

impl Encoder for Lines {
    fn name(&self) -> &str {
        "lines"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}:{}:", event.seq, event.key).as_bytes());
        out.extend_from_slice(event.body);
        out.push(b'\n');
    }
}

/// Frames of events with an even seq only: the seq, large enough to need more than one part.
pub struct EvenAndLarge;

impl Encoder for EvenAndLarge {
    fn name(&self) -> &str {
        "even-and-large"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        if event.seq.is_multiple_of(2) {
            out.extend_from_slice(event.seq.to_string().repeat(event.body.len() * 2).as_bytes());
            out.push(b'\n');
        }
    }
}

/// Frames of `<feed> <seq of the event before> <seq>\n`.
pub struct Chain {
    feed: String,
}

impl Chain {
    /// The encoder of one feed; that of all feeds has no name.
    pub fn of(feed: &str) -> Chain {
        Chain { feed: feed.to_owned() }
    }
}

impl Encoder for Chain {
    fn name(&self) -> &str {
        "chain"
    }

    fn encode(&self, event: &Event<'_>, previous_seq: Option<u64>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{} {previous_seq:?} {}\n", self.feed, event.seq).as_bytes());
    }

    fn for_feed(&self, name: &str, _options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        Some(Arc::new(Chain::of(name)))
    }
}

pub const LINES: EncodingId = EncodingId(0);
pub const EVEN: EncodingId = EncodingId(1);
pub const CHAIN: EncodingId = EncodingId(2);

/// Options with the encoders above, no low-water mark and a small journal.
pub fn options() -> StoreOptions {
    StoreOptions {
        encoders: vec![Arc::new(Lines), Arc::new(EvenAndLarge), Arc::new(Chain::of(""))],
        disk_low_water_bytes: 0,
        journal_file_bytes: 64 << 10,
        ..StoreOptions::default()
    }
}

/// A directory for tests that sync a lot: in memory where there is such a place.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn open(dir: &Path) -> Store {
    Store::open(dir, options()).unwrap()
}

/// Runs `work` to its end while the writers of `feeds` run on the same thread.
pub fn drive<T>(store: &Store, feeds: &[&Arc<Feed>], work: impl Future<Output = T>) -> T {
    drive_on(store, feeds, InlineStorage::default(), work)
}

/// The same on any storage.
pub fn drive_on<T, S: Storage + Clone>(
    store: &Store,
    feeds: &[&Arc<Feed>],
    storage: S,
    work: impl Future<Output = T>,
) -> T {
    let writers = feeds.iter().map(|feed| store.take_writer(feed).expect("the writer is free").attach(storage.clone()));
    let running: Vec<Pin<Box<dyn Future<Output = ()>>>> = writers.map(|writer| Box::pin(writer.run()) as _).collect();
    future::block_on(future::or(work, async move {
        for writer in future_all(running).await {
            let () = writer;
        }
        future::pending().await
    }))
}

async fn future_all(mut running: Vec<Pin<Box<dyn Future<Output = ()>>>>) -> Vec<()> {
    future::poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { std::task::Poll::Ready(Vec::new()) } else { std::task::Poll::Pending }
    })
    .await
}

pub fn batch(bodies: &[&[u8]]) -> Batch {
    let mut batch = Batch::new();
    for body in bodies {
        batch.push(&Draft { seq: None, time_us: 1, kind: "put", key: "k", format: BodyFormat::Json, body }).unwrap();
    }
    batch
}

pub fn batch_at(seqs: &[u64], body: &[u8]) -> Batch {
    let mut batch = Batch::new();
    for seq in seqs {
        batch
            .push(&Draft { seq: Some(*seq), time_us: 1, kind: "put", key: "k", format: BodyFormat::Json, body })
            .unwrap();
    }
    batch
}

/// Everything a feed holds from `from_seq` on: (seq, body).
pub fn read_all(feed: &Feed, from_seq: u64) -> Vec<(u64, Vec<u8>)> {
    let mut reader = feed.read(from_seq);
    let mut events = Vec::new();
    while let Some(event) = reader.next() {
        let event = event.unwrap();
        events.push((event.seq, event.body.to_vec()));
    }
    events
}

/// What `encoder` makes of everything a feed holds from `from_seq` on.
pub fn frames_of(feed: &Feed, encoder: &dyn Encoder, from_seq: u64) -> Vec<u8> {
    let mut reader = feed.read(from_seq);
    let mut frames = Vec::new();
    while let Some(next) = reader.next_with_previous() {
        let (event, previous_seq) = next.unwrap();
        encoder.encode(&event, previous_seq, &mut frames);
    }
    frames
}

/// Reads a cursor up to the tail, `chunk` bytes at a time.
pub async fn drain(feed: &Feed, cursor: &mut Cursor, chunk: usize) -> Result<Vec<u8>, CursorError> {
    let mut bytes = Vec::new();
    loop {
        let ready = cursor.ready(chunk).to_vec();
        if !ready.is_empty() {
            cursor.advance(ready.len());
            bytes.extend_from_slice(&ready);
            continue;
        }
        match cursor.step() {
            Step::More => {}
            Step::AtTail | Step::Done => return Ok(bytes),
            Step::NeedSegment => feed.next_segment(cursor).await?,
            Step::Gone => return Err(CursorError::Gone { first_seq: feed.first_seq() }),
        }
    }
}
