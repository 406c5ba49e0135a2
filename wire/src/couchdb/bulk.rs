//! `_bulk_docs` and `_bulk_get`: many documents at once.

use super::doc::id::{self, IdError};
use super::doc::{DocError, DocLimits, Document};
use super::errors::Refusal;
use super::rev::Rev;
use super::text::{BodyError, Kind, Value, parse_object};
use crate::json::write_str;

/// The most documents of one request.
pub const DOCS_MAX: usize = 100_000;

/// Why a request is refused as a whole. One document that is wrong is enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BulkError {
    /// Not JSON, or no object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// `_bulk_docs` without `docs`.
    #[error("POST body must include `docs` parameter.")]
    DocsMissing,
    /// `docs` is no array.
    #[error("`docs` parameter must be an array.")]
    DocsType,
    /// `_bulk_get` without a list of `docs`.
    #[error("Missing JSON list of 'docs'.")]
    GetDocs,
    /// `new_edits` is neither true nor false.
    #[error("`new_edits` parameter must be a boolean.")]
    NewEdits,
    /// More than [`DOCS_MAX`].
    #[error("`docs` has more than {DOCS_MAX} elements.")]
    TooMany,
    /// A document.
    #[error(transparent)]
    Document(#[from] DocError),
}

impl BulkError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Document(error) => error.status(),
            Self::TooMany => 413,
            _ => 400,
        }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::TooMany => "too_large",
            _ => "bad_request",
        }
    }
}

/// Documents to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkDocs {
    /// In the order in which they are answered. Those without an id need one.
    pub docs: Vec<Document>,
    /// `new_edits: false`: revisions are kept, nothing conflicts, and only failures are answered.
    pub keep_revs: bool,
}

impl BulkDocs {
    /// Reads the body of `_bulk_docs`.
    ///
    /// # Errors
    /// See [`BulkError`].
    pub fn parse(body: &[u8], limits: &DocLimits) -> Result<Self, BulkError> {
        let text = parse_object(body)?;
        let value = Value::new(text.as_bytes());
        let docs = value.get("docs").ok_or(BulkError::DocsMissing)?;
        if docs.kind() != Kind::Array {
            return Err(BulkError::DocsType);
        }
        let keep_revs = match value.get("new_edits") {
            None => false,
            Some(new_edits) => !new_edits.boolean().ok_or(BulkError::NewEdits)?,
        };
        let docs = docs.elements().enumerate().map(|(at, doc)| {
            if at >= DOCS_MAX {
                return Err(BulkError::TooMany);
            }
            let document = Document::from_value(doc, limits)?;
            let needs_rev = keep_revs && document.history.is_none();
            if needs_rev { Err(DocError::NeedsRev.into()) } else { Ok(document) }
        });
        Ok(Self { docs: docs.collect::<Result<_, BulkError>>()?, keep_revs })
    }
}

/// Appends `{"ok":true,"id":..,"rev":..}`, which is also what a single write is answered with.
pub fn write_stored(id: &str, rev: &str, out: &mut Vec<u8>) {
    write_ok(id, out);
    write_str(out, rev);
    out.push(b'}');
}

/// The same for a revision that is not text yet.
pub fn write_edited(id: &str, rev: &Rev, out: &mut Vec<u8>) {
    write_ok(id, out);
    rev.write_json(out);
    out.push(b'}');
}

fn write_ok(id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ok\":true,\"id\":");
    write_str(out, id);
    out.extend_from_slice(b",\"rev\":");
}

/// Appends `{"id":..,"error":..,"reason":..}`, with `rev` where the client said which it is.
pub fn write_failed(id: &str, rev: Option<&str>, refusal: &Refusal, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_str(out, id);
    if let Some(rev) = rev {
        out.extend_from_slice(b",\"rev\":");
        write_str(out, rev);
    }
    out.push(b',');
    refusal.write_members(out);
    out.push(b'}');
}

/// What `_bulk_get` asks for: one element of `docs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A document: this revision, or all leaves.
    Document {
        /// Its id.
        id: String,
        /// The revision.
        rev: Option<Rev>,
        /// Revisions whose attachments the client has: others come with their data.
        atts_since: Option<Vec<Rev>>,
    },
    /// Something that is answered with an error in its place.
    Wrong {
        /// The id, as JSON.
        id: String,
        /// The revision, as JSON.
        rev: String,
        /// What is wrong.
        refusal: Refusal,
    },
}

/// Reads the body of `_bulk_get`: one answer for each element, in order.
///
/// # Errors
/// There is no list of documents.
pub fn parse_bulk_get(body: &[u8]) -> Result<Vec<Wanted>, BulkError> {
    let text = parse_object(body)?;
    let docs = Value::new(text.as_bytes()).get("docs").ok_or(BulkError::GetDocs)?;
    match docs.kind() {
        Kind::Array if docs.elements().take(DOCS_MAX + 1).count() > DOCS_MAX => Err(BulkError::TooMany),
        Kind::Array => Ok(docs.elements().map(parse_wanted).collect()),
        _ => Err(BulkError::GetDocs),
    }
}

