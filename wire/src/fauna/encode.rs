//! The encodings of a source: what it shows of a database's history, each event one line, and for HTTP/1.1 in a chunk.
//!
//! Everybody who follows the same source of the same database reads the same frames: a condition is asked once for each
//! event, however many there are. An `error` ends the streams that reach it: which events made one is kept beside the
//! frames, in [`Errors`], for the bounds of those streams' cursors.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailwater_core::{Encoder, Event, Skip};

use super::change::{Written, write_chunk, write_line};
use super::history::read_record;
use super::source::Source;

/// How many events that made an error are remembered; the oldest are forgotten first.
const ERRORS_MAX: usize = 1 << 20;

/// What each event stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// A chunk of HTTP/1.1.
    Chunk,
    /// Nothing: DATA frames of HTTP/2 name their stream, so whoever sends them makes them.
    Line,
}

/// Encodes what a source shows. See the module.
pub struct FaunaEvents {
    name: String,
    source: Source,
    uid: u64,
    envelope: Envelope,
    errors: Arc<Errors>,
}

impl FaunaEvents {
    /// An encoding of a source of the database `uid`, whose cursors name it.
    pub fn new(source: Source, uid: u64, envelope: Envelope, errors: Arc<Errors>) -> Self {
        Self { name: Self::name_of(&source, uid, envelope), source, uid, envelope, errors }
    }

    /// The name of that encoding.
    pub fn name_of(source: &Source, uid: u64, envelope: Envelope) -> String {
        let suffix = match envelope {
            Envelope::Chunk => "",
            Envelope::Line => "-line",
        };
        format!("{}-{uid:016x}{suffix}", source.encoding_name())
    }
}

impl Encoder for FaunaEvents {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        let Some(recorded) = read_record(event) else { return };
        if recorded.collection != self.source.collection() {
            return;
        }
        let write = match self.envelope {
            Envelope::Chunk => write_chunk,
            Envelope::Line => write_line,
        };
        if write(&recorded.change, &self.source, self.uid, out) == Written::Error {
            self.errors.note(event.seq);
        }
    }
}

/// Events of which a source made an `error`. They are noted before anybody can see their frames.
#[derive(Debug, Default)]
pub struct Errors {
    /// The last one; 0 for none. Most sources make none, and nobody who reads them takes the lock.
    last_seq: AtomicU64,
    seqs: Mutex<BTreeSet<u64>>,
}

impl Errors {
    /// Notes an event.
    pub fn note(&self, seq: u64) {
        let mut seqs = self.lock();
        seqs.insert(seq);
        if seqs.len() > ERRORS_MAX {
            seqs.pop_first();
        }
        self.last_seq.fetch_max(seq, Ordering::Release);
    }

    /// The first event from `from` on that made an error.
    pub fn first_from(&self, from: u64) -> Option<u64> {
        if self.last_seq.load(Ordering::Acquire) < from {
            return None;
        }
        self.lock().range(from..).next().copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        // One number goes in or out at a time, so a poisoned lock still guards a true set.
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a stream that begins at `from`: behind the first event that makes an error.
#[derive(Debug)]
pub struct EndAtError {
    /// Those of its source.
    pub errors: Arc<Errors>,
    /// The first seq it reads.
    pub from: u64,
}

impl Skip for EndAtError {
    fn next_kept(&self, from: u64) -> u64 {
        from
    }

    fn next_skipped(&self, _from: u64) -> u64 {
        u64::MAX
    }

    fn next_open(&self, from: u64) -> u64 {
        self.errors.first_from(self.from).map_or(u64::MAX, |error| from.max(error + 1))
    }

    fn is_end(&self, _seq: u64) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::BodyFormat;

    use super::*;
    use crate::fauna::change::BeforeDocument;
    use crate::fauna::history::write_record;

    fn encode(encoder: &FaunaEvents, seq: u64, before: Option<&[u8]>, body: &[u8]) -> String {
        let before = before.map(|body| BeforeDocument { time_us: 5, format: BodyFormat::Json, body });
        let mut record = Vec::new();
        write_record("A", before.as_ref(), BodyFormat::Json, body, &mut record);
        let event = Event { seq, time_us: seq * 10, kind: "put", key: "1", format: BodyFormat::Json, body: &record };
        let mut out = Vec::new();
        encoder.encode(&event, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn encoder(source: &str, errors: &Arc<Errors>) -> FaunaEvents {
        FaunaEvents::new(Source::parse(source).unwrap(), 7, Envelope::Chunk, errors.clone())
    }

    #[test]
    fn frames_show_what_changed() {
        let errors = Arc::default();
        let all = encoder("A.all().eventSource()", &errors);
        assert!(encode(&all, 1, None, b"{}").contains(r#""type":"add""#));
        let update = encode(&all, 1, Some(b"{}"), b"{}");
        assert!(update.contains(r#""type":"update""#) && update.ends_with("\r\n\r\n"), "{update}");
        let lines =
            FaunaEvents::new(Source::parse("A.all().eventSource()").unwrap(), 7, Envelope::Line, errors.clone());
        let line = encode(&lines, 1, Some(b"{}"), b"{}");
        assert_eq!(update, format!("{:x}\r\n{line}\r\n", line.len()));
        assert_eq!(encode(&encoder("B.all().eventSource()", &errors), 1, None, b"{}"), "");
        let where_n = encoder("A.where(.n == 1).eventSource()", &errors);
        assert!(encode(&where_n, 1, Some(b"{\"n\":1}"), b"{}").contains(r#""type":"remove""#));
        assert_eq!(encode(&where_n, 1, Some(b"{}"), b"{}"), "");
        assert_eq!(errors.first_from(0), None);
    }

    #[test]
    fn names_are_directories_and_tell_databases_apart() {
        let source = Source::of_collection("A");
        let name = FaunaEvents::name_of(&source, 7, Envelope::Line);
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
        assert_ne!(name, FaunaEvents::name_of(&source, 8, Envelope::Line));
        assert_ne!(name, FaunaEvents::name_of(&source, 7, Envelope::Chunk));
        assert_eq!(FaunaEvents::new(source, 7, Envelope::Line, Arc::default()).name(), name);
    }

    #[test]
    fn a_stream_ends_behind_its_first_error() {
        let errors = Arc::default();
        let failing = encoder("A.all().map(.a.b).eventSource()", &errors);
        for seq in [3, 9] {
            assert!(encode(&failing, seq, None, b"{}").contains("invalid_null_access"));
        }
        let end = |from| EndAtError { errors: errors.clone(), from };
        let table = [(1, 1, 4), (1, 3, 4), (1, 8, 8), (3, 3, 4), (4, 4, 10), (9, 9, 10), (10, 10, u64::MAX)];
        for (begins, from, open) in table {
            assert_eq!(end(begins).next_open(from), open, "{begins} {from}");
        }
        assert!(end(1).is_end(4) && end(1).next_kept(2) == 2 && end(1).next_skipped(2) == u64::MAX);
    }
}
