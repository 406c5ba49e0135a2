//! What a scenario publishes: a request that is made once and posted again and again.
//!
//! Owns requests and what they come to; a publisher that formats nothing leaves its processor to the drain. A [`Batch`] is
//! published natively, into the feed that the dialect's stream shows: `frames` for AT Protocol, `documents` for native and
//! Streamr, `blocks` for BigchainDB, `rows` for CouchDB. [`streamr`] has requests of Streamr's own. Tests are below.

mod blocks;
mod documents;
mod frames;
mod rows;
pub mod streamr;

use std::{fs, path::Path};

use anyhow::{Context, Result};

pub use frames::split;

use crate::dialect::Dialect;

/// Something to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub path: String,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// A batch of events as one request, and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The request that publishes it.
    pub request: Request,
    /// Events the server stores for it; the answer says how many.
    pub stored: u64,
    /// Events one subscriber receives for it: for a block, one for each of its transactions.
    pub events: u64,
    /// Bytes of these on the wire.
    pub stream_bytes: u64,
}

impl Batch {
    /// About `batch_bytes` of made-up events of `event_bytes` each; at least one.
    ///
    /// # Errors
    ///
    /// A size that cannot be made.
    pub fn made_up(dialect: Dialect, event_bytes: usize, batch_bytes: usize) -> Result<Self> {
        Ok(match dialect {
            Dialect::Atproto => {
                let frame = frames::made_up_frame(event_bytes)?;
                let count = (batch_bytes / frame.len()).max(1);
                Self::of_frames(&vec![&frame[..]; count])
            }
            Dialect::Native | Dialect::Streamr => {
                let document = documents::document(event_bytes)?;
                let line = documents::line(&document);
                let count = (batch_bytes / line.len()).max(1) as u64;
                let stream_bytes = count * documents::stream_bytes(dialect, &document);
                let body = line.repeat(count as usize).into_bytes();
                Self { request: lines(dialect, body), stored: count, events: count, stream_bytes }
            }
            Dialect::Bigchaindb => Self::of_blocks(event_bytes, batch_bytes),
            Dialect::Couchdb => {
                let line = rows::line(&documents::document(event_bytes)?);
                let count = (batch_bytes / line.len()).max(1) as u64;
                let body = line.repeat(count as usize).into_bytes();
                let stream_bytes = count * rows::stream_bytes();
                Self { request: lines(dialect, body), stored: count, events: count, stream_bytes }
            }
        })
    }

    /// The AT Protocol frames of a file: whole rounds of it, at least `batch_bytes` in all.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no sequence of length-prefixed frames.
    pub fn corpus(file: &Path, batch_bytes: usize) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("reading the corpus {}", file.display()))?;
        let frames = frames::split(&bytes).with_context(|| format!("the corpus {} is damaged", file.display()))?;
        let rounds = batch_bytes.div_ceil(bytes.len());
        Ok(Self::of_frames(&frames.repeat(rounds)))
    }

    fn of_frames(frames: &[&[u8]]) -> Self {
        let mut body = Vec::new();
        for frame in frames {
            let length = u32::try_from(frame.len()).expect("frames are far smaller than 4 GiB");
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(frame);
        }
        let stream_bytes = frames.iter().map(|frame| web_socket_bytes(frame.len() as u64)).sum();
        let path = format!("/v1/feeds/{}/events?seq=assign", Dialect::Atproto.feed());
        let request = Request { path, content_type: "application/vnd.tailwater.frames", body };
        let count = frames.len() as u64;
        Self { request, stored: count, events: count, stream_bytes }
    }

    fn of_blocks(transaction_bytes: usize, batch_bytes: usize) -> Self {
        let transactions = (batch_bytes / transaction_bytes.max(1)).clamp(1, blocks::TRANSACTIONS);
        let mut blocks = blocks::Blocks::new(transaction_bytes);
        let (mut body, mut stored) = (Vec::new(), 0);
        loop {
            let line = blocks.line(transactions);
            if stored > 0 && body.len() + line.len() > batch_bytes {
                break;
            }
            body.extend_from_slice(line.as_bytes());
            stored += 1;
        }
        let events = stored * transactions as u64;
        let stream_bytes = events * blocks::stream_bytes();
        Self { request: lines(Dialect::Bigchaindb, body), stored, events, stream_bytes }
    }

    /// Bytes of one event on the wire, on average.
    pub fn stream_bytes_per_event(&self) -> f64 {
        self.stream_bytes as f64 / self.events as f64
    }
}

fn lines(dialect: Dialect, body: Vec<u8>) -> Request {
    let path = format!("/v1/feeds/{}/events", dialect.feed());
    Request { path, content_type: "application/x-ndjson", body }
}

/// An unmasked WebSocket message with a payload of this length (RFC 6455, 5.2).
fn web_socket_bytes(payload: u64) -> u64 {
    payload
        + match payload {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_what_they_become() {
        let batch = Batch::made_up(Dialect::Atproto, 512, 1 << 20).unwrap();
        assert_eq!((batch.events, batch.request.body.len(), batch.stream_bytes), (2048, 2048 * 516, 2048 * 516));
        assert_eq!(batch.stream_bytes_per_event(), 516.0);
        for dialect in [Dialect::Native, Dialect::Streamr, Dialect::Couchdb] {
            let batch = Batch::made_up(dialect, 512, 1 << 20).unwrap();
            assert_eq!(batch.request.body.iter().filter(|byte| **byte == b'\n').count() as u64, batch.stored);
            assert!(batch.request.body.len() <= 1 << 20 && batch.events == batch.stored);
        }
    }

    #[test]
    fn a_block_is_stored_as_one_event() {
        let batch = Batch::made_up(Dialect::Bigchaindb, 512, 1 << 20).unwrap();
        let body = std::str::from_utf8(&batch.request.body).unwrap();
        assert_eq!(body.lines().count() as u64, batch.stored);
        assert_eq!(body.matches("\"version\"").count() as u64, batch.events);
        assert!(body.len() <= 1 << 20 && batch.events == 8 * batch.stored);
        assert_eq!(batch.stream_bytes, batch.events * 189);
    }

    #[test]
    fn there_is_at_least_one_event() {
        for dialect in [Dialect::Native, Dialect::Atproto, Dialect::Streamr, Dialect::Bigchaindb, Dialect::Couchdb] {
            let batch = Batch::made_up(dialect, 512, 1).unwrap();
            assert_eq!((batch.stored, batch.events), (1, 1), "{dialect:?}");
        }
    }

    #[test]
    fn a_corpus_is_repeated_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, b"\x01\0\0\0a\x02\0\0\0bc").unwrap();
        let corpus = Batch::corpus(file.path(), 25).unwrap();
        assert_eq!(corpus.events, 6);
        assert_eq!(corpus.request.body, b"\x01\0\0\0a\x02\0\0\0bc".repeat(3));
        assert_eq!(corpus.stream_bytes_per_event(), 3.5);
    }
}
