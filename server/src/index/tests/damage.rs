//! Files that are damaged: an index may be lost, it must not lie.

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};

use super::*;

/// A log, and an index of it that has files of every kind.
fn filled() -> (TempDir, Log) {
    let dir = scratch();
    let log = Log::open(dir.path());
    let index = open(dir.path(), &log);
    for round in 0..12 {
        log.append_many("again", 40);
        log.append_many(&format!("once-{round}"), 40);
        catch_up(&index, &log);
    }
    drop(index);
    (dir, log)
}

/// Opens the index in `dir`, whatever has become of it, and makes it true, as a caller does: by opening it again when it says
/// that it is damaged.
fn recover(dir: &Path, log: &Log) {
    for _ in 0..2 {
        let index = open(dir, log);
        let caught_up = index.catch_up(&log.feed, apply);
        let damaged = |error: &IndexError| matches!(error, IndexError::Damaged { .. });
        let read = [Documents::ById, Documents::BySeq]
            .into_iter()
            .try_for_each(|table| index.range(table, ..)?.try_for_each(|row| row.map(drop)));
        match (caught_up, read) {
            (Ok(_), Ok(())) => return assert_true(&index, log),
            (Err(CatchUpError::Index(error) | CatchUpError::Apply(error)), _) | (_, Err(error)) => {
                assert!(damaged(&error), "{error}");
            }
            (Err(error), _) => panic!("{error}"),
        }
    }
    panic!("it is damaged even when it was built anew");
}

#[test]
fn any_file_may_go_missing_or_be_cut() {
    let (dir, log) = filled();
    let files = files(&Indexes::new(dir.path()).dir(UID, Documents::NAME));
    assert!(files.len() > 8, "{files:?}");
    for file in &files {
        let relative = file.strip_prefix(dir.path()).unwrap();
        let length = fs::metadata(file).unwrap().len();
        for cut in [None, Some(0), Some(length / 2), Some(length.saturating_sub(1))] {
            let hurt = scratch();
            copy(&dir.path().join("index"), &hurt.path().join("index"));
            let file = hurt.path().join(relative);
            match cut {
                None => fs::remove_file(file).unwrap(),
                Some(length) => File::options().write(true).open(file).unwrap().set_len(length).unwrap(),
            }
            println!("{} {cut:?}", relative.display());
            recover(hurt.path(), &log);
        }
    }
}

#[test]
fn a_mark_of_damage_is_heeded() {
    let (dir, log) = filled();
    place::mark_damaged(&Indexes::new(dir.path()).dir(UID, Documents::NAME));
    let index = open(dir.path(), &log);
    assert!(matches!(index.origin(), Origin::Rebuilt(Discarded::Damaged { .. })), "{:?}", index.origin());
    catch_up(&index, &log);
    drop(index);
    assert_eq!(open(dir.path(), &log).origin(), &Origin::Kept);
}

#[test]
fn an_index_that_cannot_be_opened_is_not_tried_for_ever() {
    let (dir, log) = filled();
    let place = Indexes::new(dir.path()).dir(UID, Documents::NAME);
    assert!(place::begin_opening(&place).unwrap(), "killed while it was opened");
    assert_eq!(open(dir.path(), &log).origin(), &Origin::Kept, "that can happen to a good one");
    for _ in 0..2 {
        assert!(place::begin_opening(&place).unwrap(), "killed twice in a row, with nothing in between");
    }
    let index = open(dir.path(), &log);
    let Origin::Rebuilt(Discarded::Damaged { what }) = index.origin() else { panic!("{:?}", index.origin()) };
    assert_eq!(what, "opening it has brought the process down");
}

#[test]
fn something_else_in_its_place_is_replaced() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("a", 10);
    let place = Indexes::new(dir.path()).dir(UID, Documents::NAME);
    fs::create_dir_all(place.join("keyspaces/x")).unwrap();
    fs::write(place.join("version"), "what is this").unwrap();
    recover(dir.path(), &log);
}

/// All but the manifests, a few hundred bytes each, which the store does not check: it can lie or abort after those.
#[test]
fn no_damaged_byte_makes_it_lie() {
    let (dir, log) = filled();
    let hits = vec((any::<Index>(), any::<Index>(), 1u8..), 1..4);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let held = runner.run(&hits, |hits| {
        let hurt = scratch();
        copy(&dir.path().join("index"), &hurt.path().join("index"));
        let mut files = files(hurt.path());
        files.retain(|file| !is_manifest(file));
        for (file, at, flip) in hits {
            let file = file.get(&files);
            let mut bytes = fs::read(file).unwrap();
            // Journals are mostly zeros that nobody reads.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if used > 0 {
                bytes[at.index(used)] ^= flip;
                fs::write(file, bytes).unwrap();
            }
        }
        recover(hurt.path(), &log);
        Ok(())
    });
    held.unwrap();
}

/// `v0`, `v1` and so on.
fn is_manifest(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    name.strip_prefix('v').is_some_and(|number| number.parse::<u64>().is_ok())
}
