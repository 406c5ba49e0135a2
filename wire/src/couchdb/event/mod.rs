//! A change as it lies in the log: one event for each revision that is stored.
//!
//! The key is the document's id, the kind `put` or `delete` by the revision itself, the body a compact JSON object:
//!
//! | member | what it says | when |
//! | --- | --- | --- |
//! | `_id`, `_rev` | document and revision | always, in this order, first |
//! | `_revisions` | the revision and its ancestors | always |
//! | `_leaves` | `[["3-abc",false],["2-def",true]]`: every leaf after this event and whether it is deleted, the winner first, in the order of `style=all_docs` | there is more than one leaf |
//! | `_winner_doc` | the winner's document, as `include_docs` shows it | the winner is not the revision of this event |
//! | the document's own | as the client wrote them | |
//! | `_deleted` | `true` | the revision deletes the document |
//! | `_attachments` | stubs | there are attachments |
//!
//! So a row of `_changes` can be made of its event alone, in every style, with documents or without. Everything
//! behind the first members is, in one piece, what a client is shown.
//!
//! An event of another origin has no `_rev`. It is shown as a document of one revision, [`foreign_rev`]: an
//! object's members are the document's, save those that begin with an underscore, which CouchDB would refuse; any
//! other value is the member `body`. Without a key, the id is the seq.
//!
//! [`NewChange`] writes such a body, [`Change`] reads one.

mod read;
mod write;

pub use read::{Change, foreign_rev, json_body};
pub use write::NewChange;

/// The kind of an event that stores a document.
pub const PUT: &str = "put";
/// The kind of an event whose revision deletes a document.
pub const DELETE: &str = "delete";

/// Members that tell of the change and not of the document.
pub(super) const OF_THE_CHANGE: [&str; 3] = ["_revisions", "_leaves", "_winner_doc"];

#[cfg(test)]
mod tests;
