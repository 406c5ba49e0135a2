//! Tests of what is brought back, and of what is refused.

use super::*;
use crate::commit::tail::{create_segment, write_mark};
use crate::journal::log::Files;
use crate::segment::segments_dir;
use crate::storage::fault::{Fault, FaultDisk};
use crate::storage::{Disk, RealDisk};

const UID: u64 = 7;
const SALT: u32 = 99;
const FILE_BYTES: u64 = 64 << 10;

const SEGMENT: SegmentHeader =
    SegmentHeader { feed_uid: UID, base_seq: 1, created_ms: 0, capacity: FILE_BYTES, salt: SALT, compacted: false };

const REDO: Redo<'_> =
    Redo { feed_dir: "f", feed_uid: UID, base_seq: 1, salt: SALT, offset: 8192, bytes: &[b'r'; 600] };

struct Directory {
    dir: tempfile::TempDir,
}

impl Directory {
    /// A feed with an empty segment.
    fn new() -> Directory {
        let dir = tempfile::tempdir().unwrap();
        let feed_dir = dir.path().join("feeds/f");
        fs::create_dir_all(segments_dir(&feed_dir)).unwrap();
        create_segment(&RealDisk, &segment_path(&feed_dir, 1), &SEGMENT).unwrap();
        Directory { dir }
    }

