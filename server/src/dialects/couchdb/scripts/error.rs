//! Why a function gave no answer.
//!
//! Owns the words. Tested by `server/tests/couchdb/changes_functions.rs`.

use tailwater_wire::couchdb::errors::Refusal;

/// What went wrong with a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScriptError {
    /// It is no function.
    #[error("{function} is no function: {what}")]
    Compile {
        /// Which.
        function: String,
        /// What the engine said.
        what: String,
    },
    /// It threw.
    #[error("{function} threw for the document {id:?}: {what}")]
    Threw {
        /// Which.
        function: String,
        /// The document.
        id: String,
        /// What was thrown.
        what: String,
    },
    /// It took too long.
    #[error("{function} took longer than {time_ms_max} ms (couchdb.filter_time_ms_max) for the document {id:?}")]
    TooLong {
        /// Which.
        function: String,
        /// The document.
        id: String,
        /// The limit.
        time_ms_max: u64,
    },
    /// It used too much memory.
    #[error("{function} used more than {bytes_max} bytes (couchdb.filter_memory_bytes_max) for the document {id:?}")]
    TooLarge {
        /// Which.
        function: String,
        /// The document.
        id: String,
        /// The limit.
        bytes_max: u64,
    },
    /// The database cannot be read.
    #[error("the database cannot be read beyond this point")]
    Unreadable,
    /// Too many functions have not come back.
    #[error("functions are not run at the moment, because earlier ones have not come back")]
    Stuck,
}

impl ScriptError {
    fn status(&self) -> u16 {
        match self {
            Self::Stuck => 503,
            _ => 500,
        }
    }

    /// CouchDB's name for the error, where it has one.
    fn code(&self) -> &'static str {
        match self {
            Self::Compile { .. } => "compilation_error",
            Self::Threw { .. } => "error",
            Self::TooLong { .. } => "timeout",
            Self::TooLarge { .. } => "too_much_memory",
            Self::Unreadable => "internal_server_error",
            Self::Stuck => "service_unavailable",
        }
    }
}

impl From<ScriptError> for Refusal {
    fn from(error: ScriptError) -> Self {
        Self::new(error.status(), error.code(), error.to_string())
    }
}
