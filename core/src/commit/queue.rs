//! What waits for a feed's writer: batches of publishers on any thread, and requests of the store.
//!
//! Owns the bound on waiting bytes and the waking of the writer. The writer takes everything at once; a publisher pays for one
//! short lock. Tested at the end of this file.

use crate::batch::{Batch, SeqMode};
use crate::compaction::Rewritten;
use crate::error::{AppendError, CompactError};
use crate::feed::Appended;
use crate::frames::EncodingId;
use crate::frames::build::Build;
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Where the answer to an append goes.
pub(crate) type AppendReply = oneshot::Sender<Result<Appended, AppendError>>;

/// Where the answer to a replacement goes.
pub(crate) type ReplaceReply = oneshot::Sender<Result<(), CompactError>>;

/// Where the answer to anything else goes.
pub(crate) type Reply = oneshot::Sender<Result<(), AppendError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Store a batch.
    Append { batch: Batch, mode: SeqMode, reply: AppendReply },
    /// Sync what has been stored.
    Flush(Reply),
    /// Begin another segment, so that what is stored can be compacted.
    Seal(Reply),
    /// Put a segment that compaction has made in the place of those it was made of.
    Replace(Box<Rewritten>, ReplaceReply),
    /// Sync, mark as cleanly closed, end.
    Close(Reply),
    /// Go on with frames that have been built up to the tail.
    Adopt(Box<Build>),
    /// Stop building an encoding live, if no cursor uses it.
    Deactivate(EncodingId),
    /// Remove frames that say what is no longer true of the feed.
    ForgetStale,
    /// Apply retention.
    Retain,
    /// The interval of [`crate::Durability::Interval`] is over.
    SyncDue,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    commands: VecDeque<Command>,
    bytes: usize,
    waker: Option<Waker>,
    closed: bool,
}

impl Queue {
    /// Queues a batch. `Err(Some(bytes))` when that many bytes wait already and the batch does not fit; a queue without any bytes
    /// takes every batch. `Err(None)` when the queue is closed.
    pub(crate) fn push_append(
        &self,
        batch: Batch,
        mode: SeqMode,
        reply: AppendReply,
        bytes_max: usize,
    ) -> Result<(), Option<usize>> {
        let bytes = batch.byte_len();
        let mut inner = self.lock();
        if inner.closed {
            return Err(None);
        }
        if inner.bytes > 0 && inner.bytes + bytes > bytes_max {
            return Err(Some(inner.bytes));
        }
        inner.bytes += bytes;
        inner.commands.push_back(Command::Append { batch, mode, reply });
        wake(inner);
        Ok(())
    }

    /// Queues anything else. Gives it back when the queue is closed.
    pub(crate) fn push(&self, command: Command) -> Option<Command> {
        let mut inner = self.lock();
        if inner.closed {
            return Some(command);
        }
        inner.commands.push_back(command);
        wake(inner);
        None
    }

    /// Takes all that waits, in order, once there is something. `into` must be empty.
    pub(crate) async fn take(&self, into: &mut VecDeque<Command>) {
        poll_fn(|context| {
            let mut inner = self.lock();
            if inner.commands.is_empty() {
                inner.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut inner.commands, into);
            Poll::Ready(())
        })
        .await;
    }

    /// Bytes of batches that have been dealt with no longer count against the bound.
    pub(crate) fn release(&self, bytes: usize) {
        let mut inner = self.lock();
        // A queue that was closed in the meantime counts nothing any more.
        inner.bytes = inner.bytes.saturating_sub(bytes);
    }

    /// Takes nothing more and drops what waits, which tells those who wait for answers.
    pub(crate) fn close(&self) {
        let commands = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.bytes = 0;
            std::mem::take(&mut inner.commands)
        };
        drop(commands);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the writer after the lock is released.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let waker = inner.waker.take();
    drop(inner);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BodyFormat, Draft};
    use futures_lite::future::{block_on, poll_once};

    fn push(
        queue: &Queue,
        bytes_max: usize,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, Option<usize>> {
        let mut batch = Batch::new();
        batch
            .push(&Draft { seq: None, time_us: 0, kind: "", key: "", format: BodyFormat::Json, body: &[0; 24] })
            .unwrap();
        let (reply, answer) = oneshot::channel();
        queue.push_append(batch, SeqMode::Assign, reply, bytes_max).map(|()| answer)
    }

    #[test]
    fn the_bound_counts_bytes_until_they_are_released() {
        let queue = Queue::default();
        let _first = push(&queue, 10).expect("an empty queue takes every batch");
        assert_eq!(push(&queue, 127).unwrap_err(), Some(64));
        let _second = push(&queue, 128).unwrap();
        let mut taken = VecDeque::new();
        block_on(queue.take(&mut taken));
        assert_eq!(taken.len(), 2);
        assert_eq!(push(&queue, 128).unwrap_err(), Some(128), "taking alone makes no room");
        queue.release(64);
        assert!(push(&queue, 128).is_ok());
    }

    #[test]
    fn taking_waits_for_a_command() {
        let queue = Queue::default();
        let mut taken = VecDeque::new();
        assert!(block_on(poll_once(queue.take(&mut taken))).is_none());
        assert!(queue.push(Command::Retain).is_none());
        block_on(queue.take(&mut taken));
        assert!(matches!(taken.pop_front(), Some(Command::Retain)));
    }

    #[test]
    fn closing_answers_everybody_and_takes_no_more() {
        let queue = Queue::default();
        let answer = push(&queue, 1 << 20).unwrap();
        queue.close();
        assert!(block_on(answer).is_err());
        assert_eq!(push(&queue, 1 << 20).unwrap_err(), None);
        assert!(queue.push(Command::Retain).is_some());
        queue.release(0);
    }
}