    /// A journal with these batches, each synced before the next.
    fn journal(&self, batches: &[&[Redo<'_>]]) -> Files {
        let mut files = Files::create(&RealDisk, self.dir.path(), FILE_BYTES).unwrap();
        for batch in batches {
            batch.iter().for_each(|redo| files.add(redo, 1_000));
            files.store().unwrap();
        }
        files
    }

    fn replay(&self) -> Result<(), OpenError> {
        replay_on(&RealDisk, self.dir.path())
    }

    fn segment(&self) -> PathBuf {
        segment_path(&self.dir.path().join("feeds/f"), 1)
    }

    fn redone(&self) -> Vec<u8> {
        redone_in(self.dir.path())
    }

    fn file(&self, name: &str) -> PathBuf {
        journal_dir(self.dir.path()).join(name)
    }

    fn overwrite(&self, name: &str, offset: u64, bytes: &[u8]) {
        File::options().write(true).open(self.file(name)).unwrap().write_all_at(bytes, offset).unwrap();
    }
}

fn replay_on(disk: &dyn Disk, data_dir: &Path) -> Result<(), OpenError> {
    replay(disk, data_dir, &data_dir.join("feeds"))
}

/// What the segment has behind its header, without zeros.
fn redone_in(data_dir: &Path) -> Vec<u8> {
    let file = fs::read(segment_path(&data_dir.join("feeds/f"), 1)).unwrap();
    file[HEADER_BYTES as usize..].iter().copied().filter(|byte| *byte != 0).collect()
}

fn redo(offset: u64, bytes: &[u8]) -> Redo<'_> {
    Redo { offset, bytes, ..REDO }
}

#[test]
fn what_belongs_to_a_segment_is_written_to_it_and_the_journal_is_gone() {
    let directory = Directory::new();
    drop(directory.journal(&[&[redo(4096, b"a"), redo(4104, b"b")], &[redo(4112, b"c")]]));
    directory.replay().unwrap();
    assert_eq!(directory.redone(), b"abc");
    let names: Vec<_> = fs::read_dir(directory.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["feeds"]);
    directory.replay().unwrap();
}

#[test]
fn what_belongs_to_no_segment_is_passed_over() {
    let cases = [
        ("another feed of that name", Redo { feed_uid: UID + 1, ..REDO }),
        ("another segment of that name", Redo { salt: SALT + 1, ..REDO }),
        ("a segment that is gone", Redo { base_seq: 2, ..REDO }),
        ("a feed that is gone", Redo { feed_dir: "g", ..REDO }),
        ("beyond the end", Redo { offset: FILE_BYTES - 599, ..REDO }),
        ("what was durable at the last close", Redo { offset: 5000, bytes: b"x", ..REDO }),
    ];
    for (what, passed_over) in cases {
        let directory = Directory::new();
        let file = RealDisk.open(&directory.segment()).unwrap();
        let mark = Mark { data_end: 8192, count: 1, last_seq: 1, appended_ms: 0, sealed: false };
        write_mark(&*file, SALT, &mark).unwrap();
        drop(directory.journal(&[&[redo(8192, b"a"), passed_over], &[redo(8200, b"b")]]));
        directory.replay().unwrap();
        assert_eq!(directory.redone(), b"ab", "{what}");
        assert_eq!(fs::metadata(directory.segment()).unwrap().len(), FILE_BYTES, "{what}");
    }
}

/// A crash in the middle of a replay: the next one finds the same journal, and some of it done.
#[test]
fn a_replay_may_begin_again() {
    let directory = Directory::new();
    drop(directory.journal(&[&[redo(4096, b"a")], &[redo(4104, b"b")]]));
    let file = File::options().write(true).open(directory.segment()).unwrap();
    file.write_all_at(b"a", 4096).unwrap();
    fs::create_dir(temporary_dir(directory.dir.path())).unwrap();
    fs::write(temporary_dir(directory.dir.path()).join(NAMES[0]), b"half of an old one").unwrap();
    directory.replay().unwrap();
    assert_eq!(directory.redone(), b"ab");
}

#[test]
fn retention_is_told_when_the_last_append_was() {
    let directory = Directory::new();
    let file = File::options().write(true).open(directory.segment()).unwrap();
    file.set_modified(UNIX_EPOCH).unwrap();
    drop(directory.journal(&[&[redo(4096, b"a")]]));
    directory.replay().unwrap();
    assert_eq!(fs::metadata(directory.segment()).unwrap().modified().unwrap(), UNIX_EPOCH + Duration::from_secs(1));
}

#[test]
fn a_torn_batch_is_cut_and_damage_before_it_is_named() {
    let first = HEADER_BYTES;
    let second = first + REDO.record_bytes();
    let third = second + REDO.record_bytes();
    let a_whole: &[u8] = &[b'r'; 600];
    // (where a byte is wrong, what is brought back, or where damage is found)
    let cases = [
        (second + 100, Err(second)),
        (first + 10, Err(first)),
        (third + 100, Ok(2)),
        (third + REDO.record_bytes() + 100, Ok(3)),
    ];
    for (position, (wrong, expected)) in cases.into_iter().enumerate() {
        let directory = Directory::new();
        let at = |offset| [Redo { offset, ..REDO }];
        let last = [Redo { offset: 12_288, ..REDO }, Redo { offset: 16_384, ..REDO }];
        drop(directory.journal(&[&at(4096), &at(8192), &last]));
        directory.overwrite(NAMES[0], wrong, b"?");
        match (directory.replay(), expected) {
            (Ok(()), Ok(count)) => assert_eq!(directory.redone(), a_whole.repeat(count), "case {position}"),
            (Err(OpenError::Journal { file, offset, what }), Err(damage)) => {
                assert_eq!((file, offset), (directory.file(NAMES[0]), damage), "case {position}");
                assert_eq!(what, "a record that had been durable is damaged");
                assert!(directory.redone().is_empty(), "nothing is guessed");
                assert!(directory.replay().is_err(), "the journal is still there");
            }
            (other, _) => panic!("case {position}: {other:?}"),
        }
    }
}

#[test]
fn one_header_is_enough() {
    for (torn, expected) in [
        (&[][..], Ok(())),
        (&[HEADER_OFFSETS[0]], Ok(())),
        (&[HEADER_OFFSETS[1]], Ok(())),
        (
            &HEADER_OFFSETS,
            Err("0.redo: both headers are damaged at offset 0; restore the data directory from a backup"),
        ),
    ] {
        let directory = Directory::new();
        drop(directory.journal(&[&[redo(4096, b"a")]]));
        torn.iter().for_each(|offset| directory.overwrite(NAMES[0], offset + 20, b"?"));
        match (directory.replay(), expected) {
            (Ok(()), Ok(())) => assert_eq!(directory.redone(), b"a", "{torn:?}"),
            (Err(error), Err(message)) => assert!(error.to_string().contains(message), "{error}"),
            (other, _) => panic!("{torn:?}: {other:?}"),
        }
    }
}

/// The first of the two headers is written when a file is used again, the second is not: nothing else has changed.
#[test]
fn a_file_that_is_about_to_be_used_again_is_read_as_what_it_was_or_as_empty() {
    for whole in [false, true] {
        let directory = Directory::new();
        let mut files = directory.journal(&[&[redo(4096, b"a")]]);
        let old = fs::read(directory.file(NAMES[0])).unwrap();
        files.recycle().unwrap();
        files.add(&redo(4104, b"b"), 1_000);
        files.store().unwrap();
        files.recycle().unwrap();
        let old_header = &old[HEADER_OFFSETS[1] as usize..][..BLOCK_BYTES];
        directory.overwrite(NAMES[0], HEADER_OFFSETS[1], old_header);
        if !whole {
            directory.overwrite(NAMES[0], HEADER_OFFSETS[0], b"?");
        }
        directory.replay().unwrap();
        assert_eq!(directory.redone(), if whole { &b"b"[..] } else { b"ab" });
    }
}

/// What was synced in the other file is there, and the old content of this one, which is not needed any more, is no damage.
#[test]
fn a_power_cut_while_a_file_is_used_again_harms_neither() {
    // Two headers, each synced; the first batch, and its sync; all of it.
    for step in 1..=7 {
        let directory = Directory::new();
        let disk = FaultDisk::new(directory.dir.path()).unwrap();
        let mut files = Files::create(&disk, directory.dir.path(), FILE_BYTES).unwrap();
        let store = |files: &mut Files, offset: u64, byte: u8| {
            files.add(&redo(offset, &[byte; 900]), 1_000);
            files.store().is_ok()
        };
        assert!((0..4).all(|number| store(&mut files, 4096 + number * 1000, b'a')));
        files.recycle().unwrap();
        assert!((4..6).all(|number| store(&mut files, 4096 + number * 1000, b'b')));
        disk.fail_at(disk.steps() + step, Fault::PowerCut);
        let stored = files.recycle().is_ok() && store(&mut files, 10_096, b'c');
        assert_eq!(stored, step == 7);
        for seed in 0..60 {
            let image = tempfile::tempdir().unwrap();
            disk.write_image(seed, image.path()).unwrap();
            replay_on(&RealDisk, image.path()).unwrap_or_else(|error| panic!("step {step}: {error}"));
            let redone = redone_in(image.path());
            let count = |byte| redone.iter().filter(|redone| **redone == byte).count();
            assert_eq!(count(b'b'), 1800, "step {step}");
            assert!(count(b'c') == 900 || !stored && count(b'c') == 0, "step {step}");
        }
    }
}

#[test]
fn old_records_are_never_taken_for_new_ones() {
    let directory = Directory::new();
    let mut files = directory.journal(&[&[redo(4096, b"a"), redo(4104, b"b")]]);
    files.recycle().unwrap();
    files.recycle().unwrap();
    files.add(&redo(4112, b"c"), 1_000);
    files.store().unwrap();
    directory.replay().unwrap();
    assert_eq!(directory.redone(), b"c");
}

#[test]
fn a_file_that_is_missing_or_short_is_damage() {
    let directory = Directory::new();
    drop(directory.journal(&[]));
    let file = File::options().write(true).open(directory.file(NAMES[1])).unwrap();
    file.set_len(FILE_BYTES - 1).unwrap();
    assert!(directory.replay().unwrap_err().to_string().contains("1.redo: the file is cut short at offset 65535"));
    fs::remove_file(directory.file(NAMES[1])).unwrap();
    assert!(directory.replay().unwrap_err().to_string().contains("1.redo: the file is missing at offset 0"));
}

/// Two segments of one feed and one of another, each with several records that are not there yet.
fn interrupted() -> Directory {
    let directory = Directory::new();
    let other_dir = directory.dir.path().join("feeds/g");
    fs::create_dir_all(segments_dir(&other_dir)).unwrap();
    for (feed, base_seq) in [("f", 2), ("g", 1)] {
        let path = segment_path(&directory.dir.path().join("feeds").join(feed), base_seq);
        create_segment(&RealDisk, &path, &SegmentHeader { base_seq, ..SEGMENT }).unwrap();
    }
    let at = |feed_dir, base_seq, offset, bytes| Redo { feed_dir, base_seq, offset, bytes, ..REDO };
    let mut files = directory.journal(&[
        &[at("f", 1, 4096, &[b'a'; 700]), at("g", 1, 4096, &[b'b'; 1500])],
        &[at("f", 1, 4800, &[b'c'; 600]), at("f", 2, 4096, &[b'd'; 3000])],
    ]);
    files.recycle().unwrap();
    files.add(&at("g", 1, 5600, &[b'e'; 900]), 2_000);
    files.store().unwrap();
    directory
}

/// Every file there is, without the journal.
fn contents(data_dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    assert!(!journal_dir(data_dir).exists() && !temporary_dir(data_dir).exists());
    let feeds = ["f", "g"].map(|feed| segments_dir(&data_dir.join("feeds").join(feed)));
    let files = feeds.iter().flat_map(|dir| fs::read_dir(dir).unwrap()).map(|entry| entry.unwrap().path());
    files.map(|file| (file.strip_prefix(data_dir).unwrap().to_owned(), fs::read(&file).unwrap())).collect()
}

/// Whatever a power cut leaves of a replay, and of the one after it, the next one comes to the same.
#[test]
fn a_power_cut_at_any_step_of_a_replay_changes_nothing_of_what_it_comes_to() {
    let whole = interrupted();
    let disk = FaultDisk::new(whole.dir.path()).unwrap();
    replay_on(&disk, whole.dir.path()).unwrap();
    let (expected, steps) = (contents(whole.dir.path()), disk.steps());
    assert_eq!((expected.len(), steps), (3, 5 + 3 + 2), "five writes, three syncs, the renaming and its sync");
    for step in 1..=steps {
        let directory = interrupted();
        let disk = FaultDisk::new(directory.dir.path()).unwrap();
        disk.fail_at(step, Fault::PowerCut);
        assert!(replay_on(&disk, directory.dir.path()).is_err(), "step {step}");
        for seed in 0..20 {
            let image = tempfile::tempdir().unwrap();
            disk.write_image(seed, image.path()).unwrap();
            let label = format!("step {step}, seed {seed}");
            // The salts differ from one directory to the next, but not from one image to the next.
            let second = FaultDisk::new(image.path()).unwrap();
            second.fail_at(1 + seed % steps, Fault::PowerCut);
            let image_of_second = tempfile::tempdir().unwrap();
            let ended = replay_on(&second, image.path()).is_ok();
            second.write_image(seed, image_of_second.path()).unwrap();
            for left in [image.path(), image_of_second.path()] {
                replay_on(&RealDisk, left).unwrap_or_else(|error| panic!("{label}, ended: {ended}: {error}"));
                assert!(contents(left) == expected, "{label}, ended: {ended}");
                replay_on(&RealDisk, left).unwrap();
                assert!(contents(left) == expected, "{label}: a journal that is gone");
            }
        }
    }
}
