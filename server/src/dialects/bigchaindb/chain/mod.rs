//! The chain: every transaction comes in through one thread, which alone decides what becomes part of a block.
//!
//! | file | owns |
//! | --- | --- |
//! | [`chains`] | which chain there is |
//! | [`ledger`] | what the index has of a transaction: where it is, what can be spent of it, what was spent |
//! | [`lists`] | what the index has for lists: outputs of an owner, transactions of an asset |
//! | [`queue`] | what waits for the thread, and how much of it may |
//! | [`worker`] | the thread: check, pack into a block, append, learn |
//! | [`words`] | which words are where: a second index, for those who search |
//! | [`search`] | the thread that keeps it and searches |
//!
//! Owns the side that requests see, on any shard. What the thread knows is an index derived from the log, and it learns of
//! its own blocks as of those that came another way: by reading the log. Never appends by itself. Tested in [`ledger`] and
//! by `server/tests/bigchaindb/`.

mod chains;
mod ledger;
mod lists;
mod queue;
mod search;
mod words;
mod worker;

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_lite::future;
use tailwater_core::{Event, Feed};
use tailwater_wire::bigchaindb::{stored::Stored, transaction::Transaction};

pub(crate) use self::chains::Chains;
pub(super) use self::{ledger::Place, lists::Stretch, search::Wanted};
use self::{ledger::Table, queue::Queue, search::Searches, worker::Worker};
use super::refusals::ChainError;
use crate::{
    aside::Aside,
    feeds::FeedEntry,
    index::{Index, IndexError, Indexes},
};

/// How long a request waits for an index that is being opened; it takes a moment unless much has to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the thread and the requests share.
struct Shared {
    feed: Arc<Feed>,
    /// `None` while there is none that knows every block.
    index: RwLock<Option<Index<Table>>>,
    /// The index is there, and nobody found it damaged.
    is_ready: AtomicBool,
    /// The last block in the index.
    applied_seq: AtomicU64,
    is_stopping: AtomicBool,
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    fn index(&self) -> RwLockReadGuard<'_, Option<Index<Table>>> {
        // It is replaced in one step, so a poisoned lock still guards a whole one.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an index known, or none. Waits for those who read the one before.
    fn set_index(&self, index: Option<Index<Table>>) {
        let is_ready = index.is_some();
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.is_ready.store(is_ready, Ordering::SeqCst);
    }

    /// Whether the index knows every block there is.
    fn is_settled(&self) -> bool {
        self.is_ready.load(Ordering::SeqCst) && self.applied_seq.load(Ordering::SeqCst) >= self.feed.last_seq()
    }

    /// What `read` makes of a block, if it is there and still held. Reads the disk.
    fn block<T>(&self, height: u64, read: impl FnOnce(&Event<'_>) -> T) -> Result<Option<T>, ChainError> {
        match self.feed.read(height).next().transpose() {
            Ok(event) => Ok(event.filter(|event| event.seq == height).map(|event| read(&event))),
            Err(error) => {
                tracing::error!(%error, "a block could not be read");
                Err(ChainError::Unreadable)
            }
        }
    }
}

/// The chain of one feed.
pub(crate) struct Chain {
    entry: Arc<FeedEntry>,
    shared: Arc<Shared>,
    queue: Queue,
    thread: Aside,
    searches: Searches,
}

impl Chain {
    /// The chain of a feed; its thread is started when it is needed.
    fn new(entry: Arc<FeedEntry>, indexes: Indexes) -> Self {
        let shared = Arc::new(Shared {
            feed: entry.feed().clone(),
            index: RwLock::default(),
            is_ready: AtomicBool::new(false),
            applied_seq: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
        });
        let (queue, jobs) = queue::new();
        let worker = Worker::new(shared.clone(), jobs, indexes.clone());
        let searches = Searches::new(shared.clone(), indexes);
        Self { entry, shared, queue, thread: Aside::new("tailwater-chain", move || worker.clone().run()), searches }
    }

