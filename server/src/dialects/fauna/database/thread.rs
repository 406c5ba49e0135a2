//! A database's thread: it reads what is committed, and has the queries that write take turns.
//!
//! Owns the order: nothing is evaluated before every event that is visible is in the index, and nothing is answered before its
//! own events are, so that whoever has an answer finds its document. Queries see those before them in the same round, whose
//! transactions are committed together. Of what another protocol publishes between the look and the append it knows nothing.
//! An index that fails is opened again; meanwhile everybody is turned away. Blocks, and is no shard's. Tested by
//! `server/tests/fauna/`.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use tailwater_core::{AppendError, Appended, Batch, BodyFormat, Draft, SeqMode};
use tailwater_wire::fauna::{
    change::{KIND_DELETE, KIND_PUT},
    fql::{FqlError, Limits, Outcome, StoreError, Write, evaluate},
    place::{DEFINITIONS, Place},
};

use super::{
    Shared,
    follow::{self, Follower, Trouble},
    queue::{Done, Job, Posted},
    store::{Pending, Reading},
    table::{self, Table},
};
use crate::{
    index::{Index, Indexes},
    machine,
};

/// The pause before an index that failed is opened again.
const RETRY: Duration = Duration::from_secs(1);

/// Queries whose transactions are committed together, at most.
const ROUND_QUERIES: usize = 256;
/// How long queries of a round are evaluated, but for the last of them.
const ROUND_TIME: Duration = Duration::from_millis(5);

/// The body of an event that ends something.
const NOTHING: &[u8] = b"null";

/// What the thread works with.
#[derive(Clone)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    indexes: Indexes,
}

/// What was taken from the queue.
#[derive(Default)]
struct Taken {
    queries: Vec<Posted>,
    settling: Vec<Sender<()>>,
}

/// A transaction on its way into the log.
struct Committing<'f> {
    posted: Posted,
    done: Done,
    appending: Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + 'f>>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>, indexes: Indexes) -> Self {
        Self { shared, jobs, indexes }
    }

    /// Runs until the database is stopped.
    pub(super) fn run(&self) {
        machine::leave_the_shard();
        self.shared.entry.follow();
        let mut said = String::new();
        while !self.shared.is_stopping() {
            let trouble = self.open().and_then(|()| self.serve()).err();
            self.shared.set_index(None);
            // Whoever waits is told by being forgotten.
            while self.jobs.try_recv().is_ok() {}
            let Some(trouble) = trouble.filter(|_| !self.shared.is_stopping()) else { continue };
            let trouble = trouble.to_string();
            if trouble != said {
                tracing::error!(feed = self.shared.feed().name(), %trouble, "the Fauna database answers nothing until its index is in order");
                said = trouble;
            }
            thread::park_timeout(RETRY);
        }
        self.shared.set_index(None);
    }

    /// Opens the index and lets it see every event there is.
    fn open(&self) -> Result<(), Trouble> {
        let index = follow::open(&self.shared, &self.indexes)?;
        let seq = index.applied_seq();
        self.shared.set_applied(seq, follow::last_time_us(self.shared.history(), seq).unwrap_or(0));
        self.shared.schema_version_us.fetch_max(table::last_definition_us(&index)?, Ordering::Relaxed);
        Follower::new(&self.shared, &index).catch_up()?;
        self.shared.set_index(Some(index));
        Ok(())
    }

    /// Works on what comes until the database is stopped.
    fn serve(&self) -> Result<(), Trouble> {
        let index = self.shared.index();
        let Some(index) = &*index else { return Ok(()) };
        let mut follower = Follower::new(&self.shared, index);
        while !self.shared.is_stopping() {
            if !self.shared.is_ready() {
                return Err(Trouble::Distrusted);
            }
            let taken = self.take();
            follower.follow()?;
            if taken.queries.is_empty() && taken.settling.is_empty() {
                rest(&mut follower)?;
                continue;
            }
            follower.commit()?;
            for reply in taken.settling {
                // Whoever has gone needs no answer.
                let _gone = reply.try_send(());
            }
            self.work(index, &mut follower, taken.queries)?;
        }
        follower.commit()
    }

    /// Takes what is there.
    fn take(&self) -> Taken {
        let mut taken = Taken::default();
        while taken.queries.len() < ROUND_QUERIES
            && let Ok(job) = self.jobs.try_recv()
        {
            match job {
                Job::Query(posted) => taken.queries.push(*posted),
                Job::Settle(reply) => taken.settling.push(reply),
            }
        }
        taken
    }

    /// Evaluates queries and stores what they write, in rounds.
    fn work(&self, index: &Index<Table>, follower: &mut Follower<'_>, queries: Vec<Posted>) -> Result<(), Trouble> {
        let mut queries = queries.into_iter().peekable();
        while queries.peek().is_some() {
            let mut pending = Pending::default();
            let mut committing = Vec::new();
            let began = Instant::now();
            while began.elapsed() < ROUND_TIME
                && let Some(posted) = queries.next()
            {
                let ends_round = self.evaluate(posted, index, &mut pending, &mut committing);
                if ends_round {
                    break;
                }
            }
            let stored = commit(committing);
            // What is stored is stored, even if the index has to be built anew to know it.
            let learned = follower.catch_up();
            for (posted, answer) in stored {
                posted.answer(answer);
            }
            learned?;
        }
        Ok(())
    }

    /// Evaluates one query and begins to store what it writes; whether what follows must see that in the index.
    fn evaluate<'f>(
        &'f self,
        posted: Posted,
        index: &Index<Table>,
        pending: &mut Pending,
        committing: &mut Vec<Committing<'f>>,
    ) -> bool {
        let (shared, now_us) = (&*self.shared, self.shared.next_time_us());
        let (deadline, start) = (posted.deadline, shared.position());
        let mut reading = Reading { shared, index, pending, start, deadline };
        let query = &posted.query;
        let evaluated = evaluate(&query.template, query.arguments.clone(), &mut reading, now_us, &Limits::default());
        let batch = evaluated.and_then(|outcome| Ok((transaction(shared, &outcome, now_us)?, outcome)));
        let (batch, outcome) = match batch {
            Ok(evaluated) => evaluated,
            Err(error) => {
                posted.answer(Err(error));
                return false;
            }
        };
        let done = Done { outcome, txn_ts_us: now_us };
        if batch.is_empty() {
            posted.answer(Ok(done));
            return false;
        }
        pending.enter(&done.outcome.effects.writes, now_us);
        let defines = done.outcome.effects.writes.iter().any(is_definition);
        let mut appending: Pin<Box<dyn Future<Output = _> + 'f>> =
            Box::pin(shared.feed().append(batch, SeqMode::Assign));
        // The first poll queues it, so that transactions keep their order.
        if let Some(refused) = future::block_on(future::poll_once(&mut appending)) {
            appending = Box::pin(future::ready(refused));
        }
        committing.push(Committing { posted, done, appending });
        defines
    }
}

