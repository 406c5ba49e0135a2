//! Request bodies, decoded incrementally into the caller's buffer.
//!
//! It owns the limits on a body and the grammar of chunks (RFC 9112, 7.1). Chunk extensions and trailers are skipped;
//! both are bounded. Lines must end in CR LF exactly: a lenient reading of line ends is how requests are smuggled.

use super::headers::BodyKind;

/// Longest chunk-size line, extensions included.
const SIZE_LINE_BYTES_MAX: u32 = 256;
/// Most bytes of all trailers together.
const TRAILER_BYTES_MAX: u32 = 8 * 1024;

/// Why a body is refused. The connection must be closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body exceeds the limit for this request.
    #[error("the request body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The chunked coding is malformed.
    #[error("malformed chunked body: {0}")]
    Chunk(&'static str),
}

impl BodyError {
    /// The status to answer with: 413 or 400.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            Self::Chunk(_) => 400,
        }
    }

    /// A stable name for the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "BodyTooLarge",
            Self::Chunk(_) => "BadRequest",
        }
    }
}

/// Decodes the body of one request, however it is delimited.
#[derive(Debug)]
pub struct BodyDecoder {
    state: Delimited,
}

#[derive(Debug)]
enum Delimited {
    Length { left: u64 },
    Chunked(ChunkedDecoder),
}

impl BodyDecoder {
    /// A decoder for a body of this kind.
    ///
    /// # Errors
    /// A `Content-Length` above `bytes_max` is refused at once.
    pub fn new(kind: BodyKind, bytes_max: u64) -> Result<Self, BodyError> {
        let state = match kind {
            BodyKind::None => Delimited::Length { left: 0 },
            BodyKind::Length(length) if length > bytes_max => return Err(BodyError::TooLarge { bytes_max }),
            BodyKind::Length(length) => Delimited::Length { left: length },
            BodyKind::Chunked => Delimited::Chunked(ChunkedDecoder::new(bytes_max)),
        };
        Ok(Self { state })
    }

    /// Moves body bytes from `input` to `out` and advances `input` past what it took; bytes behind the body stay.
    /// Returns whether the body is complete.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn decode(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, BodyError> {
        match &mut self.state {
            Delimited::Length { left } => {
                *left -= take(input, *left, out);
                Ok(*left == 0)
            }
            Delimited::Chunked(chunked) => chunked.decode(input, out),
        }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        match &self.state {
            Delimited::Length { left } => *left == 0,
            Delimited::Chunked(chunked) => chunked.state == State::Done,
        }
    }
}

/// Moves up to `left` bytes and says how many it were.
fn take(input: &mut &[u8], left: u64, out: &mut Vec<u8>) -> u64 {
    let len = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    let (taken, rest) = input.split_at(len);
    out.extend_from_slice(taken);
    *input = rest;
    len as u64
}

/// Decodes a chunked body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
    bytes_max: u64,
    bytes: u64,
    line_bytes: u32,
    trailer_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the hexadecimal size; `digits` so far.
    Size {
        size: u64,
        digits: u8,
    },
    /// Behind the size, before its CR.
    Extension {
        size: u64,
    },
    /// Behind the CR of the size line.
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    TrailerStart,
    Trailer,
    TrailerLf,
    /// Behind the CR of the final blank line.
    EndLf,
    Done,
}

impl ChunkedDecoder {
    /// A decoder that lets at most `bytes_max` bytes of data through.
    pub fn new(bytes_max: u64) -> Self {
        let state = State::Size { size: 0, digits: 0 };
        Self { state, bytes_max, bytes: 0, line_bytes: 0, trailer_bytes: 0 }
    }

    /// As [`BodyDecoder::decode`].
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn decode(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, BodyError> {
        while self.state != State::Done {
            if let State::Data { left } = self.state {
                let left = left - take(input, left, out);
                self.state = if left == 0 { State::DataCr } else { State::Data { left } };
            }
            let Some((byte, rest)) = input.split_first() else { break };
            *input = rest;
            self.state = self.step(*byte)?;
        }
        Ok(self.state == State::Done)
    }

    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        match (self.state, byte) {
            (State::Size { size, digits }, _) => self.size_byte(size, digits, byte),
            (State::Extension { size }, b'\r') => Ok(State::SizeLf { size }),
            (State::Extension { .. }, b'\n') => Err(BodyError::Chunk("a line feed without a carriage return")),
            (State::Extension { .. }, _) => self.count_line_byte().map(|()| self.state),
            (State::SizeLf { size }, b'\n') => self.begin_chunk(size),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::Trailer, b'\r') => Ok(State::TrailerLf),
            (State::TrailerStart | State::Trailer, b'\n') => Err(BodyError::Chunk("a bare line feed in a trailer")),
            (State::TrailerStart | State::Trailer, _) => self.count_trailer_byte(),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::DataCr | State::DataLf, _) => Err(BodyError::Chunk("a chunk is longer than its size")),
            _ => Err(BodyError::Chunk("a carriage return without a line feed")),
        }
    }

    fn size_byte(&mut self, size: u64, digits: u8, byte: u8) -> Result<State, BodyError> {
        self.count_line_byte()?;
        match (byte as char).to_digit(16) {
            Some(_) if digits == 16 => Err(BodyError::Chunk("a chunk size has more than 16 digits")),
            Some(digit) => Ok(State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }),
            None if digits == 0 => Err(BodyError::Chunk("a chunk has no size")),
            None => match byte {
                b'\r' => Ok(State::SizeLf { size }),
                b';' | b' ' | b'\t' => Ok(State::Extension { size }),
                _ => Err(BodyError::Chunk("a chunk size is not hexadecimal")),
            },
        }
    }

    fn begin_chunk(&mut self, size: u64) -> Result<State, BodyError> {
        self.line_bytes = 0;
        if size == 0 {
            return Ok(State::TrailerStart);
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.bytes_max {
            return Err(BodyError::TooLarge { bytes_max: self.bytes_max });
        }
        Ok(State::Data { left: size })
    }

    fn count_line_byte(&mut self) -> Result<(), BodyError> {
        self.line_bytes += 1;
        if self.line_bytes > SIZE_LINE_BYTES_MAX {
            return Err(BodyError::Chunk("a chunk-size line is too long"));
        }
        Ok(())
    }

    fn count_trailer_byte(&mut self) -> Result<State, BodyError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(BodyError::Chunk("the trailers are too long"));
        }
        Ok(State::Trailer)
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
