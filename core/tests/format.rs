//! Which data directories are opened, and what becomes of older ones.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::*;

const NEW: &str = "tailwater-data 2\n";
const OLD: &str = "tailwater-data 1\n";

fn format_of(dir: &Path) -> String {
    fs::read_to_string(dir.join("FORMAT")).unwrap()
}

/// A directory with an event, closed in order, as a program without a journal would leave it; or killed, with a journal.
fn old_directory(dir: &Path, closes: bool) {
    let store = open(dir);
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    drive(&store, &[&feed], async {
        feed.append(batch(&[b"a"]), SeqMode::Assign).await.unwrap();
        if closes {
            feed.close().await.unwrap();
        }
    });
    drop((feed, store));
    if closes {
        fs::remove_dir_all(dir.join("journal")).unwrap();
    }
    fs::write(dir.join("FORMAT"), OLD).unwrap();
}

#[test]
fn a_directory_of_the_first_format_is_raised_before_anything_is_written_to_it() {
    for closes in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        old_directory(dir.path(), closes);
        assert_eq!(dir.path().join("journal").exists(), !closes);
        let store = open(dir.path());
        assert_eq!(format_of(dir.path()), NEW);
        assert_eq!(read_all(&store.feed("f").unwrap(), 0), [(1, b"a".to_vec())]);
        drop(store);
        assert_eq!(open(dir.path()).feeds().len(), 1);
    }
}

#[test]
fn new_directories_have_the_second_format_even_after_a_crash_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    assert_eq!(format_of(dir.path()), NEW);
    for left in ["FORMAT", "FORMAT.tmp"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(left), "").unwrap();
        drop(open(dir.path()));
        assert_eq!(format_of(dir.path()), NEW);
    }
}

#[test]
fn what_this_program_does_not_know_is_refused_and_left_alone() {
    for other in ["tailwater-data 3\n", "tailwater-data 0\n", "tailwater-data 11\n", "something else"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("FORMAT"), other).unwrap();
        let error = Store::open(dir.path(), options()).unwrap_err();
        assert!(matches!(&error, OpenError::Format { found, .. } if found == other.trim_end()), "{error}");
        let told = "this program reads `tailwater-data 2` and older; choose another directory or a matching version";
        assert!(error.to_string().ends_with(told), "{error}");
        assert_eq!(format_of(dir.path()), other);
    }
}

/// A power cut while it is raised leaves a directory that a program of either format opens as what it is: there is no journal of
/// this one's in it before it is raised for good.
#[test]
fn a_power_cut_while_it_is_raised_leaves_the_old_format_or_the_new_one() {
    let mut found = Vec::new();
    // The name, the line and its sync; the renaming and its sync; all of it.
    for step in 1..=6 {
        let dir = scratch();
        old_directory(dir.path(), true);
        let disk = FaultDisk::new(dir.path()).unwrap();
        disk.fail_at(step, Fault::PowerCut);
        let options = || StoreOptions { disk: Arc::new(disk.clone()), ..options() };
        let opened = Store::open(dir.path(), options());
        assert_eq!(opened.is_ok(), step == 6, "step {step}");
        drop(opened);
        for seed in 0..20 {
            let image = scratch();
            disk.write_image(seed, image.path()).unwrap();
            let format = format_of(image.path());
            assert!(format == NEW || (format == OLD && step < 6), "step {step}: {format:?}");
            assert!(!image.path().join("journal").exists());
            assert_eq!(read_all(&open(image.path()).feed("f").unwrap(), 0), [(1, b"a".to_vec())]);
            found.push(format);
        }
    }
    assert!(found.iter().any(|format| format == OLD) && found.iter().any(|format| format == NEW));
}
