//! Server frames of RFC 6455, section 5.2: strict, incremental, with reassembly of fragmented messages.
//!
//! A frame that lies whole in the input is handed on in place; only one that crosses two reads is copied. Refused: masked
//! frames, reserved bits and opcodes, control frames that are long or fragmented, lengths that are not in their shortest
//! form, text that is not UTF-8, close codes that must not be sent, anything after a close frame.

use crate::decode::DecodeError;

/// One message or control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A binary message.
    Binary(&'a [u8]),
    /// A text message.
    Text(&'a [u8]),
    /// A ping, to be answered with its payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// A close frame: its code, when it has one, and its reason.
    Close(Option<u16>, &'a str),
}

/// The decoder of one connection.
#[derive(Debug)]
pub struct WebSocketDecoder {
    message_bytes_max: usize,
    /// The beginning of a frame that is not complete yet.
    carry: Vec<u8>,
    /// The fragments of a message that is not complete yet, and whether it is text.
    fragments: Vec<u8>,
    fragmented: Option<bool>,
    closed: bool,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    fin: bool,
    opcode: u8,
    bytes: usize,
    payload_bytes: usize,
}

impl WebSocketDecoder {
    /// A decoder that refuses messages over `message_bytes_max` bytes.
    pub fn new(message_bytes_max: usize) -> Self {
        Self { message_bytes_max, carry: Vec::new(), fragments: Vec::new(), fragmented: None, closed: false }
    }

    /// Takes the next bytes of the connection and gives every item completed by them to `sink`.
    pub fn feed(&mut self, mut input: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<(), DecodeError> {
        while !self.carry.is_empty() && !input.is_empty() {
            let missing = self.missing_for_carry()?.min(input.len());
            let (now, later) = input.split_at(missing);
            self.carry.extend_from_slice(now);
            input = later;
            if let Some((header, total)) = self.whole_frame(&self.carry)? {
                let frame = std::mem::take(&mut self.carry);
                self.frame(header, &frame[header.bytes..total], sink)?;
                self.carry = frame;
                self.carry.clear();
            }
        }
        while let Some((header, total)) = self.whole_frame(input)? {
            self.frame(header, &input[header.bytes..total], sink)?;
            input = &input[total..];
        }
        self.carry.extend_from_slice(input);
        Ok(())
    }

    /// Bytes until the carried header, or the carried frame, is complete; at least 1.
    fn missing_for_carry(&self) -> Result<usize, DecodeError> {
        Ok(match self.header(&self.carry)? {
            Some(header) => header.bytes + header.payload_bytes - self.carry.len(),
            None => 1,
        })
    }

    fn whole_frame(&self, input: &[u8]) -> Result<Option<(Header, usize)>, DecodeError> {
        let Some(header) = self.header(input)? else {
            return Ok(None);
        };
        let total = header.bytes + header.payload_bytes;
        Ok((input.len() >= total).then_some((header, total)))
    }

    fn header(&self, input: &[u8]) -> Result<Option<Header>, DecodeError> {
        let &[first, second, ref rest @ ..] = input else {
            return Ok(None);
        };
        if self.closed {
            return Err(refuse("bytes after the close frame"));
        }
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(refuse("a reserved bit is set"));
        }
        if second & 0x80 != 0 {
            return Err(refuse("a server frame is masked"));
        }
        if !matches!(opcode, 0..=2 | 8..=10) {
            return Err(refuse(format!("reserved opcode {opcode}")));
        }
        if opcode >= 8 && (!fin || second > 125) {
            return Err(refuse("a control frame is fragmented or long"));
        }
        let (length_bytes, least) = match second {
            126 => (2, 126),
            127 => (8, 1 << 16),
            _ => (0, 0),
        };
        let Some(length) = rest.get(..length_bytes) else {
            return Ok(None);
        };
        let length = match length_bytes {
            0 => u64::from(second),
            _ => length.iter().fold(0, |value, b| value << 8 | u64::from(*b)),
        };
        if length < least {
            return Err(refuse("a length that is not in its shortest form"));
        }
        let pending = if opcode < 8 { self.fragments.len() } else { 0 };
        let payload_bytes = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.message_bytes_max.saturating_sub(pending))
            .ok_or_else(|| refuse(format!("a message of over {} bytes", self.message_bytes_max)))?;
        Ok(Some(Header { fin, opcode, bytes: 2 + length_bytes, payload_bytes }))
    }

    fn frame(&mut self, header: Header, payload: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<(), DecodeError> {
        match (header.opcode, self.fragmented) {
            (8, _) => {
                self.closed = true;
                sink(close(payload)?);
            }
            (9, _) => sink(Item::Ping(payload)),
            (10, _) => sink(Item::Pong(payload)),
            (0, None) => return Err(refuse("a continuation without a beginning")),
            (1 | 2, Some(_)) => return Err(refuse("a new message inside a fragmented one")),
            (1 | 2, None) if header.fin => sink(message(header.opcode == 1, payload)?),
            (opcode, fragmented) => {
                let is_text = fragmented.unwrap_or(opcode == 1);
                self.fragments.extend_from_slice(payload);
                self.fragmented = Some(is_text);
                if header.fin {
                    sink(message(is_text, &self.fragments)?);
                    self.fragments.clear();
                    self.fragmented = None;
                }
            }
        }
        Ok(())
    }
}

fn message(is_text: bool, payload: &[u8]) -> Result<Item<'_>, DecodeError> {
    if !is_text {
        return Ok(Item::Binary(payload));
    }
    match std::str::from_utf8(payload) {
        Ok(_) => Ok(Item::Text(payload)),
        Err(_) => Err(refuse("a text message is not UTF-8")),
    }
}

fn close(payload: &[u8]) -> Result<Item<'_>, DecodeError> {
    let [high, low, reason @ ..] = payload else {
        return match payload {
            [] => Ok(Item::Close(None, "")),
            _ => Err(refuse("a close frame with one byte")),
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(refuse(format!("close code {code}, which must not be sent")));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| refuse("a close reason is not UTF-8"))?;
    Ok(Item::Close(Some(code), reason))
}

fn refuse(reason: impl Into<String>) -> DecodeError {
    DecodeError::new("WebSocket", reason)
}

/// Appends a masked client frame that is a whole message or a control frame (`payload` of at most 125 bytes then).
pub(crate) fn client_frame(opcode: u8, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.push(0x80 | length),
        (_, Ok(length)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m);
    out.extend(masked);
}
