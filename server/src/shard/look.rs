//! What happens to a socket when its deadline comes up: signs of life, the floor rate, the end of patience.
//!
//! Owns the rules about time. A subscriber has one entry in the wheel and is looked at when it comes up; nothing is
//! cancelled. Never sends. Tested by `server/tests/slow.rs` and `server/tests/heartbeats.rs`.

use tailwater_core::Cursor;

use super::{
    Shard, Slot, State,
    groups::{Group, Groups},
    protocol::{Farewell, Patience},
    reading::{Reader, Reading, ReadingId},
    slots::Token,
    subscriber::{Pace, Phase, Readings},
    sweep::protocol_of,
    timers::{TICK_MS, Tick},
};
use crate::{config::Dialect, feeds::FeedEntry};

/// What a look at a subscriber decided.
enum Verdict {
    /// Look again then.
    Again(Tick),
    /// Look no more; another entry is filed.
    Nothing,
    End(Farewell),
    /// It has been quiet for as long as its client wanted to wait.
    InOrder,
    Drop,
}

impl Shard {
    /// Looks at everybody who is due and empties the list.
    pub(super) fn look_at(&self, due: &mut Vec<Token>) {
        let mut state = self.state.borrow_mut();
        for token in due.drain(..) {
            if let Some(Slot::Listener(_)) = state.slots.get_mut(token) {
                self.resume(&mut state, token);
            } else {
                state.look(token);
            }
        }
        if !state.ready.is_empty() {
            self.reactor.nudge();
        }
    }

    /// Ends every reader of the feed whose next event is no longer retained.
    pub(super) fn end_outside_window(&self, feed: &FeedEntry) {
        self.end_where(
            feed,
            Farewell::LeftWindow,
            |_| true,
            |reading| {
                // A cursor that is away for its next segment hears of it there.
                reading.cursor.as_ref().is_some_and(Cursor::is_outside_window)
            },
        );
    }

    /// Ends every reader of a feed that is being deleted.
    pub(super) fn end_readers(&self, feed: &FeedEntry) {
        self.end_where(feed, Farewell::Deleted, |_| true, |_| true);
    }

    /// Ends every reader of the feed in these dialects.
    pub(super) fn end_readers_in(&self, feed: &FeedEntry, dialects: &[Dialect]) {
        let is_theirs = |group: &Group| group.protocol.binding().is_some_and(|binding| dialects.contains(&binding));
        self.end_where(feed, Farewell::Deleted, is_theirs, |_| true);
    }

    fn end_where(
        &self,
        feed: &FeedEntry,
        reason: Farewell,
        of_group: impl Fn(&Group) -> bool,
        condition: impl Fn(&Reading) -> bool,
    ) {
        let mut state = self.state.borrow_mut();
        let groups = state.groups.of_feed(feed.id()).iter().copied();
        let groups: Vec<_> = groups.filter(|id| state.groups.get(*id).is_some_and(&of_group)).collect();
        if groups.is_empty() {
            return;
        }
        for token in state.slots.tokens() {
            for id in state.readings_where(token, |reading| groups.contains(&reading.group) && condition(reading)) {
                state.end_reading(Reader { token, reading: id }, reason);
            }
        }
    }
}

impl State {
    fn look(&mut self, token: Token) {
        let now = self.wheel.now();
        match self.slots.get_mut(token) {
            Some(Slot::Task(task)) => {
                if let Some(again) = task.due(now) {
                    self.wheel.file(token, again);
                }
            }
            Some(Slot::Subscriber(_)) => self.look_at_subscriber(token),
            Some(Slot::Listener(_)) | None => {}
        }
    }

