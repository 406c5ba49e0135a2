//! What the disk itself gives: append to a preallocated file, sync after each batch.
//!
//! Owns that loop, in the directory the server writes to, on the clients' processors, so that nothing of the server is in its way. Tests are
//! below.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate};

/// Size of a file that is written to; as large as the server's.
const FILE_BYTES: u64 = 64 << 20;

/// Batches a second that `write` and `fdatasync` of `batch_bytes` sustain in `directory`.
///
/// # Errors
///
/// The disk's.
pub fn syncs_per_second(directory: &Path, batch_bytes: usize, measured: Duration) -> Result<f64> {
    append_for(directory, batch_bytes, measured).with_context(|| format!("writing to {}", directory.display()))
}

fn append_for(directory: &Path, batch_bytes: usize, measured: Duration) -> io::Result<f64> {
    let batch = vec![0x5a; batch_bytes];
    let mut file = preallocated(directory, batch_bytes)?;
    let mut offset = 0;
    let mut batches = 0u64;
    let mut spent = Duration::ZERO;
    while spent < measured {
        if offset + batch_bytes as u64 > FILE_BYTES.max(batch_bytes as u64) {
            file = preallocated(directory, batch_bytes)?;
            offset = 0;
        }
        let begun = Instant::now();
        file.write_all_at(&batch, offset)?;
        file.sync_data()?;
        spent += begun.elapsed();
        offset += batch_bytes as u64;
        batches += 1;
    }
    Ok(batches as f64 / spent.as_secs_f64())
}

/// A file without a name whose blocks are reserved, as the log's are.
fn preallocated(directory: &Path, batch_bytes: usize) -> io::Result<File> {
    let file = tempfile::tempfile_in(directory)?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES.max(batch_bytes as u64))?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_written() {
        let directory = tempfile::tempdir().unwrap();
        for batch_bytes in [1, 512, (FILE_BYTES / 2 + 1) as usize] {
            let rate = syncs_per_second(directory.path(), batch_bytes, Duration::from_micros(1)).unwrap();
            assert!(rate > 0.0, "{batch_bytes}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let said = syncs_per_second(Path::new("/nowhere/at/all"), 1, Duration::ZERO).unwrap_err();
        assert!(said.to_string().contains("/nowhere/at/all"));
    }
}
