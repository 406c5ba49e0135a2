//! The thread that searches, and keeps the index that it searches in.
//!
//! Owns that index's life: nobody who does not search pays for it. It is begun with the first search, which builds it from the
//! log, and learns of what came since with each one after; so a search sees every block there was. One search is made after the
//! other. An index that fails is opened again for the next. Blocks, and is no shard's. Tested by
//! `server/tests/bigchaindb/search.rs`.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use tailwater_wire::bigchaindb::{
    search::{Search, Searchable, Table},
    stored::Stored,
};

use super::{
    PATIENCE, Shared,
    ledger::Place,
    words::{FindError, Held, Texts, WordTable, enter_block, find},
};
use crate::{
    aside::Aside,
    dialects::bigchaindb::refusals::ChainError,
    index::{CatchUpError, Index, IndexError, IndexOptions, Indexes},
    machine,
};

/// Searches that may wait.
const JOBS_MAX: usize = 256;

/// What the index may take of memory.
const INDEX_OPTIONS: IndexOptions = IndexOptions { cache_bytes: 16 << 20, write_buffer_bytes: 16 << 20 };

/// What is searched for.
pub(in super::super) struct Wanted {
    pub(in super::super) table: Table,
    pub(in super::super) search: Search,
    /// How many are wanted at most.
    pub(in super::super) limit: Option<u64>,
}

/// What whoever waits is told.
enum Told {
    /// The search begins.
    Begun,
    /// It is over.
    Over(Result<Vec<Place>, ChainError>),
}

struct Job {
    wanted: Wanted,
    reply: Sender<Told>,
}

/// Searches of one chain.
pub(super) struct Searches {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    thread: Aside,
}

impl Searches {
    /// Starts nothing yet.
    pub(super) fn new(shared: Arc<Shared>, indexes: Indexes) -> Self {
        let (jobs, waiting) = async_channel::bounded(JOBS_MAX);
        let searcher = Arc::new(Searcher { shared: shared.clone(), indexes, jobs: waiting });
        Self { shared, jobs, thread: Aside::new("tailwater-search", move || searcher.run()) }
    }

    /// Ends the thread, once the chain is stopping; `false` if it had failed.
    pub(super) fn stop(&self) -> bool {
        self.jobs.close();
        self.thread.join()
    }

    pub(super) async fn search(&self, wanted: Wanted) -> Result<Vec<Place>, ChainError> {
        if let Err(error) = self.thread.start() {
            tracing::error!(feed = self.shared.feed.name(), %error, "the thread that searches could not be started");
            return Err(ChainError::Searching);
        }
        let (reply, told) = async_channel::bounded(2);
        self.jobs.try_send(Job { wanted, reply }).map_err(|_| self.turned_away())?;
        let patience = async {
            glommio::timer::sleep(PATIENCE).await;
            None
        };
        // What is said first is that it begins.
        future::or(async { told.recv().await.ok() }, patience).await.ok_or_else(|| self.turned_away())?;
        match told.recv().await {
            Ok(Told::Over(found)) => found,
            Ok(Told::Begun) | Err(_) => Err(self.turned_away()),
        }
    }

    fn turned_away(&self) -> ChainError {
        if self.shared.is_stopping() { ChainError::Stopping } else { ChainError::Searching }
    }
}

/// Why the index does not know every block.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the appliance stops")]
    Stopped,
}

struct Searcher {
    shared: Arc<Shared>,
    indexes: Indexes,
    jobs: Receiver<Job>,
}

impl Searcher {
    /// Runs until the chain is stopped.
    fn run(&self) {
        machine::leave_the_shard();
        let mut index = None;
        while let Ok(job) = self.jobs.recv_blocking() {
            if self.shared.is_stopping() {
                return;
            }
            match self.work(job, index.take()) {
                Ok(kept) => index = Some(kept),
                Err(_) if self.shared.is_stopping() => return,
                // Whoever waits is told by being forgotten.
                Err(error) => tracing::error!(feed = self.shared.feed.name(), %error, "a search could not be made"),
            }
        }
    }

    fn work(&self, job: Job, index: Option<Index<WordTable>>) -> Result<Index<WordTable>, CatchUpError<Trouble>> {
        let feed = &self.shared.feed;
        let index = match index {
            Some(index) => index,
            None => self.indexes.open(feed, feed.uid(), INDEX_OPTIONS)?,
        };
        index.catch_up(feed, |event, batch| match self.shared.is_stopping() {
            true => Err(Trouble::Stopped),
            false => enter_block(event, batch).map_err(Trouble::from),
        })?;
        // Whoever has gone needs no answer.
        if job.reply.try_send(Told::Begun).is_ok() {
            match self.find(&index, &job) {
                Ok(found) => drop(job.reply.try_send(Told::Over(Ok(found)))),
                Err(FindError::Alone) => {}
                Err(FindError::Search(error)) => drop(job.reply.try_send(Told::Over(Err(error.into())))),
                Err(FindError::Match(error)) => drop(job.reply.try_send(Told::Over(Err(error)))),
                Err(FindError::Index(error)) => return Err(error.into()),
            }
        }
        Ok(index)
    }

    fn find(&self, index: &Index<WordTable>, job: &Job) -> Result<Vec<Place>, FindError<ChainError>> {
        let Wanted { table, search, limit } = &job.wanted;
        let mut texts = Texts::default();
        let matches = |place: Place| {
            if !search.has_phrases() {
                return Ok(true);
            }
            let stored = texts.at(place, |height| self.texts(height))?;
            Ok(stored.is_some_and(|stored| Searchable::new(stored).has_phrases(*table, search)))
        };
        let goes_on = || !self.shared.is_stopping() && !job.reply.is_closed();
        find(index, *table, search, *limit, Held { first_height: self.shared.feed.first_seq(), matches, goes_on })
    }

    /// The transactions of a block; none of one that is not held any more.
    fn texts(&self, height: u64) -> Result<Vec<Stored<'static>>, ChainError> {
        let own =
            |stored: Stored<'_>| Stored { id: stored.id.into_owned().into(), json: stored.json.into_owned().into() };
        let texts = self.shared.block(height, |event| Stored::all(event).into_iter().map(own).collect())?;
        Ok(texts.unwrap_or_default())
    }
}
