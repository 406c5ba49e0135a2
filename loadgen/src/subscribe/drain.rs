//! The reading side of a drained connection: bytes are counted and discarded in the kernel.
//!
//! The ceiling measurement drains through the same code. A discarded byte is never seen, so neither are pings and close
//! codes among a flood. Where a connection is quiet (its last read was small), what comes is read instead and looked at: a
//! read that is exactly one ping or close frame is answered. The last bytes of a connection whose end the kernel reports
//! may end in a close frame, which gives the code. Nothing else is taken for a control frame: in the middle of a stream
//! the bytes of an event can look like one.

use std::os::fd::AsFd;

use crate::{
    subscribe::{
        checked::close_reason,
        connection::{Outcome, Shared},
        outbox::Outbox,
    },
    sys::socket::{self, Transfer},
    target::Scheme,
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
            return self.inspect(socket, ended, shared, bytes, outbox);
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

    /// Looks at bytes that were read: answers a lone ping and a close frame. That is one by itself or, when nothing
    /// comes behind these bytes (`is_last`), one at their end.
    pub fn look(&self, socket: impl AsFd, seen: &[u8], is_last: bool, outbox: &mut Outbox) -> Outcome {
        if !self.is_web_socket {
            return Outcome::Nothing;
        }
        let close = if is_last { close_at_end(seen) } else { close(seen) };
        if let Some(code) = close {
            outbox.close(code);
            outbox.flush(&socket);
            return Outcome::Closed(close_reason(code));
        }
        if let Some(payload) = lone_ping(seen) {
            outbox.pong(payload);
            outbox.flush(&socket);
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
            let outcome = self.look(&socket, &window[..count], ended, outbox);
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
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let drain = Drain::new(Scheme::WebSocket);
        let look = |seen: &[u8], is_last| drain.look(&ours, seen, is_last, &mut Outbox::default());
        let middle = [&[7; 50][..], &[0x88, 4, 0x0d, 0x1b, 1, 2]].concat();
        assert_eq!(look(&middle, false), Outcome::Nothing);
        assert_eq!(look(&middle, true), Outcome::Closed(close_reason(Some(3355))));
        assert_eq!(look(&middle[50..], false), Outcome::Closed(close_reason(Some(3355))));
    }

    #[test]
    fn a_read_that_is_one_ping() {
        assert_eq!(lone_ping(&[0x89, 0]), Some(&[][..]));
        assert_eq!(lone_ping(&[0x89, 2, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(lone_ping(&[0x89, 2, 7]), None);
        assert_eq!(lone_ping(&[0x82, 0]), None);
    }
}
