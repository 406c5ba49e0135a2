//! One group: from queued batches to acknowledged events.

use super::group::{Group, GroupEvents, GroupStart, check};
use super::queue::{AppendReply, Command};
use super::{Writer, tail};
use crate::batch::{Batch, SeqMode};
use crate::error::AppendError;
use crate::feed::FeedState;
use crate::feed::options::Durability;
use crate::frames::spare::Spare;
use crate::frames::writer::FrameWriter;
use crate::journal::{Outcome, SmallGroup};
use crate::retention;
use crate::segment::format::Mark;
use crate::storage::{CacheWrite, DiskFile, Storage};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A write to a rebuildable file, and the encoding it belongs to: its position in the live list, `None` for the index.
pub(super) type Tagged = (Option<usize>, CacheWrite);

impl<S: Storage> Writer<S> {
    /// Commits as many of the batches at the head of what is pending as go together.
    pub(super) async fn commit_group(&mut self) {
        let Some(group) = self.gather().await else { return };
        let bytes = group.bytes.len();
        self.store(group).await;
        self.core().queue.release(bytes);
    }

    /// Collects a group. Answers the batches that are refused; makes room for the first that is not.
    async fn gather(&mut self) -> Option<Group> {
        let mut group = Group::new(self.group_start()?);
        while let Some(Command::Append { batch, mode, .. }) = self.pending.front() {
            let bytes = batch.byte_len();
            let group_bytes = group.bytes.len();
            if group.count > 0 && group_bytes + bytes > self.core().store.options.group_bytes_max {
                break;
            }
            let room = self.tail.as_ref().map_or(0, tail::Tail::room);
            let refusal = self.refusal(if bytes as u64 <= room { 0 } else { self.smallest_next(bytes as u64) });
            let verdict = refusal.map_or_else(|| check(batch, *mode, group.last_seq), Err);
            let verdict = match verdict {
                Ok(()) if (group_bytes + bytes) as u64 <= room => Ok(()),
                Ok(()) if group.count > 0 => break,
                Ok(()) => self.rotate(bytes as u64).await,
                refused => refused,
            };
            let Some((batch, mode, reply)) = self.pop_append() else { break };
            match verdict {
                Ok(()) => {
                    if group.count == 0 {
                        group = Group::new(self.group_start()?);
                    }
                    group.add(batch, mode, reply);
                }
                Err(refusal) => {
                    self.core().queue.release(bytes);
                    reply.send(Err(refusal)).ok();
                }
            }
        }
        (group.count > 0).then_some(group)
    }

    fn pop_append(&mut self) -> Option<(Batch, SeqMode, AppendReply)> {
        match self.pending.pop_front()? {
            Command::Append { batch, mode, reply } => Some((batch, mode, reply)),
            other => {
                self.pending.push_front(other);
                None
            }
        }
    }

    fn group_start(&self) -> Option<GroupStart> {
        let tail = self.tail.as_ref();
        Some(GroupStart {
            last_seq: self.core().position.last_seq(),
            durable_to: u32::try_from(tail.map_or(0, |tail| tail.durable)).ok()?,
            salt: tail.map_or(0, |tail| tail.segment.header.salt),
        })
    }

    /// Why a batch that takes `new_bytes` of further disk space cannot be taken now.
    fn refusal(&self, new_bytes: u64) -> Option<AppendError> {
        let core = self.core();
        if let Some(refusal) = core.state.final_refusal() {
            return Some(refusal);
        }
        if !core.store.disk_is_low() && core.state.is_open() {
            return None;
        }
        match core.store.check_disk(&**self.storage.disk(), new_bytes) {
            Ok(()) => {
                self.set_state(FeedState::Open);
                None
            }
            Err(reason) => Some(self.read_only(reason)),
        }
    }

    /// Enters the read-only state and returns the refusal that goes with it.
    pub(super) fn read_only(&self, reason: String) -> AppendError {
        self.set_state(FeedState::ReadOnly { reason: reason.clone() });
        AppendError::ReadOnly { reason }
    }

