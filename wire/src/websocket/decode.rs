//! Frames from client to server, decoded incrementally.
//!
//! A decoder that is not inside a frame or a message is 16 bytes without a heap allocation, so that ten thousand
//! listening subscribers cost nothing. The state of a frame or message under way lives in one box that is dropped
//! with its end. Lengths are checked before a byte of payload is taken.

use super::close_code;
use super::frame::{CONTROL_BYTES_MAX, Opcode};
use super::message::{Message, ProtocolError};

/// Two bytes, the longest length, the mask.
const HEADER_BYTES_MAX: usize = 14;
/// Most bytes set aside for a payload before any of them has arrived.
const RESERVE_BYTES_MAX: u64 = 4096;

/// Decodes what one client sends.
#[derive(Debug)]
pub struct ClientDecoder {
    /// `None`: between frames, with no message begun.
    under_way: Option<Box<UnderWay>>,
    message_bytes_max: u32,
    discard: bool,
}

/// What is remembered between two reads.
#[derive(Debug, Default)]
struct UnderWay {
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    frame: Option<Frame>,
    control: Vec<u8>,
    /// The kind of the message whose fragments are arriving.
    message: Option<Opcode>,
    /// Bytes of it, those of the frame under way included.
    message_bytes: u64,
    payload: Vec<u8>,
}

/// A frame whose header is complete.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    len: u64,
    taken: u64,
}

impl ClientDecoder {
    /// A decoder that hands out messages of up to this many bytes, and refuses longer ones.
    pub fn new(message_bytes_max: u32) -> Self {
        Self { under_way: None, message_bytes_max, discard: false }
    }

    /// A decoder for a connection on which data from the client means nothing: messages of up to this many bytes (of any
    /// length, for `u32::MAX`) are checked and skipped without memory, only control frames are handed out.
    pub fn discarding(message_bytes_max: u32) -> Self {
        Self { under_way: None, message_bytes_max, discard: true }
    }

    /// Whether the decoder is between messages and holds no heap memory.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Takes bytes from the front of `input` until a message is complete. `Ok(None)` means that `input` is used up;
    /// call again with what arrives next.
    ///
    /// # Errors
    /// See [`ProtocolError`]; every error is final.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ProtocolError> {
        while !input.is_empty() {
            let mut state = self.under_way.take().unwrap_or_default();
            let message = self.advance(&mut state, input)?;
            if state.header_len > 0 || state.message.is_some() {
                self.under_way = Some(state);
            }
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    /// Takes what `input` has of the current header, then of the current payload.
    fn advance(&self, state: &mut UnderWay, input: &mut &[u8]) -> Result<Option<Message>, ProtocolError> {
        let mut frame = match state.frame {
            Some(frame) => frame,
            None => match state.take_header(input)? {
                Some(frame) => self.admit(frame, state)?,
                None => return Ok(None),
            },
        };
        let part = split_payload(input, frame.len - frame.taken);
        self.keep(state, &frame, part);
        frame.taken += part.len() as u64;
        if frame.taken < frame.len {
            state.frame = Some(frame);
            return Ok(None);
        }
        state.frame = None;
        state.header_len = 0;
        self.finish(state, frame)
    }

    /// Checks a new frame against the message under way and the limits.
    fn admit(&self, frame: Frame, state: &mut UnderWay) -> Result<Frame, ProtocolError> {
        if frame.opcode.is_control() {
            return Ok(frame);
        }
        match (frame.opcode, state.message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::LoneContinuation),
            (Opcode::Continuation, Some(_)) => {}
            (_, Some(_)) => return Err(ProtocolError::Interleaved),
            (opcode, None) => state.message = Some(opcode),
        }
        state.message_bytes = state.message_bytes.saturating_add(frame.len);
        let is_bounded = !self.discard || self.message_bytes_max < u32::MAX;
        if is_bounded && state.message_bytes > u64::from(self.message_bytes_max) {
            return Err(ProtocolError::TooBig);
        }
        if self.discard {
            return Ok(frame);
        }
        state.payload.reserve(frame.len.min(RESERVE_BYTES_MAX) as usize);
        Ok(frame)
    }

