//! One atomic append, laid out for the disk on the publisher's own thread.
//!
//! Owns the limits of a draft and the records' bytes up to their seqs, which only the feed's writer knows. The payload
//! checksums are computed here, once. Tested at the end of this file.

use crate::error::DraftError;
use crate::event::{BODY_BYTES_MAX, Draft, Event, KEY_BYTES_MAX, KIND_BYTES_MAX, SEQ_MAX};
use crate::segment::format;

/// The most bytes one batch may take up on disk.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

/// How a feed numbers the events of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqMode {
    /// The feed assigns consecutive seqs; those of the drafts are ignored.
    Assign,
    /// Every draft has its seq; they must strictly increase and exceed the feed's last, or the whole batch is refused.
    Preserve,
}

/// One atomic append: all of its events are stored, or none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: usize,
    pub(crate) body_bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds an event, checking its limits and computing its checksum here, on the publisher's thread.
    pub fn push(&mut self, draft: &Draft<'_>) -> Result<(), DraftError> {
        check(draft)?;
        let record_bytes = format::RECORD_HEADER_BYTES + draft.kind.len() + draft.key.len() + draft.body.len();
        if self.bytes.len() + record_bytes.next_multiple_of(8) > BATCH_BYTES_MAX {
            return Err(DraftError::BatchFull);
        }
        format::lay_out_record(&unnumbered(draft), &mut self.bytes);
        self.count += 1;
        self.body_bytes += draft.body.len();
        Ok(())
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of its events' bodies.
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Bytes it takes up in memory and on disk.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

fn check(draft: &Draft<'_>) -> Result<(), DraftError> {
    if draft.kind.len() > KIND_BYTES_MAX {
        return Err(DraftError::KindTooLong { bytes: draft.kind.len() });
    }
    if draft.key.len() > KEY_BYTES_MAX {
        return Err(DraftError::KeyTooLong { bytes: draft.key.len() });
    }
    if draft.body.len() > BODY_BYTES_MAX {
        return Err(DraftError::BodyTooLarge { bytes: draft.body.len() });
    }
    match draft.seq {
        Some(seq) if seq == 0 || seq > SEQ_MAX => Err(DraftError::SeqOutOfRange { seq }),
        _ => Ok(()),
    }
}

fn unnumbered<'a>(draft: &Draft<'a>) -> Event<'a> {
    let Draft { seq, time_us, kind, key, format, body } = *draft;
    Event { seq: seq.unwrap_or(0), time_us, kind, key, format, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::BodyFormat;

    fn draft<'a>(kind: &'a str, key: &'a str, body: &'a [u8]) -> Draft<'a> {
        Draft { seq: None, time_us: 5, kind, key, format: BodyFormat::Json, body }
    }

    #[test]
    fn the_limits_are_inclusive_and_named() {
        let (kind, key) = ("k".repeat(KIND_BYTES_MAX + 1), "k".repeat(KEY_BYTES_MAX + 1));
        let body = vec![b' '; BODY_BYTES_MAX + 1];
        let mut batch = Batch::new();
        let refused = [
            (draft(&kind, "", b""), "kind is 65 bytes long, at most 64 are allowed"),
            (draft("", &key, b""), "key is 1025 bytes long, at most 1024 are allowed"),
            (draft("", "", &body), "body is 5000001 bytes large, at most 5000000 are allowed"),
            (Draft { seq: Some(0), ..draft("", "", b"") }, "seq 0 is outside 1..=9007199254740991"),
            (
                Draft { seq: Some(SEQ_MAX + 1), ..draft("", "", b"") },
                "seq 9007199254740992 is outside 1..=9007199254740991",
            ),
        ];
        for (draft, message) in refused {
            assert_eq!(batch.push(&draft).unwrap_err().to_string(), message);
        }
        assert!(
            batch.is_empty() && batch.byte_len() == 0 && batch.body_bytes() == 0,
            "a refused draft leaves nothing behind"
        );
        let largest = Draft { seq: Some(SEQ_MAX), ..draft(&kind[1..], &key[1..], &body[1..]) };
        batch.push(&largest).unwrap();
        assert_eq!((batch.len(), batch.byte_len()), (1, (40 + 64 + 1024 + BODY_BYTES_MAX).next_multiple_of(8)));
        assert_eq!(batch.body_bytes(), BODY_BYTES_MAX);
    }

    #[test]
    fn a_full_batch_takes_no_more() {
        let body = vec![b' '; BODY_BYTES_MAX];
        let mut batch = Batch::new();
        while batch.push(&draft("put", "", &body)).is_ok() {}
        assert_eq!(batch.len(), BATCH_BYTES_MAX / (BODY_BYTES_MAX + 48));
        assert_eq!(batch.push(&draft("put", "", &body)), Err(DraftError::BatchFull));
        batch.push(&draft("put", "", b"a small one still fits")).unwrap();
    }
}
