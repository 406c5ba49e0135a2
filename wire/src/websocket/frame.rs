//! Frames from server to client: never masked, lengths in their shortest form (RFC 6455, 5.2).

use super::close_code;
use crate::prefix;

/// Most bytes of a control frame's payload.
pub const CONTROL_BYTES_MAX: usize = 125;
/// Most bytes of a close frame's reason.
pub const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;
/// Longest header of a frame to a client.
const HEADER_BYTES_MAX: usize = 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// Control: close.
    Close,
    /// Control: ping.
    Ping,
    /// Control: pong.
    Pong,
}

impl Opcode {
    /// The four bits on the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// The opcode of these four bits; `None` if reserved.
    pub fn from_bits(bits: u8) -> Option<Self> {
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong]
            .into_iter()
            .find(|opcode| opcode.bits() == bits)
    }

    /// Whether frames of this kind may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// Appends a frame header; `len` bytes of payload must follow.
pub fn header(out: &mut Vec<u8>, opcode: Opcode, fin: bool, len: u64) {
    let (bytes, header_len) = header_bytes(opcode, fin, len);
    out.extend_from_slice(&bytes[..header_len]);
}

fn header_bytes(opcode: Opcode, fin: bool, len: u64) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut bytes = [0; HEADER_BYTES_MAX];
    bytes[0] = u8::from(fin) << 7 | opcode.bits();
    let wide = len.to_be_bytes();
    let header_len = match len {
        0..=125 => {
            bytes[1] = wide[7];
            2
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&wide[6..]);
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&wide);
            10
        }
    };
    (bytes, header_len)
}

/// Appends whatever `payload` writes as one unfragmented frame.
pub fn frame_with(out: &mut Vec<u8>, opcode: Opcode, payload: impl FnOnce(&mut Vec<u8>)) {
    // Four bytes: most events have between 126 and 65,535 bytes.
    prefix::framed(out, 4, |len| header_bytes(opcode, true, len as u64), payload);
}

/// Appends a text message; the caller vouches that `payload` is UTF-8.
pub fn text(out: &mut Vec<u8>, payload: &[u8]) {
    whole(out, Opcode::Text, payload);
}

/// Appends a binary message.
pub fn binary(out: &mut Vec<u8>, payload: &[u8]) {
    whole(out, Opcode::Binary, payload);
}

/// Appends a ping with the first 125 bytes of `payload`.
pub fn ping(out: &mut Vec<u8>, payload: &[u8]) {
    control(out, Opcode::Ping, payload);
}

/// Appends a pong with the first 125 bytes of `payload`, which is that of the ping it answers.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    control(out, Opcode::Pong, payload);
}

/// Appends a close frame. The reason is cut to 123 bytes at a character boundary. A code that must not be sent
/// (such as 1005) is replaced by 1011.
pub fn close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let code = if close_code::may_be_sent(code) { code } else { close_code::INTERNAL };
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    header(out, Opcode::Close, true, (2 + reason.len()) as u64);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Appends a close frame without a code: the answer to a close frame without one.
pub fn close_empty(out: &mut Vec<u8>) {
    header(out, Opcode::Close, true, 0);
}

fn whole(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    header(out, opcode, true, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    whole(out, opcode, &payload[..payload.len().min(CONTROL_BYTES_MAX)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_headers() {
        let table: [(Opcode, bool, u64, &[u8]); 8] = [
            (Opcode::Text, true, 0, &[0x81, 0]),
            (Opcode::Binary, true, 125, &[0x82, 125]),
            (Opcode::Binary, true, 126, &[0x82, 126, 0, 126]),
            (Opcode::Binary, true, 65_535, &[0x82, 126, 0xff, 0xff]),
            (Opcode::Binary, true, 65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (Opcode::Text, false, 1, &[0x01, 1]),
            (Opcode::Continuation, true, 1, &[0x80, 1]),
            (Opcode::Pong, true, 3, &[0x8a, 3]),
        ];
        for (opcode, fin, len, expected) in table {
            let mut out = Vec::new();
            header(&mut out, opcode, fin, len);
            assert_eq!(out, expected, "{opcode:?} {fin} {len}");
        }
    }

    #[test]
    fn a_frame_written_in_place_equals_one_written_behind_its_header() {
        for len in [0usize, 1, 125, 126, 5_000, 65_535, 65_536, 70_000] {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let (mut whole, mut in_place) = (b"x".to_vec(), b"x".to_vec());
            binary(&mut whole, &payload);
            frame_with(&mut in_place, Opcode::Binary, |out| out.extend_from_slice(&payload));
            assert!(whole == in_place, "length {len}");
        }
    }

    #[test]
    fn control_frames_stay_within_their_limit() {
        let mut out = Vec::new();
        ping(&mut out, &[7; 200]);
        assert_eq!((out.len(), out[1]), (127, 125));

        let mut out = Vec::new();
        close(&mut out, 1008, &"ä".repeat(100));
        assert_eq!(out[..4], [0x88, 124, 0x03, 0xf0]);
        assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "ä".repeat(61));

        let mut out = Vec::new();
        close(&mut out, 1005, "");
        close_empty(&mut out);
        assert_eq!(out, [0x88, 2, 0x03, 0xf3, 0x88, 0]);
    }
}
