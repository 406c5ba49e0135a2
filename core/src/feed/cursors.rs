//! Makes cursors, and carries them over to segments that are not linked yet.
//!
//! Owns the waiting for frames to be built; reading them is [`crate::cursor`]'s. Tested in `tests/cursors.rs`.

use super::{Feed, FeedCore};
use crate::cursor::{Cursor, Start};
use crate::error::CursorError;
use crate::frames::EncodingId;
use crate::frames::build::Build;
use crate::frames::frame_log::{FrameLog, Phase};
use crate::frames::slots::{Claim, Parts};
use crate::segment::Segment;
use std::sync::Arc;

impl Feed {
    /// A cursor over the frames of `encoding`. Frames that are not there are built in the background first; at the tail they
    /// are then kept up to date for as long as cursors use the encoding. A start before the window is moved to its beginning.
    pub async fn cursor(&self, encoding: EncodingId, start: Start) -> Result<Cursor, CursorError> {
        let core = &self.core;
        if core.store.frames.encoder(encoding).is_none() {
            return Err(CursorError::UnknownEncoding { index: usize::from(encoding.0) });
        }
        let seq = match start {
            Start::Tail => u64::MAX,
            Start::Seq(seq) => seq,
        };
        let segment = core.segments.find(seq).ok_or_else(|| unreadable(core))?;
        let parts = frames_of(core, &segment, encoding).await?;
        let log = part_with(&parts, seq).ok_or_else(|| unreadable(core))?;
        log.touch(core.store.options.clock.now_ms());
        let offset = log.offset_of(seq);
        Ok(Cursor::new(log, encoding, offset))
    }

    /// Moves a cursor for which [`Cursor::step`] said [`crate::Step::NeedSegment`] to the frames that come next, building them
    /// if they are not there. The cursor is unchanged when this fails.
    pub async fn next_segment(&self, cursor: &mut Cursor) -> Result<(), CursorError> {
        let old = Arc::clone(cursor.log());
        if old.committed() > cursor.offset() || old.phase() == Phase::Live {
            return Ok(());
        }
        let resume_seq = old.resume_seq();
        let gone = || CursorError::Gone { first_seq: self.first_seq() };
        if old.successor_is_gone() {
            return Err(gone());
        }
        let next = self.cursor(cursor.encoding(), Start::Seq(resume_seq)).await?;
        if old.successor_is_gone() {
            return Err(gone());
        }
        if old.phase() == Phase::Finished && next.offset() == 0 {
            old.link(next.log());
        }
        cursor.move_to(next);
        Ok(())
    }
}

fn unreadable(core: &FeedCore) -> CursorError {
    let reason =
        core.state.get().refusal().map_or_else(|| "the feed has no segment".to_owned(), |refusal| refusal.to_string());
    CursorError::Build { reason }
}

/// The frames of a segment, built if need be. The result keeps them from being evicted.
async fn frames_of(core: &Arc<FeedCore>, segment: &Arc<Segment>, encoding: EncodingId) -> Result<Parts, CursorError> {
    let answer = match segment.slots.claim(encoding) {
        Claim::Ready(parts) => return Ok(parts),
        Claim::Wait(answer) => answer,
        Claim::Build(answer) => {
            let build = Build::new(core, Arc::clone(segment), encoding);
            core.store.frames.janitor.build(Box::new(build));
            answer
        }
    };
    match answer.await {
        Ok(Ok(parts)) => Ok(parts),
        Ok(Err(reason)) => Err(CursorError::Build { reason }),
        Err(_) => Err(CursorError::Closed),
    }
}

/// The part that holds the first frame with a seq of at least `seq`; the last part when there is none.
fn part_with(parts: &Parts, seq: u64) -> Option<Arc<FrameLog>> {
    let within = parts.iter().find(|part| part.phase() == Phase::Live || part.resume_seq() > seq);
    within.or(parts.last()).cloned()
}
