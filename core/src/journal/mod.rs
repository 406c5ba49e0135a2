//! One sync for the small groups of many feeds.
//!
//! Owns the line of groups that wait, and who leads it. A small group is written to its segment, unsynced, and to the journal as
//! a record of what to write where; one sync of the journal makes all groups durable that wait at that time. There is no task
//! for it: the writer who comes first leads, which is to hand one job to its storage for everybody who waits, and when that is
//! done the first of those who wait since leads. Leadership travels with the job or the message that carries it, so it is handed
//! on when either is dropped, and nobody waits for a leader that is gone. Never waits for a segment to be synced: while the
//! journal has no room, groups are [`Outcome::Direct`]. Its parts: [`debts`] (when a file may be used again), [`log`] (the
//! files), [`redo`] (a record), [`replay`] (after a crash). Tested in `tests/journal.rs`, with power cuts in
//! `tests/crash.rs`.

mod debts;
mod log;
mod redo;
pub(crate) mod replay;

use crate::commit::{Write, Written};
use crate::feed::{FeedCore, FeedId};
use crate::segment::format::HEADER_BYTES;
use crate::storage::{Disk, Storage};
use debts::Debts;
use futures_channel::oneshot;
use log::{Files, Log};
use redo::Redo;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The smallest file there may be: several of the largest groups fit into it.
const FILE_BYTES_MIN: u64 = 64 << 10;

/// What one sync covers at most, unless a single group is larger.
const BATCH_BYTES_MAX: u64 = 1 << 20;

/// The journal of a store, shared by the writers of all its feeds, on any thread.
#[derive(Debug)]
pub(crate) struct Journal {
    data_dir: PathBuf,
    file_bytes: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting: VecDeque<Waiting>,
    /// `None` while somebody leads.
    log: Option<Log>,
    debts: Debts,
}

/// A group that is to be written, and where.
pub(crate) struct SmallGroup {
    pub(crate) feed: Arc<FeedCore>,
    /// Of the segment it belongs to.
    pub(crate) base_seq: u64,
    /// Of the segment it belongs to.
    pub(crate) salt: u32,
    /// Where in the segment.
    pub(crate) offset: u64,
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Writes it there, without a sync.
    pub(crate) write: Write,
}

/// What has become of a group.
pub(crate) enum Outcome {
    /// It is durable if it could be written.
    Journaled(Written),
    /// Nothing: write it and sync its segment.
    Direct(Write),
    /// Nobody knows: the thread that was to write it has ended.
    Lost,
}

#[derive(Debug)]
struct Waiting {
    group: SmallGroup,
    reply: oneshot::Sender<Turn>,
}

/// What comes of waiting.
enum Turn {
    /// The group is taken care of.
    Done(Outcome),
    /// It is the first of those who wait.
    Lead(Leadership, SmallGroup),
}

/// Held by the one who may write the journal; handed on when it is dropped.
#[derive(Debug)]
struct Leadership {
    journal: Arc<Journal>,
    /// `None` only when it has been handed on.
    log: Option<Log>,
}

impl Journal {
    /// The journal of the store in `data_dir`, whose files are made when they are needed.
    pub(crate) fn new(data_dir: PathBuf, file_bytes: u64) -> Journal {
        let file_bytes = file_bytes.clamp(FILE_BYTES_MIN, crate::SEGMENT_BYTES_LIMIT);
        let inner = Inner { waiting: VecDeque::new(), log: Some(Log::Absent), debts: Debts::default() };
        Journal { data_dir, file_bytes, inner: Mutex::new(inner) }
    }

    /// Makes a group durable together with those that wait at the same time.
    pub(crate) async fn commit<S: Storage>(self: &Arc<Self>, storage: &S, group: SmallGroup) -> Outcome {
        let (reply, mut answer) = oneshot::channel();
        if let Err(refused) = self.join(Waiting { group, reply }) {
            return Outcome::Direct(refused.group.write);
        }
        loop {
            match answer.await {
                Ok(Turn::Done(outcome)) => return outcome,
                Ok(Turn::Lead(leadership, group)) => answer = leadership.begin(storage, group),
                Err(_) => return Outcome::Lost,
            }
        }
    }

    /// The segments of a feed are synced, or gone: what the journal has of it is not needed any more.
    pub(crate) fn settle(&self, feed: FeedId) {
        self.lock().debts.settle(feed);
    }

    /// Queues a group, which leads if nobody does. Gives it back when the journal takes none.
    fn join(self: &Arc<Self>, waiting: Waiting) -> Result<(), Box<Waiting>> {
        let mut inner = self.lock();
        if inner.debts.is_blocked() || matches!(inner.log, Some(Log::GivenUp)) {
            return Err(Box::new(waiting));
        }
        inner.waiting.push_back(waiting);
        let log = inner.log.take();
        drop(inner);
        if let Some(log) = log {
            self.hand_on(log);
        }
        Ok(())
    }

