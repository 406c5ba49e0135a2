//! Keeps frame logs within the disk budget, and notices encodings that nobody follows any more.
//!
//! Owns the choice of what goes; called about once a second, never on the way of an event. Frame logs that a cursor holds stay;
//! one that is chosen is unlinked, never truncated, so that even a reader that got hold of it at the last moment goes on.
//! Tested in `tests/cursors.rs`.

use super::EncodingId;
use super::slots::Parts;
use crate::commit::queue::Command;
use crate::feed::FeedCore;
use crate::segment::Segment;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// References to the newest part of a live encoding that are not a cursor's: its slot and the writer.
const LIVE_HOLDERS: usize = 2;

/// Notes which frames of a feed are in use, and asks its writer to stop building encodings that have been idle for too long.
pub(crate) fn watch(core: &FeedCore, now_ms: u64) {
    let mut used = Vec::new();
    let mut bytes = 0;
    for segment in core.segments.all() {
        let at_tail = !segment.is_sealed();
        segment.slots.for_each(|encoding, parts| {
            bytes += parts.iter().map(|part| part.disk_bytes()).sum::<u64>();
            if is_held(parts, at_tail) {
                parts.iter().for_each(|part| part.touch(now_ms));
                used.push(encoding);
            }
        });
    }
    core.frame_bytes.store(bytes, Ordering::Relaxed);
    for encoding in idle_encodings(core, &used, now_ms) {
        core.queue.push(Command::Deactivate(encoding));
    }
}

fn idle_encodings(core: &FeedCore, used: &[EncodingId], now_ms: u64) -> Vec<EncodingId> {
    let idle_ms = core.store.options.encoding_idle_ms;
    let mut idle = Vec::new();
    for live in core.live().iter_mut() {
        if used.contains(&live.encoding) {
            live.used_ms = now_ms;
        } else if live.used_ms.saturating_add(idle_ms) <= now_ms {
            idle.push(live.encoding);
        }
    }
    idle
}

/// Whether a cursor holds any of the parts, of which the newest is being written if they are those `at_tail`.
pub(crate) fn is_held(parts: &Parts, at_tail: bool) -> bool {
    let newest = parts.len() - 1;
    parts.iter().enumerate().any(|(position, part)| {
        let own = if at_tail && position == newest { LIVE_HOLDERS } else { 1 };
        Arc::strong_count(part) > own
    })
}

/// Removes the least recently used frames of sealed segments until all are within `bytes_max`, or only used ones are left.
pub(crate) fn evict(feeds: &[Arc<FeedCore>], total: impl Fn() -> u64, bytes_max: u64) {
    if total() <= bytes_max {
        return;
    }
    let mut candidates = candidates(feeds);
    candidates.sort_by_key(|candidate| candidate.0);
    for (_, segment, encoding) in candidates {
        if total() <= bytes_max {
            return;
        }
        drop(segment.slots.take_if(encoding, |parts| !is_held(parts, false)));
    }
}

/// Removes a feed's frames of one encoding as far as nobody uses them; true when none are left. Frames of the tail are the
/// feed's writer's, which is asked to stop making them.
pub(crate) fn release(core: &FeedCore, encoding: EncodingId) -> bool {
    let mut released = true;
    for segment in core.segments.all() {
        if segment.is_sealed() {
            drop(segment.slots.take_if(encoding, |parts| !is_held(parts, false)));
        } else if segment.slots.has(encoding) {
            core.queue.push(Command::Deactivate(encoding));
        }
        released &= !segment.slots.has(encoding);
    }
    released
}

fn candidates(feeds: &[Arc<FeedCore>]) -> Vec<(u64, Arc<Segment>, EncodingId)> {
    let mut candidates = Vec::new();
    for segment in feeds.iter().flat_map(|core| core.segments.all()).filter(|segment| segment.is_sealed()) {
        segment.slots.for_each(|encoding, parts| {
            let used_ms = parts.iter().map(|part| part.used_ms()).max().unwrap_or(0);
            candidates.push((used_ms, Arc::clone(&segment), encoding));
        });
    }
    candidates
}
