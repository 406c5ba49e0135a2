//! What goes wrong on the way, in CouchDB's words.
//!
//! Owns the refusals for errors of the engine, of the log, of feeds and of a request's bytes. Errors of documents are the
//! wire's. What a client can do nothing about is logged and not explained to it.

use tailwater_core::{AppendError, FeedError};
use tailwater_wire::couchdb::errors::{Problem, Refusal};

use crate::{
    appliance::FeedsError,
    auth::users::LoginError,
    documents::{DocumentsError, EditError, Missing},
    http::InboundError,
};

const OVERLOADED: &str = "More is under way for this database than it takes on. Try again in a moment.";
const BROKEN: &str = "The database cannot be used. The log of this server says why.";

/// A request that could not be read.
pub(super) fn unreadable(error: &InboundError) -> Refusal {
    match error.status() {
        Some(413) => Problem::TooLarge.into(),
        status => Refusal::new(status.unwrap_or(400), "bad_request", error.to_string()),
    }
}

/// A database that cannot be read or written.
pub(super) fn failed(db: &str, error: &DocumentsError) -> Refusal {
    match error {
        DocumentsError::Overloaded { .. } => overloaded(),
        DocumentsError::Closed => Problem::DatabaseMissing.into(),
        DocumentsError::Append(AppendError::Overloaded { .. }) => overloaded(),
        DocumentsError::Append(AppendError::Closed) => Problem::DatabaseMissing.into(),
        DocumentsError::Append(AppendError::ReadOnly { reason }) => {
            Refusal::new(507, "insufficient_storage", reason.clone())
        }
        DocumentsError::Range { .. } => Refusal::bad_request(error.to_string()),
        DocumentsError::DigestCollision => Refusal::new(409, "conflict", error.to_string()),
        _ => {
            tracing::error!(db, %error, "a database cannot be used");
            Refusal::new(500, "internal_server_error", BROKEN)
        }
    }
}

fn overloaded() -> Refusal {
    Refusal::from(Problem::Overloaded(OVERLOADED)).with_header("Retry-After", "1")
}

/// A document that was not written.
pub(super) fn not_written(error: &EditError) -> Refusal {
    match error {
        EditError::Conflict => Refusal::new(409, "conflict", error.to_string()),
        EditError::Document(error) => error.clone().into(),
    }
}

/// A document that is not there.
pub(super) fn missing(missing: Missing) -> Refusal {
    match missing {
        Missing::Missing => Problem::Missing.into(),
        Missing::Deleted => Problem::Deleted.into(),
    }
}

/// A database that was not created or deleted.
pub(super) fn not_moved(db: &str, error: &FeedsError) -> Refusal {
    match error {
        FeedsError::Log(FeedError::Exists { .. }) | FeedsError::Bound { .. } => Problem::DatabaseExists.into(),
        FeedsError::Unknown { .. } => Problem::DatabaseMissing.into(),
        FeedsError::Database { db } => Problem::DatabaseName(db.clone()).into(),
        FeedsError::TooMany { .. } | FeedsError::System { .. } | FeedsError::PartitionOf { .. } => {
            Refusal::new(403, "forbidden", error.to_string())
        }
        FeedsError::Log(FeedError::DiskFull { .. }) => Refusal::new(507, "insufficient_storage", error.to_string()),
        _ => {
            tracing::error!(db, %error, "a database could not be created or deleted");
            Refusal::new(500, "internal_server_error", BROKEN)
        }
    }
}

/// Somebody who is not logged in.
pub(super) fn not_logged_in(error: LoginError) -> Refusal {
    match error {
        LoginError::Wrong => Problem::Login.into(),
        LoginError::Overloaded => {
            Refusal::new(503, "service unavailable", error.to_string()).with_header("Retry-After", "1")
        }
    }
}
