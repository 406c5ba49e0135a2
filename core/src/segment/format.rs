//! The bytes of a segment file: header, mark and records. All integers are little-endian.
//!
//! Owns the layout and its checksums; never does I/O. A file is [`HEADER_BYTES`] of header, then records up to the end of
//! what was committed, then zeros:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 48 | segment header: magic, crc, version and flags, salt, feed uid, base seq, creation time, capacity |
//! | 512 | 48 | mark: what was durable at the last clean close or when the segment was sealed; zeros before |
//! | 4096 | ... | records, each 8-byte aligned |
//!
//! Header and mark lie in sectors of their own, so that a torn write of one cannot damage the other. Every checksum in a
//! segment starts from its random salt: what an older file left on the disk is never taken for a record.
//! Tested at the end of this file.

use crate::event::{BodyFormat, Event};

/// Where records start.
pub(crate) const HEADER_BYTES: u64 = 4096;
/// Where the mark is.
pub(crate) const MARK_OFFSET: u64 = 512;
/// Bytes of an encoded header or mark.
pub(crate) const BLOCK_BYTES: usize = 48;
/// Bytes of a record before its kind.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

const HEADER_MAGIC: u32 = u32::from_le_bytes(*b"TWSG");
const MARK_MAGIC: u32 = u32::from_le_bytes(*b"TWMK");
const VERSION: u32 = 1;
/// In the same word as the version.
const FLAG_COMPACTED: u32 = 1 << 16;

const FLAG_FORMAT: u8 = 0b0000_0011;
const FLAG_BATCH_END: u8 = 0b0000_0100;
const FLAGS_KNOWN: u8 = FLAG_FORMAT | FLAG_BATCH_END;

/// What a segment says about itself; written once, before its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Random identity of the feed: a segment of another feed is not accepted.
    pub(crate) feed_uid: u64,
    /// Every event in the segment has this seq or a larger one; names the file.
    pub(crate) base_seq: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Bytes of the whole file.
    pub(crate) capacity: u64,
    /// Where the checksums of this segment start from.
    pub(crate) salt: u32,
    /// Whether compaction has written it: events that were in it may be missing.
    pub(crate) compacted: bool,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        put_u32(&mut block, 0, HEADER_MAGIC);
        put_u32(&mut block, 8, VERSION | if self.compacted { FLAG_COMPACTED } else { 0 });
        put_u32(&mut block, 12, self.salt);
        put_u64(&mut block, 16, self.feed_uid);
        put_u64(&mut block, 24, self.base_seq);
        put_u64(&mut block, 32, self.created_ms);
        put_u64(&mut block, 40, self.capacity);
        seal_block(&mut block, 0);
        block
    }

    pub(crate) fn decode(block: &[u8; BLOCK_BYTES]) -> Option<SegmentHeader> {
        let known = get_u32(block, 0) == HEADER_MAGIC && get_u32(block, 8) & !FLAG_COMPACTED == VERSION;
        (known && block_crc(block, 0) == get_u32(block, 4)).then(|| SegmentHeader {
            salt: get_u32(block, 12),
            feed_uid: get_u64(block, 16),
            base_seq: get_u64(block, 24),
            created_ms: get_u64(block, 32),
            capacity: get_u64(block, 40),
            compacted: get_u32(block, 8) & FLAG_COMPACTED != 0,
        })
    }
}

/// What was durable in a segment at some moment. Records before `data_end` can be missing only through damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// End of the last record, as an offset in the file.
    pub(crate) data_end: u64,
    /// Number of events.
    pub(crate) count: u64,
    /// Seq of the last event, dropped by compaction or not; the segment's base seq - 1 when there never was one.
    pub(crate) last_seq: u64,
    /// When the last batch was appended, in milliseconds since the Unix epoch.
    pub(crate) appended_ms: u64,
    /// Whether nothing will ever be appended again.
    pub(crate) sealed: bool,
}

