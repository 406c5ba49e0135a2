//! Compaction: sealed segments are rewritten without the events that nobody needs any more.
//!
//! Owns which segments go together; what is needed is the caller's to say. Never touches the segment that is being written, never
//! changes a seq and never moves the window: readers meet gaps, which seqs may have anyway. Readers that stand in an old segment
//! go on in it, since it stays mapped. Its parts: [`rewrite`] makes the new segment beside the old ones, [`replace`] puts it in
//! their place. Tested in `tests/compaction.rs`, with power cuts in `tests/crash.rs`.

mod replace;
mod rewrite;

pub use rewrite::Rewritten;

use crate::commit::queue::Command;
use crate::error::{AppendError, CompactError};
use crate::feed::{Feed, FeedCore};
use crate::segment::Segment;
use futures_channel::oneshot;
use std::sync::Arc;

/// Sealed segments, side by side, that become one: see [`Feed::sealed_run`].
#[derive(Debug)]
pub struct SealedRun {
    core: Arc<FeedCore>,
    /// At least one.
    segments: Vec<Arc<Segment>>,
}

impl Feed {
    /// How many events lie in the segment that is being written, and the seq from which on they do. These cannot be compacted
    /// before [`Feed::seal`].
    pub fn unsealed(&self) -> (u64, u64) {
        self.core.segments.newest().map_or((0, self.next_seq()), |tail| (tail.count(), tail.header.base_seq))
    }

    /// Seals the segment that is being written, if it holds anything, and begins another.
    pub async fn seal(&self) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.core.queue.push(Command::Seal(reply));
        answer.await.unwrap_or_else(|_| Err(self.core.ended()))
    }

    /// The first sealed segment whose events have a seq of at least `from_seq`, together with those behind it as far as all of
    /// them fit into one. A feed that does not keep everything has its segments dropped one by one, so they stay apart.
    pub fn sealed_run(&self, from_seq: u64) -> Option<SealedRun> {
        let core = &self.core;
        let mut sealed = core.segments.all();
        sealed.pop();
        let from = sealed.partition_point(|segment| segment.header.base_seq < from_seq);
        let options = core.options();
        let retention = &options.retention;
        let alone = retention.age_ms.is_some() || retention.bytes.is_some();
        let mut bytes = 0;
        let together = sealed[from..].iter().take_while(|segment| {
            bytes += segment.data_bytes();
            !alone && bytes <= options.segment_bytes_max
        });
        let count = together.count().max(1);
        let segments: Vec<_> = sealed.into_iter().skip(from).take(count).collect();
        (!segments.is_empty()).then(|| SealedRun { core: Arc::clone(core), segments })
    }

    /// Puts a rewritten segment in the place of those it was made of, durably. What has superseded the events that are dropped is
    /// brought to the disk before.
    pub async fn replace(&self, rewritten: Rewritten) -> Result<(), CompactError> {
        let (reply, answer) = oneshot::channel();
        self.core.queue.push(Command::Replace(Box::new(rewritten), reply));
        answer.await.unwrap_or_else(|_| Err(self.core.ended().into()))
    }
}

impl SealedRun {
    /// Every event of the run has this seq or a larger one.
    pub fn first_seq(&self) -> u64 {
        self.segments.first().map_or(0, |first| first.header.base_seq)
    }

    /// Every event of the run has this seq or a smaller one.
    pub fn last_seq(&self) -> u64 {
        self.newest().map_or(0, |last| last.last_seq())
    }

    /// Bytes of its events.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.data_bytes()).sum()
    }

    /// How many events it has.
    pub fn event_count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.count()).sum()
    }

    fn newest(&self) -> Option<&Arc<Segment>> {
        self.segments.last()
    }
}
