//! How a writer that has much to encode lets others run.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use futures_lite::future::yield_now;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tailwater_core::storage::{Disk, InlineStorage, Storage};
use tailwater_core::*;

/// Takes twice as long for an event as the writer may go on without a pause.
struct Slow;

impl Encoder for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        std::thread::sleep(Duration::from_millis(2));
        out.extend_from_slice(event.body);
    }
}

/// Counts the writer's pauses.
#[derive(Clone, Default)]
struct Counting {
    storage: InlineStorage,
    pauses: Arc<AtomicUsize>,
}

impl Storage for Counting {
    fn disk(&self) -> &Arc<dyn Disk> {
        self.storage.disk()
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>> {
        self.storage.run(job)
    }

    async fn breathe(&self) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
    }
}

#[test]
fn a_group_that_takes_long_is_encoded_with_pauses() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions { encoders: vec![Arc::new(Slow)], ..options() }).unwrap();
    let feed = store.create_feed("news", FeedOptions::default()).unwrap();
    let counting = Counting::default();
    drive_on(&store, &[&feed], counting.clone(), async {
        let mut cursor = feed.cursor(EncodingId(0), Start::Tail).await.unwrap();
        let before = counting.pauses.load(Ordering::Relaxed);
        // Each event but the first is far enough behind the one before for a look at the clock.
        let body = format!("\"{}\"", "x".repeat(20_000));
        feed.append(batch(&[body.as_bytes(); 5]), SeqMode::Assign).await.unwrap();
        assert_eq!(counting.pauses.load(Ordering::Relaxed) - before, 4);
        assert_eq!(drain(&feed, &mut cursor, 1 << 20).await.unwrap().len(), 5 * body.len());
    });
}
