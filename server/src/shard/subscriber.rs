//! One reader: a descriptor, a cursor and a few flags.
//!
//! Owns what is remembered per subscriber, which is little on purpose: no task, no buffer, no timer, no queue of events.
//! The only bytes ever kept for one subscriber are control bytes that wait for the next frame boundary. Never sends;
//! that is `sweep`. Tested by `server/tests/`.

use std::os::fd::OwnedFd;

use tailwater_core::Cursor;
use tailwater_wire::websocket::ClientDecoder;

use super::{groups::GroupId, timers::Tick};
use crate::limits::{Admission, Replay};

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

/// One reader of one group.
pub(crate) struct Subscriber {
    pub(crate) descriptor: OwnedFd,
    pub(crate) group: GroupId,
    pub(crate) phase: Phase,
    /// Absent while a task moves it to another segment.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) control: Option<Box<Control>>,
    pub(crate) decoder: ClientDecoder,
    /// In the shard's ready queue.
    pub(crate) queued: bool,
    /// In its group's waiting list.
    pub(crate) waiting: bool,
    /// The kernel takes no more until it says so.
    pub(crate) blocked: bool,
    /// In the shard's list of those whose input was not read to its end.
    pub(crate) unread: bool,
    /// The next range is being brought into memory.
    pub(crate) populating: bool,
    /// The next range was just brought into memory, as far as that was possible.
    pub(crate) populated: bool,
    /// Bytes handed to the kernel.
    pub(crate) delivered: u64,
    pub(crate) last_write: Tick,
    /// When it is looked at next; an entry of the wheel that comes up earlier is a left-over.
    pub(crate) due: Tick,
    pub(crate) pace: Pace,
    pub(crate) replay: Option<Box<Replay>>,
    /// Its place among the connections; given back when it goes.
    pub(crate) _admission: Admission,
}

impl Subscriber {
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
    pub(crate) fn at_boundary(&self) -> bool {
        let begun = self.control.as_ref().is_some_and(|control| control.begun());
        begun || self.cursor.as_ref().is_none_or(Cursor::at_boundary)
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
