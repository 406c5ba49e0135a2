//! Bodies that are made while they are sent, out of text and attachments.
//!
//! Owns what goes into a piece. What breaks on the way ends the body with CouchDB's last words and the connection with it.
//! Tests: below.

use std::{
    collections::VecDeque,
    io::{self, Read},
    time::Instant,
};

use data_encoding::BASE64;
use tailwater_wire::{
    couchdb::errors::Refusal,
    http1::{LAST_CHUNK, chunk},
};

use crate::http::{self, After, BodySource, Making, PIECE_BYTES, PIECE_TIME};

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
pub(super) struct Made<M>(http::Made<Work<M>>);

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
        Self(http::Made::new(Work { maker, parts, framing, is_done: false }))
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
        self.0.next()
    }

    fn is_whole(&self) -> bool {
        self.0.is_whole()
    }
}

impl<M: Maker> http::Maker for Work<M> {
    fn make(&mut self, out: &mut Vec<u8>) -> After {
        let mut bytes = Vec::new();
        let filled = self.fill(&mut bytes);
        match self.framing {
            Framing::Chunks if bytes.is_empty() => {}
            Framing::Chunks => chunk(out, &bytes),
            Framing::Own | Framing::Plain => out.append(&mut bytes),
        }
        match filled {
            Ok(false) => After::More,
            Ok(true) => {
                out.extend_from_slice(if self.framing == Framing::Chunks { LAST_CHUNK } else { b"" });
                After::End
            }
            Err(refusal) => {
                if self.framing != Framing::Plain {
                    refusal.write_chunk(out);
                }
                After::Broken
            }
        }
    }
}

impl<M: Maker> Work<M> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Maker as _;

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
            match work.make(&mut all) {
                After::More => {}
                after => return (all, after == After::End),
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
            assert!(first.make(&mut Vec::new()) == After::More || length < PIECE_BYTES);
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
