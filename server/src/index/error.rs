//! Every error an index hands out, and why one was thrown away.
//!
//! Owns the texts; never decides what happens next. Tested in [`super`].

use std::{io, path::PathBuf};

use tailwater_core::ReadError;

/// Why an index could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The disk refused.
    #[error("the index in {} cannot be used: {source}", .dir.display())]
    Io {
        /// The index.
        dir: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// What is stored contradicts itself. The index is marked, so that opening it builds it anew.
    #[error("the index in {} is damaged: {what}. Open it again: it is built anew from the log", .dir.display())]
    Damaged {
        /// The index.
        dir: PathBuf,
        /// What was found.
        what: String,
    },
    /// An earlier write failed, and what became of it is not known. Reading goes on.
    #[error("the index in {} takes no writes since one failed; see whether the disk is full, and open it again", .dir.display())]
    Stopped {
        /// The index.
        dir: PathBuf,
    },
    /// Another process or handle has it open.
    #[error("the index in {} is open already", .dir.display())]
    InUse {
        /// The index.
        dir: PathBuf,
    },
    /// A batch would take the index back.
    #[error("the index has applied the log up to seq {applied_seq}; a batch cannot end with seq {seq}")]
    Backwards {
        /// What is applied.
        applied_seq: u64,
        /// What the batch ends with; 0 when no event was said to be applied.
        seq: u64,
    },
    /// A key is longer than [`super::KEY_BYTES_MAX`]; the log's own limit on keys is lower.
    #[error("an index key is {bytes} bytes long, at most {max} are allowed", max = super::KEY_BYTES_MAX)]
    KeyTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

/// Why an index did not reach the tail of its log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatchUpError<E> {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log cannot be read.
    #[error("the log cannot be read on: {0}")]
    Log(#[from] ReadError),
    /// The caller's own, which ends it: what had been committed before stays.
    #[error("an event could not be applied: {0}")]
    Apply(E),
}

/// Why an index was thrown away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discarded {
    /// It was made from another feed.
    #[error("it belongs to the feed with uid {uid:016x}")]
    OtherFeed {
        /// That feed.
        uid: u64,
    },
    /// Its entries have another form or meaning.
    #[error("it has layout {layout}")]
    OtherLayout {
        /// Its layout.
        layout: u32,
    },
    /// It has applied events the log does not hold: a power cut took them back.
    #[error("it is ahead of the log: it has applied seq {applied_seq}, the log ends with {last_seq}")]
    Ahead {
        /// What it has applied.
        applied_seq: u64,
        /// What the log ends with.
        last_seq: u64,
    },
    /// The last event it has applied is another one in the log: the log was cut and has grown again.
    #[error("the log has another event with seq {seq}")]
    OtherEvent {
        /// That event.
        seq: u64,
    },
    /// Events it has not applied have left the window.
    #[error("it has applied seq {applied_seq}, and the log begins with {first_seq}")]
    Gap {
        /// What it has applied.
        applied_seq: u64,
        /// What the log begins with.
        first_seq: u64,
    },
    /// It contradicts itself.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
}