    /// Lets the first who waits lead. Those who do not wait any more are forgotten: nothing of theirs is written yet.
    fn hand_on(self: &Arc<Self>, log: Log) {
        loop {
            let mut inner = self.lock();
            let Some(Waiting { group, reply }) = inner.waiting.pop_front() else {
                inner.log = Some(log);
                return;
            };
            drop(inner);
            if !reply.is_canceled() {
                let leadership = Leadership { journal: Arc::clone(self), log: Some(log) };
                // If it has gone at this very moment, the leadership is dropped here and handed on to the next.
                reply.send(Turn::Lead(leadership, group)).ok();
                return;
            }
        }
    }

    /// The first, and as many of those who wait as go together.
    fn take(&self, first: Waiting) -> Vec<Waiting> {
        let bytes_max = BATCH_BYTES_MAX.min((self.file_bytes - HEADER_BYTES) / 4);
        let mut bytes = first.group.redo().record_bytes();
        let mut batch = vec![first];
        let mut inner = self.lock();
        while let Some(next) = inner.waiting.front() {
            bytes += next.group.redo().record_bytes();
            if bytes > bytes_max {
                break;
            }
            batch.extend(inner.waiting.pop_front());
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leadership {
    /// Sends everybody who waits on the way, `group` first, whose answer comes like the others'.
    fn begin<S: Storage>(self, storage: &S, group: SmallGroup) -> oneshot::Receiver<Turn> {
        let (reply, answer) = oneshot::channel();
        let batch = self.journal.take(Waiting { group, reply });
        let disk = Arc::clone(storage.disk());
        drop(storage.run(move || self.serve(batch, &*disk)));
        answer
    }

    /// The job: writes a batch and answers it. Until it has succeeded the journal counts as given up.
    fn serve(mut self, batch: Vec<Waiting>, disk: &dyn Disk) {
        let Some(mut files) = self.files_for(&batch, disk) else {
            return batch.into_iter().for_each(|Waiting { group, reply }| answer(reply, Outcome::Direct(group.write)));
        };
        let mut written = Vec::with_capacity(batch.len());
        let mut store = None;
        for Waiting { group, reply } in batch {
            files.add(&group.redo(), group.feed.store.options.clock.now_ms());
            let result = (group.write)();
            match result.file {
                Ok(_) => self.journal.lock().debts.owe(&group.feed),
                Err(_) => files.take_back(),
            }
            store.get_or_insert_with(|| Arc::clone(&group.feed.store));
            written.push((reply, result));
        }
        match files.store() {
            Ok(()) => {
                let due = self.journal.lock().debts.due(files.used_bytes(), files.capacity());
                self.log = Some(Log::Ready(files));
                debts::ask(due);
            }
            Err(error) => {
                written.iter_mut().for_each(|(_, written)| written.fail(&error));
                report(store.as_deref(), &error);
            }
        }
        written.into_iter().for_each(|(reply, written)| answer(reply, Outcome::Journaled(written)));
    }

    /// Files with room for a batch. `None` when its feeds have to sync for themselves.
    fn files_for(&mut self, batch: &[Waiting], disk: &dyn Disk) -> Option<Box<Files>> {
        let store = batch.first().map(|first| &*first.group.feed.store);
        let mut files = match self.log.replace(Log::GivenUp)? {
            Log::Ready(files) => files,
            Log::GivenUp => return None,
            Log::Absent => {
                let made = store.map_or(Ok(()), |store| store.check_disk(disk, 2 * self.journal.file_bytes));
                let made = made.map_err(io::Error::other);
                let made = made.and_then(|()| Files::create(disk, &self.journal.data_dir, self.journal.file_bytes));
                Box::new(made.inspect_err(|error| report(store, error)).ok()?)
            }
        };
        if files.has_room(batch.iter().map(|waiting| waiting.group.redo().record_bytes()).sum()) {
            return Some(files);
        }
        if !self.journal.lock().debts.swap() {
            self.log = Some(Log::Ready(files));
            return None;
        }
        files.recycle().inspect_err(|error| report(store, error)).ok()?;
        Some(files)
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        if let Some(log) = self.log.take() {
            self.journal.hand_on(log);
        }
    }
}

impl SmallGroup {
    fn redo(&self) -> Redo<'_> {
        Redo {
            feed_dir: self.feed.dir.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            feed_uid: self.feed.uid,
            base_seq: self.base_seq,
            salt: self.salt,
            offset: self.offset,
            bytes: &self.bytes,
        }
    }
}

impl std::fmt::Debug for SmallGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmallGroup").field("redo", &self.redo()).finish_non_exhaustive()
    }
}

fn answer(reply: oneshot::Sender<Turn>, outcome: Outcome) {
    // A writer that is gone needs no answer.
    reply.send(Turn::Done(outcome)).ok();
}

/// Says that the journal is not used any more.
fn report(store: Option<&crate::store::shared::StoreShared>, error: &io::Error) {
    if let Some(listener) = store.and_then(|store| store.options.listener.as_ref()) {
        listener.journal_given_up(&error.to_string());
    }
}