    /// Writes, syncs, shows and acknowledges a group.
    async fn store(&mut self, mut group: Group) {
        let Some(tail) = &self.tail else { return };
        let (file, path, offset) = (tail.file.clone(), tail.segment.path.clone(), tail.end);
        let disk = Arc::clone(self.storage.disk());
        let bytes = Arc::new(std::mem::take(&mut group.bytes));
        let job_bytes = Arc::clone(&bytes);
        let write = move || -> io::Result<Arc<dyn DiskFile>> {
            let file = tail::open(&*disk, file, &path)?;
            file.write_at(&job_bytes, offset)?;
            Ok(file)
        };
        let (written, reach) = if bytes.len() <= SMALL_GROUP_BYTES_MAX {
            let writes = encode(&self.storage, tail, &mut self.live, &bytes, offset).await;
            let frames = Arc::clone(&self.core().store.frames);
            let write: Write = Box::new(move || {
                let cached = Cached::perform(writes, &frames.spare);
                Written { file: write(), cached }
            });
            self.store_small(tail, Arc::clone(&bytes), write).await
        } else {
            let sync = self.core().options().durability == Durability::Sync;
            let stored = self.storage.run(move || write().and_then(|file| if sync { synced(file) } else { Ok(file) }));
            let writes = encode(&self.storage, tail, &mut self.live, &bytes, offset).await;
            let frames = Arc::clone(&self.core().store.frames);
            let cached = self.storage.run(move || Cached::perform(writes, &frames.spare));
            let written = Written { file: stored.await.flatten(), cached: cached.await.unwrap_or_default() };
            (written, if sync { Reach::Synced } else { Reach::Written })
        };
        match written.file {
            Ok(file) => self.show(group, file, offset + bytes.len() as u64, reach, &written.cached),
            Err(error) => self.give_up(group, &error),
        }
    }

    /// Lets a small group be written, together with those of other feeds if it has to be synced.
    async fn store_small(&self, tail: &tail::Tail, bytes: Arc<Vec<u8>>, write: Write) -> (Written, Reach) {
        if self.core().options().durability != Durability::Sync {
            return (self.storage.run(write).await.unwrap_or_else(Written::lost), Reach::Written);
        }
        if tail.durable < tail.end {
            // What lies before was stored with another durability, and the journal does not have it.
            return self.store_synced(write).await;
        }
        let header = &tail.segment.header;
        let feed = Arc::clone(self.core());
        let group = SmallGroup { feed, base_seq: header.base_seq, salt: header.salt, offset: tail.end, bytes, write };
        match self.core().store.journal.commit(&self.storage, group).await {
            Outcome::Journaled(written) => (written, Reach::Journaled),
            Outcome::Direct(write) => self.store_synced(write).await,
            Outcome::Lost => (Written::lost(io::Error::other("a storage job was lost")), Reach::Written),
        }
    }

    async fn store_synced(&self, write: Write) -> (Written, Reach) {
        let job = self.storage.run(move || {
            let Written { file, cached } = write();
            Written { file: file.and_then(synced), cached }
        });
        (job.await.unwrap_or_else(Written::lost), Reach::Synced)
    }

    fn give_up(&mut self, group: Group, error: &io::Error) {
        let path = self.tail.as_ref().map(|tail| tail.segment.path.display().to_string()).unwrap_or_default();
        let reason = format!("writing {path} failed: {error}; restart to recover what is on the disk");
        self.fail(reason.clone());
        for (reply, _) in group.replies {
            // A publisher that is gone needs no answer.
            reply.send(Err(AppendError::Failed { reason: reason.clone() })).ok();
        }
    }

    /// The group is as durable as it has to be: makes it visible, then answers.
    fn show(&mut self, group: Group, file: Arc<dyn DiskFile>, group_end: u64, reach: Reach, cached: &Cached) {
        let now_ms = self.core().store.options.clock.now_ms();
        let Some(tail) = &mut self.tail else { return };
        let bytes = group_end - tail.end;
        tail.file = Some(file);
        tail.end = group_end;
        if reach == Reach::Journaled {
            tail.durable = group_end;
        }
        let count = tail.segment.count() + group.count;
        tail.segment.publish(Mark {
            data_end: group_end,
            count,
            last_seq: group.last_seq,
            appended_ms: now_ms,
            sealed: false,
        });
        if let Some(index) = tail.segment.index()
            && cached.is_whole(None)
        {
            index.publish(index.count() + group.count);
        }
        if reach == Reach::Synced {
            self.synced_to(group_end);
        }
        // Whoever sees the new last seq finds its frames.
        self.show_frames(cached);
        self.core().position.grow(group.first_seq, group.last_seq, bytes, group.count);
        self.core().position.count_appended(group.count, group.body_bytes);
        self.schedule_sync();
        if retention::is_due(self.core(), now_ms) {
            self.pending.push_front(Command::Retain);
        }
        for (reply, appended) in group.replies {
            // A publisher that is gone needs no answer.
            reply.send(Ok(appended)).ok();
        }
        if let Some(listener) = &self.core().store.options.listener {
            listener.committed(self.feed());
        }
    }
}

