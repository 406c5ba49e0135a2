//! The bytes of made-up events: NDJSON lines, AT Protocol frames and CouchDB documents of an exact size.
//!
//! Batches are appended to a buffer that is used again; nothing is allocated per event.

use std::io::Write;

use crate::{decode::rfc3339, error::Error};

/// Bytes of `{"t":1234567890123456,"pad":""}`: the time has 16 digits from 2001 to 2286.
const BODY_BYTES_MIN: usize = 31;

/// Bytes of `{"_id":"32 digits","t":1234567890123456,"pad":""}`.
const DOCUMENT_BYTES_MIN: usize = BODY_BYTES_MIN + 41;

/// Bytes of an empty frame with the widest integers, and room for the length of its padding.
const FRAME_BYTES_MIN: usize = 80;

/// Largest event the server takes.
const SIZE_BYTES_MAX: usize = 5_000_000;

/// The header every made-up frame has: `{"t": "#event", "op": 1}`.
const FRAME_HEADER: &[u8] = b"\xa2\x61t\x66#event\x62op\x01";

pub(crate) fn check_body_size(size_bytes: usize) -> Result<(), Error> {
    check_size("a body", size_bytes, BODY_BYTES_MIN)
}

pub(crate) fn check_document_size(size_bytes: usize) -> Result<(), Error> {
    check_size("a document", size_bytes, DOCUMENT_BYTES_MIN)
}

pub(crate) fn check_frame_size(size_bytes: usize) -> Result<(), Error> {
    check_size("a frame", size_bytes, FRAME_BYTES_MIN)
}

fn check_size(what: &str, size_bytes: usize, min: usize) -> Result<(), Error> {
    if (min..=SIZE_BYTES_MAX).contains(&size_bytes) {
        return Ok(());
    }
    Err(Error::Settings(format!("{what} must have {min} to {SIZE_BYTES_MAX} bytes, not {size_bytes}")))
}

/// One batch's place in the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub first_event: u64,
    pub events: u32,
    /// When it was due, µs since the Unix epoch: what latency counts from.
    pub due_us: u64,
    /// When it is made, µs since the Unix epoch.
    pub made_us: u64,
}

/// Appends the lines of a batch.
pub(crate) fn ndjson(out: &mut Vec<u8>, batch: Batch, size_bytes: usize, key_space: u64) {
    let (due_us, made_us) = (batch.due_us, batch.made_us);
    for index in batch.first_event..batch.first_event + u64::from(batch.events) {
        let key = index % key_space;
        write_into(out, format_args!("{{\"kind\":\"put\",\"key\":\"k{key}\",\"time\":{made_us},\"body\":"));
        let body_start = out.len();
        write_into(out, format_args!("{{\"t\":{due_us},\"pad\":\""));
        let written = out.len() - body_start + 2;
        out.resize(out.len() + size_bytes.saturating_sub(written), b'x');
        out.extend_from_slice(b"\"}}\n");
    }
}

/// The id of a document of the run that began then. Later ones come behind those before them, as CouchDB's own do.
pub(crate) fn document_id(started_us: u64, index: u64) -> String {
    format!("{started_us:016x}{index:016x}")
}

/// Appends the request for `_bulk_docs` of a batch.
pub(crate) fn documents(out: &mut Vec<u8>, batch: Batch, size_bytes: usize, started_us: u64) {
    out.extend_from_slice(b"{\"docs\":[");
    for index in batch.first_event..batch.first_event + u64::from(batch.events) {
        let start = out.len();
        write_into(out, format_args!("{{\"_id\":\"{started_us:016x}{index:016x}\",\"t\":{},\"pad\":\"", batch.due_us));
        let written = out.len() - start + 2;
        out.resize(out.len() + size_bytes.saturating_sub(written), b'x');
        out.extend_from_slice(b"\"},");
    }
    out.pop();
    out.extend_from_slice(b"]}");
}

