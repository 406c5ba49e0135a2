//! Writing: from queued requests to durable events and an index that has them.
//!
//! A database's writes are done in order, by one thread at a time of [`super::Workers`]. What waits goes into one group: each
//! edit is judged by the revision tree as the edits before it left it, becomes an event, and all of them are one batch of the
//! log. When that is durable the index is written, then everybody is answered. So a crash at any point leaves a log that the
//! index has not heard of yet, or both the same.
//!
//! | file | owns |
//! | --- | --- |
//! | [`queue`] | what waits, and how much may |
//! | [`group`] | one batch: making it durable, and what the index has to know |
//! | [`plan`] | one edit: CouchDB's rules, the event it becomes |
//! | [`attach`] | what an edit has attached |
//! | [`purge`] | removing revisions for good |
//!
//! Tested in `tests/`, above all against an oracle.

mod attach;
mod group;
mod plan;
mod purge;
pub(super) mod queue;

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread,
};

use futures_channel::oneshot;
use tailwater_wire::couchdb::rev::Rev;

use self::group::Group;
use super::{
    Database,
    edit::{Edit, Mode, Outcome, Purged, Update},
    error::DocumentsError,
    workers::Work,
};

/// How much may wait, and go together.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimits {
    /// Requests that are not answered yet; default 4,096.
    pub requests_max: usize,
    /// Their bytes; default 64 MiB.
    pub bytes_max: usize,
    /// Bytes of a group of events, after which another begins; default 8 MiB.
    pub group_bytes_max: usize,
    /// The same in events; default 8,000.
    pub group_edits_max: usize,
    /// Bytes of memory that may hold what the index does not have yet; default 8 MiB. Twice as much while some of it is being
    /// written.
    pub unwritten_bytes_max: usize,
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self {
            requests_max: 4_096,
            bytes_max: 64 << 20,
            group_bytes_max: 8 << 20,
            group_edits_max: 8_000,
            unwritten_bytes_max: 8 << 20,
        }
    }
}

/// Documents of a request for which room is made at once.
const RESERVE_MAX: usize = 1_000;

/// One request that is to be answered.
#[derive(Debug)]
pub(super) struct Job {
    bytes: usize,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Update {
        edits: std::vec::IntoIter<Edit>,
        mode: Mode,
        outcomes: Vec<Outcome>,
        reply: oneshot::Sender<Result<Vec<Outcome>, DocumentsError>>,
    },
    Purge {
        docs: std::vec::IntoIter<(String, Vec<Rev>)>,
        purged: Vec<Purged>,
        reply: oneshot::Sender<Result<Vec<Purged>, DocumentsError>>,
    },
}

impl Database {
    /// Writes documents. Resolves when those that were written are durable, and whoever reads sees them. Dropping the future
    /// does not take anything back.
    pub async fn update(self: &Arc<Self>, update: Update) -> Result<Vec<Outcome>, DocumentsError> {
        let (reply, answer) = oneshot::channel();
        let bytes = update.edits.iter().map(Edit::byte_len).sum();
        let outcomes = Vec::with_capacity(update.edits.len());
        let task = Task::Update { edits: update.edits.into_iter(), mode: update.mode, outcomes, reply };
        self.enqueue(Job { bytes, task })?;
        answer.await.unwrap_or(Err(DocumentsError::Closed))
    }

    /// Removes revisions for good, leaves only, with the ancestors that nothing else came from. Resolves as
    /// [`Database::update`] does, with one answer for each document.
    pub async fn purge(self: &Arc<Self>, docs: Vec<(String, Vec<Rev>)>) -> Result<Vec<Purged>, DocumentsError> {
        let (reply, answer) = oneshot::channel();
        let bytes = docs.iter().map(|(id, revs)| 128 + id.len() + 64 * revs.len()).sum();
        let task = Task::Purge { docs: docs.into_iter(), purged: Vec::new(), reply };
        self.enqueue(Job { bytes, task })?;
        answer.await.unwrap_or(Err(DocumentsError::Closed))
    }

    /// Has the index brought to the tail of the log in the background. To be called when the log has grown: readers wait less
    /// then, if other protocols publish to the same feed. Cheap.
    pub fn nudge(self: &Arc<Self>) {
        if self.is_behind() && self.queue.nudge() {
            self.workers.submit(self.clone());
        }
    }

    /// Writes to the index what is only in memory, so that the next opening has less to read. Nothing is lost without it.
    pub fn write_out(&self) -> Result<(), DocumentsError> {
        self.shelf.write_out()
    }

