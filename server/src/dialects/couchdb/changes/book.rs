//! What is known of a database's documents beside its log: which event is the latest of which.
//!
//! Owns the questions; the engine of the database answers them. Everything here may block on the disk, so it is asked on the
//! blocking pool and on threads of their own, never on a shard.

use std::collections::VecDeque;

use tailwater_core::ReadError;
use tailwater_wire::couchdb::{doc::id::DESIGN, errors::Refusal, rev::Rev};

use crate::{
    dialects::couchdb::{documents::shown, failure::failed, pieces},
    documents::{Asked, Database, DocumentsError},
};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The index cannot be read.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// What a document has attached cannot be shown.
    #[error("{}", .0.reason)]
    Attached(Refusal),
}

/// How a document is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// With its live losers.
    pub(crate) conflicts: bool,
    /// With the bytes of what it has attached.
    pub(crate) attachments: bool,
    /// With how these are stored.
    pub(crate) encoding_info: bool,
}

/// Answers about one database. An event is live that no later one of its document has superseded.
pub(crate) trait Book: Send + Sync {
    /// Takes note of everything in the log, and says how far that went: of what comes later the other answers may or may not
    /// know.
    fn catch_up(&self) -> Result<u64, BookError>;

    /// How many live events lie above `after`, and not above `to`.
    fn count(&self, after: u64, to: u64) -> Result<u64, BookError>;

    /// Appends the first live seqs above `after` and not above `to`, ascending: some, at most `max`; none when there are none.
    fn next(&self, after: u64, to: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError>;

    /// The same for those below `before`, descending.
    fn previous(&self, before: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError>;

    /// The live event of a document.
    fn latest_of(&self, id: &str) -> Result<Option<u64>, BookError>;

    /// The live events of all design documents, in no order.
    fn designs(&self) -> Result<Vec<u64>, BookError>;

    /// A revision of a document as JSON; `None` when it is not stored any more.
    fn document(&self, id: &str, rev: &str, look: Look) -> Result<Option<Vec<u8>>, BookError>;
}

impl Book for Database {
    fn catch_up(&self) -> Result<u64, BookError> {
        Ok(self.caught_up()?)
    }

    fn count(&self, after: u64, to: u64) -> Result<u64, BookError> {
        Ok(self.live_count(after, to)?)
    }

    fn next(&self, after: u64, to: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError> {
        Ok(self.live_after(after, to, max, out)?)
    }

    fn previous(&self, before: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError> {
        Ok(self.live_before(before, max, out)?)
    }

    fn latest_of(&self, id: &str) -> Result<Option<u64>, BookError> {
        Ok(self.live_of(id)?)
    }

    fn designs(&self) -> Result<Vec<u64>, BookError> {
        Ok(self.live_of_all(DESIGN)?)
    }

    fn document(&self, id: &str, rev: &str, look: Look) -> Result<Option<Vec<u8>>, BookError> {
        let Ok(rev) = rev.parse::<Rev>() else { return Ok(None) };
        let asked = Asked { conflicts: look.conflicts, ..Asked::default() };
        let Ok(doc) = self.get(id, Some(&rev), asked)? else { return Ok(None) };
        let look =
            shown::Look { attachments: look.attachments, encoding_info: look.encoding_info, ..Default::default() };
        let mut parts = VecDeque::new();
        shown::json("", self, &doc, &look, &mut parts).map_err(BookError::Attached)?;
        pieces::whole(parts).map(Some).map_err(BookError::Attached)
    }
}

impl BookError {
    /// As it is said to a client of the database `db`.
    pub(in crate::dialects::couchdb) fn refusal(self, db: &str) -> Refusal {
        match self {
            Self::Attached(refusal) => refusal,
            Self::Documents(error) => failed(db, &error),
            Self::Log(error) => failed(db, &error.into()),
        }
    }
}
