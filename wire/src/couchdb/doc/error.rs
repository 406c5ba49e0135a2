//! What is wrong with a document, in CouchDB's words.

use super::id::IdError;
use crate::couchdb::rev::RevSyntaxError;
use crate::couchdb::text::BodyError;

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocError {
    /// Not JSON, or nested too deep.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// JSON, but no object.
    #[error("Document must be a JSON object")]
    NotAnObject,
    /// The id is not allowed.
    #[error(transparent)]
    Id(#[from] IdError),
    /// `_rev`, `?rev=` or `If-Match` is malformed.
    #[error("Invalid rev format")]
    Rev,
    /// A member that begins with an underscore and is none of the protocol's, or is of the wrong type.
    #[error("Bad special document member: {0}")]
    Member(String),
    /// `_revisions.start` is missing or no integer.
    #[error("_revisions.start isn't an integer.")]
    RevisionsStart,
    /// `_revisions.ids` is missing or no array.
    #[error("_revisions.ids isn't a array.")]
    RevisionsIds,
    /// An element of `_revisions.ids` is no string.
    #[error("RevId isn't a string")]
    RevisionsType,
    /// An element of `_revisions.ids` has 32 characters that are no digits.
    #[error("RevId isn't a valid hexadecimal")]
    RevisionsHex,
    /// `_revisions` names more revisions than generations, or one that no revision can have.
    #[error("_revisions is not a history")]
    Revisions,
    /// A write that keeps its revision names none.
    #[error("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")]
    NeedsRev,
    /// `?rev=` is not the document's `_rev`.
    #[error("Document rev from request body and query string have different values")]
    RevInQuery,
    /// `If-Match` is neither the document's `_rev` nor `?rev=`.
    #[error("Document rev and etag have different values")]
    RevInHeader,
    /// Larger than the server takes; the reason is the id.
    #[error("{0}")]
    TooLarge(String),
    /// An attachment's `data` is no base64.
    #[error("Invalid attachment data for {0}")]
    AttachmentData(String),
    /// An attachment's name begins with an underscore.
    #[error("Attachment name '{0}' starts with prohibited character '_'")]
    AttachmentName(String),
    /// An attachment is larger than the server takes; the reason is its name.
    #[error("{0}")]
    AttachmentTooLarge(String),
    /// More attachments than the server takes.
    #[error("A document has at most {0} attachments")]
    TooManyAttachments(usize),
    /// An attachment that should be there is not.
    #[error("Invalid attachment stub in {id} for {name}")]
    Stub {
        /// The document.
        id: String,
        /// The attachment.
        name: String,
    },
    /// A `follows` whose length or encoding is missing or wrong, or whose part did not come.
    #[error("Attachment {0} does not follow as announced")]
    Follows(String),
}

impl DocError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) | Self::AttachmentTooLarge(_) => 413,
            Self::Stub { .. } => 412,
            _ => 400,
        }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id(_) => "illegal_docid",
            Self::Member(_)
            | Self::RevisionsStart
            | Self::RevisionsIds
            | Self::RevisionsType
            | Self::RevisionsHex
            | Self::Revisions => "doc_validation",
            Self::TooLarge(_) => "document_too_large",
            Self::AttachmentTooLarge(_) => "attachment_too_large",
            Self::Stub { .. } => "missing_stub",
            _ => "bad_request",
        }
    }
}

impl From<RevSyntaxError> for DocError {
    fn from(_: RevSyntaxError) -> Self {
        Self::Rev
    }
}
