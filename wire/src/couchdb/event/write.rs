//! A change becomes the body of an event.

use super::{DELETE, PUT};
use crate::couchdb::rev::{History, Leaf};
use crate::json;

/// A revision that is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewChange<'a> {
    /// The document.
    pub id: &'a str,
    /// The revision and its ancestors.
    pub history: &'a History,
    /// All leaves of the document after this change, the winner first.
    pub leaves: &'a [Leaf<'a>],
    /// The winner's document as [`Shown`](crate::couchdb::doc::Shown) writes it, where the winner is another revision.
    pub winner_doc: Option<&'a [u8]>,
    /// The document's own members, as compact JSON object text.
    pub body: &'a str,
    /// Whether the revision deletes the document.
    pub deleted: bool,
    /// The value of `_attachments`: stubs.
    pub attachments: Option<&'a [u8]>,
}

impl NewChange<'_> {
    /// The kind of the event.
    pub fn kind(&self) -> &'static str {
        if self.deleted { DELETE } else { PUT }
    }

    /// Appends the body of the event.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"_id\":");
        json::write_str(out, self.id);
        out.extend_from_slice(b",\"_rev\":");
        self.history.rev().write_json(out);
        out.extend_from_slice(b",\"_revisions\":");
        self.history.write(out);
        if self.leaves.len() > 1 {
            self.write_leaves(out);
        }
        if let Some(winner_doc) = self.winner_doc {
            out.extend_from_slice(b",\"_winner_doc\":");
            out.extend_from_slice(winner_doc);
        }
        self.write_document(out);
        out.push(b'}');
    }

    fn write_leaves(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"_leaves\":[");
        for (at, leaf) in self.leaves.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",[" } else { b"[" });
            leaf.rev.write_json(out);
            out.extend_from_slice(if leaf.body.deleted { b",true]" } else { b",false]" });
        }
        out.push(b']');
    }

    fn write_document(&self, out: &mut Vec<u8>) {
        let members = self.body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or_default();
        if !members.is_empty() {
            out.push(b',');
            out.extend_from_slice(members.as_bytes());
        }
        if self.deleted {
            out.extend_from_slice(b",\"_deleted\":true");
        }
        if let Some(attachments) = self.attachments {
            out.extend_from_slice(b",\"_attachments\":");
            out.extend_from_slice(attachments);
        }
    }
}
