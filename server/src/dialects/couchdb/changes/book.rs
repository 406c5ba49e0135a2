//! What is known of a database's documents beside its log: which event is the latest of which.
//!
//! Owns the questions. Everything here may block on the disk, so it is asked on the blocking pool and on threads of their
//! own, never on a shard.

use tailwater_core::ReadError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
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

    /// The document of a leaf that neither won nor came with its document's latest event.
    fn leaf(&self, id: &str, rev: &str) -> Result<Option<Vec<u8>>, BookError>;
}
