//! Every error of a database's engine but those of a single edit, which are [`super::EditError`].
//!
//! Owns the texts; never decides what a client is told. Errors are cheap to clone: one failed group has many askers.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tailwater_core::{AppendError, CompactError, ReadError};

use crate::index::{CatchUpError, IndexError};

/// Why a database could not be opened, read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentsError {
    /// Too much waits to be written already.
    #[error(
        "{requests} writes with {bytes} bytes wait for this database, at most {requests_max} and {bytes_max} may; retry later"
    )]
    Overloaded {
        /// Writes that wait.
        requests: usize,
        /// Their bytes.
        bytes: usize,
        /// How many may wait.
        requests_max: usize,
        /// How many bytes may wait.
        bytes_max: usize,
    },
    /// The database is closed, or being deleted.
    #[error("the database is closed")]
    Closed,
    /// The log did not take the group.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log cannot be compacted.
    #[error(transparent)]
    Compact(Arc<CompactError>),
    /// The index cannot be used.
    #[error(transparent)]
    Index(Arc<IndexError>),
    /// An entry of the index is no such entry.
    #[error("the index says of {what} what nobody wrote: open the database with a new index")]
    Damaged {
        /// What the entry is of.
        what: String,
    },
    /// A file beside the log cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: Arc<io::Error>,
    },
    /// Two attachments have the same MD5 and differ.
    #[error("an attachment of the same MD5 and other bytes is stored already")]
    DigestCollision,
    /// An attachment is larger than the server takes.
    #[error("an attachment has at most {bytes_max} bytes")]
    AttachmentTooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// A value is outside its range.
    #[error("{name} is {value}, at least {min} and at most {max} are allowed")]
    Range {
        /// Of what.
        name: &'static str,
        /// As given.
        value: u64,
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
}

impl DocumentsError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged { what: what.to_owned() }
    }
}

impl From<IndexError> for DocumentsError {
    fn from(error: IndexError) -> Self {
        Self::Index(Arc::new(error))
    }
}

impl From<CompactError> for DocumentsError {
    fn from(error: CompactError) -> Self {
        Self::Compact(Arc::new(error))
    }
}

impl From<CatchUpError<DocumentsError>> for DocumentsError {
    fn from(error: CatchUpError<DocumentsError>) -> Self {
        match error {
            CatchUpError::Index(error) => error.into(),
            CatchUpError::Log(error) => error.into(),
            CatchUpError::Apply(error) => error,
        }
    }
}
