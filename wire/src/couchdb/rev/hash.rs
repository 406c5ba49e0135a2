//! The hash of a new revision: the same edit gets the same id as in CouchDB.
//!
//! It is the MD5 of the Erlang term `[Deleted, OldStart, OldRev, Body, Attachments]`. The same edit made in two places
//! is one revision because of it. No client checks it. Trees that come from elsewhere have hashes of any kind.

use md5::{Digest, Md5};

use super::etf;
use super::id::{Rev, RevHash};
use crate::couchdb::text::Value;

/// What the hash says of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachmentDigest<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its content type.
    pub content_type: &'a str,
    /// The MD5 of its bytes as stored.
    pub md5: [u8; 16],
}

/// An edit of a document.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// The revision it replaces; none for a document's first.
    pub parent: Option<&'a Rev>,
    /// Whether it deletes the document.
    pub deleted: bool,
    /// The document as compact JSON object text, without the members this dialect owns (`_id`, `_rev` and so on) and
    /// without duplicate keys.
    pub body: &'a str,
    /// Its attachments, in the document's order.
    pub attachments: &'a [AttachmentDigest<'a>],
}

/// The revision an edit makes.
pub fn new_rev(edit: &Edit<'_>) -> Rev {
    let mut term = Vec::with_capacity(edit.body.len() + 128);
    write_term(edit, &mut term);
    let pos = edit.parent.map_or(0, |parent| parent.pos) + 1;
    Rev { pos, hash: RevHash::Hex(Md5::digest(&term).into()) }
}

fn write_term(edit: &Edit<'_>, out: &mut Vec<u8>) {
    etf::start(out);
    etf::list(out, 5);
    etf::atom(out, if edit.deleted { "true" } else { "false" });
    etf::integer(out, edit.parent.map_or(0, |parent| parent.pos).into());
    match edit.parent {
        Some(parent) => etf::binary(out, parent.hash.as_bytes()),
        None => etf::integer(out, 0),
    }
    etf::json(out, Value::new(edit.body.as_bytes()));
    write_attachments(edit.attachments, out);
    etf::nil(out);
}

/// The list is in the opposite order: CouchDB builds it from behind.
fn write_attachments(attachments: &[AttachmentDigest<'_>], out: &mut Vec<u8>) {
    if !attachments.is_empty() {
        etf::list(out, attachments.len());
    }
    for attachment in attachments.iter().rev() {
        etf::tuple(out, 3);
        etf::binary(out, attachment.name.as_bytes());
        etf::binary(out, attachment.content_type.as_bytes());
        etf::binary(out, &attachment.md5);
    }
    etf::nil(out);
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
