//! Bodies that are made piece by piece, where making may block.
//!
//! Owns the making: on the blocking pool, one piece at a time, and none before the one before it has left. What a piece is, and
//! how it is framed, is its maker's. Never sends. Tests: below, and `server/tests/couchdb/`.

use std::time::{Duration, Instant};

use tailwater_wire::http1::{ChunkedDecoder, LAST_CHUNK, chunk};

use super::{BodySource, Making};

/// Bytes of a piece, about; a multiple of three, so that base64 has no gaps between pieces.
pub(crate) const PIECE_BYTES: usize = 192 << 10;

/// How long a thread is held for a piece: others wait, and whether anybody still listens is not looked at meanwhile.
pub(crate) const PIECE_TIME: Duration = Duration::from_millis(20);

/// What follows a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next one.
    More,
    /// Nothing: the body is whole.
    End,
    /// Nothing, although there should be more: the connection ends as well.
    Broken,
}

/// What makes a body. Runs where it may block.
pub(crate) trait Maker: Send + 'static {
    /// Appends a piece as it goes on the wire: whole chunks, the last one of the body included.
    fn make(&mut self, out: &mut Vec<u8>) -> After;
}

/// A body.
pub(crate) struct Made<M> {
    /// `None` behind the last piece.
    maker: Option<Box<M>>,
    is_broken: bool,
}

impl<M: Maker> Made<M> {
    pub(crate) fn new(maker: M) -> Self {
        Self { maker: Some(Box::new(maker)), is_broken: false }
    }
}

impl<M: Maker> BodySource for Made<M> {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async {
            let mut maker = self.maker.take()?;
            let making = move || {
                let mut piece = Vec::new();
                let after = maker.make(&mut piece);
                (maker, piece, after)
            };
            let (maker, piece, after) = glommio::executor().spawn_blocking(making).await;
            self.maker = (after == After::More).then_some(maker);
            self.is_broken = after == After::Broken;
            Some(piece).filter(|piece| after == After::More || !piece.is_empty())
        })
    }

    fn is_whole(&self) -> bool {
        !self.is_broken
    }
}

/// What makes a text in small steps.
pub(crate) trait Steps: Send + 'static {
    /// Appends the next bytes, which are few; true behind the last. An error is for the log and ends the body where it stands.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String>;
}

/// A maker that puts the steps of a text into chunks.
pub(crate) struct InChunks<S>(pub(crate) S);

impl<S: Steps> Maker for InChunks<S> {
    fn make(&mut self, out: &mut Vec<u8>) -> After {
        let began = Instant::now();
        let mut text = Vec::new();
        let mut after = After::More;
        while after == After::More && text.len() < PIECE_BYTES && began.elapsed() < PIECE_TIME {
            match self.0.step(&mut text) {
                Ok(false) => {}
                Ok(true) => after = After::End,
                Err(error) => {
                    tracing::error!(%error, "the rest of an answer cannot be made");
                    after = After::Broken;
                }
            }
        }
        if !text.is_empty() {
            chunk(out, &text);
        }
        if after == After::End {
            out.extend_from_slice(LAST_CHUNK);
        }
        after
    }
}

/// A body without its chunks, for clients of HTTP/1.0: the connection ends where it does.
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

/// The body of an answer to `HEAD`.
pub(super) struct Nothing;

impl BodySource for Nothing {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many steps of a byte; what follows them.
    struct Counted(usize, Result<bool, String>);

    impl Steps for Counted {
        fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
            if self.0 == 0 {
                return self.1.clone();
            }
            out.push(b'x');
            self.0 -= 1;
            Ok(false)
        }
    }

    /// All that a maker makes, and how it ends.
    fn all(steps: Counted) -> (Vec<u8>, After) {
        let mut maker = InChunks(steps);
        let mut out = Vec::new();
        loop {
            match maker.make(&mut out) {
                After::More => {}
                after => return (out, after),
            }
        }
    }

    #[test]
    fn steps_become_chunks_and_an_end() {
        assert_eq!(all(Counted(0, Ok(true))), (LAST_CHUNK.to_vec(), After::End));
        assert_eq!(all(Counted(3, Ok(true))), (b"3\r\nxxx\r\n0\r\n\r\n".to_vec(), After::End));
        assert_eq!(all(Counted(3, Err("torn".to_owned()))), (b"3\r\nxxx\r\n".to_vec(), After::Broken));
    }

    #[test]
    fn a_piece_has_a_size() {
        let mut maker = InChunks(Counted(PIECE_BYTES + 1, Ok(true)));
        let mut text = 0;
        while text < PIECE_BYTES + 1 {
            let (mut out, mut decoded) = (Vec::new(), Vec::new());
            maker.make(&mut out);
            ChunkedDecoder::new(u64::MAX).decode(&mut out.as_slice(), &mut decoded).unwrap();
            assert!(decoded.len() <= PIECE_BYTES);
            text += decoded.len();
        }
    }
}
