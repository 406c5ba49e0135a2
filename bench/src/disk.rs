//! What the disk itself gives: append to preallocated files, sync after each batch.
//!
//! Owns that loop, in the directory the server writes to, on the clients' processors, so that nothing of the server is in its way.
//! What was written is kept until the end, as a log keeps it: writing over memory that was given back a moment ago would
//! flatter the disk. Tests are below.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rustix::fs::{FallocateFlags, fallocate};
use serde::Serialize;

/// Size of a file that is written to; as large as the server's.
const FILE_BYTES: u64 = 64 << 20;

/// When something counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When a sync has returned
    #[default]
    Sync,
    /// When the operating system has it
    Os,
}

impl Durability {
    /// The word for it in the server's configuration and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Os => "os",
        }
    }
}

/// A directory's disk.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    /// Files without names; the last one is being appended to.
    files: Vec<File>,
    offset: u64,
}

impl Disk {
    /// The disk that `directory` lies on.
    pub fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), files: Vec::new(), offset: FILE_BYTES }
    }

    /// Batches a second that `write` and `fdatasync` of `batch_bytes` sustain, one after the other.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn batches_per_second(&mut self, batch_bytes: usize, measured: Duration) -> Result<f64> {
        self.append_for(batch_bytes, measured).with_context(|| format!("writing to {}", self.directory.display()))
    }

    fn append_for(&mut self, batch_bytes: usize, measured: Duration) -> io::Result<f64> {
        let batch = vec![0x5a; batch_bytes];
        let (mut batches, mut spent) = (0u64, Duration::ZERO);
        while spent < measured {
            let (file, offset) = self.room_for(batch_bytes as u64)?;
            let begun = Instant::now();
            file.write_all_at(&batch, offset)?;
            file.sync_data()?;
            spent += begun.elapsed();
            batches += 1;
        }
        Ok(batches as f64 / spent.as_secs_f64())
    }

    /// Where the next batch goes: into the last file, or into a new one whose blocks are reserved, as the log's are.
    fn room_for(&mut self, batch_bytes: u64) -> io::Result<(&File, u64)> {
        if self.files.is_empty() || self.offset + batch_bytes > FILE_BYTES {
            let file = tempfile::tempfile_in(&self.directory)?;
            fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES.max(batch_bytes))?;
            file.sync_all()?;
            self.files.push(file);
            self.offset = 0;
        }
        let offset = self.offset;
        self.offset += batch_bytes;
        Ok((self.files.last().expect("one was just pushed where there was none"), offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_each_other_and_files_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let mut disk = Disk::of(directory.path());
        let half = FILE_BYTES / 2 + 1;
        let places: Vec<u64> = [1, 512, half, half, 2 * FILE_BYTES, 1]
            .into_iter()
            .map(|batch_bytes| disk.room_for(batch_bytes).unwrap().1)
            .collect();
        assert_eq!(places, [0, 1, 513, 0, 0, 0]);
        assert_eq!(disk.files.len(), 4);
        assert!(disk.batches_per_second(512, Duration::from_micros(1)).unwrap() > 0.0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the files have no names");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let said = Disk::of(Path::new("/nowhere/at/all")).batches_per_second(1, Duration::from_secs(1)).unwrap_err();
        assert!(said.to_string().contains("/nowhere/at/all"));
    }
}
