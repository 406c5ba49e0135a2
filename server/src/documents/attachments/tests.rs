//! Bytes that are stored once, and kept while somebody needs them.

use std::{fs, io::Read};

use tailwater_wire::couchdb::doc::attachment::digest;

use super::*;

fn blobs(dir: &Path) -> Blobs {
    Blobs::open(dir, 1, 200_000).unwrap()
}

fn bytes_of(blobs: &Blobs, digest: [u8; 16]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    blobs.read(digest).unwrap()?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// Every file, the unfinished ones too.
fn files(blobs: &Blobs) -> usize {
    let count = |path: PathBuf| fs::read_dir(path).map_or(1, Iterator::count);
    fs::read_dir(&blobs.root).map_or(0, |entries| entries.map(|entry| count(entry.unwrap().path())).sum())
}

#[test]
fn the_same_bytes_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let large = vec![7; 200_000];
    for bytes in [&b"hello"[..], b"", &large, b"hello", &large] {
        let blob = blobs.store(bytes).unwrap();
        assert_eq!((blob.digest(), blob.length()), (digest(bytes), bytes.len() as u64));
        assert_eq!(bytes_of(&blobs, blob.digest()).as_deref(), Some(bytes));
    }
    assert_eq!(files(&blobs), 3);
    assert_eq!(bytes_of(&blobs, digest(b"other")), None);
    Blobs::remove_all(dir.path(), 1).unwrap();
    assert_eq!(files(&blobs), 0);
}

#[test]
fn pieces_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let mut writer = blobs.writer().unwrap();
    ["he", "", "llo"].iter().for_each(|piece| writer.write(piece.as_bytes()).unwrap());
    assert_eq!(writer.bytes(), 5);
    let blob = writer.finish().unwrap().gzipped(99);
    assert_eq!((blob.digest(), blob.stored_bytes(), blob.length()), (digest(b"hello"), 5, 99));
    assert_eq!(blob.encoding(), Some("gzip"));
}

#[test]
fn what_is_not_finished_goes() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let mut writer = blobs.writer().unwrap();
    writer.write(b"half").unwrap();
    assert_eq!(files(&blobs), 1);
    drop(writer);
    assert_eq!(files(&blobs), 0);
    let mut writer = blobs.writer().unwrap();
    writer.write(b"half").unwrap();
    std::mem::forget(writer);
    assert_eq!(files(&blobs), 1, "a crash leaves it");
    assert_eq!(files(&self::blobs(dir.path())), 0);
}

#[test]
fn other_bytes_of_the_same_digest_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let blob = blobs.store(b"hello").unwrap();
    for forged in ["jello", "hello, longer"] {
        fs::write(blobs.path(blob.digest()), forged).unwrap();
        assert!(matches!(blobs.store(b"hello"), Err(DocumentsError::DigestCollision)));
    }
    assert_eq!(files(&blobs), 1);
}

#[test]
fn what_is_too_large_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let refused = blobs.store(&[0; 200_001]).unwrap_err();
    assert_eq!(refused.to_string(), "an attachment has at most 200000 bytes");
    assert_eq!(files(&blobs), 0);
}

#[test]
fn a_sweep_leaves_what_is_named_or_held() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = blobs(dir.path());
    let held = blobs.store(b"held").unwrap();
    let held_twice = held.clone();
    for bytes in ["named", "orphan", "another"] {
        blobs.store(bytes.as_bytes()).unwrap();
    }
    let is_named = |name: [u8; 16]| Ok(name == digest(b"named"));
    assert_eq!(blobs.sweep(is_named).unwrap(), Swept { seen: 4, removed: 2, removed_bytes: 13 });
    drop(held);
    assert_eq!(blobs.sweep(is_named).unwrap(), Swept { seen: 2, removed: 0, removed_bytes: 0 });
    drop(held_twice);
    assert_eq!(blobs.sweep(is_named).unwrap().removed, 1);
    assert!(bytes_of(&blobs, digest(b"named")).is_some());
    let fails = blobs.sweep(|_| Err(DocumentsError::Closed));
    assert!(fails.is_err() && bytes_of(&blobs, digest(b"named")).is_some());
}
