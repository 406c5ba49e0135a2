//! A document as it was sent, on its way to the engine.
//!
//! Owns the limits, and storing what is attached before the edit is made. As in CouchDB, what can be compressed is: the digest
//! of an attachment, and with it the revision of a document, is that of the bytes as they are stored. So zlib it must be, for
//! others write other bytes. All of it blocks. Tested by `server/tests/couchdb/documents.rs` and
//! `server/tests/couchdb/attachments.rs`.

use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder, read::MultiGzDecoder};
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

/// CouchDB's `compression_level`.
const LEVEL: u32 = 8;
/// The system that compressed bytes say they are from.
const UNIX: u8 = 3;

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
        (Data::Inline(bytes), _) => Ok(Source::Stored(store_plain(database, bytes, &attachment.content_type)?)),
        (Data::Follows { length, encoding, .. }, Some(bytes)) => {
            let blob = store(database, bytes, &attachment.content_type, encoding.as_deref(), Some(*length));
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
    content_type: &str,
    encoding: Option<&str>,
    length: Option<u64>,
) -> Result<Option<Blob>, DocumentsError> {
    let is_right = |measured: u64| length.is_none_or(|length| length == measured);
    match encoding {
        None | Some("identity") if is_right(bytes.len() as u64) => store_plain(database, bytes, content_type).map(Some),
        Some("gzip") => match gunzipped_length(bytes, length).filter(|measured| is_right(*measured)) {
            Some(measured) => Ok(Some(database.blobs().store(bytes)?.gzipped(measured))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Stores bytes that are not encoded; compressed, if their type can be.
fn store_plain(database: &Database, bytes: &[u8], content_type: &str) -> Result<Blob, DocumentsError> {
    match is_compressible(content_type).then(|| gzip(bytes)) {
        Some(Ok(compressed)) => Ok(database.blobs().store(&compressed)?.gzipped(bytes.len() as u64)),
        // Writing to memory does not fail.
        Some(Err(_)) | None => database.blobs().store(bytes),
    }
}

/// CouchDB's `compressible_types`.
fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let others = ["application/javascript", "application/json", "application/xml"];
    essence.starts_with("text/") || others.contains(&essence.as_str())
}

/// What CouchDB makes of these bytes, byte for byte.
fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().operating_system(UNIX).write(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    encoder.finish()
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
    use flate2::write::GzEncoder;
    use tailwater_wire::couchdb::doc::attachment::digest;

    use super::*;

    /// The digest that CouchDB 3.5.0 shows.
    #[test]
    fn the_same_bytes_are_compressed_to_the_same() {
        let compressed = gzip(b"hello hello hello hello hello hello hello hello").unwrap();
        assert_eq!(compressed.len(), 29);
        assert_eq!(data_encoding::BASE64.encode(&digest(&compressed)), "cpJNZyVlrRCi4ZvPqokXhQ==");
    }

    #[test]
    fn types_that_can_be_compressed() {
        for (content_type, expected) in [
            ("text/plain", true),
            ("Text/HTML; charset=utf-8", true),
            ("application/json", true),
            ("application/xml ; x=y", true),
            ("application/octet-stream", false),
            ("image/png", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            assert_eq!(is_compressible(content_type), expected, "{content_type}");
        }
    }

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
