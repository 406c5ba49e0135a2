//! A frame taken apart: two DAG-CBOR objects, of which a server needs a handful of fields.

use tailwater_core::SEQ_MAX;

use crate::dag_cbor::{self, CborError, MapReader, Reader, Token};

/// The largest frame, as the sync specification limits it.
pub const FRAME_BYTES_MAX: usize = 5_000_000;

/// `op` of a regular message.
pub const OP_MESSAGE: i64 = 1;
/// `op` of an error.
pub const OP_ERROR: i64 = -1;

/// A valid frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The bytes of the header object.
    pub header: &'a [u8],
    /// The bytes of the payload object.
    pub payload: &'a [u8],
    /// `op` of the header: 1 for a message, -1 for an error; clients ignore others.
    pub op: i64,
    /// `t` of the header: the message's type, such as `#commit`.
    pub t: Option<&'a str>,
    /// `seq` of the payload, if it is there and within 1 to 2^53-1.
    pub seq: Option<u64>,
    /// `repo` of the payload, or else `did`, or else empty: what the message is about.
    pub key: &'a str,
    /// `time` of the payload, as written.
    pub time: Option<&'a str>,
    /// `error` of an error's payload, or `name` of an `#info`.
    pub name: Option<&'a str>,
}

impl Frame<'_> {
    /// `time` in microseconds since the Unix epoch, if it can be read.
    pub fn time_us(&self) -> Option<u64> {
        self.time.and_then(crate::time::parse_us)
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Larger than [`FRAME_BYTES_MAX`].
    #[error("the frame has {bytes} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The header is not a DAG-CBOR object.
    #[error("the header is not a valid DAG-CBOR object: {0}")]
    Header(CborError),
    /// The payload is not a DAG-CBOR object, or something follows it.
    #[error("the payload is not a valid DAG-CBOR object: {0}")]
    Payload(CborError),
    /// The header has no integer `op`.
    #[error("the header has no integer \"op\"")]
    Op,
    /// `t` of the header is not text.
    #[error("\"t\" of the header is not text")]
    Type,
}

/// Checks a whole frame and takes it apart. Offsets in errors count from the start of the frame.
///
/// # Errors
/// See [`FrameError`].
pub fn parse(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLarge { bytes: bytes.len() });
    }
    let mut frame = Frame { header: bytes, payload: &[], op: 0, t: None, seq: None, key: "", time: None, name: None };
    let end = read_header(bytes, &mut frame)?;
    read_payload(bytes, end, &mut frame).map_err(FrameError::Payload)?;
    (frame.header, frame.payload) = bytes.split_at(end);
    Ok(frame)
}

/// Splits a frame that has been checked before.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    dag_cbor::skip(bytes, 0).ok().map(|end| bytes.split_at(end))
}

/// The type a header names.
pub(crate) fn header_type(header: &[u8]) -> Option<&str> {
    let mut entries = MapReader::new(header, 0).ok()?.filter_map(Result::ok);
    entries.find(|(key, _)| *key == "t").and_then(|(_, value)| text(value))
}

fn read_header<'a>(bytes: &'a [u8], frame: &mut Frame<'a>) -> Result<usize, FrameError> {
    let mut op = None;
    let mut entries = MapReader::new(bytes, 0).map_err(FrameError::Header)?;
    for entry in &mut entries {
        match entry.map_err(FrameError::Header)? {
            ("op", value) => op = int(value).and_then(|op| i64::try_from(op).ok()),
            ("t", value) => frame.t = Some(text(value).ok_or(FrameError::Type)?),
            _ => {}
        }
    }
    frame.op = op.ok_or(FrameError::Op)?;
    Ok(entries.end())
}

fn read_payload<'a>(bytes: &'a [u8], start: usize, frame: &mut Frame<'a>) -> Result<(), CborError> {
    let (mut did, mut repo) = (None, None);
    let mut entries = MapReader::new(bytes, start)?;
    for entry in &mut entries {
        match entry? {
            ("did", value) => did = text(value),
            ("repo", value) => repo = text(value),
            ("seq", value) => frame.seq = int(value).and_then(seq),
            ("time", value) => frame.time = text(value),
            ("name" | "error", value) => frame.name = text(value),
            _ => {}
        }
    }
    frame.key = repo.or(did).unwrap_or_default();
    match entries.end() {
        end if end == bytes.len() => Ok(()),
        end => Err(CborError { offset: end, kind: dag_cbor::CborErrorKind::Trailing }),
    }
}

fn seq(number: i128) -> Option<u64> {
    u64::try_from(number).ok().filter(|seq| (1..=SEQ_MAX).contains(seq))
}

fn int(value: &[u8]) -> Option<i128> {
    match Reader::new(value, 0).token() {
        Ok(Token::Int(number)) => Some(number),
        _ => None,
    }
}

fn text(value: &[u8]) -> Option<&str> {
    match Reader::new(value, 0).token() {
        Ok(Token::Text(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