    fn keep(&self, state: &mut UnderWay, frame: &Frame, part: &[u8]) {
        let target = match (frame.opcode.is_control(), self.discard) {
            (true, _) => &mut state.control,
            (false, false) => &mut state.payload,
            (false, true) => return,
        };
        let start = target.len();
        target.extend_from_slice(part);
        unmask(&mut target[start..], frame.mask, frame.taken);
    }

    fn finish(&self, state: &mut UnderWay, frame: Frame) -> Result<Option<Message>, ProtocolError> {
        if frame.opcode.is_control() {
            return control_message(frame.opcode, std::mem::take(&mut state.control)).map(Some);
        }
        if !frame.fin {
            return Ok(None);
        }
        let opcode = state.message.take();
        state.message_bytes = 0;
        let payload = std::mem::take(&mut state.payload);
        match opcode {
            _ if self.discard => Ok(None),
            Some(Opcode::Text) => text(payload).map(|text| Some(Message::Text(text))),
            _ => Ok(Some(Message::Binary(payload))),
        }
    }
}

impl UnderWay {
    /// Takes header bytes one by one until they are complete.
    fn take_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, ProtocolError> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.header[usize::from(self.header_len)] = *byte;
            self.header_len += 1;
            if let Some(frame) = parse_header(&self.header[..usize::from(self.header_len)])? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }
}

/// `None` while bytes are missing. The first two bytes are judged as soon as they are there.
fn parse_header(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let fin = first & 0x80 != 0;
    let opcode = check_start(first, second)?;
    let Some((len, rest)) = parse_length(second & 0x7f, rest)? else { return Ok(None) };
    let Some(mask) = rest.first_chunk() else { return Ok(None) };
    Ok(Some(Frame { fin, opcode, mask: *mask, len, taken: 0 }))
}

fn check_start(first: u8, second: u8) -> Result<Opcode, ProtocolError> {
    if first & 0x70 != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(ProtocolError::ReservedOpcode)?;
    if second & 0x80 == 0 {
        return Err(ProtocolError::Unmasked);
    }
    if opcode.is_control() && first & 0x80 == 0 {
        return Err(ProtocolError::FragmentedControl);
    }
    if opcode.is_control() && usize::from(second & 0x7f) > CONTROL_BYTES_MAX {
        return Err(ProtocolError::LongControl);
    }
    Ok(opcode)
}

fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, rest, least) = match short {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest, 126),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest, 0x1_0000),
            None => return Ok(None),
        },
        _ => (u64::from(short), rest, 0),
    };
    if len < least || len > u64::MAX >> 1 {
        return Err(ProtocolError::Length);
    }
    Ok(Some((len, rest)))
}

fn split_payload<'a>(input: &mut &'a [u8], left: u64) -> &'a [u8] {
    let len = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    let (part, rest) = input.split_at(len);
    *input = rest;
    part
}

/// Removes the mask from bytes that start `offset` bytes into their frame.
fn unmask(bytes: &mut [u8], mut mask: [u8; 4], offset: u64) {
    mask.rotate_left((offset % 4) as usize);
    let mut words = bytes.chunks_exact_mut(4);
    for word in &mut words {
        word.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    words.into_remainder().iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

fn control_message(opcode: Opcode, payload: Vec<u8>) -> Result<Message, ProtocolError> {
    match opcode {
        Opcode::Ping => Ok(Message::Ping(payload)),
        Opcode::Pong => Ok(Message::Pong(payload)),
        _ => close_message(&payload),
    }
}

fn close_message(payload: &[u8]) -> Result<Message, ProtocolError> {
    if payload.is_empty() {
        return Ok(Message::Close { code: None, reason: String::new() });
    }
    let (code, reason) = payload.split_first_chunk().ok_or(ProtocolError::ShortClose)?;
    let code = u16::from_be_bytes(*code);
    if !close_code::may_be_sent(code) {
        return Err(ProtocolError::CloseCode);
    }
    Ok(Message::Close { code: Some(code), reason: text(reason.to_vec())? })
}

fn text(payload: Vec<u8>) -> Result<String, ProtocolError> {
    String::from_utf8(payload).map_err(|_| ProtocolError::InvalidUtf8)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
