//! Refusals: a status, and `{"error","reason"}` on a line of its own.
//!
//! What is wrong with a document, a selector or a parameter is said where it is parsed. This file owns what concerns
//! the request as a whole, and the way from every error to a response.

use std::borrow::Cow;

use super::all_docs::AllDocsError;
use super::bulk::BulkError;
use super::changes::ChangesError;
use super::doc::DocError;
use super::doc::id::IdError;
use super::find::FindError;
use super::multipart::MultipartError;
use super::rev::Conflict;
use super::revs_diff::RevsDiffError;
use super::security::SecurityError;
use super::selector::SelectorError;
use super::selector::project::FieldsError;
use super::text::BodyError;
use crate::http1::{self, BodyError as HttpBodyError, HeadError, HttpDate, ResponseHead, chunk_with};
use crate::json;

/// The reason phrase of a status, as CouchDB says it.
pub fn reason(status: u16) -> &'static str {
    match status {
        404 => "Object Not Found",
        status => http1::reason(status),
    }
}

/// A refusal on its way to becoming a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// CouchDB's name for the error: `not_found`.
    pub error: Cow<'static, str>,
    /// CouchDB's reason, which clients compare too.
    pub reason: String,
    /// Fields that belong to this refusal.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal without further fields.
    pub fn new(status: u16, error: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self { status, error: error.into(), reason: reason.into(), headers: Vec::new() }
    }

    /// Status 400, `bad_request`.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(400, "bad_request", reason)
    }

    /// The same with one more field.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Appends the whole response. `extra` holds fields that do not come from the refusal: `Connection`, CORS.
    pub fn write(&self, out: &mut Vec<u8>, date: &HttpDate, extra: &[(&str, &str)]) {
        let mut body = Vec::with_capacity(64 + self.reason.len());
        self.write_body(&mut body);
        let own: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let head = ResponseHead::with_reason(out, self.status, reason(self.status), date);
        let head = head.header("Cache-Control", "must-revalidate");
        head.headers(&own).headers(extra).body("application/json", &body);
    }

    /// Appends the body alone: one JSON object and a line end.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_members(out);
        out.extend_from_slice(b"}\n");
    }

    /// Appends `"error":..,"reason":..`, for objects that say more.
    pub fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"error\":");
        json::write_str(out, &self.error);
        out.extend_from_slice(b",\"reason\":");
        json::write_str(out, &self.reason);
    }

    /// Appends the chunk that ends a stream whose status has been sent already. The connection must close after it.
    pub fn write_chunk(&self, out: &mut Vec<u8>) {
        chunk_with(out, |out| {
            out.extend_from_slice(b"\n{\"code\":");
            json::write_u64(out, self.status.into());
            out.push(b',');
            self.write_members(out);
            out.extend_from_slice(b"}\n");
        });
    }
}

