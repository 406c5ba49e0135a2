//! An attachment on its way in.
//!
//! Owns the order of storage steps: the bytes, synced; the name, synced; and before both the pin, so that a sweep that runs
//! meanwhile leaves it alone.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use md5::{Digest, Md5};

use super::{Blob, Blobs};
use crate::documents::{
    disk::{make_dir, sync_dir, unfinished},
    error::DocumentsError,
};

/// Bytes that are compared at once.
const PIECE_BYTES: usize = 64 << 10;

/// Takes the bytes of one attachment; see [`Blobs::writer`]. What is not finished is removed.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    path: PathBuf,
    file: File,
    digest: Md5,
    bytes: u64,
}

impl Blobs {
    /// Begins to store an attachment whose bytes come piece by piece.
    pub fn writer(&self) -> Result<BlobWriter, DocumentsError> {
        make_dir(&self.root)?;
        let path = unfinished(&self.root);
        let file = File::create_new(&path).map_err(DocumentsError::io(&path))?;
        Ok(BlobWriter { blobs: self.clone(), path, file, digest: Md5::new(), bytes: 0 })
    }
}

impl BlobWriter {
    /// Takes some more bytes.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), DocumentsError> {
        let bytes_max = self.blobs.bytes_max;
        if self.bytes + piece.len() as u64 > bytes_max {
            return Err(DocumentsError::AttachmentTooLarge { bytes_max });
        }
        self.digest.update(piece);
        self.bytes += piece.len() as u64;
        self.file.write_all(piece).map_err(DocumentsError::io(&self.path))
    }

    /// Bytes it has taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it durable under its name.
    pub fn finish(self) -> Result<Blob, DocumentsError> {
        let digest: [u8; 16] = self.digest.clone().finalize().into();
        let blob = Blob::new(self.blobs.pins.hold(digest), self.bytes);
        let path = self.blobs.path(digest);
        if let Some(same) = self.blobs.read(digest)? {
            let is_same = is_same(&self.path, same).map_err(DocumentsError::io(&path))?;
            return if is_same { Ok(blob) } else { Err(DocumentsError::DigestCollision) };
        }
        self.file.sync_all().map_err(DocumentsError::io(&self.path))?;
        let dir = path.parent().unwrap_or(&self.blobs.root);
        make_dir(dir)?;
        fs::rename(&self.path, &path).map_err(DocumentsError::io(&path))?;
        sync_dir(dir)?;
        Ok(blob)
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // Gone already if it got its name.
        fs::remove_file(&self.path).ok();
    }
}

fn is_same(new: &Path, mut stored: File) -> io::Result<bool> {
    let mut new = File::open(new)?;
    if new.metadata()?.len() != stored.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        let read = new.read(&mut one)?;
        if read == 0 {
            return Ok(true);
        }
        stored.read_exact(&mut other[..read])?;
        if one[..read] != other[..read] {
            return Ok(false);
        }
    }
}