/// Appends the frames of a batch, each after its length.
pub(crate) fn frames(out: &mut Vec<u8>, batch: Batch, size_bytes: usize) {
    let time = rfc3339::from_unix_us(batch.made_us);
    for index in batch.first_event..batch.first_event + u64::from(batch.events) {
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        frame(out, index + 1, batch.due_us, &time, size_bytes);
        let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn frame(out: &mut Vec<u8>, seq: u64, due_us: u64, time: &str, size_bytes: usize) {
    let start = out.len();
    out.extend_from_slice(FRAME_HEADER);
    out.extend_from_slice(b"\xa4\x61t");
    cbor_head(out, 0, due_us);
    out.extend_from_slice(b"\x63pad");
    let after_pad =
        b"\x63seq".len() + cbor_head_bytes(seq) + b"\x64time".len() + cbor_head_bytes(time.len() as u64) + time.len();
    let room = size_bytes.saturating_sub(out.len() - start + after_pad);
    let pad = cbor_string_that_fits(room);
    cbor_head(out, 2, pad as u64);
    out.resize(out.len() + pad, 0x78);
    out.extend_from_slice(b"\x63seq");
    cbor_head(out, 0, seq);
    out.extend_from_slice(b"\x64time");
    cbor_head(out, 3, time.len() as u64);
    out.extend_from_slice(time.as_bytes());
}

/// The longest string that takes at most `room` bytes with its head.
fn cbor_string_that_fits(room: usize) -> usize {
    let fits = |length: &usize| length + cbor_head_bytes(*length as u64) <= room;
    (1..=9).map(|head| room.saturating_sub(head)).find(fits).unwrap_or(0)
}

fn cbor_head_bytes(argument: u64) -> usize {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// RFC 8949, section 3, in the shortest form.
fn cbor_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, used) = match cbor_head_bytes(argument) {
        1 => return out.push(major << 5 | bytes[7]),
        2 => (24, 1),
        3 => (25, 2),
        5 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&bytes[8 - used..]);
}

fn write_into(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a vector cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{EventFields, Message, dag_cbor};

    const BATCH: Batch =
        Batch { first_event: 9, events: 3, due_us: 1_783_166_400_000_001, made_us: 1_783_166_400_123_456 };

    #[test]
    fn ndjson_bytes() {
        let mut out = Vec::new();
        ndjson(&mut out, BATCH, 33, 10);
        let line = |key| {
            format!(
                "{{\"kind\":\"put\",\"key\":\"k{key}\",\"time\":1783166400123456,\
                 \"body\":{{\"t\":1783166400000001,\"pad\":\"xx\"}}}}\n"
            )
        };
        assert_eq!(String::from_utf8(out).unwrap(), line(9) + &line(0) + &line(1));
    }

    #[test]
    fn documents_have_the_size_asked_for() {
        for size in [DOCUMENT_BYTES_MIN, 100, 512] {
            let mut out = Vec::new();
            documents(&mut out, BATCH, size, 5);
            let request: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let docs = request["docs"].as_array().unwrap();
            let ids: Vec<String> = (9..12).map(|index| document_id(5, index)).collect();
            assert!(ids.is_sorted() && ids.iter().zip(docs).all(|(id, doc)| doc["_id"] == **id), "{request}");
            assert!(docs.iter().all(|doc| doc.to_string().len() == size && doc["t"] == BATCH.due_us), "{request}");
        }
    }

    #[test]
    fn sizes_at_the_limits() {
        check_body_size(BODY_BYTES_MIN).unwrap();
        check_frame_size(SIZE_BYTES_MAX).unwrap();
        assert!(check_document_size(DOCUMENT_BYTES_MIN - 1).is_err());
        assert!(check_body_size(BODY_BYTES_MIN - 1).is_err());
        assert!(check_frame_size(SIZE_BYTES_MAX + 1).is_err());
    }

    proptest! {
        #[test]
        fn bodies_have_the_size_asked_for(size in BODY_BYTES_MIN..2000) {
            let mut out = Vec::new();
            ndjson(&mut out, Batch { events: 1, ..BATCH }, size, 10);
            let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(line["body"].to_string().len(), size);
        }

        #[test]
        fn frames_are_strict_and_have_the_size_asked_for(
            size in prop_oneof![FRAME_BYTES_MIN..600, 65_500usize..65_700],
            first_event in prop_oneof![0u64..300, 1u64 << 31..1 << 33],
        ) {
            let mut out = Vec::new();
            frames(&mut out, Batch { first_event, ..BATCH }, size);
            let mut rest = &out[..];
            for nth in 1..=3 {
                let (length, tail) = rest.split_first_chunk::<4>().unwrap();
                let length = u32::from_le_bytes(*length) as usize;
                prop_assert!(length <= size && length + 2 >= size, "{} {}", length, size);
                let (frame, tail) = tail.split_at(length);
                let expected = EventFields::increasing(first_event + nth, Some(BATCH.due_us));
                prop_assert_eq!(dag_cbor::message(frame), Ok(Message::Event(expected)));
                rest = tail;
            }
            prop_assert!(rest.is_empty());
        }
    }
}