/// A group of at most so many bytes is encoded before it is stored, everything is written by one job, and the journal makes it
/// durable: handing over a second job would cost more than encoding so little. Larger groups are encoded while the disk works,
/// and sync their segment: the journal would only write them twice.
const SMALL_GROUP_BYTES_MAX: usize = 16 << 10;

/// How far a group has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It is in the page cache.
    Written,
    /// The journal has it; its segment is written.
    Journaled,
    /// Its segment is synced.
    Synced,
}

/// Writes a group to its segment, and to rebuildable files. Blocks.
pub(crate) type Write = Box<dyn FnOnce() -> Written + Send>;

/// How writing a group went.
#[derive(Debug)]
pub(crate) struct Written {
    /// The segment's file.
    pub(crate) file: io::Result<Arc<dyn DiskFile>>,
    pub(super) cached: Cached,
}

impl Written {
    fn lost(error: io::Error) -> Written {
        Written { file: Err(error), cached: Cached::default() }
    }

    /// What was written could not be made durable.
    pub(crate) fn fail(&mut self, error: &io::Error) {
        if self.file.is_ok() {
            self.file = Err(io::Error::new(error.kind(), error.to_string()));
        }
    }
}

fn synced(file: Arc<dyn DiskFile>) -> io::Result<Arc<dyn DiskFile>> {
    file.sync()?;
    Ok(file)
}

/// How the writes to rebuildable files went.
#[derive(Debug, Default)]
pub(super) struct Cached {
    /// `None` when the job that made them was lost.
    results: Option<Vec<(Option<usize>, io::Result<()>)>>,
}

impl Cached {
    fn perform(writes: Vec<Tagged>, spare: &Spare) -> Cached {
        let perform = |(tag, write): Tagged| {
            let result = write.perform();
            spare.give(write.bytes);
            (tag, result)
        };
        Cached { results: Some(writes.into_iter().map(perform).collect()) }
    }

    /// Whether every write with this tag succeeded.
    pub(super) fn is_whole(&self, tag: Option<usize>) -> bool {
        let whole = |results: &Vec<(Option<usize>, io::Result<()>)>| {
            results.iter().filter(|(of, _)| *of == tag).all(|(_, result)| result.is_ok())
        };
        self.results.as_ref().is_some_and(whole)
    }
}

/// After so long the encoding of a group lets others run: subscribers wait for it.
const ENCODE_SLICE: Duration = Duration::from_millis(1);

/// Bytes of events between two looks at the clock.
const ENCODE_BYTES_PER_LOOK: u64 = 16 << 10;

/// Encodes a group for every live encoding and for the index; returns the writes. An encoding whose frames cannot be staged
/// is given up.
async fn encode(
    storage: &impl Storage,
    tail: &tail::Tail,
    live: &mut [FrameWriter],
    bytes: &[u8],
    offset: u64,
) -> Vec<Tagged> {
    let mut entries = Vec::new();
    let (mut began, mut look_at) = (Instant::now(), offset + ENCODE_BYTES_PER_LOOK);
    for (event, entry) in GroupEvents::new(bytes, offset) {
        if entry.offset >= look_at {
            look_at = entry.offset + ENCODE_BYTES_PER_LOOK;
            if began.elapsed() >= ENCODE_SLICE {
                storage.breathe().await;
                began = Instant::now();
            }
        }
        entry.put(&mut entries);
        live.iter_mut().for_each(|writer| writer.encode(&event));
    }
    let mut writes = Vec::with_capacity(1 + live.len() * 2);
    if let Ok(index) = tail.segment.create_index() {
        let (file, offset) = index.slot(index.count());
        writes.push((None, CacheWrite { file, bytes: entries, offset }));
    }
    for (position, writer) in live.iter_mut().enumerate() {
        let mut staged = Vec::new();
        match writer.stage(&mut staged) {
            Ok(()) => writes.extend(staged.into_iter().map(|write| (Some(position), write))),
            Err(_) => writer.give_up(),
        }
    }
    writes
}
