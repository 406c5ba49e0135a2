//! What a client asks to be written, and what became of it.
//!
//! Owns the types; the rules are [`super::write`]'s.

use tailwater_wire::couchdb::{
    doc::DocError,
    rev::{History, Rev},
};

use super::attachments::Blob;

/// Writes of one request, which are tried in order, each by itself.
#[derive(Debug)]
pub struct Update {
    /// What is to be written.
    pub edits: Vec<Edit>,
    /// By which rules.
    pub mode: Mode,
}

/// `new_edits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An edit extends the revision it names, and gets a new one; or it conflicts.
    NewEdits,
    /// A replicated revision is stored beside what there is; it never conflicts.
    KeepRevs,
}

/// One document to be written.
#[derive(Debug)]
pub struct Edit {
    /// Its id, checked.
    pub id: String,
    /// With [`Mode::NewEdits`] the revision it replaces, with [`Mode::KeepRevs`] the one it is, with its ancestors.
    pub history: Option<History>,
    /// Whether it deletes the document.
    pub deleted: bool,
    /// The document's own members: the text of a compact JSON object without duplicate keys.
    pub body: String,
    /// All it has attached, in order.
    pub attachments: Vec<NewAttachment>,
}

/// An attachment of an edit.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// Its name.
    pub name: String,
    /// Its content type.
    pub content_type: String,
    /// The generation it came with, if it says so.
    pub revpos: Option<u64>,
    /// Its bytes.
    pub source: Source,
}

/// Where the bytes of an attachment are.
#[derive(Clone, Debug)]
pub enum Source {
    /// The revision before has them, under the same name.
    Stub,
    /// They were stored for this edit.
    Stored(Blob),
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The document.
    pub id: String,
    /// Its new revision, durable.
    pub result: Result<Rev, EditError>,
}

/// Why an edit was not made. Others of the same request may have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Somebody else was faster, or the revision is unknown.
    #[error("Document update conflict.")]
    Conflict,
    /// The document is not as it should be.
    #[error(transparent)]
    Document(#[from] DocError),
}

/// What became of a purge of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// The document.
    pub id: String,
    /// Those of the leaves asked for that were there, and are gone.
    pub revs: Vec<Rev>,
}

impl Edit {
    /// About how many bytes it takes up while it waits.
    pub(super) fn byte_len(&self) -> usize {
        let attachments = self.attachments.iter().map(|one| 128 + one.name.len() + one.content_type.len());
        let history = self.history.as_ref().map_or(0, |history| 32 * history.ids().len());
        256 + self.id.len() + self.body.len() + history + attachments.sum::<usize>()
    }
}
