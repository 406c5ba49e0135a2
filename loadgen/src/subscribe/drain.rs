//! The reading side of a drained connection: bytes are counted and discarded in the kernel.
//!
//! The ceiling measurement drains through the same code. A discarded byte is never seen, so neither are pings and close
//! codes among a flood. Where a connection is quiet (its last read was small), what comes is read instead and looked at: a
//! read that is exactly one ping or close frame is answered. The last bytes of a connection whose end the kernel reports
//! may end in a close frame, which gives the code. Nothing else is taken for a control frame: in the middle of a stream
//! the bytes of an event can look like one.
//!
//! Over TLS every record is opened, since that is what a client has to do, and its data is counted and forgotten. Of that the
//! last bytes are kept, which answers the same two questions.

use std::os::fd::AsFd;

use crate::{
    subscribe::{
        checked::close_reason,
        connection::{Outcome, Shared},
        outbox::Outbox,
    },
    sys::socket::{self, Transfer},
    target::Scheme,
    tls::{Received, Tls, TlsClient},
};

/// A read of at most this many bytes makes a connection quiet.
const QUIET_BYTES_MAX: usize = 4096;

/// Longest control frame of a server: two bytes of header, 125 of payload.
const CONTROL_FRAME_BYTES_MAX: usize = 127;

/// What draining remembers of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    is_quiet: bool,
    is_web_socket: bool,
}

impl Drain {
    pub fn new(scheme: Scheme) -> Self {
        Self { is_quiet: true, is_web_socket: scheme.has_frames() }
    }

    /// Empties the socket; adds what came to `bytes`.
    pub fn read(
        &mut self,
        socket: impl AsFd,
        ended: bool,
        shared: &mut Shared,
        bytes: &mut u64,
        outbox: &mut Outbox,
    ) -> Outcome {
        if self.is_web_socket && (ended || self.is_quiet) {
            let outcome = self.inspect(&socket, ended, shared, bytes, outbox);
            // A flood begins: what comes behind it is discarded at once. Coming back for it would be to ask for its end, which makes
            // the connection quiet again.
            if ended || outcome != Outcome::Again {
                return outcome;
            }
        }
        loop {
            match shared.discard.take(&socket) {
                Ok((Transfer::WouldBlock, _)) => return Outcome::Nothing,
                Ok((Transfer::Moved(0), _)) => return Outcome::Closed("end of stream".into()),
                Ok((Transfer::Moved(count), more)) => {
                    *bytes += count as u64;
                    self.is_quiet = count <= QUIET_BYTES_MAX;
                    match (more, ended) {
                        (true, _) => return Outcome::Again,
                        // A short read emptied the socket: the next byte is a new edge.
                        (false, false) => return Outcome::Nothing,
                        (false, true) => {}
                    }
                }
                Err(error) => return Outcome::Closed(error.kind().to_string()),
            }
        }
    }

    /// The same where records have to be opened first. Comes back for the rest, so that others get their turn.
    pub fn open(
        &mut self,
        tls: &mut Tls,
        ended: bool,
        shared: &mut Shared,
        bytes: &mut u64,
        outbox: &mut Outbox,
    ) -> Outcome {
        let mut tail = std::mem::take(&mut tls.tail);
        let mut count = 0;
        let received = tls.receive(&mut shared.scratch, usize::MAX, &mut |piece| {
            count += piece.len();
            if self.is_web_socket {
                keep_tail(&mut tail, piece);
            }
        });
        *bytes += count as u64;
        let is_over = !matches!(received, Ok(Received::WouldBlock | Received::Some { .. }));
        let outcome = match tail.len().checked_sub(count) {
            _ if is_over => self.look(&tail, true, outbox),
            Some(before) => self.look(&tail[before..], false, outbox),
            None => Outcome::Nothing,
        };
        outbox.flush(|bytes| tls.send(bytes));
        tls.tail = tail;
        match (outcome, received) {
            (Outcome::Nothing, Ok(Received::WouldBlock)) => Outcome::Nothing,
            (Outcome::Nothing, Ok(Received::Some { more })) if more || ended => Outcome::Again,
            (Outcome::Nothing, Ok(Received::Some { .. })) => Outcome::Nothing,
            (Outcome::Nothing, Ok(Received::End)) => Outcome::Closed("end of stream".into()),
            (Outcome::Nothing, Err(fault)) => Outcome::Closed(TlsClient::explain(&fault)),
            (outcome, _) => outcome,
        }
    }

