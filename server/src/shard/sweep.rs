//! The sweep: every ready subscriber gets one send in its turn.
//!
//! Owns the order of turns and what one turn does: control bytes at a frame boundary, else the longest contiguous range
//! of frames the limits allow, in one system call. Never encodes, copies or queues an event. Tested by `server/tests/`
//! and measured by the `fanout` scenario of `bench/`.

use std::{
    io::{self, IoSlice},
    rc::Rc,
};

use tailwater_core::{Cursor, RUNS_MAX, Runs, Step};

use super::{
    Slot, State,
    connection::Connection,
    groups::{GroupId, Groups},
    protocol::{Farewell, StreamProtocol},
    reading::{Reader, Reading, ReadingId},
    slots::Token,
    subscriber::{Phase, Readings, Subscriber},
    transfer::Taken,
};

/// Why somebody gets a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It has something to do; `queued` says so.
    Queued(Token),
    /// A commit woke one that waited at the tail. It is not looked at before its turn: looking at everybody first would
    /// keep the first of them waiting, and touch all their memory twice.
    Woken(Reader),
}

/// What the shard has to do after a turn; everything else the turn has done itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// The reading's next segment's frames have to be found or built.
    Fetch(ReadingId),
    /// The reading's next range has to be brought into memory.
    Populate(ReadingId),
    /// The connection is over.
    Close,
}

/// What the connection took.
enum Sent {
    /// All that it was offered, or as much as it takes at once.
    All,
    /// Some or nothing; it will say when it takes more.
    Part,
    Broken,
}

/// So many turns ahead a subscriber is fetched from memory, and what it refers to half as many: a send lasts some microseconds and
/// leaves little in the caches, and a miss some hundred nanoseconds.
const TURNS_AHEAD: usize = 4;

impl Ready {
    fn token(self) -> Token {
        match self {
            Self::Queued(token) | Self::Woken(Reader { token, .. }) => token,
        }
    }
}

impl State {
    /// Whose turn is next; fetches what one of those after it will look at.
    pub(super) fn next_ready(&mut self) -> Option<Ready> {
        if let Some(ready) = self.ready.get(TURNS_AHEAD) {
            self.slots.expect(ready.token());
        }
        let sooner = self.ready.get(TURNS_AHEAD / 2).and_then(|ready| self.slots.get(ready.token()));
        if let Some(Slot::Subscriber(subscriber)) = sooner {
            subscriber.readings.expect();
        }
        self.ready.pop_front()
    }

    /// The same for the first turns of a sweep.
    pub(super) fn look_ahead_at_first(&self) {
        self.ready.iter().take(TURNS_AHEAD).for_each(|ready| self.slots.expect(ready.token()));
    }

