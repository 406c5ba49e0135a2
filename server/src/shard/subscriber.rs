//! One connection that streams: the connection, its cursors and a few flags.
//!
//! Owns what is remembered per subscriber, which is little on purpose: no task, no buffer, no timer, no queue of events.
//! The only bytes ever kept for one subscriber are control bytes that wait for the next frame boundary. Never sends;
//! that is `sweep`. Tested by `server/tests/`.

use tailwater_wire::websocket::ClientDecoder;

use super::{
    connection::Connection,
    protocol::Patience,
    reading::{Reading, ReadingId},
    session::Session,
    timers::Tick,
};
use crate::{limits::Admission, sys};

/// Where a subscriber stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Receives events.
    Streaming,
    /// Receives its last control bytes, then the end.
    Ending,
    /// Has been sent everything; its own close is awaited until the deadline.
    Lingering,
}

/// Bytes that go out ahead of the next event.
#[derive(Default)]
pub(crate) struct Control {
    bytes: Vec<u8>,
    sent: usize,
}

impl Control {
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where more can be appended.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether part of what is queued is already on the wire.
    pub(crate) fn begun(&self) -> bool {
        self.sent > 0
    }
}

/// Progress since the last look, to tell a slow reader from a stalled one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) since: Tick,
    pub(crate) delivered: u64,
}

/// What a connection reads.
pub(crate) enum Readings {
    /// One stream to its end.
    One(Reading),
    /// Whatever the client asks for.
    Many(Box<Session>),
}

impl Readings {
    /// It will be looked at soon.
    pub(crate) fn expect(&self) {
        if let Self::Many(session) = self {
            sys::prefetch(&**session);
        }
    }

    /// The reading whose turn it is.
    pub(crate) fn current(&mut self) -> Option<(ReadingId, &mut Reading)> {
        match self {
            Self::One(reading) => Some((ReadingId::Only, reading)),
            Self::Many(session) => session.first().map(|(id, reading)| (ReadingId::OfMany(id), reading)),
        }
    }

    pub(crate) fn get_mut(&mut self, id: ReadingId) -> Option<&mut Reading> {
        match (self, id) {
            (Self::One(reading), ReadingId::Only) => Some(reading),
            (Self::Many(session), ReadingId::OfMany(id)) => session.get_mut(id),
            _ => None,
        }
    }

    /// Every reading's id.
    pub(crate) fn ids(&self) -> Vec<ReadingId> {
        match self {
            Self::One(_) => vec![ReadingId::Only],
            Self::Many(session) => session.ids().into_iter().map(ReadingId::OfMany).collect(),
        }
    }

    /// Whether it waits at the tail, and has nothing left to send.
    pub(crate) fn is_waiting(&mut self) -> bool {
        matches!(self, Self::One(reading) if reading.waiting)
    }

    /// The last event that the current one has had, or passed over.
    pub(crate) fn last_seq(&mut self) -> Option<u64> {
        self.current().and_then(|(_, reading)| reading.last_seq())
    }

    /// Whether a turn would find something to do.
    pub(crate) fn has_work(&self) -> bool {
        match self {
            Self::One(reading) => !reading.waiting,
            Self::Many(session) => session.has_line(),
        }
    }

    /// Whether others wait while the current one has its turn.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Many(session) if session.is_shared())
    }

    /// The reading has something to do again.
    pub(crate) fn join_line(&mut self, id: ReadingId) {
        if let (Self::Many(session), ReadingId::OfMany(id)) = (self, id) {
            session.join_line(id);
        }
    }

    /// The reading has nothing to do for now.
    pub(crate) fn leave_line(&mut self, id: ReadingId) {
        if let (Self::Many(session), ReadingId::OfMany(id)) = (self, id) {
            session.leave_line(id);
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::One(_) => None,
            Self::Many(session) => Some(session),
        }
    }
}

/// One connection that streams.
pub(crate) struct Subscriber {
    pub(crate) connection: Connection,
    pub(crate) readings: Readings,
    pub(crate) phase: Phase,
    pub(crate) control: Option<Box<Control>>,
    pub(crate) decoder: ClientDecoder,
    /// In the shard's ready queue.
    pub(crate) queued: bool,
    /// The kernel takes no more until it says so.
    pub(crate) blocked: bool,
    /// In the shard's list of those whose input was not read to its end.
    pub(crate) unread: bool,
    /// Bytes handed to the kernel.
    pub(crate) delivered: u64,
    pub(crate) last_write: Tick,
    /// When it is looked at next; an entry of the wheel that comes up earlier is a left-over.
    pub(crate) due: Tick,
    pub(crate) pace: Pace,
    pub(crate) patience: Patience,
    /// Its place among the connections; given back when it goes.
    pub(crate) _admission: Admission,
}

impl Subscriber {
    /// Something has happened that was not for it: one that ends after a silence waits anew.
    pub(crate) fn hear(&mut self, now: Tick) {
        if matches!(self.patience, Patience::EndMs(_)) {
            self.last_write = now;
        }
    }

    /// Queues control bytes; false when the queue's limit does not allow them.
    pub(crate) fn queue(&mut self, bytes: &[u8], bytes_max: usize) -> bool {
        let control = self.control.get_or_insert_default();
        let fits = control.len() + bytes.len() <= bytes_max;
        if fits {
            control.push(bytes);
        }
        fits
    }

    /// Whether control bytes may go out now: between two frames, or in the middle of control bytes.
    pub(crate) fn at_boundary(&mut self) -> bool {
        let begun = self.control.as_ref().is_some_and(|control| control.begun());
        begun || self.readings.current().is_none_or(|(_, reading)| reading.at_boundary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Slot;

    #[test]
    fn a_subscriber_is_small() {
        assert!(size_of::<Subscriber>() <= 192, "{} bytes", size_of::<Subscriber>());
        assert!(size_of::<Slot>() <= 200, "{} bytes", size_of::<Slot>());
    }
}
