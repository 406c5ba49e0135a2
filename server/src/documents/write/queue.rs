//! Writes that wait for a database's turn.
//!
//! Owns the bound on what waits, and whether somebody works at it. Tested at the end of this file.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Job, WriteLimits};
use crate::documents::error::DocumentsError;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::documents) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: VecDeque<Job>,
    /// Of jobs that are not answered yet.
    requests: usize,
    bytes: usize,
    /// Somebody works at it, or will soon.
    active: bool,
    closed: bool,
}

impl Queue {
    /// Adds a write. True if nobody works at the queue yet, and so the caller has to see to it. An empty queue takes every
    /// write.
    pub(super) fn push(&self, job: Job, limits: &WriteLimits) -> Result<bool, DocumentsError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(DocumentsError::Closed);
        }
        let (requests, bytes) = (inner.requests, inner.bytes);
        if requests > 0 && (requests >= limits.requests_max || bytes + job.bytes > limits.bytes_max) {
            let WriteLimits { requests_max, bytes_max, .. } = *limits;
            return Err(DocumentsError::Overloaded { requests, bytes, requests_max, bytes_max });
        }
        inner.requests += 1;
        inner.bytes += job.bytes;
        inner.jobs.push_back(job);
        Ok(!std::mem::replace(&mut inner.active, true))
    }

    /// Somebody is to look after the index, whether there are writes or not. Answers as [`Queue::push`] does.
    pub(super) fn nudge(&self) -> bool {
        let mut inner = self.lock();
        !inner.closed && !std::mem::replace(&mut inner.active, true)
    }

    /// What waits, as much as goes together.
    pub(super) fn take(&self, limits: &WriteLimits) -> VecDeque<Job> {
        let mut inner = self.lock();
        let mut bytes = 0;
        let together = inner.jobs.iter().take_while(|job| {
            let before = bytes;
            bytes += job.bytes;
            before < limits.group_bytes_max
        });
        let count = together.count();
        inner.jobs.drain(..count).collect()
    }

    /// A write is answered.
    pub(super) fn release(&self, bytes: usize) {
        let mut inner = self.lock();
        inner.requests = inner.requests.saturating_sub(1);
        inner.bytes = inner.bytes.saturating_sub(bytes);
    }

    /// Whoever worked at it stops, unless there is more; says so.
    pub(super) fn pause(&self) -> bool {
        let mut inner = self.lock();
        inner.active = !inner.jobs.is_empty();
        inner.active
    }

    /// Whether it takes nothing more.
    pub(in crate::documents) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes nothing more and drops what waits, which tells those who wait for answers.
    pub(super) fn close(&self) {
        let jobs = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.jobs)
        };
        drop(jobs);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WriteLimits = WriteLimits {
        requests_max: 3,
        bytes_max: 100,
        group_bytes_max: 50,
        group_edits_max: 10,
        unwritten_bytes_max: 100,
    };

    fn push(queue: &Queue, bytes: usize) -> Result<bool, String> {
        queue.push(Job::sized(bytes), &LIMITS).map_err(|error| error.to_string())
    }

    #[test]
    fn the_bound_counts_until_a_write_is_answered() {
        let queue = Queue::default();
        assert_eq!(push(&queue, 200), Ok(true), "an empty queue takes every write");
        let full = "1 writes with 200 bytes wait for this database, at most 3 and 100 may; retry later";
        assert_eq!(push(&queue, 1), Err(full.into()));
        assert_eq!(queue.take(&LIMITS).len(), 1);
        assert_eq!(push(&queue, 1), Err(full.into()), "taking alone makes no room");
        queue.release(200);
        assert_eq!([push(&queue, 30), push(&queue, 30), push(&queue, 30)], [Ok(false), Ok(false), Ok(false)]);
        assert!(push(&queue, 1).is_err(), "three may wait");
        assert_eq!(queue.take(&LIMITS).len(), 2, "60 bytes go together, for 30 alone are less than 50");
        assert!(queue.pause());
        assert_eq!(queue.take(&LIMITS).len(), 1);
        assert!(!queue.pause());
        queue.release(90);
        assert_eq!(push(&queue, 1), Ok(true), "nobody works at it any more");
        queue.close();
        assert_eq!(push(&queue, 1), Err("the database is closed".into()));
        assert!(queue.take(&LIMITS).is_empty() && !queue.nudge());
    }
}
