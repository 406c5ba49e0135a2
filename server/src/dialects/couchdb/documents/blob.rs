//! The bytes of an attachment, as they are stored or without their encoding.
//!
//! Opening blocks, and so does reading. Tested by `server/tests/couchdb/attachments.rs`.

use std::{
    fs::File,
    io::{BufReader, Read},
};

use flate2::read::MultiGzDecoder;
use tailwater_wire::couchdb::errors::Refusal;

use crate::{
    dialects::couchdb::{failure::failed, pieces::Bytes},
    documents::{Database, StoredAttachment},
};

/// The file of an attachment.
pub(super) fn open_file(db: &str, database: &Database, attachment: &StoredAttachment) -> Result<File, Refusal> {
    let found = database.blobs().read(attachment.info.digest).map_err(|error| failed(db, &error))?;
    found.ok_or_else(|| {
        tracing::error!(db, digest = %attachment.digest_hex(), "the bytes of an attachment are not there");
        Refusal::new(500, "internal_server_error", format!("the bytes of {} are lost", attachment.info.name))
    })
}

/// Its bytes, encoded as they are stored if that is what is wanted.
pub(super) fn open(
    db: &str,
    database: &Database,
    attachment: &StoredAttachment,
    encoded: bool,
) -> Result<Bytes, Refusal> {
    let file = open_file(db, database, attachment)?;
    match &attachment.encoding {
        Some(_) if !encoded => Ok(Box::new(MultiGzDecoder::new(BufReader::new(file)).take(attachment.info.length))),
        _ => Ok(Box::new(file)),
    }
}
