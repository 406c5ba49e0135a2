//! A document as it was sent, on its way to the engine.
//!
//! Owns the limits, and storing what is attached before the edit is made. All of it blocks. Tested by
//! `server/tests/couchdb/documents.rs` and `server/tests/couchdb/attachments.rs`.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use tailwater_wire::couchdb::{
    doc::{
        DocError, DocLimits, Document,
        attachment::{Attachment, Data},
    },
    multipart::{Related, boundary},
    rev::History,
};

use crate::{
    config::Config,
    documents::{Blob, Database, DocumentsError, Edit, NewAttachment, Source},
};

/// What is wrong with a document that was sent.
#[derive(Debug, thiserror::Error)]
pub(in crate::dialects::couchdb) enum SentError {
    /// The document or what came with it.
    #[error(transparent)]
    Multipart(#[from] tailwater_wire::couchdb::multipart::MultipartError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] DocumentsError),
}

impl From<DocError> for SentError {
    fn from(error: DocError) -> Self {
        Self::Multipart(error.into())
    }
}

/// What a document may measure.
pub(in crate::dialects::couchdb) fn limits(config: &Config) -> DocLimits {
    let default = DocLimits::default();
    let event_bytes_max = usize::try_from(config.limits.event_bytes_max).unwrap_or(usize::MAX);
    DocLimits { body_bytes_max: default.body_bytes_max.min(event_bytes_max), ..default }
}

/// A document and the bytes that came behind it.
pub(super) struct Sent<'b> {
    pub(super) document: Document,
    followers: Vec<(usize, &'b [u8])>,
}

impl<'b> Sent<'b> {
    /// Reads a body: JSON, or `multipart/related`.
    pub(super) fn parse(content_type: &str, body: &'b [u8], limits: &DocLimits) -> Result<Self, SentError> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("multipart/related") {
            let document = Document::parse(body, limits)?;
            return Ok(Self { document, followers: Vec::new() });
        }
        let related = Related::parse(body, boundary(content_type)?)?;
        let document = Document::parse(related.document, limits)?;
        let followers = related.followers(&document.attachments)?;
        Ok(Self { document, followers })
    }

    /// Stores what is attached and makes the edit of a document with this id.
    pub(super) fn into_edit(
        self,
        database: &Database,
        id: String,
        history: Option<History>,
    ) -> Result<Edit, SentError> {
        to_edit(database, self.document, id, history, &self.followers)
    }
}

/// The same for a document without anything behind it.
pub(in crate::dialects::couchdb) fn to_edit(
    database: &Database,
    document: Document,
    id: String,
    history: Option<History>,
    followers: &[(usize, &[u8])],
) -> Result<Edit, SentError> {
    let mut attachments = Vec::with_capacity(document.attachments.len());
    for (index, attachment) in document.attachments.into_iter().enumerate() {
        let follower = followers.iter().find(|(of, _)| *of == index).map(|(_, bytes)| *bytes);
        let source = source(database, &attachment, follower)?;
        let Attachment { name, content_type, revpos, .. } = attachment;
        attachments.push(NewAttachment { name, content_type, revpos, source });
    }
    Ok(Edit { id, history, deleted: document.deleted, body: document.body, attachments })
}

fn source(database: &Database, attachment: &Attachment, follower: Option<&[u8]>) -> Result<Source, SentError> {
    match (&attachment.data, follower) {
        (Data::Stub { .. }, _) => Ok(Source::Stub),
        (Data::Inline(bytes), _) => Ok(Source::Stored(database.blobs().store(bytes)?)),
        (Data::Follows { length, encoding, .. }, Some(bytes)) => {
            let blob = store(database, bytes, encoding.as_deref(), Some(*length));
            Ok(Source::Stored(blob?.ok_or_else(|| DocError::Follows(attachment.name.clone()))?))
        }
        (Data::Follows { .. }, None) => Err(DocError::Follows(attachment.name.clone()).into()),
    }
}

/// Stores bytes that are encoded or not. `None` if they are not what they should be: encoded in an unknown way, or of another
/// length than announced.
pub(super) fn store(
    database: &Database,
    bytes: &[u8],
    encoding: Option<&str>,
    length: Option<u64>,
) -> Result<Option<Blob>, DocumentsError> {
    let is_right = |measured: u64| length.is_none_or(|length| length == measured);
    match encoding {
        None | Some("identity") if is_right(bytes.len() as u64) => database.blobs().store(bytes).map(Some),
        Some("gzip") => match gunzipped_length(bytes, length).filter(|measured| is_right(*measured)) {
            Some(measured) => Ok(Some(database.blobs().store(bytes)?.gzipped(measured))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// How many bytes these are without gzip; not counted far beyond what was announced.
fn gunzipped_length(bytes: &[u8], announced: Option<u64>) -> Option<u64> {
    let bytes_max = announced.unwrap_or(DocLimits::default().attachment_bytes_max as u64);
    let mut decoder = MultiGzDecoder::new(bytes).take(bytes_max.saturating_add(1));
    let length = std::io::copy(&mut decoder, &mut std::io::sink()).ok()?;
    (length <= bytes_max).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn lengths_without_gzip() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[7; 100_000]).unwrap();
        let bytes = encoder.finish().unwrap();
        assert!(bytes.len() < 1_000);
        assert_eq!(gunzipped_length(&bytes, Some(100_000)), Some(100_000));
        assert_eq!(gunzipped_length(&bytes, None), Some(100_000));
        assert_eq!(gunzipped_length(&bytes, Some(99_999)), None, "it is longer than announced");
        assert_eq!(gunzipped_length(&bytes[..50], None), None);
        assert_eq!(gunzipped_length(b"plain", None), None);
    }
}