    /// Gives the subscriber a turn soon, unless it already has one coming.
    pub(crate) fn make_ready(&mut self, token: Token) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token)
            && !subscriber.queued
            && !subscriber.blocked
        {
            subscriber.queued = true;
            self.ready.push_back(Ready::Queued(token));
        }
    }

    /// Whose turn it is; `None` if it has gone, cannot send, or has another turn coming.
    pub(crate) fn take_turn(&mut self, ready: Ready) -> Option<Token> {
        let Reader { token, reading: id } = match ready {
            Ready::Queued(token) => return Some(token),
            Ready::Woken(reader) => reader,
        };
        let now = self.wheel.now();
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else { return None };
        subscriber.readings.get_mut(id)?.waiting = false;
        subscriber.readings.join_line(id);
        subscriber.hear(now);
        (!subscriber.queued && !subscriber.blocked).then_some(token)
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
        let (count, sent) = outcome(subscriber.connection.send(control.pending()));
        control.advance(count);
        if control.pending().is_empty() {
            subscriber.control = None;
            if let Some(waker) = subscriber.readings.session_mut().and_then(|session| session.unsaid.take()) {
                waker.wake();
            }
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
        let is_shared = subscriber.readings.is_shared();
        let Some((id, reading)) = subscriber.readings.current() else {
            return After::Nothing;
        };
        if reading.leaving && reading.at_boundary() {
            return self.turn_leave(token, id);
        }
        if reading.for_news {
            return self.turn_news(token, id);
        }
        let Some(cursor) = &mut reading.cursor else {
            return After::Nothing;
        };
        if reading.populating {
            return After::Nothing;
        }
        // Something waits in the middle of a frame: finish just that frame.
        let within_frame = (is_shared || reading.leaving) && !cursor.at_boundary();
        let bytes_max = match subscriber.control {
            None if !within_frame => send_bytes_max,
            _ => cursor.to_boundary(),
        };
        if !std::mem::take(&mut reading.populated) && !cursor.resident(bytes_max) {
            return After::Populate(id);
        }
        let frames = cursor.ready(bytes_max);
        if frames.is_empty() {
            return self.turn_hop(token, id);
        }
        let (count, sent) = if cursor.has_gaps() && frames.len() < bytes_max {
            cursor.list_runs(bytes_max, &mut self.runs);
            let (count, sent) = send_runs(&mut subscriber.connection, cursor, &self.runs);
            cursor.advance_over(&self.runs, count);
            (count, sent)
        } else {
            let (count, sent) = outcome(subscriber.connection.send(frames));
            cursor.advance(count);
            (count, sent)
        };
        subscriber.delivered += count as u64;
        subscriber.last_write = now;
        if let Some(session) = subscriber.readings.session_mut() {
            session.rotate();
        }
        self.sends += 1;
        self.sent_bytes += count as u64;
        // Most sends of a quiet stream reach the tail: the turn that would find that out is spared.
        if matches!(sent, Sent::All)
            && subscriber.control.is_none()
            && let Readings::One(reading) = &mut subscriber.readings
            && park(&mut self.groups, token, reading)
        {
            return After::Nothing;
        }
        self.settle(token, sent)
    }

    /// The cursor has nothing more in its segment as far as it is committed.
    pub(super) fn turn_hop(&mut self, token: Token, id: ReadingId) -> After {
        let Some(reading) = self.reading_mut(token, id) else {
            return After::Nothing;
        };
        let Some(cursor) = &mut reading.cursor else {
            return After::Nothing;
        };
        match cursor.step() {
            Step::More => self.make_ready(token),
            Step::AtTail => self.wait_at_tail(token, id),
            Step::NeedSegment => return After::Fetch(id),
            Step::Gone => self.end(token, Farewell::LeftWindow),
            Step::Done => self.end_in_order(token),
        }
        After::Nothing
    }

    pub(super) fn wait_at_tail(&mut self, token: Token, id: ReadingId) {
        let Some(reading) = self.reading_mut(token, id) else {
            return;
        };
        reading.replay = None;
        let group = reading.group;
        if !std::mem::replace(&mut reading.waiting, true) {
            self.groups.wait(group, Reader { token, reading: id });
        }
        self.step_aside(token, id);
    }

    /// The reading has nothing to send for now; the connection's others go on.
    pub(super) fn step_aside(&mut self, token: Token, id: ReadingId) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            subscriber.readings.leave_line(id);
            if subscriber.readings.has_work() {
                self.make_ready(token);
            }
        }
    }

    /// The reading may have something to send again.
    pub(super) fn rejoin_line(&mut self, token: Token, id: ReadingId) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            subscriber.readings.join_line(id);
        }
    }

    /// The reading was asked to end and stands between two frames.
    fn turn_leave(&mut self, token: Token, id: ReadingId) -> After {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token)
            && let ReadingId::OfMany(id) = id
            && let Some(session) = subscriber.readings.session_mut()
            && let Some(reading) = session.remove(id)
        {
            self.leave_group(reading.group);
        }
        self.make_ready(token);
        After::Nothing
    }

    pub(super) fn reading_mut(&mut self, token: Token, id: ReadingId) -> Option<&mut Reading> {
        match self.slots.get_mut(token) {
            Some(Slot::Subscriber(subscriber)) => subscriber.readings.get_mut(id),
            _ => None,
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
        let last_seq = subscriber.readings.last_seq();
        if let Some(protocol) = protocol_of(&self.groups, subscriber) {
            let farewell = protocol.farewell_after(reason, last_seq);
            self.end_with(token, &farewell);
        }
    }

    /// How long a stream goes on when the appliance stops; 0 for what is none.
    pub(super) fn pause_ms(&mut self, token: Token) -> u64 {
        match self.slots.get_mut(token) {
            Some(Slot::Subscriber(subscriber)) => {
                protocol_of(&self.groups, subscriber).map_or(0, |protocol| protocol.pause_ms())
            }
            _ => 0,
        }
    }

    /// Ends a stream that has come to its own end.
    pub(super) fn end_in_order(&mut self, token: Token) {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return;
        };
        let last_seq = subscriber.readings.last_seq();
        if let Some((protocol, last_seq)) = protocol_of(&self.groups, subscriber).zip(last_seq) {
            let ended = protocol.ended(last_seq);
            self.end_with(token, &ended);
        }
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
        match subscriber.connection.end() {
            Ok(true) => subscriber.phase = Phase::Lingering,
            Ok(false) => subscriber.blocked = true,
            Err(_) => return After::Close,
        }
        After::Nothing
    }

    /// Counts a subscriber that leaves and frees its place.
    pub(crate) fn remove(&mut self, token: Token) -> Option<Subscriber> {
        if !matches!(self.slots.get_mut(token), Some(Slot::Subscriber(_))) {
            return None;
        }
        let Some(Slot::Subscriber(mut subscriber)) = self.slots.remove(token) else {
            return None;
        };
        match subscriber.readings {
            Readings::One(ref reading) => self.leave_group(reading.group),
            Readings::Many(ref mut session) => {
                for id in session.ids() {
                    if let Some(reading) = session.remove(id) {
                        self.leave_group(reading.group);
                    }
                }
                if let Some(waker) = session.unsaid.take() {
                    waker.wake();
                }
            }
        }
        self.subscribers -= 1;
        Some(subscriber)
    }

    /// A reading of the group is gone.
    pub(super) fn leave_group(&mut self, group: GroupId) {
        if let Some(group) = self.groups.get(group) {
            group.feed.leave(self.shard_index);
        }
        let State { groups, slots, .. } = self;
        groups.leave(group, |Reader { token, reading }| match slots.get_mut(token) {
            Some(Slot::Subscriber(subscriber)) => subscriber.readings.get_mut(reading).is_some(),
            _ => false,
        });
    }
}