impl Mark {
    pub(crate) fn encode(&self, salt: u32) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        put_u32(&mut block, 0, MARK_MAGIC);
        put_u64(&mut block, 8, self.data_end);
        put_u64(&mut block, 16, self.count);
        put_u64(&mut block, 24, self.last_seq);
        put_u64(&mut block, 32, self.appended_ms);
        put_u64(&mut block, 40, u64::from(self.sealed));
        seal_block(&mut block, salt);
        block
    }

    pub(crate) fn decode(block: &[u8; BLOCK_BYTES], salt: u32) -> Option<Mark> {
        let known = get_u32(block, 0) == MARK_MAGIC && block_crc(block, salt) == get_u32(block, 4);
        known.then(|| Mark {
            data_end: get_u64(block, 8),
            count: get_u64(block, 16),
            last_seq: get_u64(block, 24),
            appended_ms: get_u64(block, 32),
            sealed: get_u64(block, 40) == 1,
        })
    }
}

fn seal_block(block: &mut [u8; BLOCK_BYTES], salt: u32) {
    let crc = block_crc(block, salt);
    put_u32(block, 4, crc);
}

fn block_crc(block: &[u8; BLOCK_BYTES], salt: u32) -> u32 {
    checksum_around(block, salt)
}

/// Checksum of `block` without its bytes 4..8, where the checksum itself is kept.
fn checksum_around(block: &[u8], salt: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &block[..4]), &block[8..])
}

/// The fixed part of a record. Its layout:
///
/// | at | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | length of the record without padding |
/// | 4 | 4 | header crc: crc32c of the rest of the header, starting from the salt |
/// | 8 | 8 | seq |
/// | 16 | 8 | time in microseconds |
/// | 24 | 4 | `durable_to`: everything before this offset was durable, here or in the journal, when this was written |
/// | 28 | 4 | payload crc: crc32c of kind, key and body |
/// | 32 | 4 | body length |
/// | 36 | 2 | key length |
/// | 38 | 1 | kind length |
/// | 39 | 1 | flags: bits 0-1 body format, bit 2 last of its batch |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) seq: u64,
    pub(crate) time_us: u64,
    pub(crate) durable_to: u32,
    payload_crc: u32,
    body_bytes: u32,
    key_bytes: u16,
    kind_bytes: u8,
    pub(crate) format: BodyFormat,
    pub(crate) batch_end: bool,
}

impl RecordHeader {
    /// Reads the header at the start of `bytes`; `None` unless it is whole and its checksum holds.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<RecordHeader> {
        let block = bytes.get(..RECORD_HEADER_BYTES)?;
        let header = Self::parse(block)?;
        let consistent = get_u32(block, 0) as usize == header.record_bytes();
        (consistent && checksum_around(block, salt) == get_u32(block, 4)).then_some(header)
    }

    /// Reads a header that was laid out in memory and has no checksum yet.
    fn parse(block: &[u8]) -> Option<RecordHeader> {
        let flags = block[39];
        if flags & !FLAGS_KNOWN != 0 {
            return None;
        }
        Some(RecordHeader {
            seq: get_u64(block, 8),
            time_us: get_u64(block, 16),
            durable_to: get_u32(block, 24),
            payload_crc: get_u32(block, 28),
            body_bytes: get_u32(block, 32),
            key_bytes: u16::from_le_bytes([block[36], block[37]]),
            kind_bytes: block[38],
            format: BodyFormat::from_code(flags & FLAG_FORMAT)?,
            batch_end: flags & FLAG_BATCH_END != 0,
        })
    }

    /// Bytes of the record without padding.
    pub(crate) fn record_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + usize::from(self.kind_bytes) + usize::from(self.key_bytes) + self.body_bytes as usize
    }

    /// Bytes to the next record.
    pub(crate) fn padded_bytes(&self) -> usize {
        self.record_bytes().next_multiple_of(8)
    }

    /// The event of the record that `bytes` starts with; `None` when it is cut short or its payload checksum is wrong.
    pub(crate) fn event<'a>(&self, bytes: &'a [u8]) -> Option<Event<'a>> {
        let payload = bytes.get(RECORD_HEADER_BYTES..self.record_bytes())?;
        (crc32c::crc32c(payload) == self.payload_crc).then_some(())?;
        self.split(payload)
    }

    fn split<'a>(&self, payload: &'a [u8]) -> Option<Event<'a>> {
        let (kind, rest) = payload.split_at(usize::from(self.kind_bytes));
        let (key, body) = rest.split_at(usize::from(self.key_bytes));
        Some(Event {
            seq: self.seq,
            time_us: self.time_us,
            kind: std::str::from_utf8(kind).ok()?,
            key: std::str::from_utf8(key).ok()?,
            format: self.format,
            body,
        })
    }
}