    /// What is to be kept of a stream's first bytes.
    pub fn tail(&self, begun: &[u8]) -> Vec<u8> {
        let mut tail = Vec::new();
        if self.is_web_socket {
            keep_tail(&mut tail, begun);
        }
        tail
    }

    /// Looks at bytes that were read: answers a lone ping and a close frame. That is one by itself or, when nothing
    /// comes behind these bytes (`is_last`), one at their end.
    pub fn look(&self, seen: &[u8], is_last: bool, outbox: &mut Outbox) -> Outcome {
        if !self.is_web_socket {
            return Outcome::Nothing;
        }
        let close = if is_last { close_at_end(seen) } else { close(seen) };
        if let Some(code) = close {
            outbox.close(code);
            return Outcome::Closed(close_reason(code));
        }
        if let Some(payload) = lone_ping(seen) {
            outbox.pong(payload);
        }
        Outcome::Nothing
    }

    /// Reads what is last in the socket and looks at it; discards what is before.
    fn inspect(
        &mut self,
        socket: impl AsFd,
        ended: bool,
        shared: &mut Shared,
        bytes: &mut u64,
        outbox: &mut Outbox,
    ) -> Outcome {
        loop {
            if ended && let Err(outcome) = skip_to_tail(&socket, shared, bytes) {
                return outcome;
            }
            let window = &mut shared.scratch[..QUIET_BYTES_MAX];
            let count = match socket::receive(&socket, window) {
                Ok(Transfer::WouldBlock) => return Outcome::Nothing,
                Ok(Transfer::Moved(0)) => return Outcome::Closed("end of stream".into()),
                Ok(Transfer::Moved(count)) => count,
                Err(error) => return Outcome::Closed(error.kind().to_string()),
            };
            *bytes += count as u64;
            let outcome = self.look(&window[..count], ended, outbox);
            outbox.flush(|bytes| socket::send(&socket, bytes));
            if outcome != Outcome::Nothing {
                return outcome;
            }
            self.is_quiet = count < QUIET_BYTES_MAX;
            if !self.is_quiet {
                return Outcome::Again;
            }
            if !ended {
                return Outcome::Nothing;
            }
        }
    }
}

/// Discards all that is received but its last bytes.
fn skip_to_tail(socket: impl AsFd, shared: &mut Shared, bytes: &mut u64) -> Result<(), Outcome> {
    let failed = |error: std::io::Error| Outcome::Closed(error.kind().to_string());
    let available = socket::available(&socket).map_err(failed)?;
    let surplus = available.saturating_sub(CONTROL_FRAME_BYTES_MAX);
    if surplus > 0
        && let Transfer::Moved(count) = shared.discard.take_at_most(&socket, surplus).map_err(failed)?
    {
        *bytes += count as u64;
    }
    Ok(())
}

/// Makes the last bytes of `tail` and `piece` the tail: as many as the longest control frame has.
fn keep_tail(tail: &mut Vec<u8>, piece: &[u8]) {
    let piece = &piece[piece.len().saturating_sub(CONTROL_FRAME_BYTES_MAX)..];
    let surplus = (tail.len() + piece.len()).saturating_sub(CONTROL_FRAME_BYTES_MAX);
    tail.drain(..surplus);
    tail.extend_from_slice(piece);
}

/// The code of the close frame that `seen` ends with, if it looks like it does.
fn close_at_end(seen: &[u8]) -> Option<Option<u16>> {
    let earliest = seen.len().saturating_sub(CONTROL_FRAME_BYTES_MAX);
    (earliest..seen.len()).find_map(|at| close(&seen[at..]))
}