/// Files a connection's only reading with those who wait at the tail, if that is where it stands.
fn park(groups: &mut Groups, token: Token, reading: &mut Reading) -> bool {
    if reading.cursor.as_mut().is_none_or(|cursor| cursor.step() != Step::AtTail) {
        return false;
    }
    reading.replay = None;
    if !std::mem::replace(&mut reading.waiting, true) {
        groups.wait(reading.group, Reader { token, reading: ReadingId::Only });
    }
    true
}

/// What the connection speaks.
pub(super) fn protocol_of(groups: &Groups, subscriber: &Subscriber) -> Option<Rc<dyn StreamProtocol>> {
    match &subscriber.readings {
        Readings::One(reading) => groups.get(reading.group).map(|group| group.protocol.clone()),
        Readings::Many(session) => Some(session.protocol.clone()),
    }
}

/// Sends several runs in one call.
fn send_runs(connection: &mut Connection, cursor: &Cursor, runs: &Runs) -> (usize, Sent) {
    let mut slices = [IoSlice::new(&[]); RUNS_MAX];
    let mut count = 0;
    for (slice, run) in slices.iter_mut().zip(cursor.run_bytes(runs)) {
        *slice = IoSlice::new(run);
        count += 1;
    }
    outcome(connection.send_slices(&slices[..count]))
}

/// What a send has come to.
fn outcome(taken: io::Result<Taken>) -> (usize, Sent) {
    match taken {
        Ok(Taken { bytes, is_full: false }) => (bytes, Sent::All),
        Ok(Taken { bytes, is_full: true }) => (bytes, Sent::Part),
        Err(_) => (0, Sent::Broken),
    }
}
