//! AT Protocol frames: a made-up one, and those of a captured corpus.
//!
//! Never judges a corpus beyond its lengths. Tests are below.

use anyhow::{Result, bail, ensure};

/// Header `{"t": "#event", "op": 1}`, then the payload `{"pad": bytes, "seq": 1000000, "time": "..."}` up to its padding.
const BEFORE_PAD: &[u8] = b"\xa2\x61t\x66#event\x62op\x01\xa3\x63pad";

/// What follows the padding. The server replaces the seq.
const AFTER_PAD: &[u8] = b"\x63seq\x1a\x00\x0f\x42\x40\x64time\x78\x182026-01-01T00:00:00.000Z";

/// CBOR's head of a byte string of 256 to 65,535 bytes.
const PAD_HEAD_BYTES: usize = 3;

/// Smallest and largest made-up frame: what keeps the padding's head three bytes long.
const FRAME_BYTES_MIN: usize = BEFORE_PAD.len() + PAD_HEAD_BYTES + 256 + AFTER_PAD.len();
const FRAME_BYTES_MAX: usize = 65_535;

/// A frame of exactly this size.
///
/// # Errors
///
/// A size that cannot be made.
pub(super) fn made_up_frame(event_bytes: usize) -> Result<Vec<u8>> {
    ensure!(
        (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&event_bytes),
        "events must have {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} bytes, not {event_bytes}"
    );
    let pad = event_bytes - BEFORE_PAD.len() - PAD_HEAD_BYTES - AFTER_PAD.len();
    let pad_length = u16::try_from(pad).expect("a frame of at most 65,535 bytes has less padding");
    let mut frame = BEFORE_PAD.to_vec();
    frame.push(0x59);
    frame.extend_from_slice(&pad_length.to_be_bytes());
    frame.resize(frame.len() + pad, b'x');
    frame.extend_from_slice(AFTER_PAD);
    Ok(frame)
}

/// The frames of a corpus.
///
/// # Errors
///
/// Where the file stops being a sequence of length-prefixed frames.
pub fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let total = bytes.len();
    let mut frames = Vec::new();
    while let Some((prefix, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*prefix) as usize;
        let Some((frame, rest)) = rest.split_at_checked(length) else {
            bail!("at byte {}: the frame is longer than the rest of the file", total - bytes.len());
        };
        frames.push(frame);
        bytes = rest;
    }
    ensure!(bytes.is_empty(), "at byte {}: the file ends inside a length prefix", total - bytes.len());
    ensure!(!frames.is_empty(), "the file has no frames");
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use tailwater_loadgen::decode::{Message, dag_cbor};

    use super::*;

    #[test]
    fn made_up_frames_decode_and_have_the_size_asked_for() {
        for event_bytes in [FRAME_BYTES_MIN, 512, 5400, FRAME_BYTES_MAX] {
            let frame = made_up_frame(event_bytes).unwrap();
            assert_eq!(frame.len(), event_bytes);
            let Ok(Message::Event(fields)) = dag_cbor::message(&frame) else { panic!("{event_bytes}") };
            assert_eq!(fields.seq, 1_000_000);
        }
        for event_bytes in [0, FRAME_BYTES_MIN - 1, FRAME_BYTES_MAX + 1] {
            assert!(made_up_frame(event_bytes).is_err(), "{event_bytes}");
        }
    }

    #[test]
    fn damage_is_named() {
        let table: [(&[u8], &str); 3] =
            [(b"", "no frames"), (b"\x01\0\0\0a\x09\0\0\0b", "at byte 5"), (b"\x01\0\0\0a\0\0", "at byte 5")];
        for (bytes, reason) in table {
            let said = split(bytes).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
    }
}