/// Nobody asks for anything: waits for news, and brings the index up when it is time.
fn rest(follower: &mut Follower<'_>) -> Result<(), Trouble> {
    match follower.due_in() {
        Some(Duration::ZERO) => follower.commit()?,
        _ if follower.has_more() => {}
        Some(due_in) => thread::park_timeout(due_in),
        None => thread::park(),
    }
    Ok(())
}

/// Waits until everything is stored; the answers.
fn commit(committing: Vec<Committing<'_>>) -> Vec<(Posted, Result<Done, FqlError>)> {
    let mut stored = Vec::with_capacity(committing.len());
    for Committing { posted, done, appending } in committing {
        let appended = future::block_on(appending);
        stored.push((posted, appended.map(|_| done).map_err(|error| refused(&error).into())));
    }
    stored
}

fn is_definition(write: &Write) -> bool {
    matches!(write, Write::CreateCollection { .. } | Write::DeleteCollection { .. })
}

/// What a query writes, as one batch.
fn transaction(shared: &Shared, outcome: &Outcome, time_us: u64) -> Result<Batch, FqlError> {
    let own = shared.own();
    let mut batch = Batch::new();
    for write in &outcome.effects.writes {
        let (kind, place, body) = match write {
            Write::CreateCollection { name, history_days } => {
                (KIND_PUT, Place { collection: DEFINITIONS, id: name }, definition(name, *history_days))
            }
            Write::DeleteCollection { name } if name == own => return Err(StoreError::Denied.into()),
            Write::DeleteCollection { name } => {
                (KIND_DELETE, Place { collection: DEFINITIONS, id: name }, NOTHING.to_vec())
            }
            Write::Put { collection, id, body, .. } => (KIND_PUT, Place { collection, id }, body.clone()),
            Write::Delete { collection, id, .. } => (KIND_DELETE, Place { collection, id }, NOTHING.to_vec()),
            Write::CreateDatabase { .. } | Write::DeleteDatabase { .. } => continue,
        };
        let key = place.key(own);
        let draft = Draft { seq: None, time_us, kind, key: &key, format: BodyFormat::Json, body: &body };
        batch.push(&draft).map_err(|error| StoreError::Overloaded(error.to_string()))?;
    }
    Ok(batch)
}

/// The body of a collection's definition.
fn definition(name: &str, history_days: Option<u32>) -> Vec<u8> {
    let name = serde_json::Value::from(name);
    match history_days {
        Some(days) => format!("{{\"name\":{name},\"history_days\":{days}}}").into_bytes(),
        None => format!("{{\"name\":{name}}}").into_bytes(),
    }
}

fn refused(error: &AppendError) -> StoreError {
    match error {
        AppendError::Overloaded { .. } | AppendError::ReadOnly { .. } => StoreError::Overloaded(error.to_string()),
        error => StoreError::Internal(error.to_string()),
    }
}