/// The code of the close frame that `seen` is, if it is exactly one.
fn close(seen: &[u8]) -> Option<Option<u16>> {
    match seen {
        [0x88, 0] => Some(None),
        [0x88, length, high, low, reason @ ..] if usize::from(*length) == reason.len() + 2 => {
            let code = u16::from_be_bytes([*high, *low]);
            matches!(code, 1000..=4999).then_some(Some(code))
        }
        _ => None,
    }
}

/// The payload of the ping that `seen` is, if it is exactly one.
fn lone_ping(seen: &[u8]) -> Option<&[u8]> {
    match seen {
        [0x89, length, payload @ ..] if usize::from(*length) == payload.len() => Some(payload),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn close_frames_at_the_end() {
        let table: [(&[u8], Option<Option<u16>>); 7] = [
            (&[0x88, 2, 0x03, 0xf4], Some(Some(1012))),
            (&[1, 2, 3, 0x88, 4, 0x03, 0xf4, b'b', b'y'], Some(Some(1012))),
            (&[0x82, 1, 9, 0x88, 0], Some(None)),
            (&[0x88, 2, 0x03, 0xf4, 0], None),
            (&[0x88, 2, 0, 1], None),
            (&[0x88], None),
            (&[], None),
        ];
        for (seen, expected) in table {
            assert_eq!(close_at_end(seen), expected, "{seen:x?}");
        }
    }

    #[test]
    fn bytes_of_an_event_are_no_close_frame() {
        // A scenario over captured frames ended with "close 3355": a read of a flood ended within a binary frame.
        let drain = Drain::new(Scheme::WebSocket);
        let look = |seen: &[u8], is_last| drain.look(seen, is_last, &mut Outbox::default());
        let middle = [&[7; 50][..], &[0x88, 4, 0x0d, 0x1b, 1, 2]].concat();
        assert_eq!(look(&middle, false), Outcome::Nothing);
        assert_eq!(look(&middle, true), Outcome::Closed(close_reason(Some(3355))));
        assert_eq!(look(&middle[50..], false), Outcome::Closed(close_reason(Some(3355))));
    }

    /// Each send of a flood was read in four pieces, one of them the 127 bytes in which a close frame would be, and that made the
    /// connection quiet again: draining took twice the calls, and waking for them was the server's to pay.
    #[test]
    fn a_flood_that_begins_is_read_at_once() {
        let (mut server, client) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let (mut drain, mut bytes) = (Drain::new(Scheme::WebSocket), 0);
        for sent in [100_000, 50_000] {
            server.write_all(&vec![7; sent]).unwrap();
            let before = bytes;
            let outcome = drain.read(&client, false, &mut Shared::new(), &mut bytes, &mut Outbox::default());
            assert_eq!((outcome, bytes - before, drain.is_quiet), (Outcome::Nothing, sent as u64, false));
        }
    }

    #[test]
    fn the_tail_is_of_what_came_last() {
        let all: Vec<u8> = (0..=255).collect();
        for lengths in [vec![256], vec![10; 25], vec![1, 200, 3, 52], vec![0, 126, 2, 0]] {
            let (mut tail, mut rest) = (Vec::new(), &all[..]);
            for length in &lengths {
                let (piece, behind) = rest.split_at(*length);
                keep_tail(&mut tail, piece);
                rest = behind;
            }
            let seen = lengths.iter().sum::<usize>();
            assert_eq!(tail, all[seen - CONTROL_FRAME_BYTES_MAX..seen], "{lengths:?}");
        }
    }

    #[test]
    fn a_read_that_is_one_ping() {
        assert_eq!(lone_ping(&[0x89, 0]), Some(&[][..]));
        assert_eq!(lone_ping(&[0x89, 2, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(lone_ping(&[0x89, 2, 7]), None);
        assert_eq!(lone_ping(&[0x82, 0]), None);
    }
}
