//! Bodies that are made while they are sent, out of text and attachments.
//!
//! Owns the sending side of makers: they run on the blocking pool, one piece at a time, and no piece before the one before it
//! has left. What breaks on the way ends the body with CouchDB's last words and the connection with it. Tests: below.

use std::{
    collections::VecDeque,
    io::{self, Read},
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use tailwater_wire::{
    couchdb::errors::Refusal,
    http1::{ChunkedDecoder, LAST_CHUNK, ResponseHead, chunk},
};

use crate::http::{BodySource, Making};

/// Bytes of a piece, about; a multiple of three, so that base64 of an attachment has no gaps.
const PIECE_BYTES: usize = 192 << 10;

/// How long a thread is held for a piece: others wait, and whether anybody still listens is not looked at meanwhile.
const PIECE_TIME: Duration = Duration::from_millis(20);
/// Bytes that are put into one piece at most.
const WHOLE_BYTES_MAX: usize = 64 << 20;

/// The bytes of an attachment.
pub(super) type Bytes = Box<dyn Read + Send>;

/// A part of a body.
pub(super) enum Piece {
    /// These bytes.
    Text(Vec<u8>),
    /// An attachment.
    Raw(Bytes),
    /// An attachment as base64.
    Base64(Bytes),
}

/// What makes a body. Runs where it may block.
pub(super) trait Maker: Send + 'static {
    /// Appends the next parts; false when there are none left.
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal>;
}

/// The parts that are there already.
pub(super) struct Ready;

impl Maker for Ready {
    fn make(&mut self, _: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

/// A body. Its parts are put into chunks, unless they are chunks already.
pub(super) struct Made<M> {
    work: Option<Box<Work<M>>>,
    is_broken: bool,
}

struct Work<M> {
    maker: M,
    parts: VecDeque<Piece>,
    framing: Framing,
    is_done: bool,
}

/// How the bytes of parts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// In chunks.
    Chunks,
    /// They are chunks already, the last one included.
    Own,
    /// As they are: the head says how many they are.
    Plain,
}

/// A piece that is on its way.
enum Next {
    Piece(Vec<u8>),
    Last(Vec<u8>),
    Broken(Vec<u8>),
}

impl<M: Maker> Made<M> {
    /// A body of plain bytes.
    pub(super) fn new(maker: M) -> Self {
        Self::of(maker, VecDeque::new(), Framing::Chunks)
    }

    /// A body whose maker writes chunks, the last one included.
    pub(super) fn chunked(maker: M) -> Self {
        Self::of(maker, VecDeque::new(), Framing::Own)
    }

    fn of(maker: M, parts: VecDeque<Piece>, framing: Framing) -> Self {
        Self { work: Some(Box::new(Work { maker, parts, framing, is_done: false })), is_broken: false }
    }
}

impl Made<Ready> {
    /// A body of known length: its head says so, and it is not in chunks.
    pub(super) fn plain(parts: VecDeque<Piece>) -> Self {
        Self::of(Ready, parts, Framing::Plain)
    }
}

impl<M: Maker> BodySource for Made<M> {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async {
            let mut work = self.work.take()?;
            let made = glommio::executor().spawn_blocking(move || {
                let next = work.next();
                (work, next)
            });
            match made.await {
                (work, Next::Piece(bytes)) => {
                    self.work = Some(work);
                    Some(bytes)
                }
                (_, Next::Last(bytes)) => Some(bytes).filter(|bytes| !bytes.is_empty()),
                (_, Next::Broken(bytes)) => {
                    self.is_broken = true;
                    Some(bytes)
                }
            }
        })
    }

    fn is_whole(&self) -> bool {
        !self.is_broken
    }
}

impl<M: Maker> Work<M> {
    fn next(&mut self) -> Next {
        let mut bytes = Vec::new();
        let filled = self.fill(&mut bytes);
        let mut out = Vec::new();
        match self.framing {
            Framing::Chunks if bytes.is_empty() => {}
            Framing::Chunks => chunk(&mut out, &bytes),
            Framing::Own | Framing::Plain => out = bytes,
        }
        match filled {
            Ok(false) => Next::Piece(out),
            Ok(true) => {
                out.extend_from_slice(if self.framing == Framing::Chunks { LAST_CHUNK } else { b"" });
                Next::Last(out)
            }
            Err(refusal) => {
                if self.framing != Framing::Plain {
                    refusal.write_chunk(&mut out);
                }
                Next::Broken(out)
            }
        }
    }

    /// Fills a piece, or what can be filled in the time it may take; true if it is the last.
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<bool, Refusal> {
        let began = Instant::now();
        while out.len() < PIECE_BYTES && began.elapsed() < PIECE_TIME {
            if let Some(part) = self.parts.pop_front() {
                self.take(part, out).map_err(|error| unreadable(&error))?;
            } else if self.is_done {
                return Ok(true);
            } else {
                self.is_done = !self.maker.make(&mut self.parts)?;
            }
        }
        Ok(false)
    }

