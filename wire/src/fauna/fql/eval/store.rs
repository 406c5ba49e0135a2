//! What evaluation needs of a server, and what it hands to it.

use tailwater_core::Event;

use crate::fauna::document::View;
use crate::fauna::fql::FqlError;
use crate::fauna::source::Source;

/// The database a query is about, as it is at the query's time.
///
/// Every method may be called several times with the same arguments and must give the same answer. None of them waits:
/// what can block belongs on another thread, with the whole evaluation.
pub trait Store {
    /// The collection of that name.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn collection(&mut self, name: &str) -> Result<Option<CollectionInfo>, StoreError>;

    /// The child database of that name.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn database(&mut self, name: &str) -> Result<Option<DatabaseInfo>, StoreError>;

    /// A document; `None` if there is none of that id, or no longer.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn document(&mut self, collection: &str, id: &str) -> Result<Option<Stored>, StoreError>;

    /// At most `count` documents of a collection and their ids, those behind the id `after` in an order of the store's
    /// choice that stays the same; none at the end.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn documents(
        &mut self,
        collection: &str,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<(String, Stored)>, StoreError>;

    /// An id that no document has or had, larger than those before.
    fn new_id(&mut self) -> u64;

    /// The token of an event source that begins at the query's time.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn token(&mut self, source: &Source) -> Result<String, StoreError>;
}

/// A collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// When it was created, in microseconds since the Unix epoch.
    pub created_us: u64,
    /// For how many days its events are kept, if by days.
    pub history_days: Option<u32>,
}

/// A child database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// When it was created, in microseconds since the Unix epoch.
    pub created_us: u64,
}

/// A document as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The seq of the event that made it so.
    pub seq: u64,
    /// The time of that event.
    pub time_us: u64,
    /// Its fields as the JSON of a body.
    pub body: String,
}

impl Stored {
    /// The document an event leaves behind.
    pub fn of_event(event: &Event<'_>) -> Self {
        Self { seq: event.seq, time_us: event.time_us, body: View::of_event("", event).into_body() }
    }
}

/// Something to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new collection.
    CreateCollection {
        /// Its name.
        name: String,
        /// For how many days its events are to be kept, if the query says so.
        history_days: Option<u32>,
    },
    /// The end of a collection and all its documents.
    DeleteCollection {
        /// Its name.
        name: String,
    },
    /// A new child database.
    CreateDatabase {
        /// Its name.
        name: String,
    },
    /// The end of a child database.
    DeleteDatabase {
        /// Its name.
        name: String,
    },
    /// A document as it shall be: an event of kind `put`.
    Put {
        /// Its collection.
        collection: String,
        /// Its id, the event's key.
        id: String,
        /// Its fields as JSON, the event's body.
        body: Vec<u8>,
        /// The seq of the document that the query saw before; `None` if it saw none. Whoever writes can tell by it
        /// whether another query came in between.
        seen_seq: Option<u64>,
    },
    /// The end of a document: an event of kind `delete`.
    Delete {
        /// Its collection.
        collection: String,
        /// Its id, the event's key.
        id: String,
        /// As with [`Write::Put`].
        seen_seq: Option<u64>,
    },
}

/// Why a store cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It took too long.
    #[error("The query timed out.")]
    TimeOut,
    /// Another query came in between.
    #[error("Transaction was aborted due to detection of concurrent modifications.")]
    Contended,
    /// The secret does not allow it.
    #[error("Insufficient privileges to perform the action.")]
    Denied,
    /// The server has too much to do, or refuses the write for another reason of its own.
    #[error("{0}")]
    Overloaded(String),
    /// It is broken.
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// The HTTP status and the code of the protocol's error.
    pub fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::TimeOut => (440, "time_out"),
            Self::Contended => (409, "contended_transaction"),
            Self::Denied => (403, "permission_denied"),
            Self::Overloaded(_) => (429, "limit_exceeded"),
            Self::Internal(_) => (500, "internal_error"),
        }
    }
}

impl From<StoreError> for FqlError {
    fn from(error: StoreError) -> Self {
        let (status, code) = error.status_and_code();
        FqlError::new(code, error.to_string()).with_status(status)
    }
}
