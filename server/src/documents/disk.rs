//! Files beside the log: written whole or not at all, and durable when a call returns.
//!
//! Owns the order of storage steps: contents, synced; name, synced. What a crash leaves behind has a name with a dot in front
//! and is removed at the next opening. All of it blocks on the disk. Tested at the end of this file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::error::DocumentsError;

/// What the names of unfinished files begin with.
const UNFINISHED: &str = ".new-";

/// A name for a file that is not finished, in the directory where it will be.
pub(super) fn unfinished(dir: &Path) -> PathBuf {
    dir.join(format!("{UNFINISHED}{:032x}", rand::random::<u128>()))
}

/// Removes unfinished files.
pub(super) fn remove_unfinished(dir: &Path) -> Result<(), DocumentsError> {
    for path in entries(dir)? {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())) {
            fs::remove_file(&path).map_err(DocumentsError::io(&path))?;
        }
    }
    Ok(())
}

/// What is in a directory; nothing if it is not there.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, DocumentsError> {
    let listed = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(DocumentsError::io(dir))?,
    };
    let paths: io::Result<_> = listed.map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map_err(DocumentsError::io(dir))
}

/// The contents of a file; `None` if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, DocumentsError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(DocumentsError::io(path)),
    }
}

/// Gives a file these contents, and makes its directory if need be.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), DocumentsError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    make_dir(dir)?;
    let new = unfinished(dir);
    let written = File::create_new(&new).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    let named = written.and_then(|()| fs::rename(&new, path));
    if named.is_err() {
        // It would be removed at the next opening as well.
        fs::remove_file(&new).ok();
    }
    named.map_err(DocumentsError::io(path))?;
    sync_dir(dir)
}

/// Removes a file; false if it is not there.
pub(super) fn remove(path: &Path) -> Result<bool, DocumentsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        removed => removed.map_err(DocumentsError::io(path))?,
    }
    path.parent().map_or(Ok(()), sync_dir)?;
    Ok(true)
}

/// Removes a directory and all that is in it; none is fine.
pub(super) fn remove_dir(dir: &Path) -> Result<(), DocumentsError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DocumentsError::io(dir)(error)),
        _ => Ok(()),
    }
}

/// Makes a directory and those above it.
pub(super) fn make_dir(dir: &Path) -> Result<(), DocumentsError> {
    if dir.is_dir() {
        return Ok(());
    }
    let Some(above) = dir.parent() else { return Ok(()) };
    make_dir(above)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(DocumentsError::io(dir)(error)),
        _ => sync_dir(above),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), DocumentsError> {
    let opened = if dir.as_os_str().is_empty() { File::open(".") } else { File::open(dir) };
    opened.and_then(|dir| dir.sync_all()).map_err(DocumentsError::io(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        assert_eq!(read(&path).unwrap(), None);
        assert!(!remove(&path).unwrap());
        for contents in [&b"one"[..], b"", b"three"] {
            replace(&path, contents).unwrap();
            assert_eq!(read(&path).unwrap().as_deref(), Some(contents));
        }
        let left = unfinished(&dir.path().join("a/b"));
        fs::write(&left, "half").unwrap();
        remove_unfinished(&dir.path().join("a/b")).unwrap();
        assert_eq!(entries(&dir.path().join("a/b")).unwrap(), std::slice::from_ref(&path));
        assert!(remove(&path).unwrap());
        assert_eq!(read(&path).unwrap(), None);
        remove_dir(&dir.path().join("a")).unwrap();
        remove_dir(&dir.path().join("a")).unwrap();
        assert!(entries(&dir.path().join("a")).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_written_says_where() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = replace(&dir.path().join("file/below"), b"").unwrap_err();
        assert!(matches!(error, DocumentsError::Io { .. }), "{error}");
    }
}
