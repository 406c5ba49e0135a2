//! What a connection has yet to send: what it was told to say when it opened, and its answers to pings and closes.
//!
//! Owns their order: frames leave whole and one behind the other, however little the socket takes at once. Holds no memory
//! when everything is sent. Tests are below and in `tests/say.rs`.

use std::{io, rc::Rc};

use crate::{
    decode::websocket::client_frame,
    sys::{process, socket::Transfer},
};

/// Opcodes of RFC 6455, section 5.2.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// Most bytes of pongs that are kept for a server that does not read.
const PONG_BYTES_MAX: usize = 4096;

/// Frames that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    pong_bytes: usize,
}

/// `texts` as the frames of text messages.
///
/// All connections that say the same send the same bytes. Masks protect intermediaries from scripts in browsers, and there is
/// neither here.
pub(crate) fn speech(texts: &[String]) -> Rc<[u8]> {
    let mut frames = Vec::new();
    for text in texts {
        client_frame(TEXT, text.as_bytes(), process::random(), &mut frames);
    }
    frames.into()
}

impl Outbox {
    /// Queues whole frames.
    pub fn say(&mut self, frames: &[u8]) {
        self.bytes.extend_from_slice(frames);
    }

    /// Queues the answer to a ping, unless too many wait already.
    pub fn pong(&mut self, payload: &[u8]) {
        if self.pong_bytes < PONG_BYTES_MAX {
            self.pong_bytes += self.control(PONG, payload);
        }
    }

    /// Queues a close frame.
    pub fn close(&mut self, code: Option<u16>) {
        let code = code.map(u16::to_be_bytes);
        self.control(CLOSE, code.as_ref().map_or(&[], |code| code));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets what waits: its connection is gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sends as much as `send` takes.
    pub fn flush(&mut self, mut send: impl FnMut(&[u8]) -> io::Result<Transfer>) {
        while !self.is_empty() {
            match send(&self.bytes[self.sent..]) {
                Ok(Transfer::Moved(count)) => self.sent += count,
                Ok(Transfer::WouldBlock) => return,
                // Receiving reports what became of the connection.
                Err(_) => self.sent = self.bytes.len(),
            }
            if self.sent == self.bytes.len() {
                self.clear();
            }
        }
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) -> usize {
        let before = self.bytes.len();
        client_frame(opcode, &payload[..payload.len().min(125)], process::random(), &mut self.bytes);
        self.bytes.len() - before
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use super::*;
    use crate::sys::socket;

    #[test]
    fn frames_stay_whole_when_the_socket_is_full() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let texts = vec!["x".repeat(1000); 2000];
        let mut outbox = Outbox::default();
        outbox.say(&speech(&texts));
        let flush = |outbox: &mut Outbox| outbox.flush(|bytes| socket::send(&ours, bytes));
        flush(&mut outbox);
        assert!(!outbox.is_empty() && outbox.sent > 0, "no socket buffers two megabytes by itself");
        let expected = outbox.bytes.len() + 6 + 4;
        outbox.pong(b"ping");
        let mut received = Vec::new();
        while !outbox.is_empty() {
            let mut some = [0; 65_536];
            let count = theirs.read(&mut some).unwrap();
            received.extend_from_slice(&some[..count]);
            flush(&mut outbox);
        }
        drop(ours);
        theirs.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), expected);
        assert_eq!(received[expected - 10], 0x8a, "the pong comes behind the last text");
        assert_eq!(outbox.bytes.capacity(), 0);
    }

    #[test]
    fn pongs_are_limited_and_a_close_is_not() {
        let mut outbox = Outbox::default();
        (0..PONG_BYTES_MAX).for_each(|_| outbox.pong(b""));
        let most = outbox.bytes.len();
        assert!((PONG_BYTES_MAX..PONG_BYTES_MAX + 6).contains(&most), "{most}");
        outbox.close(Some(1000));
        assert_eq!(outbox.bytes.len(), most + 8);
    }
}
