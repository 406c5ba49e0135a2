//! Files of a data directory, and damage done to them.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Files below a directory whose paths satisfy a condition, in order.
pub fn files(directory: &Path, wanted: impl Fn(&Path) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The segments of the feeds whose directories' names begin so, below a test's directory.
pub fn segments(directory: &Path, feed: &str) -> Vec<PathBuf> {
    let within = format!("/feeds/{feed}");
    files(directory, |path| {
        path.to_string_lossy().contains(&within) && path.extension().is_some_and(|extension| extension == "seg")
    })
}

/// Overwrites a part of a file where it lies.
pub fn damage(path: &Path, from: u64, bytes: usize) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0x55; bytes], from).unwrap();
}

/// Leaves no place for frames of a feed that have not been asked for yet.
pub fn without_frames(directory: &Path, feed: &str) {
    let frames = directory.join(format!("log/feeds/{feed}/frames"));
    // There may be none yet.
    let _none = fs::remove_dir_all(&frames);
    fs::write(frames, "no directory").unwrap();
}
