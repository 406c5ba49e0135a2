//! The lock file: one process at a time in a data directory.

use crate::error::OpenError;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held for as long as the store is open; the kernel releases it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock of a data directory and writes this process's id into it.
    pub(crate) fn take(dir: &Path) -> Result<DirLock, OpenError> {
        let path = dir.join("LOCK");
        let io_error = |source| OpenError::Io { path: path.clone(), source };
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(io_error)?;
        Ok(DirLock { _file: file })
    }
}

fn in_use(dir: &Path, file: &mut File) -> OpenError {
    let mut pid = String::new();
    // An unreadable id is no reason to hide what is the matter.
    file.read_to_string(&mut pid).ok();
    let pid = match pid.trim() {
        "" => "(unknown)".to_owned(),
        pid => pid.to_owned(),
    };
    OpenError::InUse { dir: dir.to_owned(), pid }
}
