//! Tests of the rule that tells a torn tail from damage.

use super::*;
use crate::event::{BodyFormat, Event};
use crate::segment::format::{Finish, finish_record, lay_out_record};
use proptest::prelude::*;

const SALT: u32 = 99;
const FILE_BYTES: usize = 64 << 10;

fn header() -> SegmentHeader {
    SegmentHeader {
        feed_uid: 1,
        base_seq: 10,
        created_ms: 0,
        capacity: FILE_BYTES as u64,
        salt: SALT,
        compacted: false,
    }
}

fn mark_at(data_end: u64) -> Mark {
    Mark { data_end, count: 0, last_seq: 0, appended_ms: 0, sealed: false }
}

/// A segment of groups, each of batches, each of bodies; every group was synced before the next was written.
struct Built {
    file: Vec<u8>,
    /// Start of each group, and the end of the last.
    groups: Vec<u64>,
    /// End of each batch.
    batches: Vec<u64>,
    entries: Vec<IndexEntry>,
}

fn build(groups: &[Vec<Vec<usize>>]) -> Built {
    let mut built = Built {
        file: vec![0; HEADER_BYTES as usize],
        groups: vec![HEADER_BYTES],
        batches: Vec::new(),
        entries: Vec::new(),
    };
    let mut seq = 9;
    for group in groups {
        let durable_to = built.file.len() as u32;
        for batch in group {
            for (position, body_bytes) in batch.iter().enumerate() {
                seq += 1;
                let offset = built.file.len();
                let body = vec![seq as u8; *body_bytes];
                let event = Event { seq, time_us: 5, kind: "put", key: "k", format: BodyFormat::Json, body: &body };
                lay_out_record(&event, &mut built.file);
                finish_record(
                    &mut built.file[offset..],
                    Finish { seq, durable_to, batch_end: position + 1 == batch.len(), salt: SALT },
                );
                built.entries.push(IndexEntry { seq, time_us: 5, offset: offset as u64 });
            }
            built.batches.push(built.file.len() as u64);
        }
        built.groups.push(built.file.len() as u64);
    }
    built.file.resize(FILE_BYTES, 0);
    built
}

fn entries_before(built: &Built, end: u64) -> Vec<IndexEntry> {
    built.entries.iter().filter(|entry| entry.offset < end).copied().collect()
}

#[test]
fn an_untouched_segment_is_whole() {
    let built = build(&[vec![vec![10, 20], vec![0]], vec![vec![300]]]);
    let found = scan(&built.file, &header(), None);
    let expected = Scan {
        end: built.groups[2],
        entries: built.entries.clone(),
        durable_to: built.groups[1],
        leftovers: false,
        damage: None,
    };
    assert_eq!(found, expected);
    let marked = scan(&built.file, &header(), Some(&mark_at(built.groups[2])));
    assert_eq!(marked, Scan { durable_to: built.groups[2], ..expected });
    assert_eq!(scan(&vec![0; FILE_BYTES], &header(), None).end, HEADER_BYTES);
}

#[test]
fn a_loss_after_a_clean_close_is_damage() {
    let mut built = build(&[vec![vec![10]], vec![vec![300]]]);
    let (start, end) = (built.groups[1], built.groups[2]);
    built.file[start as usize..end as usize].fill(0);
    let found = scan(&built.file, &header(), Some(&mark_at(end)));
    assert_eq!((found.end, found.damage), (start, Some((start, "a record that had been durable is damaged"))));
    assert_eq!(scan(&built.file, &header(), Some(&mark_at(start))).damage, None);
}

#[test]
fn an_older_seq_never_follows() {
    let mut built = build(&[vec![vec![10]], vec![vec![10]]]);
    let (first, second) = (built.entries[0].offset as usize, built.entries[1].offset as usize);
    built.file.copy_within(first..second, second);
    let found = scan(&built.file, &header(), None);
    assert_eq!((found.end, found.leftovers, found.damage), (second as u64, true, None));
}

prop_compose! {
    fn groups()(groups in proptest::collection::vec(proptest::collection::vec(proptest::collection::vec(0_usize..200, 1..4), 1..4), 1..6))
        -> Vec<Vec<Vec<usize>>> { groups }
}

proptest! {
    /// Any sectors of the last group may be missing after a power cut.
    #[test]
    fn a_torn_last_group_is_cut_after_its_last_whole_batch(groups in groups(), lost in any::<u64>()) {
        let mut built = build(&groups);
        let whole = built.file.clone();
        let (start, end) = (built.groups[groups.len() - 1], built.groups[groups.len()]);
        for sector in start / 512..=end / 512 {
            if lost >> (sector % 64) & 1 == 1 {
                let range = (sector * 512).max(start) as usize..((sector + 1) * 512).min(end).max(start) as usize;
                built.file[range].fill(0);
            }
        }
        let found = scan(&built.file, &header(), None);
        prop_assert_eq!(found.damage, None);
        prop_assert!(found.end >= start);
        let intact = built.batches.iter().copied().take_while(|end| built.file[..*end as usize] == whole[..*end as usize]).last();
        prop_assert_eq!(found.end, intact.unwrap_or(HEADER_BYTES));
        prop_assert_eq!(found.entries, entries_before(&built, found.end));
    }

    /// A flipped bit in a group that was synced before a later one was written is never taken for a torn tail.
    #[test]
    fn damage_before_the_last_group_is_noticed(groups in groups(), extra in groups(), at: prop::sample::Index, bit in 0_u32..8) {
        let mut all = groups.clone();
        all.extend(extra);
        let mut built = build(&all);
        let synced = built.groups[all.len() - 1] - HEADER_BYTES;
        prop_assume!(synced > 0);
        let target = HEADER_BYTES + at.index(synced as usize) as u64;
        built.file[target as usize] ^= 1_u8 << bit;
        let record = built.entries.iter().rev().find(|entry| entry.offset <= target).unwrap().offset;
        let found = scan(&built.file, &header(), None);
        if found.damage.is_none() {
            // Only padding is not covered by a checksum, because it means nothing.
            prop_assert_eq!(found.entries, built.entries);
        } else {
            prop_assert_eq!(found.damage.unwrap().0, record);
            prop_assert!(found.end <= record);
            prop_assert_eq!(&found.entries, &entries_before(&built, found.end));
        }
    }

    /// Whatever lies in the file, the scan ends and keeps nothing that was not written.
    #[test]
    fn noise_is_never_taken_for_events(groups in groups(), noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..40)) {
        let mut built = build(&groups);
        for (at, word) in noise {
            let at = at.index(built.file.len() / 8) * 8;
            built.file[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        let found = scan(&built.file, &header(), None);
        prop_assert_eq!(&found.entries, &entries_before(&built, found.end));
    }
}
