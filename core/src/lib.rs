//! The durable log of Tailwater: feeds of events, written once and read by any number of cursors.
//!
//! Owns the data directory: segments, recovery, group commit, retention, and the *frame logs* from which subscribers are
//! sent ready-made bytes. Knows no sockets and no protocol: what a frame looks like is an [`Encoder`]'s business.
//!
//! The way of an event: a [`Batch`] of [`Draft`]s is given to [`Feed::append`] on any thread; the feed's [`Writer`], a task on
//! the shard that owns the feed, assigns seqs, writes the records of everything queued, syncs once, shows the events to
//! readers and answers the publishers. A [`Cursor`] follows the frames of one encoding, from any retained seq to the tail,
//! without locks; replay and live are the same code.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tailwater_core::*;
//! # let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), StoreOptions::default())?;
//! let feed = store.create_feed("news", FeedOptions::default())?;
//! println!("{} starts at {}", feed.name(), feed.next_seq());
//! # Ok(())
//! # }
//! ```

mod batch;
mod commit;
mod compaction;
mod cursor;
mod error;
mod event;
mod feed;
mod frames;
mod janitor;
mod journal;
mod retention;
mod segment;
pub mod storage;
mod store;
mod sys;

pub use batch::{BATCH_BYTES_MAX, Batch, SeqMode};
pub use commit::{Writer, WriterSeed};
pub use compaction::{Rewritten, SealedRun};
pub use cursor::{Bounds, Cursor, Lent, PopulateJob, RUNS_MAX, Runs, Skip, Start, Step};
pub use error::{AppendError, CompactError, CursorError, DraftError, FeedError, OpenError, ReadError};
pub use event::{BODY_BYTES_MAX, BodyFormat, Draft, Event, KEY_BYTES_MAX, KIND_BYTES_MAX, SEQ_MAX};
pub use feed::options::{Durability, FeedOptions, Retention, SEGMENT_BYTES_LIMIT, SEGMENT_BYTES_MIN};
pub use feed::{Appended, EventReader, Feed, FeedId, FeedState};
pub use frames::{Encoder, EncodingId};
pub use store::options::{Clock, CommitListener, StoreOptions};
pub use store::{OpenReport, Store};