fn parse_wanted(doc: Value<'_>) -> Wanted {
    let wrong = |id: &str, rev: &str, refusal: Refusal| Wanted::Wrong { id: id.into(), rev: rev.into(), refusal };
    if doc.kind() != Kind::Object || doc.bytes() == b"{}" {
        return wrong("null", "null", Refusal::bad_request("document must be a JSON object"));
    }
    let Some(id_value) = doc.get("id") else {
        return wrong("null", "null", Refusal::bad_request("document id missed"));
    };
    let id_text = String::from_utf8_lossy(id_value.bytes());
    let id = id_value.string().ok_or(IdError::NotAString).and_then(|id| id::check(&id).map(|()| id.into_owned()));
    let id = match id {
        Ok(id) => id,
        Err(error) => return wrong(&id_text, "null", error.into()),
    };
    let revs = (doc.get("rev").map(parse_rev).transpose(), doc.get("atts_since").map(parse_revs).transpose());
    match revs {
        (Ok(rev), Ok(atts_since)) => Wanted::Document { id, rev, atts_since },
        (Err((rev, refusal)), _) | (_, Err((rev, refusal))) => wrong(&id_text, &rev, refusal),
    }
}

/// A revision, or the value that is none and the refusal.
fn parse_rev(value: Value<'_>) -> Result<Rev, (String, Refusal)> {
    let rev = value.string().ok_or(DocError::Rev).and_then(|text| Ok(text.parse()?));
    rev.map_err(|error| (String::from_utf8_lossy(value.bytes()).into_owned(), error.into()))
}

fn parse_revs(value: Value<'_>) -> Result<Vec<Rev>, (String, Refusal)> {
    if value.kind() != Kind::Array {
        let shown = String::from_utf8_lossy(value.bytes()).into_owned();
        return Err((shown, Refusal::bad_request("att_since value must be array of revs.")));
    }
    value.elements().map(parse_rev).collect()
}

/// The answer of `_bulk_get` while it is written. It can be written in several pieces.
#[derive(Debug)]
pub struct BulkGetWriter<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
    is_open: bool,
    has_docs: bool,
}

impl<'o> BulkGetWriter<'o> {
    /// Starts the answer.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"results\":[");
        Self { out, is_first: true, is_open: false, has_docs: false }
    }

    /// Goes on with an answer that has at least one result already; see [`pause`](Self::pause).
    pub fn resume(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_first: false, is_open: false, has_docs: false }
    }

    /// Ends a piece of the answer with its last result.
    pub fn pause(mut self) {
        self.end_result();
    }

    /// Starts the result for one element; `id` is JSON. Every one needs at least one document or error.
    pub fn result(&mut self, id: &str) {
        self.end_result();
        self.out.extend_from_slice(if self.is_first { b"{\"id\":" } else { b",{\"id\":" });
        self.out.extend_from_slice(id.as_bytes());
        self.out.extend_from_slice(b",\"docs\":[");
        (self.is_first, self.is_open, self.has_docs) = (false, true, false);
    }

    fn end_result(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.out.extend_from_slice(b"]}");
        }
    }

    fn next(&mut self, start: &[u8]) {
        self.out.extend_from_slice(if self.has_docs { b"," } else { b"" });
        self.out.extend_from_slice(start);
        self.has_docs = true;
    }

    /// Appends a document, which is JSON.
    pub fn document(&mut self, doc: &[u8]) {
        self.start_document();
        self.out.extend_from_slice(doc);
        self.end_document();
    }

    /// Starts a document whose text comes next, from elsewhere: [`take`](Self::take) what is written so far.
    pub fn start_document(&mut self) {
        self.next(b"{\"ok\":");
    }

    /// Ends such a document.
    pub fn end_document(&mut self) {
        self.out.push(b'}');
    }

    /// What is written so far, to be sent ahead of what comes.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.out)
    }

    /// Appends an error; `id` and `rev` are JSON.
    pub fn error(&mut self, id: &str, rev: &str, refusal: &Refusal) {
        self.next(b"{\"error\":{\"rev\":");
        self.out.extend_from_slice(rev.as_bytes());
        self.out.extend_from_slice(b",\"reason\":");
        write_str(self.out, &refusal.reason);
        self.out.extend_from_slice(b",\"id\":");
        self.out.extend_from_slice(id.as_bytes());
        self.out.extend_from_slice(b",\"error\":");
        write_str(self.out, &refusal.error);
        self.out.extend_from_slice(b"}}");
    }

    /// Ends the answer.
    pub fn finish(mut self) {
        self.end_result();
        self.out.extend_from_slice(b"]}\n");
    }
}

#[cfg(test)]
#[path = "bulk_tests.rs"]
mod tests;
