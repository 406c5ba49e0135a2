//! What an edit has attached: bytes that came with it, and stubs for those that the revision before has.
//!
//! Owns the resolution of stubs and the stubs' text in an event. Never touches the bytes themselves: those were stored before
//! the edit was queued. Tested in `tests/attachments.rs`.

use tailwater_wire::couchdb::{
    doc::attachment::{Attachment, Data, Encoding, Form, Info, resolve_stub},
    rev::Body,
};

use super::group::Group;
use crate::documents::{
    attachments::Blob,
    edit::{Edit, EditError, NewAttachment, Source},
    error::DocumentsError,
    stored::StoredAttachment,
};

impl Group<'_> {
    /// All that an edit has attached, for a revision of generation `pos`. `before` is where the document is that it changes.
    pub(super) fn attach(
        &self,
        edit: &Edit,
        pos: u64,
        before: Option<Body>,
    ) -> Result<Result<Vec<StoredAttachment>, EditError>, DocumentsError> {
        if edit.attachments.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let has_stubs = edit.attachments.iter().any(|attachment| matches!(attachment.source, Source::Stub));
        let previous = match before.filter(|_| has_stubs) {
            Some(body) => self.doc(body.seq)?.map_or_else(Vec::new, |doc| doc.attachments),
            None => Vec::new(),
        };
        let attached = edit.attachments.iter().map(|attachment| match &attachment.source {
            Source::Stored(blob) => Ok(stored(attachment, blob, pos)),
            Source::Stub => from_before(&edit.id, attachment, &previous),
        });
        Ok(attached.collect())
    }
}

fn stored(attachment: &NewAttachment, blob: &Blob, pos: u64) -> StoredAttachment {
    let info = Info {
        name: attachment.name.clone(),
        content_type: attachment.content_type.clone(),
        revpos: attachment.revpos.filter(|revpos| *revpos <= pos).unwrap_or(pos),
        digest: blob.digest(),
        length: blob.length(),
    };
    StoredAttachment { info, encoding: blob.encoding().map(|name| (name.to_owned(), blob.stored_bytes())) }
}

fn from_before(id: &str, stub: &NewAttachment, previous: &[StoredAttachment]) -> Result<StoredAttachment, EditError> {
    let infos: Vec<Info> = previous.iter().map(|stored| stored.info.clone()).collect();
    let asked = Attachment {
        name: stub.name.clone(),
        content_type: stub.content_type.clone(),
        revpos: stub.revpos,
        data: Data::Stub { digest: None },
    };
    let found = resolve_stub(id, &asked, &infos)?;
    let stored = previous.iter().find(|stored| stored.info.name == found.name);
    // What was resolved is among them.
    let encoding = stored.and_then(|stored| stored.encoding.clone());
    Ok(StoredAttachment { info: found.clone(), encoding })
}

/// The value of `_attachments` in an event; `None` if there are none.
pub(in crate::documents) fn write_stubs<'a>(
    attachments: impl IntoIterator<Item = &'a StoredAttachment>,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for attachment in attachments {
        out.push(if out.is_empty() { b'{' } else { b',' });
        let encoding = attachment.encoding.as_ref();
        let encoding = encoding.map(|(name, encoded_length)| Encoding { name, encoded_length: *encoded_length });
        attachment.info.write(Form::Stub, encoding, &mut out);
    }
    if !out.is_empty() {
        out.push(b'}');
    }
    (!out.is_empty()).then_some(out)
}
