//! Tests of the segment format: golden bytes, round trips, and that no flipped bit goes unnoticed.

use super::*;
use proptest::prelude::*;

const SALT: u32 = 0x5eed_1234;

fn header() -> SegmentHeader {
    SegmentHeader {
        feed_uid: 0x1122_3344_5566_7788,
        base_seq: 42,
        created_ms: 1_700_000_000_000,
        capacity: 1 << 20,
        salt: SALT,
        compacted: false,
    }
}

fn mark() -> Mark {
    Mark { data_end: 8192, count: 7, last_seq: 48, appended_ms: 1_700_000_000_500, sealed: true }
}

fn finished(event: &Event<'_>, batch_end: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    lay_out_record(event, &mut bytes);
    finish_record(&mut bytes, Finish { seq: event.seq, durable_to: 4096, batch_end, salt: SALT });
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_format_on_disk_does_not_change() {
    let event = Event {
        seq: 42,
        time_us: 1_700_000_000_000_000,
        kind: "put",
        key: "a/b",
        format: BodyFormat::DagCbor,
        body: b"\xa0",
    };
    assert_eq!(
        hex(&finished(&event, true)),
        "2f0000004df296da2a0000000000000000401e18240a06000010000082d59f3c0100000003000305707574612f62a000"
    );
    assert_eq!(
        hex(&header().encode()),
        "545753470039b6bc010000003412ed5e88776655443322112a000000000000000068e5cf8b0100000000100000000000"
    );
    let compacted = SegmentHeader { compacted: true, ..header() };
    assert_eq!(hex(&compacted.encode())[16..24], *"01000100", "nothing else differs but the checksum");
    assert_eq!(
        hex(&mark().encode(SALT)),
        "54574d4b0fda7fe2002000000000000007000000000000003000000000000000f469e5cf8b0100000100000000000000"
    );
}

#[test]
fn header_and_mark_survive_a_round_trip_and_no_flipped_bit() {
    assert_eq!(SegmentHeader::decode(&header().encode()), Some(header()));
    let compacted = SegmentHeader { compacted: true, ..header() };
    assert_eq!(SegmentHeader::decode(&compacted.encode()), Some(compacted));
    assert_eq!(Mark::decode(&mark().encode(SALT), SALT), Some(mark()));
    assert_eq!(Mark::decode(&mark().encode(SALT), SALT + 1), None);
    for bit in 0..BLOCK_BYTES * 8 {
        let (mut a, mut b) = (header().encode(), mark().encode(SALT));
        a[bit / 8] ^= 1 << (bit % 8);
        b[bit / 8] ^= 1 << (bit % 8);
        assert_eq!((SegmentHeader::decode(&a), Mark::decode(&b, SALT)), (None, None), "bit {bit}");
    }
}

#[test]
fn zeros_are_no_record() {
    assert_eq!(RecordHeader::decode(&[0; 64], 0), None);
    assert_eq!(RecordHeader::decode(&[0; 12], 0), None);
}

proptest! {
    #[test]
    fn records_survive_a_round_trip(
        seq in 1_u64..1 << 53, time_us: u64, kind in "[a-z]{0,64}", key in "\\PC{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..300), code in 0_u8..3, batch_end: bool,
    ) {
        let format = BodyFormat::from_code(code).unwrap();
        let event = Event { seq, time_us, kind: &kind, key: &key, format, body: &body };
        let bytes = finished(&event, batch_end);
        prop_assert_eq!(bytes.len() % 8, 0);
        let decoded = RecordHeader::decode(&bytes, SALT).unwrap();
        prop_assert_eq!(decoded.event(&bytes), Some(event));
        prop_assert_eq!((decoded.padded_bytes(), decoded.batch_end, decoded.durable_to), (bytes.len(), batch_end, 4096));
        prop_assert_eq!(laid_out_event(&bytes), Some((event, bytes.len())));
        prop_assert_eq!(RecordHeader::decode(&bytes, SALT ^ 1), None);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(body in proptest::collection::vec(any::<u8>(), 0..40), at: prop::sample::Index) {
        let event = Event { seq: 9, time_us: 8, kind: "put", key: "k", format: BodyFormat::Json, body: &body };
        let mut bytes = finished(&event, true);
        let record_bits = (RECORD_HEADER_BYTES + 4 + body.len()) * 8;
        let bit = at.index(record_bits);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let read = RecordHeader::decode(&bytes, SALT).and_then(|header| header.event(&bytes));
        prop_assert_eq!(read, None);
    }
}