    /// Takes no more writes, and drops those that nobody works at yet. The index can be opened again when the last handle is
    /// gone.
    pub fn close(&self) {
        self.queue.close();
    }

    fn enqueue(self: &Arc<Self>, job: Job) -> Result<(), DocumentsError> {
        if self.queue.push(job, &self.options.write)? {
            self.workers.submit(self.clone());
        }
        Ok(())
    }

    /// Does all of these jobs, or fails those that are not done.
    fn write(&self, mut waiting: VecDeque<Job>) {
        let mut done = Vec::new();
        let result = self.write_groups(&mut waiting, &mut done);
        for job in done.into_iter().chain(waiting) {
            self.answer(job, result.clone());
        }
    }

    fn write_groups(&self, waiting: &mut VecDeque<Job>, done: &mut Vec<Job>) -> Result<(), DocumentsError> {
        let turn = self.turns.take();
        self.make_room()?;
        self.catch_up()?;
        let mut group = Group::new(self);
        while let Some(job) = waiting.front_mut() {
            if job.advance(&mut group)? {
                done.extend(waiting.pop_front());
            }
            if group.is_full() {
                group.commit()?;
                turn.tell();
                done.drain(..).for_each(|job| self.answer(job, Ok(())));
                self.make_room()?;
                self.catch_up()?;
                group = Group::new(self);
            }
        }
        group.commit()
    }

    fn begin_writing_out(self: &Arc<Self>) {
        if !self.writing_out.swap(true, Ordering::AcqRel) {
            self.workers.submit(Arc::new(WriteOut(self.clone())));
        }
    }

    /// Writes to the index what is in memory, if that is so much that nothing may be added.
    fn make_room(&self) -> Result<(), DocumentsError> {
        if self.shelf.unwritten_bytes() < self.options.write.unwritten_bytes_max {
            return Ok(());
        }
        self.shelf.write_out()
    }

    fn answer(&self, job: Job, result: Result<(), DocumentsError>) {
        self.queue.release(job.bytes);
        // Whoever no longer waits needs no answer.
        match job.task {
            Task::Update { outcomes, reply, .. } => drop(reply.send(result.map(|()| outcomes))),
            Task::Purge { purged, reply, .. } => drop(reply.send(result.map(|()| purged))),
        }
    }
}

impl Job {
    /// Does as much of it as the group takes; says whether that is all of it.
    fn advance(&mut self, group: &mut Group<'_>) -> Result<bool, DocumentsError> {
        match &mut self.task {
            Task::Update { edits, mode, outcomes, .. } => {
                group.staging.reserve(edits.len().min(RESERVE_MAX));
                while !group.is_full() {
                    let Some(edit) = edits.next() else { break };
                    let result = group.add(&edit, *mode)?;
                    group.hold(edit.attachments);
                    outcomes.push(Outcome { id: edit.id, result });
                }
                Ok(edits.len() == 0)
            }
            Task::Purge { docs, purged, .. } => {
                while !group.is_full() {
                    let Some((id, revs)) = docs.next() else { break };
                    let revs = group.purge(&id, &revs)?;
                    purged.push(Purged { id, revs });
                }
                Ok(docs.len() == 0)
            }
        }
    }

    #[cfg(test)]
    fn sized(bytes: usize) -> Self {
        let (reply, _) = oneshot::channel();
        Self { bytes, task: Task::Purge { docs: Vec::new().into_iter(), purged: Vec::new(), reply } }
    }
}

impl Work for Database {
    fn work(self: Arc<Self>) -> bool {
        let _closes = CloseOnPanic(&self);
        let jobs = self.queue.take(&self.options.write);
        if jobs.is_empty() {
            // It is behind for somebody who will find out why, if this fails.
            self.settle().ok();
        } else {
            self.write(jobs);
        }
        if self.shelf.unwritten_bytes() >= self.options.write.unwritten_bytes_max / 2 {
            self.begin_writing_out();
        }
        self.compact_if_due();
        self.queue.pause()
    }
}

/// Writes to the index what is in memory, while groups go on.
struct WriteOut(Arc<Database>);

impl Work for WriteOut {
    fn work(self: Arc<Self>) -> bool {
        self.0.writing_out.store(false, Ordering::Release);
        if let Err(error) = self.0.shelf.write_out() {
            tracing::error!(feed = self.0.feed.name(), %error, "the index of a database cannot be written");
        }
        false
    }
}

/// A database whose writer has panicked answers nobody any more, and must say so.
struct CloseOnPanic<'d>(&'d Database);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}
