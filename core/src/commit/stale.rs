//! Frames that say what is no longer true of their feed, since its options have changed.
//!
//! Owns their removal: the slots of every segment are emptied, and the tail is not encoded that way any more, so that whoever
//! asks has them built anew. Cursors within such frames finish them. What is being built at that time is noted, and removed by a
//! later look of the store when it is done. Tested in `tests/options.rs`.

use super::Writer;
use crate::feed::FeedCore;
use crate::frames::EncodingId;
use crate::frames::frame_log::Phase;
use crate::storage::Storage;

/// Frames that are to be removed once they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StaleFrames {
    encoding: EncodingId,
    /// Of the segment they belong to.
    base_seq: u64,
}

impl FeedCore {
    /// Notes everything there is in this encoding as stale.
    pub(crate) fn note_stale(&self, encoding: EncodingId) {
        let segments = self.segments.all();
        let of_encoding = segments.iter().filter(|segment| segment.slots.has(encoding));
        self.stale().extend(of_encoding.map(|segment| StaleFrames { encoding, base_seq: segment.header.base_seq }));
    }

    /// Whether there is something for [`Writer::forget_stale`] to do.
    pub(crate) fn has_stale(&self) -> bool {
        !self.stale().is_empty()
    }
}

impl<S: Storage> Writer<S> {
    /// Removes stale frames as far as they are built.
    pub(super) fn forget_stale(&mut self) {
        let noted = std::mem::take(&mut *self.core().stale());
        let left: Vec<StaleFrames> = noted.into_iter().filter(|stale| !self.forget(*stale)).collect();
        self.core().stale().extend(left);
        self.list_live();
    }

    /// Removes them; false while they are being built.
    fn forget(&mut self, StaleFrames { encoding, base_seq }: StaleFrames) -> bool {
        let Some(segment) = self.core().segments.find(base_seq) else { return true };
        if segment.slots.take_if(encoding, |_| true).is_none() {
            return !segment.slots.has(encoding);
        }
        // They may have been carried over to another tail meanwhile.
        if let (Some(at), Some(tail)) = (self.live.iter().position(|writer| writer.encoding == encoding), &self.tail) {
            drop(tail.segment.slots.take_if(encoding, |_| true));
            self.live.swap_remove(at).log().end_with(Phase::Detached);
        }
        true
    }
}
