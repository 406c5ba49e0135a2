//! Every error this crate hands out. Messages say what was wrong, where, and what to do about it.
//!
//! Owns the texts; never decides what happens next. Tested where they arise.

use std::io;
use std::path::PathBuf;

/// Why a draft was not taken into a [`crate::Batch`]. The batch is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The kind is longer than [`crate::KIND_BYTES_MAX`].
    #[error("kind is {bytes} bytes long, at most {max} are allowed", max = crate::KIND_BYTES_MAX)]
    KindTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The key is longer than [`crate::KEY_BYTES_MAX`].
    #[error("key is {bytes} bytes long, at most {max} are allowed", max = crate::KEY_BYTES_MAX)]
    KeyTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The body is larger than [`crate::BODY_BYTES_MAX`].
    #[error("body is {bytes} bytes large, at most {max} are allowed", max = crate::BODY_BYTES_MAX)]
    BodyTooLarge {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The seq is 0 or above [`crate::SEQ_MAX`].
    #[error("seq {seq} is outside 1..={max}", max = crate::SEQ_MAX)]
    SeqOutOfRange {
        /// The seq as given.
        seq: u64,
    },
    /// The batch has reached [`crate::BATCH_BYTES_MAX`]; append it and start another.
    #[error("the batch would exceed {max} bytes; send it in parts", max = crate::BATCH_BYTES_MAX)]
    BatchFull,
}

/// Why a batch was refused. Nothing of a refused batch is stored, except under [`AppendError::Failed`], where a write may
/// have reached the disk before the failure was reported and may be found there by the next recovery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch holds no event.
    #[error("the batch is empty")]
    Empty,
    /// The queue of the feed's writer is full; try again later.
    #[error(
        "feed `{feed}` has {queued_bytes} bytes waiting to be written, at most {queue_bytes_max} are allowed; retry later"
    )]
    Overloaded {
        /// The feed's name.
        feed: String,
        /// Bytes waiting.
        queued_bytes: usize,
        /// The queue's limit.
        queue_bytes_max: usize,
    },
    /// Preserve mode: this draft has no seq.
    #[error("event {position} of the batch has no seq, but seqs are to be preserved")]
    SeqMissing {
        /// Zero-based position in the batch.
        position: usize,
    },
    /// Preserve mode: this draft's seq is not above the one before it.
    #[error("event {position} of the batch has seq {seq}, which does not increase: the seq before it is {last_seq}")]
    SeqNotIncreasing {
        /// Zero-based position in the batch.
        position: usize,
        /// The offending seq.
        seq: u64,
        /// The seq it had to exceed.
        last_seq: u64,
    },
    /// There are no seqs left below [`crate::SEQ_MAX`].
    #[error("the feed has used up its seqs (the largest is {max})", max = crate::SEQ_MAX)]
    SeqExhausted,
    /// The feed takes no events for now, for example because the disk is full. Reading goes on.
    #[error("the feed is read-only: {reason}")]
    ReadOnly {
        /// What has to change.
        reason: String,
    },
    /// A write or sync failed, or damage was found: the feed takes no events until its process is restarted.
    #[error("the feed has failed and takes no more events: {reason}")]
    Failed {
        /// What failed.
        reason: String,
    },
    /// The feed is closed or being deleted.
    #[error("the feed is closed")]
    Closed,
}

/// Why a cursor could not be made or moved on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The encoding is not one of [`crate::StoreOptions::encoders`].
    #[error("encoding {index} is not registered with this store")]
    UnknownEncoding {
        /// The encoding's index.
        index: usize,
    },
    /// What the cursor points at has left the retention window.
    #[error("the cursor has left the retention window, whose first seq is {first_seq}")]
    Gone {
        /// The oldest seq still there.
        first_seq: u64,
    },
    /// The frames could not be built.
    #[error("frames could not be built: {reason}")]
    Build {
        /// What failed.
        reason: String,
    },
    /// The feed is closed or being deleted.
    #[error("the feed is closed")]
    Closed,
}

/// Why an event could not be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what} at offset {offset}", file = file.display())]
pub struct ReadError {
    /// The segment file.
    pub file: PathBuf,
    /// Byte offset of the record within it.
    pub offset: u64,
    /// What is wrong with the record.
    pub what: &'static str,
}

/// Why segments were not compacted. They are as they were, unless said otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The disk has no room for the new segment above the low-water mark.
    #[error("{reason}")]
    DiskFull {
        /// The figures.
        reason: String,
    },
    /// An event cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Retention or another compaction has changed the segments meanwhile.
    #[error("the segments have been changed meanwhile; compact those that are there now")]
    Changed,
    /// What was appended last cannot be brought to the disk, or the feed takes no events.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An input/output error. After one that came when the new segment had its name already, either is found at the next start;
    /// both hold what is needed.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// What was being accessed.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the directory.
    #[error("data directory {dir} is in use by process {pid}; stop that process or choose another directory", dir = dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The other process, as it wrote itself into the lock file.
        pid: String,
    },
    /// The directory was written by something else.
    #[error("{file} says `{found}`, this program reads `{expected}` and older; choose another directory or a matching version", file = file.display())]
    Format {
        /// The format file.
        file: PathBuf,
        /// Its content.
        found: String,
        /// The newest that this program reads.
        expected: &'static str,
    },
    /// A feed's description is unreadable.
    #[error("{file}: {reason}; restore it from a backup or remove the feed's directory", file = file.display())]
    FeedFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The journal, which holds what was acknowledged last, cannot be read.
    #[error(
        "{file}: {what} at offset {offset}; restore the data directory from a backup, or move the folder {dir} away: \
         some of what was acknowledged last may then be missing",
        file = file.display(), dir = file.parent().unwrap_or(file).display()
    )]
    Journal {
        /// The file.
        file: PathBuf,
        /// Byte offset within it.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// An input/output error.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// What was being accessed.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// Why a feed could not be created or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The name is not allowed.
    #[error("feed name {name:?} is not allowed: {reason}")]
    Name {
        /// The name as given.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// An option is out of range.
    #[error("feed option `{option}`: {reason}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is a feed of that name.
    #[error("feed `{name}` exists already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is no feed of that name.
    #[error("there is no feed `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Deleting needs a closed feed.
    #[error("feed `{name}` is still open; close it before deleting it")]
    Open {
        /// The name.
        name: String,
    },
    /// The disk has less free space than the low-water mark.
    #[error("{reason}")]
    DiskFull {
        /// The figures.
        reason: String,
    },
    /// An input/output error.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// What was being accessed.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}
