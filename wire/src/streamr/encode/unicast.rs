//! Messages for one subscription: `[0,1,sub,[28,...]]`, what a resend is answered with.
//!
//! They carry the client's own name for the subscription and so cannot be shared. But all of the message is the same as
//! in the broadcast, so they are made of the frames that are there.

use super::message::BROADCAST;
use crate::streamr::request::Token;
use crate::websocket::frame::{self, Opcode};

/// Appends a unicast of a message, which is one of [`messages`].
pub fn write_unicast(out: &mut Vec<u8>, sub: Option<&Token>, message: &[u8]) {
    frame::frame_with(out, Opcode::Text, |out| {
        out.extend_from_slice(b"[0,1,");
        out.extend_from_slice(sub.map_or("\"\"", Token::as_json).as_bytes());
        out.push(b',');
        out.extend_from_slice(message);
        out.push(b']');
    });
}

/// The messages `[28,...]` in frames of the encoding `streamr-json`, one after the other, each with the place in `frames` where its frame
/// ends. Ends at the first byte that is not of such a frame, or where a frame is cut.
pub fn messages(frames: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let (payload, after) = take_text(rest)?;
        rest = after;
        let message = payload.strip_prefix(BROADCAST)?.strip_suffix(b"]")?;
        Some((message, frames.len() - after.len()))
    })
}

/// The payload of an unmasked text message in one frame, and what follows it.
fn take_text(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first, short], rest) = frames.split_first_chunk()?;
    if first != 0x80 | Opcode::Text.bits() {
        return None;
    }
    let (len, rest) = match short {
        0..=125 => (usize::from(short), rest),
        126 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest)
        }
        127 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*bytes)).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}
