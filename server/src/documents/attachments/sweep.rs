//! Removing attachments that nothing names.
//!
//! Owns the walk over the files. What names an attachment is the caller's business.

use std::{fs, io, path::Path};

use super::Blobs;
use crate::documents::{disk::entries, error::DocumentsError};

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Attachments that were looked at.
    pub seen: u64,
    /// Those that were removed.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
}

impl Blobs {
    /// Removes every attachment that nobody holds and that nothing names, as `is_named` says of each.
    pub(in crate::documents) fn sweep(
        &self,
        mut is_named: impl FnMut([u8; 16]) -> Result<bool, DocumentsError>,
    ) -> Result<Swept, DocumentsError> {
        let mut swept = Swept::default();
        for dir in entries(&self.root)?.iter().filter(|path| path.is_dir()) {
            for path in entries(dir)? {
                let Some(digest) = digest_of(&path) else { continue };
                swept.seen += 1;
                // Looked at again while nobody can begin to hold it: an event may have named it meanwhile.
                if is_named(digest)? {
                    continue;
                }
                let remove = || if is_named(digest)? { Ok(None) } else { remove(&path) };
                if let Some(Some(bytes)) = self.pins.unless_held(digest, remove).transpose()? {
                    swept.removed += 1;
                    swept.removed_bytes += bytes;
                }
            }
        }
        Ok(swept)
    }
}

/// Bytes of the file; `None` if there was none.
fn remove(path: &Path) -> Result<Option<u64>, DocumentsError> {
    let removed = fs::metadata(path).and_then(|metadata| fs::remove_file(path).map(|()| metadata.len()));
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        removed => removed.map(Some).map_err(DocumentsError::io(path)),
    }
}

fn digest_of(path: &Path) -> Option<[u8; 16]> {
    let name = path.file_name()?.as_encoded_bytes();
    data_encoding::HEXLOWER.decode(name).ok()?.try_into().ok()
}
