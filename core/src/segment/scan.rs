//! Decides what a segment that was not closed cleanly still holds, from its bytes alone.
//!
//! Owns the rule that tells a torn tail from damage in the middle; does no I/O and repairs nothing. An invalid record is a torn
//! tail, and is cut, unless something says that it had been durable: the mark, or a later record whose `durable_to` lies
//! beyond it. Tested in `scan_tests.rs`.

use super::format::{HEADER_BYTES, Mark, RECORD_HEADER_BYTES, RecordHeader, SegmentHeader};
use super::index::IndexEntry;

/// What a scan has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// End of the last complete batch.
    pub(crate) end: u64,
    /// The events before `end`.
    pub(crate) entries: Vec<IndexEntry>,
    /// Everything before this offset was known to be on the disk.
    pub(crate) durable_to: u64,
    /// Whether there is anything but zeros after `end`.
    pub(crate) leftovers: bool,
    /// Where something that had been durable cannot be read, and what.
    pub(crate) damage: Option<(u64, &'static str)>,
}

/// Scans the bytes of a whole segment file.
pub(crate) fn scan(file: &[u8], header: &SegmentHeader, mark: Option<&Mark>) -> Scan {
    let mut scan = Scan {
        end: HEADER_BYTES,
        entries: Vec::new(),
        durable_to: mark.map_or(HEADER_BYTES, |mark| mark.data_end),
        leftovers: false,
        damage: None,
    };
    let invalid_at = scan.read_batches(file, header);
    scan.leftovers = has_leftovers(&file[scan.end as usize..]);
    let last_seq = scan.entries.last().map_or(header.base_seq - 1, |entry| entry.seq);
    let claim = mark.map_or(0, |mark| mark.data_end).max(latest_claim(file, header.salt, invalid_at, last_seq));
    if claim > scan.end {
        scan.damage = Some((invalid_at, "a record that had been durable is damaged"));
    }
    scan
}

impl Scan {
    /// Collects complete batches; returns the offset of the first thing that is no valid record.
    fn read_batches(&mut self, file: &[u8], header: &SegmentHeader) -> u64 {
        let mut at = HEADER_BYTES;
        let mut last_seq = header.base_seq - 1;
        let mut complete = 0;
        while let Some(record) = valid_record(file, at, header.salt, last_seq) {
            self.entries.push(IndexEntry { seq: record.seq, time_us: record.time_us, offset: at });
            last_seq = record.seq;
            at += record.padded_bytes() as u64;
            if record.batch_end {
                self.end = at;
                complete = self.entries.len();
                self.durable_to = self.durable_to.max(u64::from(record.durable_to));
            }
        }
        self.entries.truncate(complete);
        at
    }
}

fn valid_record(file: &[u8], at: u64, salt: u32, last_seq: u64) -> Option<RecordHeader> {
    let bytes = file.get(at as usize..)?;
    let record = RecordHeader::decode(bytes, salt)?;
    record.event(bytes)?;
    (record.seq > last_seq && bytes.len() >= record.padded_bytes()).then_some(record)
}

/// The largest `durable_to` of the record headers that lie after `invalid_at`.
fn latest_claim(file: &[u8], salt: u32, invalid_at: u64, last_seq: u64) -> u64 {
    let mut claim = 0;
    let mut at = invalid_at as usize + 8;
    while at + RECORD_HEADER_BYTES <= file.len() {
        if file[at..at + 8] != [0; 8]
            && let Some(record) = RecordHeader::decode(&file[at..], salt)
            && record.seq > last_seq
            && record.durable_to as usize <= at
        {
            claim = claim.max(u64::from(record.durable_to));
        }
        at += 8;
    }
    claim
}

fn has_leftovers(bytes: &[u8]) -> bool {
    bytes.chunks(4096).any(|chunk| chunk != &[0; 4096][..chunk.len()])
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
