//! The bytes of attachments: files beside the log, named by what is in them.
//!
//! Owns `attachments/<uid of the feed>/<2 digits>/<MD5 of the bytes>` in the data directory. A file is written under another
//! name, synced and renamed before the edit that needs it is even queued, so that no event ever names what is not there. The
//! same bytes are stored once. An event names a file by the `digest` its stub shows anyway; so that this is safe, bytes of the
//! same MD5 that differ are refused. A crash leaves files that nothing names, which [`Blobs::sweep`] removes like those that
//! compaction has freed.
//!
//! | file | owns |
//! | --- | --- |
//! | [`blob`] | a stored one, kept from being swept while it is held |
//! | [`writer`] | bytes on their way in |
//! | [`sweep`] | removing what nobody names |
//!
//! All of it blocks on the disk. Tested in `tests.rs`.

mod blob;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::blob::Pins;
pub use self::{blob::Blob, sweep::Swept, writer::BlobWriter};
use super::{
    disk::{remove_dir, remove_unfinished},
    error::DocumentsError,
};

/// The attachments of one database.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    bytes_max: u64,
    pins: Arc<Pins>,
}

impl Blobs {
    /// Those of a feed, of at most so many bytes each. Removes what an earlier process did not finish. Creates nothing.
    pub(super) fn open(data: &Path, feed_uid: u64, bytes_max: u64) -> Result<Self, DocumentsError> {
        let blobs = Self { root: Self::root(data, feed_uid), bytes_max, pins: Arc::default() };
        remove_unfinished(&blobs.root)?;
        Ok(blobs)
    }

    /// Removes all attachments of a feed that is no more.
    pub(super) fn remove_all(data: &Path, feed_uid: u64) -> Result<(), DocumentsError> {
        remove_dir(&Self::root(data, feed_uid))
    }

    /// Stores bytes, durably.
    pub fn store(&self, bytes: &[u8]) -> Result<Blob, DocumentsError> {
        let mut writer = self.writer()?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Opens a stored one to be read; `None` if it is not there.
    pub fn read(&self, digest: [u8; 16]) -> Result<Option<File>, DocumentsError> {
        let path = self.path(digest);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DocumentsError::io(&path)(error)),
        }
    }

    fn root(data: &Path, feed_uid: u64) -> PathBuf {
        data.join("attachments").join(format!("{feed_uid:016x}"))
    }

    fn path(&self, digest: [u8; 16]) -> PathBuf {
        let name = data_encoding::HEXLOWER.encode(&digest);
        self.root.join(&name[..2]).join(name)
    }
}