    /// Its feed.
    pub(crate) fn entry(&self) -> &Arc<FeedEntry> {
        &self.entry
    }

    /// Ends the threads; nothing is stored after this, and the indexes are closed. Blocks until what is under way is done.
    pub(crate) fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.queue.close();
        if !self.thread.join() || !self.searches.stop() {
            tracing::error!(feed = self.shared.feed.name(), "a thread of the chain had failed");
        }
    }

    /// Has a transaction, valid as far as it can be seen by itself, become part of a block. Returns once that is stored.
    pub(super) async fn post(&self, transaction: Arc<Transaction>) -> Result<(), ChainError> {
        if !self.shared.is_ready.load(Ordering::SeqCst) {
            self.settled().await?;
        }
        let answer = self.queue.post(transaction)?;
        answer.recv().await.unwrap_or_else(|_| Err(self.turned_away()))
    }

    /// Returns once the index knows every block that was there when this was called.
    pub(super) async fn settled(&self) -> Result<(), ChainError> {
        if self.shared.is_settled() {
            return Ok(());
        }
        if let Err(error) = self.thread.start() {
            tracing::error!(feed = self.shared.feed.name(), %error, "the chain's thread could not be started");
            return Err(ChainError::CatchingUp);
        }
        let answer = self.queue.settle()?;
        let patience = async {
            glommio::timer::sleep(PATIENCE).await;
            Err(ChainError::CatchingUp)
        };
        let settling = async { answer.recv().await.map_err(|_| self.turned_away()) };
        future::or(settling, patience).await
    }

    /// Why the thread has let go of somebody without an answer.
    fn turned_away(&self) -> ChainError {
        if self.shared.is_stopping() { ChainError::Stopping } else { ChainError::CatchingUp }
    }

    /// Where a transaction is, or was while its block was held. Reads the disk.
    pub(super) fn place(&self, id: &str) -> Result<Option<Place>, ChainError> {
        self.look_up(|index| ledger::place(index, id))
    }

    /// What `read` finds in the index.
    fn look_up<T>(&self, read: impl FnOnce(&Index<Table>) -> Result<T, IndexError>) -> Result<T, ChainError> {
        let index = self.shared.index();
        let index = index.as_ref().ok_or(ChainError::CatchingUp)?;
        read(index).map_err(|error| self.distrust(&error))
    }

    /// Has the thread open the index anew.
    fn distrust(&self, error: &IndexError) -> ChainError {
        tracing::error!(feed = self.shared.feed.name(), %error, "the index of the chain could not be read");
        self.shared.is_ready.store(false, Ordering::SeqCst);
        ChainError::CatchingUp
    }

    /// Whether a block is still held.
    pub(super) fn holds(&self, height: u64) -> bool {
        height >= self.shared.feed.first_seq()
    }

    /// The text of a transaction, if its block is still held. Reads the disk.
    pub(super) fn transaction(&self, place: Place) -> Result<Option<String>, ChainError> {
        self.stored(place, |stored| stored.json.into_owned())
    }

    /// What `read` makes of a transaction, if its block is still held. Reads the disk.
    pub(super) fn stored<T>(&self, place: Place, read: impl FnOnce(Stored<'_>) -> T) -> Result<Option<T>, ChainError> {
        let find = |event: &Event<'_>| Stored::all(event).into_iter().nth(place.position as usize).map(read);
        self.block(place.height, find).map(Option::flatten)
    }

    /// What `read` makes of a block, if it is there and still held. Reads the disk.
    pub(super) fn block<T>(&self, height: u64, read: impl FnOnce(&Event<'_>) -> T) -> Result<Option<T>, ChainError> {
        self.shared.block(height, read)
    }

    /// Where what a search finds is, the best first. Returns once every block that was there is looked at.
    pub(super) async fn search(&self, wanted: Wanted) -> Result<Vec<Place>, ChainError> {
        self.searches.search(wanted).await
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.stop();
    }
}
