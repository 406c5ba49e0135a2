//! A document as it is shown, with what it has attached.
//!
//! Owns which attachments are shown with their bytes, and in which form. The members and their order are the wire's. Opening
//! attachments blocks. Tested by `server/tests/couchdb/documents.rs` and `server/tests/couchdb/attachments.rs`.

use std::collections::VecDeque;

use tailwater_wire::couchdb::{
    changes::token::DbUid,
    doc::{
        Shown,
        attachment::{Encoding, Form},
        query::DocQuery,
    },
    errors::Refusal,
    multipart::{PartHead, RelatedWriter},
    rev::{History, Rev},
};

use super::blob;
use crate::{
    dialects::couchdb::pieces::Piece,
    documents::{Asked, Database, Doc, StoredAttachment},
};

/// What stands where the bytes of an attachment will be.
const NO_DATA: &[u8] = b",\"data\":\"\"";

/// How documents are shown.
#[derive(Clone, Debug, Default)]
pub(in crate::dialects::couchdb) struct Look {
    /// Attachments come with their bytes.
    pub(in crate::dialects::couchdb) attachments: bool,
    /// But not those that these revisions had.
    pub(in crate::dialects::couchdb) atts_since: Option<Vec<Rev>>,
    /// `att_encoding_info`
    pub(in crate::dialects::couchdb) encoding_info: bool,
    /// `revs`
    pub(in crate::dialects::couchdb) revs: bool,
    /// Whose seqs are shown, if they are.
    pub(in crate::dialects::couchdb) local_seq: Option<DbUid>,
}

impl Look {
    /// What a request asks for.
    pub(in crate::dialects::couchdb) fn of(query: &DocQuery, uid: DbUid) -> Self {
        Self {
            attachments: query.attachments || query.atts_since.is_some(),
            atts_since: query.atts_since.clone(),
            encoding_info: query.att_encoding_info,
            revs: query.revs,
            local_seq: query.local_seq.then_some(uid),
        }
    }

    /// What the engine is asked for, so that documents can be shown like this.
    pub(in crate::dialects::couchdb) fn asked(&self, query: &DocQuery) -> Asked {
        // The history tells which attachments the client has.
        Asked { revs: query.revs || self.atts_since.is_some(), ..Asked::from(query) }
    }

    /// The same for answers in parts: attachments are sent as they are stored, and it is said how that is.
    pub(super) fn in_parts(self) -> Self {
        Self { attachments: true, encoding_info: true, ..self }
    }

    /// Whether an attachment of a document comes with its bytes.
    fn brings(&self, attachment: &StoredAttachment, history: Option<&History>) -> bool {
        let known_pos = match (&self.atts_since, history) {
            (Some(revs), Some(history)) => history.revs().find(|rev| revs.contains(rev)).map_or(0, |rev| rev.pos),
            _ => 0,
        };
        self.attachments && attachment.info.revpos > known_pos
    }
}

/// The document as JSON, attachments as base64.
pub(in crate::dialects::couchdb) fn json(
    db: &str,
    database: &Database,
    doc: &Doc,
    look: &Look,
    parts: &mut VecDeque<Piece>,
) -> Result<(), Refusal> {
    let mut text = Vec::with_capacity(doc.body.len() + 128);
    write_members(doc, look, &mut text);
    for (at, attachment) in doc.attachments.iter().enumerate() {
        text.extend_from_slice(if at > 0 { b"," } else { b",\"_attachments\":{" });
        let is_brought = look.brings(attachment, doc.revisions.as_ref());
        let form = if is_brought { Form::Inline(b"") } else { Form::Stub };
        let start = text.len();
        attachment.info.write(form, encoding(attachment, look), &mut text);
        if is_brought {
            let place = text[start..].windows(NO_DATA.len()).position(|window| window == NO_DATA);
            let behind = text.split_off(start + place.map_or(0, |place| place + NO_DATA.len() - 1));
            parts.push_back(Piece::Text(std::mem::replace(&mut text, behind)));
            parts.push_back(Piece::Base64(blob::open(db, database, attachment, false)?));
        }
    }
    text.extend_from_slice(if doc.attachments.is_empty() { b"}" } else { b"}}" });
    parts.push_back(Piece::Text(text));
    Ok(())
}

