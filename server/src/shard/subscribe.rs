//! How a request becomes a subscriber, and the work a cursor needs that must not happen on a shard.
//!
//! Owns the hand-over from task to sweep, and the two detours of a cursor: to the next segment's frames, and into
//! memory. Never blocks: both run elsewhere while the subscriber rests. Tested by `server/tests/`.

use std::{os::fd::AsFd, rc::Rc};

use socket2::SockRef;
use tailwater_core::CursorError;
use tailwater_wire::websocket::ClientDecoder;

use super::{
    Shard, Slot, State,
    protocol::{Farewell, StreamStart},
    slots::Token,
    socket::Socket,
    subscriber::{Pace, Phase, Subscriber},
};

impl Shard {
    /// Turns a request's socket into a subscriber. `leftover` are bytes that came behind the request.
    pub(crate) fn subscribe(self: &Rc<Self>, socket: Socket, start: StreamStart, leftover: &[u8]) {
        let (token, descriptor, admission) = socket.release();
        self.cap_backlog(&descriptor);
        let mut state = self.state.borrow_mut();
        let group = state.groups.join(&start.feed, start.encoding, &start.protocol);
        start.feed.join(self.index);
        state.subscribers += 1;
        let now = state.wheel.now();
        let mut subscriber = Subscriber {
            descriptor,
            group,
            phase: Phase::Streaming,
            cursor: Some(start.cursor),
            control: None,
            decoder: ClientDecoder::discarding(),
            queued: false,
            waiting: false,
            blocked: false,
            unread: false,
            populating: false,
            populated: false,
            delivered: 0,
            last_write: now,
            due: 0,
            pace: Pace { since: now, delivered: 0 },
            replay: start.replay.map(Box::new),
            _admission: admission,
        };
        subscriber.queue(&start.prelude, usize::MAX);
        if let Some(slot) = state.slots.get_mut(token) {
            *slot = Slot::Subscriber(subscriber);
        }
        state.look_later(token, now + 1);
        state.take_input(token, leftover);
        // Readiness that came while the request was being answered has woken nobody.
        state.read_later(token);
        state.make_ready(token);
        // So has what was said to everybody in that time.
        if self.draining() {
            state.end(token, Farewell::Restart);
        } else if start.feed.is_deleted() {
            state.end(token, Farewell::Deleted);
        }
        drop(state);
        self.reactor.nudge();
    }

    /// Keeps the kernel's backlog small, so that control bytes are never seconds late.
    fn cap_backlog(&self, descriptor: impl AsFd) {
        let serve = &self.appliance.config.serve;
        let socket = SockRef::from(&descriptor);
        // Both only tune; a kernel that refuses leaves its own defaults.
        let _untuned = socket.set_send_buffer_size(serve.socket_send_buffer_bytes as usize);
        let _untuned = socket.set_tcp_notsent_lowat(serve.not_sent_low_water_bytes as u32);
    }

    /// Takes the cursor to the next segment, building its frames if need be.
    pub(super) fn fetch(self: &Rc<Self>, state: &mut State, token: Token) {
        let Some(Slot::Subscriber(subscriber)) = state.slots.get_mut(token) else {
            return;
        };
        let Some(group) = state.groups.get(subscriber.group) else {
            return;
        };
        let Some(mut cursor) = subscriber.cursor.take() else {
            return;
        };
        let feed = group.feed.feed().clone();
        let shard = self.clone();
        let fetching = async move {
            let moved = feed.next_segment(&mut cursor).await;
            shard.resume_at(token, cursor, moved);
        };
        self.spawn(fetching);
    }

    fn resume_at(&self, token: Token, cursor: tailwater_core::Cursor, moved: Result<(), CursorError>) {
        let mut state = self.state.borrow_mut();
        if let Some(Slot::Subscriber(subscriber)) = state.slots.get_mut(token) {
            subscriber.cursor = Some(cursor);
        }
        match moved {
            Ok(()) => state.make_ready(token),
            Err(CursorError::Gone { .. }) => state.end(token, Farewell::LeftWindow),
            Err(error) => {
                tracing::error!(%error, "a stream ends because its next segment cannot be read");
                state.end(token, Farewell::Damaged);
            }
        }
        drop(state);
        self.reactor.nudge();
    }

    /// Brings the cursor's next range into memory on the blocking pool.
    pub(super) fn populate(self: &Rc<Self>, state: &mut State, token: Token) {
        let bytes_max = state.send_bytes_max;
        let Some(Slot::Subscriber(subscriber)) = state.slots.get_mut(token) else {
            return;
        };
        let Some(cursor) = &subscriber.cursor else {
            return;
        };
        subscriber.populating = true;
        let job = cursor.populate_job(bytes_max * POPULATE_RANGES);
        let shard = self.clone();
        let populating = async move {
            glommio::executor().spawn_blocking(move || job.run()).await;
            let mut state = shard.state.borrow_mut();
            if let Some(Slot::Subscriber(subscriber)) = state.slots.get_mut(token) {
                subscriber.populating = false;
                subscriber.populated = true;
            }
            state.make_ready(token);
            drop(state);
            shard.reactor.nudge();
        };
        self.spawn(populating);
    }
}

/// Ranges brought into memory at once: read-ahead for a reader that goes through an old segment.
const POPULATE_RANGES: usize = 16;