/// What can be wrong with a request as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no database of that name.
    #[error("Database does not exist.")]
    DatabaseMissing,
    /// A database of that name is there already.
    #[error("The database could not be created, the file already exists.")]
    DatabaseExists,
    /// No database can be called that.
    #[error(
        "Name: '{0}'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / \
         are allowed. Must begin with a letter."
    )]
    DatabaseName(String),
    /// `DELETE` of a database with `?rev=`: somebody's document id is empty.
    #[error("You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?")]
    DatabaseRev,
    /// The document, or what was asked of it, was never there.
    #[error("missing")]
    Missing,
    /// The document is deleted.
    #[error("deleted")]
    Deleted,
    /// A design document lacks this function.
    #[error("missing json key: {0}")]
    MissingKey(String),
    /// The document has no such attachment.
    #[error("Document is missing attachment")]
    AttachmentMissing,
    /// A method that does not exist here; which do.
    #[error("Only {0} allowed")]
    Method(&'static str),
    /// The body is of the wrong type; which is right.
    #[error("Content-Type must be {0}")]
    ContentType(&'static str),
    /// Nobody is logged in.
    #[error("You are not authorized to access this db.")]
    Unauthorized,
    /// The name or the password is wrong.
    #[error("Name or password is incorrect.")]
    Login,
    /// Somebody is logged in, but no member.
    #[error("You are not allowed to access this db.")]
    Forbidden,
    /// A member, but no administrator.
    #[error("You are not a db or server admin.")]
    NotAdmin,
    /// An `AuthSession` that is none.
    #[error("Malformed AuthSession cookie. Please clear your cookies.")]
    Cookie,
    /// An `Authorization` that is none.
    #[error("Authorization header has invalid base64 value")]
    Authorization,
    /// Larger than the server takes.
    #[error("the request entity is too large")]
    TooLarge,
    /// Something this server does not do; what.
    #[error("{0}")]
    NotImplemented(&'static str),
    /// More is under way than the server takes on.
    #[error("{0}")]
    Overloaded(&'static str),
    /// The disk is full.
    #[error("{0}")]
    Storage(&'static str),
}

/// The types a login may have.
pub const SESSION_CONTENT_TYPES: &str = "'application/x-www-form-urlencoded' or 'application/json'";

impl Problem {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::DatabaseMissing | Self::Missing | Self::Deleted | Self::MissingKey(_) | Self::AttachmentMissing => {
                404
            }
            Self::DatabaseExists => 412,
            Self::DatabaseName(_) | Self::DatabaseRev | Self::Cookie | Self::Authorization => 400,
            Self::Method(_) => 405,
            Self::ContentType(_) => 415,
            Self::Unauthorized | Self::Login => 401,
            Self::Forbidden | Self::NotAdmin => 403,
            Self::TooLarge => 413,
            Self::NotImplemented(_) => 501,
            Self::Overloaded(_) => 503,
            Self::Storage(_) => 507,
        }
    }

    /// CouchDB's name for the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DatabaseMissing | Self::Missing | Self::Deleted | Self::MissingKey(_) | Self::AttachmentMissing => {
                "not_found"
            }
            Self::DatabaseExists => "file_exists",
            Self::DatabaseName(_) => "illegal_database_name",
            Self::DatabaseRev | Self::Cookie | Self::Authorization => "bad_request",
            Self::Method(_) => "method_not_allowed",
            Self::ContentType(_) => "bad_content_type",
            Self::Unauthorized | Self::Login => "unauthorized",
            Self::Forbidden | Self::NotAdmin => "forbidden",
            Self::TooLarge => "too_large",
            Self::NotImplemented(_) => "not_implemented",
            Self::Overloaded(_) => "service unavailable",
            Self::Storage(_) => "insufficient_storage",
        }
    }
}

macro_rules! refusals {
    ($($error:ty),*) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::new(error.status(), error.code(), error.to_string())
            }
        }
    )*};
}

refusals!(DocError, SelectorError, ChangesError, AllDocsError, BulkError, FindError, MultipartError, RevsDiffError);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let refusal = Self::new(problem.status(), problem.code(), problem.to_string());
        match problem {
            Problem::Method(allowed) => refusal.with_header("Allow", allowed),
            _ => refusal,
        }
    }
}

impl From<Conflict> for Refusal {
    fn from(conflict: Conflict) -> Self {
        Self::new(409, "conflict", conflict.to_string())
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<SecurityError> for Refusal {
    fn from(error: SecurityError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<IdError> for Refusal {
    fn from(error: IdError) -> Self {
        DocError::from(error).into()
    }
}

impl From<FieldsError> for Refusal {
    fn from(error: FieldsError) -> Self {
        Self::new(400, error.code(), error.to_string())
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        Self::new(error.status(), "bad_request", error.to_string())
    }
}

impl From<HttpBodyError> for Refusal {
    fn from(error: HttpBodyError) -> Self {
        match error.status() {
            413 => Problem::TooLarge.into(),
            status => Self::new(status, "bad_request", error.to_string()),
        }
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
