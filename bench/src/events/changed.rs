//! Documents of a Fauna database, and the line that a subscriber receives for one.
//!
//! They are published without a key: each is a document of its own then, whose id is its seq, and an `add`. Tested in
//! `bench/tests/events.rs`.

use super::rows::chunk_bytes;
use crate::dialect::{COLLECTION, FIRST_SEQ};

/// Characters of a cursor of a seq of seven digits.
const CURSOR_CHARS: usize = 27;

/// Bytes a subscriber receives for a document that has a number and a padding: a chunk with a line.
pub(super) fn stream_bytes(document: &str) -> u64 {
    let bytes = document.len();
    let cursor = "x".repeat(CURSOR_CHARS);
    // The number does not fit 32 bits.
    let fields = document.replacen(":1783166400000001,", r#":{"@long":"1783166400000001"},"#, 1);
    let fields = fields.trim_start_matches('{');
    let head = format!(r#"{{"type":"add","data":{{"@doc":{{"id":"{FIRST_SEQ}","coll":{{"@mod":"{COLLECTION}"}},"#);
    let time = r#""ts":{"@time":"2026-07-04T12:00:00.000001Z"},"#;
    let tail = format!(
        r#"}},"txn_ts":1783156800000000,"cursor":"{cursor}","stats":{{"read_ops":1,"storage_bytes_read":{bytes},"compute_ops":1,"processing_time_ms":0,"rate_limits_hit":[]}}}}"#
    );
    chunk_bytes((head.len() + time.len() + fields.len() + tail.len() + "\r\n".len()) as u64)
}
