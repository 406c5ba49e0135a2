//! What waits for a database's thread: queries that write, and requests that want to know that it has seen every event.
//!
//! Owns how much may wait. What is dropped unanswered tells whoever waits for it. Tests: below.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_channel::{Receiver, Sender};
use tailwater_wire::fauna::{
    fql::{FqlError, Outcome, StoreError},
    request::QueryRequest,
};

/// Bytes of queries that may wait.
const QUERIES_BYTES_MAX: usize = 64 << 20;
/// What a query counts for besides its body.
const QUERY_BYTES: usize = 1 << 10;
/// Jobs of any kind that may wait.
const JOBS_MAX: usize = 1 << 16;

/// A query that was evaluated, and when.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// The time of its transaction.
    pub(crate) txn_ts_us: u64,
}

/// What comes of a query.
pub(crate) type Answered = Result<Done, FqlError>;

/// Bytes of what waits.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<AtomicUsize>);

/// The room of one query; given back when dropped.
#[derive(Debug)]
struct Room {
    waiting: Waiting,
    bytes: usize,
}

impl Waiting {
    fn room(&self, bytes: usize) -> Option<Room> {
        // The room exists before it is known whether there is room: so it is given back either way.
        let room = Room { waiting: self.clone(), bytes };
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= QUERIES_BYTES_MAX).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A query that waits for its turn to write.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) query: QueryRequest,
    pub(super) deadline: Instant,
    reply: Sender<Answered>,
    _room: Room,
}

impl Posted {
    pub(super) fn answer(self, answer: Answered) {
        // Whoever has gone needs no answer.
        let _gone = self.reply.try_send(answer);
    }
}

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Job {
    /// To evaluate a query and store what it writes.
    Query(Box<Posted>),
    /// To look at every event there is, and to say so.
    Settle(Sender<()>),
}

/// The side of those who ask.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: Sender<Job>,
    waiting: Waiting,
}

/// Both ends of an empty queue.
pub(super) fn new() -> (Queue, Receiver<Job>) {
    let (jobs, receiver) = async_channel::bounded(JOBS_MAX);
    (Queue { jobs, waiting: Waiting::default() }, receiver)
}

impl Queue {
    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.jobs.close();
    }

    /// Queues a query whose body has so many bytes; the answer comes once.
    pub(super) fn post(
        &self,
        query: QueryRequest,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Receiver<Answered>, StoreError> {
        let room = self.waiting.room(bytes + QUERY_BYTES).ok_or_else(busy)?;
        let (reply, answer) = async_channel::bounded(1);
        self.send(Job::Query(Box::new(Posted { query, deadline, reply, _room: room })))?;
        Ok(answer)
    }

    /// Asks the thread to look at every event there is.
    pub(super) fn settle(&self) -> Result<Receiver<()>, StoreError> {
        let (reply, answer) = async_channel::bounded(1);
        self.send(Job::Settle(reply))?;
        Ok(answer)
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.try_send(job).map_err(|error| if error.is_full() { busy() } else { stopping() })
    }
}

fn busy() -> StoreError {
    StoreError::Overloaded("Too many pending requests".to_owned())
}

/// Why nothing more is taken from a database that is being closed.
pub(super) fn stopping() -> StoreError {
    StoreError::Internal("The database is being closed. Try again in a moment.".to_owned())
}

#[cfg(test)]
mod tests {
    use tailwater_wire::fauna::fql::template::Template;

    use super::*;

    fn post(queue: &Queue, bytes: usize) -> Result<Receiver<Answered>, StoreError> {
        let query = QueryRequest { template: Template::default(), arguments: Vec::new() };
        queue.post(query, bytes, Instant::now())
    }

    #[test]
    fn room_is_limited_and_given_back() {
        let (queue, jobs) = new();
        let _waits = post(&queue, QUERIES_BYTES_MAX - QUERY_BYTES).unwrap();
        assert_eq!(post(&queue, 0).unwrap_err(), busy());
        drop(jobs.try_recv());
        assert!(post(&queue, 0).is_ok());
    }

    #[test]
    fn a_full_queue_is_busy_and_a_closed_one_stops() {
        let (queue, jobs) = new();
        let waiting: Vec<_> = (0..JOBS_MAX).map(|_| queue.settle().unwrap()).collect();
        assert_eq!(queue.settle().unwrap_err(), busy());
        drop(jobs.try_recv());
        assert!(waiting[0].try_recv().is_err_and(|error| error.is_closed()), "who is dropped is told");
        queue.close();
        assert_eq!(queue.settle().unwrap_err(), stopping());
    }
}
