//! Views: what of a feed passes a filter that is worked out elsewhere, behind the feed's tail.
//!
//! Owns the wake-up from a view to the shards: one message per shard, and only if the last one has been read. What passes is
//! told by the [`Skip`](tailwater_core::Skip) in its readers' cursors. Tested by `server/tests/couchdb/`.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Names a view for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ViewId(u64);

impl fmt::Display for ViewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "view-{}", self.0)
    }
}

/// One view's messages that are on their way.
#[derive(Debug)]
pub(crate) struct Waking {
    id: ViewId,
    /// For each shard, whether a message is on its way and has not been read.
    notified: Box<[AtomicBool]>,
}

impl Waking {
    /// Of a new view.
    pub(crate) fn new(shards: usize) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = ViewId(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        Self { id, notified: (0..shards).map(|_| AtomicBool::default()).collect() }
    }

    pub(crate) fn id(&self) -> ViewId {
        self.id
    }

    /// Whether the shard has to be told. What is told was shown before.
    pub(crate) fn needs_telling(&self, shard: usize) -> bool {
        !self.notified[shard].swap(true, Ordering::SeqCst)
    }

    /// The shard reads its message now, and looks at the view afterwards.
    pub(super) fn heard(&self, shard: usize) {
        self.notified[shard].swap(false, Ordering::SeqCst);
    }
}
