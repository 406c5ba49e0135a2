//! The engine of a CouchDB-compatible database: one feed whose events are changes of documents, and what is looked up in it.
//!
//! The log is the truth. Each event says what a document is from then on (`apply.rs`); the index is that, summed up, and can
//! be built anew at any time. Writes are judged by what is known, become events, and are answered when these are durable and
//! known. Bodies are not in the index: they are read from the log. Other protocols may publish to the same feed.
//!
//! Knows no HTTP and no JSON but the text of documents. Everything but what is `async` may block on the disk: call it from a
//! blocking pool.
//!
//! | file | owns |
//! | --- | --- |
//! | `edit.rs` | what a client wants written, and what became of it |
//! | `write/` | from queued writes to events and an index that has them |
//! | `read/` | documents, their revisions, lists, changes |
//! | `apply.rs` | what an event does to its document |
//! | `stored.rs` | a document read out of an event |
//! | `purge_event.rs` | the event of a purge |
//! | `record.rs`, `totals.rs`, `live/`, `tables.rs` | what the index holds |
//! | `staging.rs` | what a group changes in it |
//! | `shelf.rs`, `layer.rs`, `filter.rs` | the index, what it does not have yet, what it surely has not |
//! | `turns.rs` | who may move it |
//! | `prune.rs` | a revision tree without some leaves |
//! | `attachments/` | the bytes of attachments |
//! | `beside/` | local documents and settings |
//! | `compact/` | what of the log is still needed, and dropping the rest |
//! | `workers.rs` | threads |
//! | `disk.rs` | files written whole |
//! | `error.rs` | errors |
//!
//! Tested in `tests/`, beside this file, and by each file for itself.

mod apply;
mod attachments;
mod beside;
mod compact;
mod disk;
mod edit;
mod error;
mod filter;
mod layer;
mod live;
mod prune;
mod purge_event;
mod read;
mod record;
mod shelf;
mod staging;
mod stored;
mod tables;
mod totals;
mod turns;
mod workers;
mod write;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tailwater_core::Feed;

pub use self::{
    attachments::{Blob, BlobWriter, Blobs, Swept},
    beside::{LocalDoc, LocalDocs, SecurityText, Settings},
    compact::Compacting,
    edit::{Edit, EditError, Mode, NewAttachment, Outcome, Purged, Source, Update},
    error::DocumentsError,
    purge_event::PURGE,
    read::{AllDocs, Asked, Changes, Doc, Found, IdRange, Listed, Missing, Order, Summary},
    stored::StoredAttachment,
    totals::Totals,
    workers::Workers,
    write::WriteLimits,
};
use self::{beside::SettingsFile, compact::Progress, shelf::Shelf, turns::Turns, write::queue::Queue};
use crate::index::{IndexOptions, Indexes};

/// What the databases of a process share.
#[derive(Clone, Debug)]
pub struct Home {
    /// The data directory.
    pub data: PathBuf,
    /// Threads to write with.
    pub workers: Workers,
    /// Threads to compact with.
    pub compactors: Workers,
    /// Limits.
    pub options: DocumentsOptions,
}

/// Limits of each database.
#[derive(Clone, Copy, Debug)]
pub struct DocumentsOptions {
    /// Memory of its index.
    pub index: IndexOptions,
    /// What may wait to be written.
    pub write: WriteLimits,
    /// Bytes of one attachment; default 64 MiB.
    pub attachment_bytes_max: u64,
    /// Superseded bytes from which on it is compacted by itself, if they are more than half of the log; default never.
    pub auto_compact_bytes: Option<u64>,
}

impl Default for DocumentsOptions {
    fn default() -> Self {
        Self {
            index: IndexOptions::default(),
            write: WriteLimits::default(),
            attachment_bytes_max: 64 << 20,
            auto_compact_bytes: None,
        }
    }
}

