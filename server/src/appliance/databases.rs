//! The document engines of feeds that are CouchDB databases.
//!
//! Owns which of them are open: one for each such feed, from the first request on. Never reads a document. Tested by
//! `server/tests/couchdb/databases.rs`.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tailwater_core::FeedId;

use crate::{
    documents::{Database, DocumentsError, DocumentsOptions, Home, Workers},
    exposure::Exposure,
    feeds::FeedEntry,
};

/// Threads that write documents. More than one so that a database that waits for its disk does not hold up others.
const WRITE_THREADS: usize = 2;

/// Threads that compact: one segment of one database at a time.
const COMPACT_THREADS: usize = 1;

/// Bytes that are worth compacting without being asked.
const AUTO_COMPACT_BYTES: u64 = 64 << 20;

/// All engines of the process.
pub(crate) struct Databases {
    home: Home,
    open: RwLock<HashMap<FeedId, Arc<Database>>>,
    /// Held while one is opened or closed: a feed has one engine at most, and a deleted one none.
    moving: Mutex<()>,
}

impl Databases {
    /// None is open yet. With `auto_compact` they are compacted by themselves.
    pub(crate) fn start(data: PathBuf, auto_compact: bool) -> io::Result<Self> {
        let home = Home {
            data,
            workers: Workers::start("tailwater-docs", WRITE_THREADS)?,
            compactors: Workers::start("tailwater-compact", COMPACT_THREADS)?,
            options: DocumentsOptions {
                auto_compact_bytes: auto_compact.then_some(AUTO_COMPACT_BYTES),
                ..DocumentsOptions::default()
            },
        };
        Ok(Self { home, open: RwLock::default(), moving: Mutex::default() })
    }

    /// The engine of a feed, if it is open. Never blocks.
    pub(crate) fn get(&self, feed: FeedId) -> Option<Arc<Database>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(&feed).cloned()
    }

    /// The engine of a feed; opens it if need be. Blocks on the disk.
    pub(crate) fn open(&self, entry: &FeedEntry) -> Result<Arc<Database>, DocumentsError> {
        let _one_at_a_time = self.lock();
        if let Some(database) = self.get(entry.id()) {
            return Ok(database);
        }
        let exposure = entry.exposure();
        if entry.is_deleted() || exposure.couchdb.is_none() {
            return Err(DocumentsError::Closed);
        }
        let mut home = self.home.clone();
        home.options.auto_compact_bytes = self.auto_compact_bytes(&exposure);
        let database = home.open(entry.feed().clone())?;
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(entry.id(), database.clone());
        Ok(database)
    }

    /// Superseded bytes from which on the database of a feed with these bindings is compacted by itself.
    fn auto_compact_bytes(&self, exposure: &Exposure) -> Option<u64> {
        let Exposure { public: _, atproto, streamr, bigchaindb, couchdb: _, fauna } = exposure;
        // Readers in other dialects have not asked for gaps.
        let is_alone = atproto.is_none() && streamr.is_none() && bigchaindb.is_none() && fauna.is_none();
        self.home.options.auto_compact_bytes.filter(|_| is_alone)
    }

    /// Suits the engine of a feed, if it is open, to the feed's bindings: closes it if it is no database any more.
    pub(crate) fn suit(&self, entry: &FeedEntry) {
        let exposure = entry.exposure();
        if exposure.couchdb.is_none() {
            self.close(entry);
        } else if let Some(database) = self.get(entry.id()) {
            database.set_auto_compact_bytes(self.auto_compact_bytes(&exposure));
        }
    }

    /// Closes the engine of a feed that is being deleted, or is no database any more.
    pub(crate) fn close(&self, entry: &FeedEntry) {
        let _one_at_a_time = self.lock();
        if let Some(database) = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&entry.id()) {
            database.close();
        }
    }

    /// Removes what the engine of a closed feed has beside the log. Blocks on the disk.
    pub(crate) fn remove(&self, feed_uid: u64) -> Result<(), DocumentsError> {
        self.home.remove(feed_uid)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // It guards no data.
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
