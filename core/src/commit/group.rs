//! A group of batches that are written and synced together.
//!
//! Owns the numbering of events and the final layout of their bytes; does no I/O. A batch that is refused leaves the group
//! unchanged. Tested at the end of this file.

use super::queue::AppendReply;
use crate::batch::{Batch, SeqMode};
use crate::error::AppendError;
use crate::event::{Event, SEQ_MAX};
use crate::feed::Appended;
use crate::segment::format::{self, Finish};
use crate::segment::index::IndexEntry;

/// Where a group begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupStart {
    /// The last seq before it.
    pub(crate) last_seq: u64,
    /// Everything before this offset of the segment is durable, there or in the journal.
    pub(crate) durable_to: u32,
    /// Salt of the segment.
    pub(crate) salt: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    start: GroupStart,
    pub(crate) bytes: Vec<u8>,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) count: u64,
    pub(crate) body_bytes: u64,
    pub(crate) replies: Vec<(AppendReply, Appended)>,
}

impl Group {
    pub(crate) fn new(start: GroupStart) -> Group {
        Group {
            start,
            bytes: Vec::new(),
            first_seq: 0,
            last_seq: start.last_seq,
            count: 0,
            body_bytes: 0,
            replies: Vec::new(),
        }
    }

    /// Adds a batch that [`check`] has accepted after `self.last_seq`.
    pub(crate) fn add(&mut self, batch: Batch, mode: SeqMode, reply: AppendReply) {
        let count = batch.count;
        self.body_bytes += batch.body_bytes as u64;
        let at = self.bytes.len();
        if at == 0 {
            self.bytes = batch.bytes;
        } else {
            self.bytes.extend_from_slice(&batch.bytes);
        }
        let first_seq = self.finish_records(at, mode);
        if self.count == 0 {
            self.first_seq = first_seq;
        }
        self.count += count as u64;
        self.replies.push((reply, Appended { first_seq, last_seq: self.last_seq, count }));
    }

    /// Gives the records from `at` on their seqs and checksums; returns the first seq.
    fn finish_records(&mut self, mut at: usize, mode: SeqMode) -> u64 {
        let mut first_seq = None;
        while at < self.bytes.len() {
            let next = at + format::laid_out_bytes(&self.bytes[at..]);
            let seq = match mode {
                SeqMode::Assign => self.last_seq + 1,
                SeqMode::Preserve => format::laid_out_seq(&self.bytes[at..]),
            };
            let batch_end = next == self.bytes.len();
            let GroupStart { durable_to, salt, .. } = self.start;
            format::finish_record(&mut self.bytes[at..next], Finish { seq, durable_to, batch_end, salt });
            first_seq.get_or_insert(seq);
            self.last_seq = seq;
            at = next;
        }
        first_seq.unwrap_or(self.last_seq)
    }
}

/// Walks over the events of a finished group.
#[derive(Debug)]
pub(crate) struct GroupEvents<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> GroupEvents<'a> {
    /// The events of a group that starts at `offset` of its segment.
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> GroupEvents<'a> {
        GroupEvents { rest: bytes, offset }
    }
}

impl<'a> Iterator for GroupEvents<'a> {
    type Item = (Event<'a>, IndexEntry);

    fn next(&mut self) -> Option<Self::Item> {
        let (event, length) = format::laid_out_event(self.rest)?;
        let entry = IndexEntry { seq: event.seq, time_us: event.time_us, offset: self.offset };
        self.offset += length as u64;
        self.rest = &self.rest[length..];
        Some((event, entry))
    }
}

/// Whether a batch may follow `last_seq`.
pub(crate) fn check(batch: &Batch, mode: SeqMode, last_seq: u64) -> Result<(), AppendError> {
    match mode {
        SeqMode::Assign if batch.count as u64 > SEQ_MAX - last_seq => Err(AppendError::SeqExhausted),
        SeqMode::Assign => Ok(()),
        SeqMode::Preserve => check_seqs(&batch.bytes, last_seq),
    }
}

fn check_seqs(bytes: &[u8], mut last_seq: u64) -> Result<(), AppendError> {
    let mut rest = bytes;
    let mut position = 0;
    while !rest.is_empty() {
        let seq = format::laid_out_seq(rest);
        if seq == 0 {
            return Err(AppendError::SeqMissing { position });
        }
        if seq <= last_seq {
            return Err(AppendError::SeqNotIncreasing { position, seq, last_seq });
        }
        rest = &rest[format::laid_out_bytes(rest)..];
        last_seq = seq;
        position += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BodyFormat, Draft};
    use crate::segment::format::RecordHeader;
    use futures_channel::oneshot;

    fn batch(seqs: &[Option<u64>]) -> Batch {
        let mut batch = Batch::new();
        for seq in seqs {
            batch
                .push(&Draft { seq: *seq, time_us: 7, kind: "put", key: "k", format: BodyFormat::Json, body: b"{}" })
                .unwrap();
        }
        batch
    }

    #[test]
    fn preserved_seqs_must_increase_and_the_offender_is_named() {
        let cases = [
            (&[Some(11), Some(15)][..], Ok(())),
            (&[Some(11), None], Err(AppendError::SeqMissing { position: 1 })),
            (&[Some(10)], Err(AppendError::SeqNotIncreasing { position: 0, seq: 10, last_seq: 10 })),
            (
                &[Some(12), Some(13), Some(13)],
                Err(AppendError::SeqNotIncreasing { position: 2, seq: 13, last_seq: 13 }),
            ),
            (&[Some(SEQ_MAX)], Ok(())),
        ];
        for (seqs, expected) in cases {
            assert_eq!(check(&batch(seqs), SeqMode::Preserve, 10), expected, "{seqs:?}");
        }
    }

    #[test]
    fn assigned_seqs_end_at_the_largest() {
        assert_eq!(check(&batch(&[None, None]), SeqMode::Assign, SEQ_MAX - 2), Ok(()));
        assert_eq!(check(&batch(&[None, None]), SeqMode::Assign, SEQ_MAX - 1), Err(AppendError::SeqExhausted));
    }

    #[test]
    fn the_records_of_a_group_are_valid_and_only_the_last_of_a_batch_ends_it() {
        let mut group = Group::new(GroupStart { last_seq: 4, durable_to: 4000, salt: 77 });
        group.add(batch(&[None, Some(3)]), SeqMode::Assign, oneshot::channel().0);
        group.add(batch(&[Some(9), Some(12)]), SeqMode::Preserve, oneshot::channel().0);
        assert_eq!((group.first_seq, group.last_seq, group.count, group.bytes.len()), (5, 12, 4, 4 * 48));
        let answers: Vec<_> = group.replies.iter().map(|(_, appended)| *appended).collect();
        assert_eq!(answers[0], Appended { first_seq: 5, last_seq: 6, count: 2 });
        assert_eq!(answers[1], Appended { first_seq: 9, last_seq: 12, count: 2 });
        let mut seen = Vec::new();
        for (_, entry) in GroupEvents::new(&group.bytes, 4096) {
            let bytes = &group.bytes[entry.offset as usize - 4096..];
            let record = RecordHeader::decode(bytes, 77).expect("the checksum holds");
            seen.push((entry.seq, record.batch_end, record.durable_to, record.event(bytes).is_some()));
        }
        assert_eq!(
            seen,
            [(5, false, 4000, true), (6, true, 4000, true), (9, false, 4000, true), (12, true, 4000, true)]
        );
    }
}
