//! A feed that is written on a thread of its own, as a shard would.

use std::{path::Path, sync::Arc, thread};

use futures_lite::future::block_on;
use tailwater_core::{Encoder, Feed, FeedOptions, Store, StoreOptions, storage::PoolStorage};

/// A store with one feed and its writer.
pub struct Running {
    /// The feed.
    pub feed: Arc<Feed>,
    _store: Store,
    writer: thread::JoinHandle<()>,
}

impl Running {
    /// A new feed in a new store.
    pub fn new(directory: &Path, options: FeedOptions, encoders: Vec<Arc<dyn Encoder>>) -> Self {
        let store = Store::open(directory, StoreOptions { encoders, ..StoreOptions::default() });
        let store = store.expect("a store opens in an empty directory");
        let feed = store.create_feed("bench", options).expect("the feed is new");
        let seed = store.take_writer(&feed).expect("nobody else writes the feed");
        let storage = PoolStorage::new(1).expect("a thread can be started");
        let writer = thread::spawn(move || block_on(seed.attach(storage).run()));
        Self { feed, _store: store, writer }
    }

    /// Closes everything in order.
    pub fn close(self) {
        block_on(self.feed.close()).expect("the disk takes it");
        self.writer.join().expect("the writer ends with its feed");
    }
}