    /// The readings of a connection that satisfy a condition.
    fn readings_where(&mut self, token: Token, condition: impl Fn(&Reading) -> bool) -> Vec<ReadingId> {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return Vec::new();
        };
        let mut ids = subscriber.readings.ids();
        ids.retain(|id| subscriber.readings.get_mut(*id).is_some_and(|reading| condition(reading)));
        ids
    }

    /// Ends one reading in its protocol's words: with its connection, unless that carries others for which nothing has
    /// changed.
    pub(super) fn end_reading(&mut self, Reader { token, reading: id }: Reader, reason: Farewell) {
        let Some(reading) = self.reading_mut(token, id) else {
            return;
        };
        if reading.leaving {
            // It wants nothing more, and has been told.
            return self.make_ready(token);
        }
        if id == ReadingId::Only || reason != Farewell::Deleted {
            return self.end(token, reason);
        }
        reading.leaving = true;
        let group = reading.group;
        let farewell = self.groups.get(group).map(|group| group.protocol.farewell(reason)).unwrap_or_default();
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            subscriber.queue(&farewell, usize::MAX);
            subscriber.readings.join_line(id);
        }
        self.make_ready(token);
    }

    fn look_at_subscriber(&mut self, token: Token) {
        match self.judge(token) {
            Verdict::Again(tick) => self.look_later(token, tick),
            Verdict::Nothing => {}
            Verdict::End(reason) => self.end(token, reason),
            Verdict::InOrder => self.end_in_order(token),
            Verdict::Drop => drop(self.remove(token)),
        }
    }

    /// Files the subscriber's one entry in the wheel.
    pub(super) fn look_later(&mut self, token: Token, due: Tick) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            subscriber.due = due;
            self.wheel.file(token, due);
        }
    }

    fn judge(&mut self, token: Token) -> Verdict {
        let now = self.wheel.now();
        let window = self.floor_window_ms.div_ceil(TICK_MS).max(1);
        let floor_bytes = self.floor_bytes_per_s * self.floor_window_ms / 1_000;
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return Verdict::Nothing;
        };
        if now < subscriber.due {
            return Verdict::Nothing;
        }
        if subscriber.phase != Phase::Streaming {
            return Verdict::Drop;
        }
        let Some(protocol) = protocol_of(&self.groups, subscriber) else {
            return Verdict::Drop;
        };
        if now >= subscriber.pace.since + window {
            let delivered = subscriber.delivered - subscriber.pace.delivered;
            let is_slow = subscriber.blocked && delivered < floor_bytes;
            // Whoever does not take an answer holds up its own requests, and a place for resends with them.
            let is_answered = subscriber.readings.session_mut().is_some_and(|session| session.unsaid.is_some());
            if is_slow && (is_answered || lag_events(&self.groups, &mut subscriber.readings) > self.floor_lag_events) {
                return Verdict::End(Farewell::TooSlow);
            }
            subscriber.pace = Pace { since: now, delivered: subscriber.delivered };
        }
        let pace_due = subscriber.pace.since + window;
        let interval_ms = match subscriber.patience {
            Patience::Usual => self.ping_interval_ms,
            Patience::BeatMs(ms) | Patience::EndMs(ms) => ms.into(),
        };
        let interval = interval_ms.div_ceil(TICK_MS).max(1);
        let silent = now >= subscriber.last_write + interval;
        let beat = if silent { now + interval } else { subscriber.last_write + interval };
        let ends = matches!(subscriber.patience, Patience::EndMs(_));
        if silent && ends && subscriber.readings.is_waiting() {
            return Verdict::InOrder;
        }
        // One that takes nothing has no use for another sign of life.
        if silent && !ends && !subscriber.blocked {
            let last_seq = if subscriber.readings.is_waiting() { subscriber.readings.last_seq() } else { None };
            if let Some(beat) = protocol.beat(last_seq) {
                subscriber.queue(&beat, self.control_bytes_max);
                subscriber.last_write = now;
                self.make_ready(token);
            }
        }
        Verdict::Again(beat.min(pace_due))
    }
}

/// How many events the connection is behind, at most, on any of its streams.
fn lag_events(groups: &Groups, readings: &mut Readings) -> u64 {
    let mut largest = 0;
    for id in readings.ids() {
        if let Some(reading) = readings.get_mut(id)
            && let Some(cursor) = &reading.cursor
            && let Some(group) = groups.get(reading.group)
        {
            largest = largest.max(group.feed.feed().last_seq().saturating_sub(cursor.next_seq()));
        }
    }
    largest
}