/// An open database. One process has it open once.
pub struct Database {
    feed: Arc<Feed>,
    shelf: Shelf,
    turns: Turns,
    queue: Queue,
    workers: Workers,
    compactors: Workers,
    compacting: Progress,
    /// See [`DocumentsOptions::auto_compact_bytes`]; `u64::MAX` is never.
    auto_compact_bytes: AtomicU64,
    /// Somebody is about to write to the index what is in memory.
    writing_out: AtomicBool,
    options: DocumentsOptions,
    settings: SettingsFile,
    local: LocalDocs,
    blobs: Blobs,
}

impl Home {
    /// Opens the database of a feed. Its index may be behind the log, or new: then reads wait until it has caught up, which
    /// begins at once.
    pub fn open(&self, feed: Arc<Feed>) -> Result<Arc<Database>, DocumentsError> {
        let dir = beside::dir(&self.data, feed.uid());
        let blobs = Blobs::open(&self.data, feed.uid(), self.options.attachment_bytes_max)?;
        let database = Arc::new(Database {
            shelf: Shelf::open(&Indexes::new(&self.data), &feed, self.options.index)?,
            feed,
            turns: Turns::default(),
            queue: Queue::default(),
            workers: self.workers.clone(),
            compactors: self.compactors.clone(),
            compacting: Progress::default(),
            auto_compact_bytes: AtomicU64::new(self.options.auto_compact_bytes.unwrap_or(u64::MAX)),
            writing_out: AtomicBool::new(false),
            options: self.options,
            settings: SettingsFile::open(&dir)?,
            local: LocalDocs::open(&dir)?,
            blobs,
        });
        database.nudge();
        Ok(database)
    }

    /// Removes all that a database has beside its log. For one that is closed, whose feed is being deleted.
    pub fn remove(&self, feed_uid: u64) -> Result<(), DocumentsError> {
        Indexes::new(&self.data).remove(feed_uid)?;
        disk::remove_dir(&beside::dir(&self.data, feed_uid))?;
        Blobs::remove_all(&self.data, feed_uid)
    }
}

impl Database {
    /// Its feed.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Its local documents.
    pub fn local(&self) -> &LocalDocs {
        &self.local
    }

    /// The bytes of its attachments.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// What was set for it. Never blocks.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.get()
    }

    /// Changes from when on it is compacted by itself.
    pub fn set_auto_compact_bytes(&self, bytes: Option<u64>) {
        self.auto_compact_bytes.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Changes what is set for it, durably.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), DocumentsError> {
        self.settings.change(change)
    }

    /// Whether the log has events the index has not. Never blocks.
    pub fn is_behind(&self) -> bool {
        self.known_seq() < self.feed.last_seq()
    }

    /// How far the log has been looked at: for whoever wants to tell how long building an index anew takes. Never blocks.
    pub fn known_seq(&self) -> u64 {
        self.shelf.known_seq()
    }

    /// Waits until all is known that the log had when this was called. All reads begin with it: whoever was told of a change
    /// must find it.
    fn settle(&self) -> Result<(), DocumentsError> {
        let seen = self.feed.last_seq();
        match self.turns.take_unless(|| self.known_seq() >= seen) {
            Some(_turn) => self.catch_up(),
            None => Ok(()),
        }
    }

    /// Looks at all that the log has. For whoever has the turn.
    fn catch_up(&self) -> Result<(), DocumentsError> {
        let seen = self.feed.last_seq();
        if self.known_seq() < seen {
            let bytes_max = self.options.write.unwritten_bytes_max;
            apply::catch_up(&self.shelf, &self.feed, self.revs_limit(), bytes_max)?;
            // A window without events has a last seq as well.
            self.shelf.skip_to(seen);
        }
        Ok(())
    }

    fn revs_limit(&self) -> usize {
        usize::try_from(self.settings().revs_limit).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("feed", &self.feed.name()).finish_non_exhaustive()
    }
}