    fn take(&mut self, part: Piece, out: &mut Vec<u8>) -> io::Result<()> {
        match part {
            Piece::Text(text) => out.extend_from_slice(&text),
            Piece::Raw(mut bytes) => {
                if read_some(&mut bytes, out)? {
                    self.parts.push_front(Piece::Raw(bytes));
                }
            }
            Piece::Base64(mut bytes) => {
                let mut read = Vec::with_capacity(PIECE_BYTES);
                let more = read_some(&mut bytes, &mut read)?;
                out.extend_from_slice(BASE64.encode(&read).as_bytes());
                if more {
                    self.parts.push_front(Piece::Base64(bytes));
                }
            }
        }
        Ok(())
    }
}

/// Reads a piece, all of it if there is so much; false at the end.
fn read_some(bytes: &mut Bytes, out: &mut Vec<u8>) -> io::Result<bool> {
    let read = bytes.by_ref().take(PIECE_BYTES as u64).read_to_end(out)?;
    Ok(read == PIECE_BYTES)
}

/// The bytes of a part of a body in one, where they cannot be sent one after the other. Blocks.
pub(super) fn whole(parts: VecDeque<Piece>) -> Result<Vec<u8>, Refusal> {
    let mut work = Work { maker: Ready, parts, framing: Framing::Plain, is_done: true };
    let mut all = Vec::new();
    while let Some(part) = work.parts.pop_front() {
        work.take(part, &mut all).map_err(|error| unreadable(&error))?;
        if all.len() > WHOLE_BYTES_MAX {
            return Err(Refusal::new(413, "too_large", "Ask for documents with so large attachments one by one."));
        }
    }
    Ok(all)
}

fn unreadable(error: &io::Error) -> Refusal {
    tracing::error!(%error, "an attachment cannot be read");
    Refusal::new(500, "internal_server_error", "An attachment cannot be read. The log of this server says why.")
}

/// The same body without chunks, for clients of HTTP/1.0: the connection ends where it does.
pub(super) struct Unchunked<S> {
    source: S,
    decoder: ChunkedDecoder,
}

impl<S: BodySource> Unchunked<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, decoder: ChunkedDecoder::new(u64::MAX) }
    }
}

impl<S: BodySource> BodySource for Unchunked<S> {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async {
            let chunks = self.source.next().await?;
            let mut out = Vec::with_capacity(chunks.len());
            // They are our own.
            let _decoded = self.decoder.decode(&mut chunks.as_slice(), &mut out);
            Some(out)
        })
    }

    fn is_whole(&self) -> bool {
        self.source.is_whole()
    }
}

/// The end of such a body's head.
pub(super) fn unchunked_head(head: ResponseHead<'_>) {
    head.close().finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parts(Vec<Result<Vec<Piece>, Refusal>>);

    impl Maker for Parts {
        fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
            let next = self.0.remove(0)?;
            parts.extend(next);
            Ok(!self.0.is_empty())
        }
    }

    fn work(parts: Vec<Result<Vec<Piece>, Refusal>>, framing: Framing) -> Work<Parts> {
        Work { maker: Parts(parts), parts: VecDeque::new(), framing, is_done: false }
    }

    fn all(mut work: Work<Parts>) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        loop {
            match work.next() {
                Next::Piece(bytes) => all.extend(bytes),
                Next::Last(bytes) => return ([all, bytes].concat(), true),
                Next::Broken(bytes) => return ([all, bytes].concat(), false),
            }
        }
    }

    fn blob(bytes: usize) -> Bytes {
        Box::new(io::Cursor::new(vec![b'x'; bytes]))
    }

    #[test]
    fn parts_become_chunks() {
        let parts = vec![
            Ok(vec![Piece::Text(b"a".to_vec())]),
            Ok(Vec::new()),
            Ok(vec![Piece::Raw(blob(3)), Piece::Base64(blob(4)), Piece::Raw(blob(0))]),
        ];
        let (bytes, whole) = all(work(parts, Framing::Chunks));
        assert_eq!((String::from_utf8(bytes).unwrap().as_str(), whole), ("c\r\naxxxeHh4eA==\r\n0\r\n\r\n", true));
        assert_eq!(all(work(vec![Ok(Vec::new())], Framing::Chunks)), (LAST_CHUNK.to_vec(), true));
        assert_eq!(
            all(work(vec![Ok(vec![Piece::Text(b"0\r\n\r\n".to_vec())])], Framing::Own)),
            (LAST_CHUNK.to_vec(), true)
        );
    }

    #[test]
    fn long_attachments_leave_piece_by_piece() {
        for length in [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2] {
            let (bytes, _) = all(work(vec![Ok(vec![Piece::Raw(blob(length))])], Framing::Plain));
            assert_eq!(bytes.len(), length);
            let (bytes, _) = all(work(vec![Ok(vec![Piece::Base64(blob(length))])], Framing::Plain));
            assert_eq!(BASE64.decode(&bytes).unwrap().len(), length);
            let mut first = work(vec![Ok(vec![Piece::Raw(blob(length))])], Framing::Chunks);
            assert!(matches!(first.next(), Next::Piece(_)) || length < PIECE_BYTES);
        }
    }

    #[test]
    fn what_breaks_says_so() {
        let parts = vec![Ok(vec![Piece::Text(b"a".to_vec())]), Err(Refusal::new(500, "x", "y"))];
        let (bytes, whole) = all(work(parts, Framing::Chunks));
        let text = String::from_utf8(bytes).unwrap();
        assert!(!whole && text.ends_with("{\"code\":500,\"error\":\"x\",\"reason\":\"y\"}\n\r\n"), "{text}");
    }
}
