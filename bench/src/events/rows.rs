//! Documents of a CouchDB database, and the row that a subscriber receives for one.
//!
//! They are published without a key: each is a document of its own then, whose id is its seq, and a replay passes none of them
//! over. Tested in `bench/tests/events.rs`.

use crate::dialect::FIRST_SEQ;

/// Characters of a seq behind its number, and of a revision.
const OPAQUE_CHARS: usize = 24;
const HASH_CHARS: usize = 32;

/// The line that publishes a document.
pub(super) fn line(document: &str) -> String {
    format!("{{\"kind\":\"put\",\"body\":{document}}}\n")
}

/// Bytes a subscriber receives for a document: a chunk with a row of the continuous feed.
pub(super) fn stream_bytes() -> u64 {
    let (opaque, hash) = ("x".repeat(OPAQUE_CHARS), "x".repeat(HASH_CHARS));
    let row = format!(
        "{{\"seq\":\"{FIRST_SEQ}-{opaque}\",\"id\":\"{FIRST_SEQ}\",\"changes\":[{{\"rev\":\"{FIRST_SEQ}-{hash}\"}}]}}\n"
    );
    chunk_bytes(row.len() as u64)
}

/// Bytes of a chunk of so many (RFC 9112, 7.1).
fn chunk_bytes(data: u64) -> u64 {
    format!("{data:x}\r\n\r\n").len() as u64 + data
}
