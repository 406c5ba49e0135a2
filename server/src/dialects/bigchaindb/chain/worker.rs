//! The chain's thread: it takes what waits, checks each transaction against the index and against those before it, packs
//! the valid ones into one block, appends that, and learns of it as of any other block.
//!
//! Owns the order: nothing is checked before every block that is visible is in the index, and nothing is answered before its
//! own block is, so that whoever has an answer finds the transaction. While a block is synced the next one gathers. Of what
//! another protocol publishes between the look and the append it knows nothing: that is not checked at all. An index that
//! fails is opened again; meanwhile everybody is turned away. Blocks, and is no shard's. Tested by
//! `server/tests/bigchaindb/`.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use tailwater_core::{AppendError, Batch, BodyFormat, Draft, ReadError, SeqMode};
use tailwater_wire::bigchaindb::{
    block::{BlockBody, KIND},
    transaction::TransactionError,
};

use super::{
    Shared,
    ledger::{self, Table},
    queue::{Job, Posted},
};
use crate::{
    clock::now_us,
    index::{CatchUpError, Index, IndexError, IndexOptions, Indexes},
    machine,
};

/// The pause before an index that failed is opened again.
const RETRY: Duration = Duration::from_secs(1);

/// What the index may take of memory. What is spent lately was mostly written lately.
const INDEX_OPTIONS: IndexOptions = IndexOptions { cache_bytes: 32 << 20, write_buffer_bytes: 16 << 20 };

/// Why the index does not know every block.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the log cannot be read on: {0}")]
    Log(ReadError),
    #[error("a request found it damaged")]
    Distrusted,
    #[error("the appliance stops")]
    Stopped,
}

impl From<CatchUpError<Trouble>> for Trouble {
    fn from(error: CatchUpError<Trouble>) -> Self {
        match error {
            CatchUpError::Index(error) => Self::Index(error),
            CatchUpError::Log(error) => Self::Log(error),
            CatchUpError::Apply(trouble) => trouble,
        }
    }
}

/// What the thread works with.
#[derive(Clone)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    indexes: Indexes,
}

/// What was taken from the queue.
#[derive(Default)]
struct Waiting {
    posts: VecDeque<Posted>,
    settling: Vec<Sender<()>>,
}

impl Waiting {
    fn add(&mut self, job: Job) {
        match job {
            Job::Post(posted) => self.posts.push_back(posted),
            Job::Settle(reply) => self.settling.push(reply),
        }
    }
}

/// A block that is to be stored.
#[derive(Default)]
struct Block {
    body: BlockBody,
    posts: Vec<Posted>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>, indexes: Indexes) -> Self {
        Self { shared, jobs, indexes }
    }

    /// Runs until the chain is stopped.
    pub(super) fn run(&self) {
        machine::leave_the_shard();
        let mut said = String::new();
        while !self.shared.is_stopping() {
            let trouble = self.open().and_then(|()| self.serve()).err();
            self.shared.set_index(None);
            // Whoever waits is told by being forgotten.
            while self.jobs.try_recv().is_ok() {}
            let Some(trouble) = trouble.filter(|_| !self.shared.is_stopping()) else { continue };
            let trouble = trouble.to_string();
            if trouble != said {
                tracing::error!(feed = self.shared.feed.name(), %trouble, "the chain takes no transactions until its index is in order");
                said = trouble;
            }
            thread::park_timeout(RETRY);
        }
    }

    /// Opens the index and lets it see every block there is.
    fn open(&self) -> Result<(), Trouble> {
        let feed = &self.shared.feed;
        let index = self.indexes.open(feed, feed.uid(), INDEX_OPTIONS)?;
        self.catch_up(&index)?;
        self.shared.set_index(Some(index));
        Ok(())
    }

    fn catch_up(&self, index: &Index<Table>) -> Result<(), Trouble> {
        let caught_up = index.catch_up(&self.shared.feed, |event, batch| {
            if self.shared.is_stopping() {
                return Err(Trouble::Stopped);
            }
            ledger::enter_block(event, batch).map_err(Trouble::from)
        });
        self.shared.applied_seq.store(index.applied_seq(), Ordering::SeqCst);
        caught_up.map(drop).map_err(Trouble::from)
    }

    /// Works on what comes until the chain is stopped.
    fn serve(&self) -> Result<(), Trouble> {
        let index = self.shared.index();
        let Some(index) = &*index else { return Ok(()) };
        let mut waiting = Waiting::default();
        while self.take(&mut waiting) {
            if !self.shared.is_ready.load(Ordering::SeqCst) {
                return Err(Trouble::Distrusted);
            }
            self.catch_up(index)?;
            for reply in waiting.settling.drain(..) {
                // Whoever has gone needs no answer.
                let _gone = reply.try_send(());
            }
            let block = fill(index, &mut waiting.posts)?;
            self.store(index, block)?;
        }
        Ok(())
    }

    /// Takes all there is, once there is something; false at the end.
    fn take(&self, waiting: &mut Waiting) -> bool {
        if waiting.posts.is_empty() {
            let Ok(job) = self.jobs.recv_blocking() else { return false };
            waiting.add(job);
        }
        while let Ok(job) = self.jobs.try_recv() {
            waiting.add(job);
        }
        !self.shared.is_stopping()
    }

    /// Stores a block and answers those whose transactions are in it.
    fn store(&self, index: &Index<Table>, block: Block) -> Result<(), Trouble> {
        if block.posts.is_empty() {
            return Ok(());
        }
        let stored = self.append(block.body);
        // What is stored is stored, even if the index has to be built anew to know it.
        let learned = if stored.is_ok() { self.catch_up(index) } else { Ok(()) };
        for posted in block.posts {
            posted.answer(stored.clone().map_err(Into::into));
        }
        learned
    }

    fn append(&self, body: BlockBody) -> Result<(), AppendError> {
        let body = body.finish();
        let draft = Draft { seq: None, time_us: now_us(), kind: KIND, key: "", format: BodyFormat::Json, body: &body };
        let mut batch = Batch::new();
        batch.push(&draft).expect("a block keeps the limits of an event");
        future::block_on(self.shared.feed.append(batch, SeqMode::Assign)).map(drop)
    }
}

/// Moves what is valid into a block until that is full, and answers what is not.
fn fill(index: &Index<Table>, posts: &mut VecDeque<Posted>) -> Result<Block, IndexError> {
    // What the transactions change is only looked at: the index learns of it from the log.
    let mut batch = index.batch();
    let mut block = Block::default();
    while let Some(posted) = posts.pop_front() {
        if let Err(error) = ledger::check(&posted.transaction, &batch)? {
            posted.answer(Err(error.into()));
        } else if block.body.push(&posted.transaction) {
            ledger::enter_checked(&posted.transaction, &mut batch)?;
            block.posts.push(posted);
        } else if block.posts.is_empty() {
            let bytes = posted.transaction.json().len();
            posted.answer(Err(TransactionError::TooLarge { bytes, bytes_max: tailwater_core::BODY_BYTES_MAX }.into()));
        } else {
            posts.push_front(posted);
            break;
        }
    }
    Ok(block)
}