/// Appends a record without padding errors: everything but its seq, `durable_to`, batch end and header checksum, which
/// [`finish_record`] adds. The lengths must have been checked; a seq of 0 stands for none.
pub(crate) fn lay_out_record(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let record_bytes = RECORD_HEADER_BYTES + event.kind.len() + event.key.len() + event.body.len();
    out.reserve(record_bytes.next_multiple_of(8));
    out.resize(start + RECORD_HEADER_BYTES, 0);
    out.extend_from_slice(event.kind.as_bytes());
    out.extend_from_slice(event.key.as_bytes());
    out.extend_from_slice(event.body);
    let payload_crc = crc32c::crc32c(&out[start + RECORD_HEADER_BYTES..]);
    out.resize(start + record_bytes.next_multiple_of(8), 0);
    let block = &mut out[start..start + RECORD_HEADER_BYTES];
    put_u32(block, 0, record_bytes as u32);
    put_u64(block, 8, event.seq);
    put_u64(block, 16, event.time_us);
    put_u32(block, 28, payload_crc);
    put_u32(block, 32, event.body.len() as u32);
    block[36..38].copy_from_slice(&(event.key.len() as u16).to_le_bytes());
    block[38] = event.kind.len() as u8;
    block[39] = event.format.code();
}

/// Where and as what a laid-out record is going to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish {
    pub(crate) seq: u64,
    pub(crate) durable_to: u32,
    pub(crate) batch_end: bool,
    pub(crate) salt: u32,
}

/// Completes the record that `bytes` starts with.
pub(crate) fn finish_record(bytes: &mut [u8], finish: Finish) {
    let block = &mut bytes[..RECORD_HEADER_BYTES];
    put_u64(block, 8, finish.seq);
    put_u32(block, 24, finish.durable_to);
    block[39] = block[39] & FLAG_FORMAT | if finish.batch_end { FLAG_BATCH_END } else { 0 };
    let crc = checksum_around(block, finish.salt);
    put_u32(block, 4, crc);
}

/// Length with padding of the laid-out record that `bytes` starts with.
pub(crate) fn laid_out_bytes(bytes: &[u8]) -> usize {
    (get_u32(bytes, 0) as usize).next_multiple_of(8)
}

/// Seq of the laid-out record that `bytes` starts with; 0 when it has none.
pub(crate) fn laid_out_seq(bytes: &[u8]) -> u64 {
    get_u64(bytes, 8)
}

/// The event of a record in memory that was just laid out, without verifying anything.
pub(crate) fn laid_out_event(bytes: &[u8]) -> Option<(Event<'_>, usize)> {
    let header = RecordHeader::parse(bytes.get(..RECORD_HEADER_BYTES)?)?;
    let payload = bytes.get(RECORD_HEADER_BYTES..header.record_bytes())?;
    Some((header.split(payload)?, header.padded_bytes()))
}

/// Reads a little-endian u32.
pub(crate) fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a little-endian u64.
pub(crate) fn get_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(get_u32(bytes, at)) | u64::from(get_u32(bytes, at + 4)) << 32
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
