//! One group: from queued batches to acknowledged events.

use super::group::{Group, GroupEvents, GroupStart, check};
use super::queue::{AppendReply, Command};
use super::{Writer, tail};
use crate::batch::{Batch, SeqMode};
use crate::error::AppendError;
use crate::feed::FeedState;
use crate::feed::options::Durability;
use crate::frames::writer::FrameWriter;
use crate::retention;
use crate::segment::format::Mark;
use crate::storage::{CacheWrite, DiskFile, Storage};
use futures_lite::future::yield_now;
use std::io;
use std::sync::Arc;

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
            durable_to: u32::try_from(tail.map_or(0, |tail| tail.synced)).ok()?,
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
        let sync = self.core().options.durability == Durability::Sync;
        let (file, path, offset) = (tail.file.clone(), tail.segment.path.clone(), tail.end);
        let disk = Arc::clone(self.storage.disk());
        let bytes = Arc::new(std::mem::take(&mut group.bytes));
        let group_end = offset + bytes.len() as u64;
        let zeros = if sync { tail.zeros_behind(bytes.len() as u64) } else { &[] };
        let laid_out = group_end + zeros.len() as u64;
        let job_bytes = Arc::clone(&bytes);
        let write = move || -> io::Result<Arc<dyn DiskFile>> {
            let file = tail::open(&*disk, file, &path)?;
            file.write_at(&job_bytes, offset)?;
            if !zeros.is_empty() {
                file.write_at(zeros, group_end)?;
            }
            if sync {
                file.sync()?;
            }
            Ok(file)
        };
        let (stored, cached) = if bytes.len() <= ENCODE_FIRST_BYTES_MAX {
            let writes = encode(tail, &mut self.live, &bytes, offset).await;
            let both = self.storage.run(move || (perform(writes), write())).await;
            both.map_or_else(|lost| (Err(lost), None), |(cached, stored)| (stored, Some(cached)))
        } else {
            let stored = self.storage.run(write);
            let writes = encode(tail, &mut self.live, &bytes, offset).await;
            let cached = self.storage.run(move || perform(writes));
            (stored.await.flatten(), cached.await.ok())
        };
        let cached = Cached { results: cached };
        match stored {
            Ok(file) => {
                self.lay_out(laid_out);
                self.show(group, file, group_end, sync, &cached);
            }
            Err(error) => self.give_up(group, &error),
        }
    }

    fn lay_out(&mut self, to: u64) {
        if let Some(tail) = &mut self.tail {
            tail.laid_out = tail.laid_out.max(to);
        }
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
    fn show(&mut self, group: Group, file: Arc<dyn DiskFile>, group_end: u64, synced: bool, cached: &Cached) {
        let now_ms = self.core().store.options.clock.now_ms();
        let Some(tail) = &mut self.tail else { return };
        let bytes = group_end - tail.end;
        tail.file = Some(file);
        tail.end = group_end;
        if synced {
            tail.synced = group_end;
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
        // Whoever sees the new last seq finds its frames.
        self.show_frames(cached);
        self.core().position.grow(group.first_seq, group.last_seq, bytes, group.count);
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

/// A group of at most so many bytes is encoded before it is stored, and everything is written by one job: handing over a
/// second one would cost more than encoding so little. Larger groups are encoded while the disk works.
const ENCODE_FIRST_BYTES_MAX: usize = 16 << 10;

fn perform(writes: Vec<Tagged>) -> Vec<(Option<usize>, io::Result<()>)> {
    writes.into_iter().map(|(tag, write)| (tag, write.perform())).collect()
}

/// How the writes to rebuildable files went.
#[derive(Debug)]
pub(super) struct Cached {
    /// `None` when the job that made them was lost.
    results: Option<Vec<(Option<usize>, io::Result<()>)>>,
}

impl Cached {
    /// Whether every write with this tag succeeded.
    pub(super) fn is_whole(&self, tag: Option<usize>) -> bool {
        let whole = |results: &Vec<(Option<usize>, io::Result<()>)>| {
            results.iter().filter(|(of, _)| *of == tag).all(|(_, result)| result.is_ok())
        };
        self.results.as_ref().is_some_and(whole)
    }
}

/// After so many bytes of events the encoding of a group lets other tasks of the shard run.
const ENCODE_BYTES_AT_ONCE: u64 = 64 << 10;

/// Encodes a group for every live encoding and for the index; returns the writes. An encoding whose frames cannot be staged
/// is given up.
async fn encode(tail: &tail::Tail, live: &mut [FrameWriter], bytes: &[u8], offset: u64) -> Vec<Tagged> {
    let mut entries = Vec::new();
    let mut pause_at = offset + ENCODE_BYTES_AT_ONCE;
    for (event, entry) in GroupEvents::new(bytes, offset) {
        if entry.offset >= pause_at {
            pause_at = entry.offset + ENCODE_BYTES_AT_ONCE;
            yield_now().await;
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
