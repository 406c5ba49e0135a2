//! What waits for the chain's thread: transactions, and requests that want to know that it has seen every block.
//!
//! Owns how much may wait. What is dropped unanswered tells whoever waits for it. Tests: below.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_channel::{Receiver, Sender};
use tailwater_wire::bigchaindb::transaction::Transaction;

use super::super::refusals::ChainError;

/// Bytes of transactions that may wait.
const POSTS_BYTES_MAX: usize = 64 << 20;
/// What a transaction counts for besides its text.
const POST_BYTES: usize = 1 << 10;
/// Jobs of any kind that may wait.
const JOBS_MAX: usize = 1 << 16;

/// Bytes of the transactions that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Posts {
    bytes: Arc<AtomicUsize>,
}

impl Posts {
    fn room(&self, bytes: usize) -> Option<Room> {
        // The room exists before it is known whether there is room: so it is given back either way.
        let room = Room { posts: self.clone(), bytes };
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= POSTS_BYTES_MAX).then_some(room)
    }
}

/// The room of one transaction; given back when dropped.
#[derive(Debug)]
struct Room {
    posts: Posts,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.posts.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A transaction that waits for its block.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) transaction: Arc<Transaction>,
    reply: Sender<Result<(), ChainError>>,
    _room: Room,
}

impl Posted {
    pub(super) fn answer(self, answer: Result<(), ChainError>) {
        // Whoever has gone needs no answer.
        let _gone = self.reply.try_send(answer);
    }
}

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Job {
    /// To store a transaction.
    Post(Posted),
    /// To look at every block there is, and to say so.
    Settle(Sender<()>),
}

/// The side of those who ask.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: Sender<Job>,
    posts: Posts,
}

/// Both ends of an empty queue.
pub(super) fn new() -> (Queue, Receiver<Job>) {
    let (jobs, receiver) = async_channel::bounded(JOBS_MAX);
    (Queue { jobs, posts: Posts::default() }, receiver)
}

impl Queue {
    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.jobs.close();
    }

    /// Queues a transaction; the answer comes once.
    pub(super) fn post(&self, transaction: Arc<Transaction>) -> Result<Receiver<Result<(), ChainError>>, ChainError> {
        let room = self.posts.room(transaction.json().len() + POST_BYTES).ok_or(ChainError::Busy)?;
        let (reply, answer) = async_channel::bounded(1);
        self.send(Job::Post(Posted { transaction, reply, _room: room }))?;
        Ok(answer)
    }

    /// Asks the thread to look at every block there is.
    pub(super) fn settle(&self) -> Result<Receiver<()>, ChainError> {
        let (reply, answer) = async_channel::bounded(1);
        self.send(Job::Settle(reply))?;
        Ok(answer)
    }

    fn send(&self, job: Job) -> Result<(), ChainError> {
        let refused = |error| {
            if matches!(error, async_channel::TrySendError::Full(_)) { ChainError::Busy } else { ChainError::Stopping }
        };
        self.jobs.try_send(job).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_limited_and_given_back() {
        let posts = Posts::default();
        let half = posts.room(POSTS_BYTES_MAX / 2).unwrap();
        let other = posts.room(POSTS_BYTES_MAX / 2).unwrap();
        assert!(posts.room(1).is_none());
        drop(half);
        assert!(posts.room(POSTS_BYTES_MAX / 2 + 1).is_none());
        let again = posts.room(POSTS_BYTES_MAX / 2).unwrap();
        drop((other, again));
        assert_eq!(posts.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_queue_is_busy_and_a_closed_one_stops() {
        let (queue, jobs) = new();
        let waiting: Vec<_> = (0..JOBS_MAX).map(|_| queue.settle().unwrap()).collect();
        assert_eq!(queue.settle().unwrap_err(), ChainError::Busy);
        drop(jobs.try_recv());
        assert!(waiting[0].try_recv().is_err_and(|error| error.is_closed()), "who is dropped is told");
        assert!(queue.settle().is_ok());
        queue.close();
        assert_eq!(queue.settle().unwrap_err(), ChainError::Stopping);
    }
}
