//! The sweep: every ready subscriber gets one send in its turn.
//!
//! Owns the order of turns and what one turn does: control bytes at a frame boundary, else the longest contiguous range
//! of frames the limits allow, in one system call. Never encodes, copies or queues an event. Tested by `server/tests/`
//! and measured by the `fanout` scenario of `bench/`.

use std::os::fd::AsFd;

use rustix::{
    io::Errno,
    net::{SendFlags, Shutdown},
};
use tailwater_core::Step;

use super::{
    Slot, State,
    protocol::Farewell,
    slots::Token,
    subscriber::{Phase, Subscriber},
};

/// What the shard has to do after a turn; everything else the turn has done itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// The next segment's frames have to be found or built.
    Fetch,
    /// The next range has to be brought into memory.
    Populate,
    /// The connection is over.
    Close,
}

/// What the kernel took.
enum Sent {
    All,
    /// Some or nothing; it will say when it takes more.
    Part,
    Broken,
}

impl State {
    /// Gives the subscriber a turn soon, unless it already has one coming.
    pub(crate) fn make_ready(&mut self, token: Token) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token)
            && !subscriber.queued
            && !subscriber.blocked
        {
            subscriber.queued = true;
            self.ready.push_back(token);
        }
    }

    /// One subscriber's turn.
    pub(crate) fn turn(&mut self, token: Token) -> After {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return After::Nothing;
        };
        subscriber.queued = false;
        if subscriber.blocked || subscriber.phase == Phase::Lingering {
            return After::Nothing;
        }
        if subscriber.control.is_some() && subscriber.at_boundary() {
            return self.turn_control(token);
        }
        if subscriber.phase == Phase::Ending && subscriber.control.is_none() {
            return self.finish(token);
        }
        self.turn_frames(token)
    }

    fn turn_control(&mut self, token: Token) -> After {
        let now = self.wheel.now();
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return After::Nothing;
        };
        let Some(control) = &mut subscriber.control else {
            return After::Nothing;
        };
        let (count, sent) = send(&subscriber.descriptor, control.pending());
        control.advance(count);
        if control.pending().is_empty() {
            subscriber.control = None;
        }
        subscriber.delivered += count as u64;
        subscriber.last_write = now;
        self.settle(token, sent)
    }

    fn turn_frames(&mut self, token: Token) -> After {
        let now = self.wheel.now();
        let send_bytes_max = self.send_bytes_max;
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return After::Nothing;
        };
        let Some(cursor) = &mut subscriber.cursor else {
            return After::Nothing;
        };
        if subscriber.populating {
            return After::Nothing;
        }
        // Control bytes wait in the middle of a frame: finish just that frame.
        let bytes_max = match subscriber.control {
            Some(_) => cursor.to_boundary(),
            None => send_bytes_max,
        };
        if !std::mem::take(&mut subscriber.populated) && !cursor.resident(bytes_max) {
            return After::Populate;
        }
        let frames = cursor.ready(bytes_max);
        if frames.is_empty() {
            return self.turn_hop(token);
        }
        let (count, sent) = send(&subscriber.descriptor, frames);
        cursor.advance(count);
        subscriber.delivered += count as u64;
        subscriber.last_write = now;
        self.sends += 1;
        self.sent_bytes += count as u64;
        self.settle(token, sent)
    }

    /// The cursor has nothing more in its segment as far as it is committed.
    fn turn_hop(&mut self, token: Token) -> After {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return After::Nothing;
        };
        let Some(cursor) = &mut subscriber.cursor else {
            return After::Nothing;
        };
        match cursor.step() {
            Step::More => self.make_ready(token),
            Step::AtTail => self.wait_at_tail(token),
            Step::NeedSegment => return After::Fetch,
            Step::Gone => self.end(token, Farewell::LeftWindow),
        }
        After::Nothing
    }

    fn wait_at_tail(&mut self, token: Token) {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return;
        };
        subscriber.replay = None;
        if !subscriber.waiting {
            subscriber.waiting = true;
            self.groups.wait(subscriber.group, token);
        }
    }

    fn settle(&mut self, token: Token, sent: Sent) -> After {
        match sent {
            Sent::All => {
                self.make_ready(token);
                After::Nothing
            }
            Sent::Part => {
                if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
                    subscriber.blocked = true;
                }
                After::Nothing
            }
            Sent::Broken => After::Close,
        }
    }

    /// Ends a stream with the dialect's own words, at the next frame boundary.
    pub(crate) fn end(&mut self, token: Token, reason: Farewell) {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return;
        };
        if subscriber.phase != Phase::Streaming {
            return;
        }
        let Some(group) = self.groups.get(subscriber.group) else {
            return;
        };
        let farewell = group.protocol.farewell(reason);
        self.end_with(token, &farewell);
    }

    /// Ends a stream with these bytes, at the next frame boundary.
    pub(crate) fn end_with(&mut self, token: Token, farewell: &[u8]) {
        let cut_off = self.wheel.after_ms(self.linger_ms);
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return;
        };
        if subscriber.phase != Phase::Streaming {
            return;
        }
        subscriber.phase = Phase::Ending;
        subscriber.control.get_or_insert_default().push(farewell);
        self.look_later(token, cut_off);
        self.make_ready(token);
    }

    /// Everything is sent: closes our direction and waits for the peer to close its own.
    fn finish(&mut self, token: Token) -> After {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return After::Nothing;
        };
        subscriber.phase = Phase::Lingering;
        match rustix::net::shutdown(&subscriber.descriptor, Shutdown::Write) {
            Ok(()) => After::Nothing,
            Err(_) => After::Close,
        }
    }

    /// Counts a subscriber that leaves and frees its place.
    pub(crate) fn remove(&mut self, token: Token) -> Option<Subscriber> {
        if !matches!(self.slots.get_mut(token), Some(Slot::Subscriber(_))) {
            return None;
        }
        let Some(Slot::Subscriber(subscriber)) = self.slots.remove(token) else {
            return None;
        };
        if let Some(group) = self.groups.get(subscriber.group) {
            group.feed.leave(self.shard_index);
        }
        let State { groups, slots, .. } = self;
        groups.leave(subscriber.group, |token| slots.get_mut(token).is_some());
        self.subscribers -= 1;
        Some(subscriber)
    }
}

fn send(socket: impl AsFd, bytes: &[u8]) -> (usize, Sent) {
    match rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(count) if count == bytes.len() => (count, Sent::All),
        Ok(count) => (count, Sent::Part),
        Err(Errno::AGAIN | Errno::INTR) => (0, Sent::Part),
        Err(_) => (0, Sent::Broken),
    }
}
