//! The body of an HTTP/1.1 answer: chunked (RFC 9112, section 7.1), of a known length, or until the connection closes.

use crate::decode::DecodeError;

/// Longest chunk-size line (size and extensions) or trailer line that is followed.
const LINE_BYTES_MAX: usize = 4096;

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk's size; the flag says that a digit was seen.
    Size { value: u64, digits: bool },
    /// In what follows the size, until the line feed.
    Extension { value: u64 },
    /// In a chunk's data (chunked), or in the body (known length).
    Data { left: u64 },
    /// At the CR LF after a chunk's data; the flag says that CR was seen.
    AfterData { cr: bool },
    /// In the trailer; counts the bytes of the line so far.
    Trailer { line_bytes: usize },
    /// The body is complete.
    Done,
    /// The body ends with the connection.
    UntilClose,
}

/// The decoder of one body.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    chunked: bool,
    line_bytes: usize,
}

impl BodyDecoder {
    /// A body in chunks.
    pub fn chunked() -> Self {
        Self::at(State::Size { value: 0, digits: false }, true)
    }

    /// A body of this many bytes.
    pub fn sized(bytes: u64) -> Self {
        let state = match bytes {
            0 => State::Done,
            left => State::Data { left },
        };
        Self::at(state, false)
    }

    /// A body that ends when the connection does.
    pub fn until_close() -> Self {
        Self::at(State::UntilClose, false)
    }

    fn at(state: State, chunked: bool) -> Self {
        Self { state, chunked, line_bytes: 0 }
    }

    /// Whether the body is complete: what follows belongs to another answer.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes and gives the body's bytes among them to `sink`, in pieces. Bytes after the end are ignored.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        while let Some(&byte) = input.first() {
            let taken = match self.state {
                State::Done => return Ok(()),
                State::UntilClose => {
                    sink(input)?;
                    input.len()
                }
                State::Data { left } => {
                    let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    sink(&input[..taken])?;
                    self.state = self.after_data(left - taken as u64);
                    taken
                }
                _ => {
                    self.state = self.framing(byte)?;
                    1
                }
            };
            input = &input[taken..];
        }
        Ok(())
    }

    fn after_data(&self, left: u64) -> State {
        match (left, self.chunked) {
            (0, true) => State::AfterData { cr: false },
            (0, false) => State::Done,
            (left, _) => State::Data { left },
        }
    }

    /// One byte of the chunk framing.
    fn framing(&mut self, byte: u8) -> Result<State, DecodeError> {
        self.line_bytes = if byte == b'\n' { 0 } else { self.line_bytes + 1 };
        if self.line_bytes > LINE_BYTES_MAX {
            return Err(refuse("a chunk-size or trailer line is too long"));
        }
        Ok(match (self.state, byte) {
            (State::Size { value, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let value =
                    value.checked_mul(16).ok_or_else(|| refuse("a chunk size of over 64 bits"))? | u64::from(digit);
                State::Size { value, digits: true }
            }
            (State::Size { value, digits: true }, b'\r' | b';' | b' ' | b'\t') => State::Extension { value },
            (State::Extension { value: 0 }, b'\n') => State::Trailer { line_bytes: 0 },
            (State::Extension { value }, b'\n') => State::Data { left: value },
            (State::Extension { value }, _) => State::Extension { value },
            (State::AfterData { cr: false }, b'\r') => State::AfterData { cr: true },
            (State::AfterData { cr: true }, b'\n') => State::Size { value: 0, digits: false },
            (State::Trailer { line_bytes: 0 }, b'\n') => State::Done,
            (State::Trailer { .. }, b'\n') => State::Trailer { line_bytes: 0 },
            (State::Trailer { line_bytes }, b'\r') => State::Trailer { line_bytes },
            (State::Trailer { line_bytes }, _) => State::Trailer { line_bytes: line_bytes + 1 },
            (state, byte) => {
                return Err(refuse(format!("unexpected byte {byte:#04x} in {state:?}")));
            }
        })
    }
}

fn refuse(reason: impl Into<String>) -> DecodeError {
    DecodeError::new("chunked body", reason)
}
