//! Indexes: what a dialect looks up about a feed's events, by key and in order.
//!
//! Owns one small store per feed, on the disk, of entries somebody derived from the log. The log stays the truth: an index is
//! never synced by us, and is built anew when it is missing, damaged, or does not fit its log. What makes that safe is
//! the stamp: each batch is written together with the seq it brings the index to, so after any crash an index is one the log
//! has passed, and [`Index::catch_up`] goes on from there. Never interprets an event and knows no dialect.
//!
//! Everything here may block on the disk, reads too, and a commit may wait while the store works up what was written:
//! call it from a blocking pool or from a thread of its own, never on a shard.
//!
//! | file | owns |
//! | --- | --- |
//! | `tables` | what a user says of its entries |
//! | `batch` | changes that reach the index together |
//! | `catch_up` | from where an index stands to the tail of the log |
//! | `place` | directories: names, throwing away, sweeping |
//! | `stamp` | how far an index has come, and whether that fits a log |
//! | `store` | the only file that names the store underneath |
//! | `error` | errors |
//!
//! Tested in `tests/`, beside this file.

mod batch;
mod catch_up;
mod error;
mod place;
mod stamp;
mod store;
mod tables;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    marker::PhantomData,
    ops::RangeBounds,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tailwater_core::Feed;

pub use self::{
    batch::WriteBatch,
    error::{CatchUpError, Discarded, IndexError},
    place::Indexes,
    store::{Bytes, IndexOptions, Rows},
    tables::{KEY_BYTES_MAX, Tables},
};
use self::{
    stamp::{LogView, Stamp, fingerprint},
    store::Store,
    tables::{full_key, full_range},
};

/// How an opened index came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there and fits the log.
    Kept,
    /// There was none; it is empty.
    Created,
    /// There was one, which was thrown away; it is empty.
    Rebuilt(Discarded),
}

/// An open index: the entries of one user, derived from one feed. Shared by any number of threads; written by one at a time.
pub struct Index<T: Tables> {
    store: Store,
    /// The stamp of an empty one.
    empty: Stamp,
    applied_seq: AtomicU64,
    writing: Mutex<()>,
    origin: Origin,
    tables: PhantomData<fn(T)>,
}

impl Indexes {
    /// Opens one kind of index of a feed, or creates it. One that does not fit the feed's log is thrown away first; see
    /// [`Index::origin`]. Either way it may be behind: [`Index::catch_up`] is the next thing to call.
    ///
    /// Blocks. Starts a thread, which inherits the processors of the thread that calls.
    pub fn open<T: Tables>(&self, feed: &Feed, feed_uid: u64, options: IndexOptions) -> Result<Index<T>, IndexError> {
        let dir = self.dir(feed_uid, T::NAME);
        let empty = Stamp { layout: T::LAYOUT, feed_uid, seq: 0, fingerprint: 0 };
        if !dir.exists() {
            return Index::create(&dir, empty, options, Origin::Created);
        }
        match Index::reopen(&dir, empty, options, feed)? {
            Ok(index) => Ok(index),
            Err(reason) => {
                tracing::warn!(feed = feed.name(), %reason, "the index is thrown away and built anew from the log");
                place::discard(&dir)?;
                Index::create(&dir, empty, options, Origin::Rebuilt(reason))
            }
        }
    }
}

impl<T: Tables> Index<T> {
    /// The last event of the log that is in the index, with all events before it; 0 for none.
    pub fn applied_seq(&self) -> u64 {
        self.applied_seq.load(Ordering::Acquire)
    }

    /// How it came to be when it was opened.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value of a key. While a batch is being written, some of it may show already; what belongs together is read with
    /// [`Index::range`], or by whoever writes.
    pub fn get(&self, table: T, key: &[u8]) -> Result<Option<Bytes>, IndexError> {
        self.store.get(&full_key(table, key)?)
    }

    /// The keys of a range and their values, in the order of the keys' bytes, as they are now: batches that are written
    /// later do not show. `..` is a range, and so are two `Bound<&[u8]>`. Holds back the store's own tidying up while it lives.
    pub fn range(&self, table: T, range: impl RangeBounds<[u8]>) -> Result<Rows, IndexError> {
        Ok(self.store.range(full_range(table, &range)?))
    }

    /// Starts a batch. Only one at a time makes sense: what another one writes meanwhile is not looked at.
    pub fn batch(&self) -> WriteBatch<'_, T> {
        WriteBatch::new(self)
    }

    fn write(&self, changes: HashMap<Vec<u8>, Option<Bytes>>, stamp: Stamp) -> Result<(), IndexError> {
        // It guards no data, only the order.
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let applied_seq = self.applied_seq();
        if stamp.seq <= applied_seq {
            return Err(IndexError::Backwards { applied_seq, seq: stamp.seq });
        }
        // Neighbours one after the other: each finds its place where the one before it has just been.
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self.store.write(changes, stamp)?;
        self.applied_seq.store(stamp.seq, Ordering::Release);
        Ok(())
    }

    fn create(dir: &Path, empty: Stamp, options: IndexOptions, origin: Origin) -> Result<Self, IndexError> {
        let store = Store::open(dir, options)?;
        store.write(HashMap::new(), empty)?;
        Ok(Self::over(store, empty, empty, origin))
    }

    /// Opens what is there, and says why if that is no use.
    fn reopen(
        dir: &Path,
        empty: Stamp,
        options: IndexOptions,
        feed: &Feed,
    ) -> Result<Result<Self, Discarded>, IndexError> {
        let opened = Store::open(dir, options).and_then(|store| Ok((store.stamp()?, store)));
        let (stamp, store) = match opened {
            Ok(opened) => opened,
            Err(IndexError::Damaged { what, .. }) => return Ok(Err(Discarded::Damaged { what })),
            Err(error) => return Err(error),
        };
        let fits = stamp.judge(empty, LogView::of(feed, stamp.seq));
        Ok(fits.map(|()| Self::over(store, empty, stamp, Origin::Kept)))
    }

    fn over(store: Store, empty: Stamp, stamp: Stamp, origin: Origin) -> Self {
        let applied_seq = AtomicU64::new(stamp.seq);
        Self { store, empty, applied_seq, writing: Mutex::default(), origin, tables: PhantomData }
    }
}

impl<T: Tables> fmt::Debug for Index<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("store", &self.store).field("applied_seq", &self.applied_seq()).finish()
    }
}

impl LogView {
    /// The feed's log as an index that has applied `seq` looks at it.
    fn of(feed: &Feed, seq: u64) -> Self {
        let mut reader = feed.read(seq);
        // An event that cannot be read proves nothing.
        let event = reader.next().and_then(Result::ok).filter(|event| event.seq == seq);
        Self {
            fingerprint: event.map(|event| fingerprint(&event)),
            first_seq: feed.first_seq(),
            last_seq: feed.last_seq(),
        }
    }
}
