//! A record of the journal: bytes of a segment, and where they belong.
//!
//! Owns the layout within a record of [`crate::segment::format`], whose kind is the name of the feed's directory and whose body is:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | the feed's uid |
//! | 8 | 8 | base seq of the segment |
//! | 16 | 4 | salt of the segment |
//! | 20 | 4 | offset in the segment |
//! | 24 | | what is to be written there |
//!
//! Tested at the end of this file.

use crate::event::{BodyFormat, Event};
use crate::segment::format::{Finish, RECORD_HEADER_BYTES, finish_record, get_u32, get_u64, lay_out_record};

const PLACE_BYTES: usize = 24;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Redo<'a> {
    /// Its name below `feeds`.
    pub(super) feed_dir: &'a str,
    pub(super) feed_uid: u64,
    pub(super) base_seq: u64,
    pub(super) salt: u32,
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Redo<'a> {
    /// Bytes of the record.
    pub(super) fn record_bytes(&self) -> u64 {
        let bytes = RECORD_HEADER_BYTES + self.feed_dir.len() + PLACE_BYTES + self.bytes.len();
        bytes.next_multiple_of(8) as u64
    }

    /// Appends the record to `out`.
    pub(super) fn encode(&self, time_ms: u64, finish: Finish, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(PLACE_BYTES + self.bytes.len());
        body.extend_from_slice(&self.feed_uid.to_le_bytes());
        body.extend_from_slice(&self.base_seq.to_le_bytes());
        body.extend_from_slice(&self.salt.to_le_bytes());
        // A segment is shorter than 4 GiB.
        body.extend_from_slice(&(self.offset as u32).to_le_bytes());
        body.extend_from_slice(self.bytes);
        let start = out.len();
        let (time_us, format) = (time_ms.saturating_mul(1000), BodyFormat::Json);
        lay_out_record(&Event { seq: 0, time_us, kind: self.feed_dir, key: "", format, body: &body }, out);
        finish_record(&mut out[start..], finish);
    }

    /// What a record says; `None` when it is none of the journal's.
    pub(super) fn decode(record: &Event<'a>) -> Option<Redo<'a>> {
        let (place, bytes) = record.body.split_at_checked(PLACE_BYTES)?;
        let is_name = !record.kind.is_empty() && !record.kind.starts_with('.') && !record.kind.contains('/');
        is_name.then(|| Redo {
            feed_dir: record.kind,
            feed_uid: get_u64(place, 0),
            base_seq: get_u64(place, 8),
            salt: get_u32(place, 16),
            offset: u64::from(get_u32(place, 20)),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::format::RecordHeader;

    const REDO: Redo<'_> = Redo {
        feed_dir: "notes",
        feed_uid: 0x1122_3344_5566_7788,
        base_seq: 42,
        salt: 0x5eed_1234,
        offset: 4096,
        bytes: b"bytes of a group",
    };

    fn encoded(redo: &Redo<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        redo.encode(5, Finish { seq: 7, durable_to: 4096, batch_end: true, salt: 9 }, &mut bytes);
        bytes
    }

    #[test]
    fn the_format_on_disk_does_not_change() {
        let hex: String = encoded(&REDO).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "55000000bdc5bfb00700000000000000881300000000000000100000acc42a0f28000000000005046e6f746573887766554433\
             22112a000000000000003412ed5e001000006279746573206f6620612067726f7570000000"
        );
    }

    #[test]
    fn a_record_survives_a_round_trip() {
        let bytes = encoded(&REDO);
        assert_eq!(bytes.len() as u64, REDO.record_bytes());
        let header = RecordHeader::decode(&bytes, 9).unwrap();
        let event = header.event(&bytes).unwrap();
        assert_eq!((event.seq, event.time_us, header.durable_to, header.batch_end), (7, 5000, 4096, true));
        assert_eq!(Redo::decode(&event), Some(REDO));
        assert_eq!(Redo::decode(&Event { kind: "../x", ..event }), None);
        assert_eq!(Redo::decode(&Event { body: &event.body[..23], ..event }), None);
    }
}
