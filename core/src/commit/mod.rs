//! Group commit: the one task that writes a feed.
//!
//! Owns the order of things: write, sync, show, answer. Small groups are synced by the journal, for many feeds at once
//! ([`crate::journal`]). Everything that was queued while a sync was under way goes into the next
//! one, so the busier the feed, the larger the group and the cheaper each event. Its parts: [`queue`] (what waits), [`group`]
//! (numbering and layout), [`append`] (one group), [`tail`] and [`rotate`] (segments), [`live`] (frames of the tail), [`stale`]
//! (frames of options that were); retention is in [`crate::retention`]. Never blocks: what touches the disk runs in [`Storage::run`]. Tested in `tests/`.

mod append;
pub(crate) mod group;
mod live;
pub(crate) mod queue;
mod rotate;
mod stale;
pub(crate) mod tail;
mod upkeep;

pub(crate) use append::{Write, Written};
pub(crate) use stale::StaleFrames;

use crate::feed::{Feed, FeedCore, FeedState};
use crate::frames::writer::FrameWriter;
use crate::storage::Storage;
use futures_lite::future::yield_now;
use queue::Command;
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tail::Tail;

/// The right to write a feed, to be moved to the shard that owns it. Dropping it closes the feed.
#[derive(Debug)]
pub struct WriterSeed {
    owner: Owner,
}

impl WriterSeed {
    /// The right that was claimed with [`FeedCore::claim_writer`].
    pub(crate) fn new(feed: Arc<Feed>) -> WriterSeed {
        WriterSeed { owner: Owner { feed } }
    }

    /// The feed.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.owner.feed
    }

    /// Binds the writer to where its blocking work is to run. Call it on the shard that owns the feed.
    pub fn attach<S: Storage>(self, storage: S) -> Writer<S> {
        let tail = self.owner.core().segments.newest().map(Tail::recovered);
        Writer {
            owner: self.owner,
            storage,
            tail,
            live: Vec::new(),
            pending: VecDeque::new(),
            sync_scheduled: false,
            doomed: VecDeque::new(),
        }
    }
}

/// Closes the feed when nobody can write it any more.
#[derive(Debug)]
struct Owner {
    feed: Arc<Feed>,
}

impl Owner {
    fn core(&self) -> &Arc<FeedCore> {
        &self.feed.core
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let core = self.core();
        if core.state.set(FeedState::Closed)
            && let Some(listener) = &core.store.options.listener
        {
            listener.state_changed(&self.feed);
        }
        core.queue.close();
    }
}

/// The one task that writes a feed.
pub struct Writer<S: Storage> {
    owner: Owner,
    pub(crate) storage: S,
    /// `None` only when a damaged feed has no readable segment; it has failed then and writes nothing.
    tail: Option<Tail>,
    /// The encodings that are built with each commit.
    live: Vec<FrameWriter>,
    pending: VecDeque<Command>,
    sync_scheduled: bool,
    /// Segment files that have left the window and are to be removed, oldest first.
    pub(crate) doomed: VecDeque<PathBuf>,
}

impl<S: Storage> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("feed", &self.core().name).field("tail", &self.tail).finish_non_exhaustive()
    }
}

impl<S: Storage> Writer<S> {
    /// The group commit loop; ends when the feed is closed. Dropping it closes the feed without a sync.
    pub async fn run(mut self) {
        loop {
            if self.pending.is_empty() {
                let mut pending = std::mem::take(&mut self.pending);
                self.core().queue.take(&mut pending).await;
                self.pending = pending;
            }
            if let Some(Command::Append { .. }) = self.pending.front() {
                self.commit_group().await;
            } else if let Some(command) = self.pending.pop_front() {
                if let Command::Close(reply) = command {
                    return self.close(reply).await;
                }
                self.obey(command).await;
            }
            yield_now().await;
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Flush(reply) => self.flush(reply).await,
            Command::Seal(reply) => self.seal(reply).await,
            Command::Replace(rewritten, reply) => {
                // Whoever no longer waits needs no answer.
                reply.send(self.replace(*rewritten).await).ok();
            }
            Command::Adopt(build) => self.adopt(build).await,
            Command::Deactivate(encoding) => self.deactivate(encoding),
            Command::ForgetStale => self.forget_stale(),
            Command::Retain => self.retain().await,
            Command::SyncDue => self.sync_due().await,
            // The loop above deals with these.
            Command::Append { .. } | Command::Close(_) => {}
        }
    }

    pub(crate) fn core(&self) -> &Arc<FeedCore> {
        self.owner.core()
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.owner.feed
    }

    /// Changes the feed's state and tells the listener.
    fn set_state(&self, state: FeedState) {
        if self.core().state.set(state)
            && let Some(listener) = &self.core().store.options.listener
        {
            listener.state_changed(self.feed());
        }
    }

    /// The feed takes no events any more; what failed is never tried again.
    fn fail(&self, reason: String) {
        self.set_state(FeedState::Failed { reason });
    }
}