/// The document as JSON without the bytes of any attachment.
pub(in crate::dialects::couchdb) fn write_stubbed(doc: &Doc, look: &Look, out: &mut Vec<u8>) {
    write_members(doc, look, out);
    for (at, attachment) in doc.attachments.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b",\"_attachments\":{" });
        attachment.info.write(Form::Stub, encoding(attachment, look), out);
    }
    out.extend_from_slice(if doc.attachments.is_empty() { b"}" } else { b"}}" });
}

/// How many attachments of a document come with their bytes.
pub(super) fn brought(doc: &Doc, look: &Look) -> usize {
    doc.attachments.iter().filter(|attachment| look.brings(attachment, doc.revisions.as_ref())).count()
}

/// The document with attachments behind it; plain JSON if there are none.
pub(super) fn related(
    db: &str,
    database: &Database,
    doc: &Doc,
    look: &Look,
    boundary: &str,
    parts: &mut VecDeque<Piece>,
) -> Result<(), Refusal> {
    let history = doc.revisions.as_ref();
    let mut document = Vec::with_capacity(doc.body.len() + 128);
    write_members(doc, look, &mut document);
    for (at, attachment) in doc.attachments.iter().enumerate() {
        document.extend_from_slice(if at > 0 { b"," } else { b",\"_attachments\":{" });
        let form = if look.brings(attachment, history) { Form::Follows } else { Form::Stub };
        attachment.info.write(form, encoding(attachment, look), &mut document);
    }
    document.extend_from_slice(if doc.attachments.is_empty() { b"}" } else { b"}}" });
    let mut brought = doc.attachments.iter().filter(|attachment| look.brings(attachment, history)).peekable();
    if brought.peek().is_none() {
        parts.push_back(Piece::Text(document));
        return Ok(());
    }
    let mut text = Vec::with_capacity(document.len() + 256);
    let writer = RelatedWriter::start(boundary, &document, &mut text);
    for attachment in brought {
        let encoding = attachment.encoding.as_ref().filter(|_| look.encoding_info);
        let head = PartHead {
            name: &attachment.info.name,
            content_type: &attachment.info.content_type,
            encoding: encoding.map(|(name, _)| name.as_str()),
            length: encoding.map_or(attachment.info.length, |(_, length)| *length),
        };
        writer.part(&head, &mut text);
        parts.push_back(Piece::Text(std::mem::take(&mut text)));
        parts.push_back(Piece::Raw(blob::open(db, database, attachment, encoding.is_some())?));
        writer.end_part(&mut text);
    }
    writer.end(&mut text);
    parts.push_back(Piece::Text(text));
    Ok(())
}

/// All but what it has attached, and the last brace.
fn write_members(doc: &Doc, look: &Look, out: &mut Vec<u8>) {
    let rev = doc.rev.to_string();
    let info: Option<Vec<_>> =
        doc.revs_info.as_ref().map(|info| info.iter().map(|(rev, status)| (rev, *status)).collect());
    let (conflicts, deleted): (Vec<&Rev>, Vec<&Rev>) =
        (doc.conflicts.iter().collect(), doc.deleted_conflicts.iter().collect());
    let local_seq = look.local_seq.map(|uid| uid.token(doc.seq));
    let shown = Shown {
        id: &doc.id,
        rev: &rev,
        body: &doc.body,
        deleted: doc.deleted,
        revisions: doc.revisions.as_ref().filter(|_| look.revs),
        revs_info: info.as_deref(),
        local_seq: local_seq.as_deref(),
        conflicts: Some(&conflicts),
        deleted_conflicts: Some(&deleted),
        attachments: None,
    };
    shown.write(out);
    out.pop();
}

fn encoding<'a>(attachment: &'a StoredAttachment, look: &Look) -> Option<Encoding<'a>> {
    let encoding = attachment.encoding.as_ref().filter(|_| look.encoding_info);
    encoding.map(|(name, encoded_length)| Encoding { name, encoded_length: *encoded_length })
}
