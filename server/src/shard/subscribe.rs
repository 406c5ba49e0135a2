//! How a request becomes a subscriber, and the work a cursor needs that must not happen on a shard.
//!
//! Owns the hand-over from task to sweep, and the two detours of a cursor: to the next segment's frames, and into
//! memory. Never blocks: both run elsewhere while the subscriber rests. Tested by `server/tests/`.

use std::{os::fd::AsFd, rc::Rc};

use socket2::SockRef;
use tailwater_core::{Cursor, CursorError};
use tailwater_wire::websocket::ClientDecoder;

use super::{
    Shard, Slot, State,
    protocol::{ConversationStart, Farewell, Patience, StreamStart},
    reading::{Reader, Reading},
    requests::Requests,
    session::Session,
    slots::Token,
    socket::Socket,
    subscriber::{Pace, Phase, Readings, Subscriber},
};

impl Shard {
    /// Turns a request's socket into a subscriber. `leftover` are bytes that came behind the request.
    pub(crate) fn subscribe(self: &Rc<Self>, socket: Socket, start: StreamStart, leftover: &[u8]) {
        let mut state = self.state.borrow_mut();
        let group = state.groups.join(&start.feed, start.encoding, &start.protocol);
        start.feed.join(self.index);
        drop(state);
        let (for_news, binding) = (start.protocol.waits_for_news(), start.protocol.binding());
        let reading = Reading { for_news, ..Reading::new(group, start.cursor, start.replay) };
        let decoder = ClientDecoder::discarding(start.protocol.skipped_bytes_max());
        let token = self.enter(socket, Readings::One(reading), decoder, start.patience, &start.prelude, leftover);
        // What was said to everybody while the request was being answered has not reached this one.
        if start.feed.is_deleted() || !start.feed.is_bound(binding) {
            self.state.borrow_mut().end(token, Farewell::Deleted);
        }
    }

    /// Turns a request's socket into a connection that takes further requests.
    pub(crate) fn converse(self: &Rc<Self>, socket: Socket, start: ConversationStart, leftover: &[u8]) {
        let session = Session::new(start.protocol, Rc::new(Requests::new(start.conversation)));
        let decoder = ClientDecoder::new(start.message_bytes_max);
        let readings = Readings::Many(Box::new(session));
        self.enter(socket, readings, decoder, Patience::Usual, &start.prelude, leftover);
    }

    fn enter(
        self: &Rc<Self>,
        socket: Socket,
        readings: Readings,
        decoder: ClientDecoder,
        patience: Patience,
        prelude: &[u8],
        leftover: &[u8],
    ) -> Token {
        let (token, connection, admission) = socket.release();
        self.cap_backlog(&connection);
        let mut state = self.state.borrow_mut();
        state.subscribers += 1;
        let now = state.wheel.now();
        let mut subscriber = Subscriber {
            connection,
            readings,
            phase: Phase::Streaming,
            control: None,
            decoder,
            queued: false,
            blocked: false,
            unread: false,
            delivered: 0,
            last_write: now,
            due: 0,
            pace: Pace { since: now, delivered: 0 },
            patience,
            _admission: admission,
        };
        subscriber.queue(prelude, usize::MAX);
        if let Some(slot) = state.slots.get_mut(token) {
            *slot = Slot::Subscriber(subscriber);
        }
        state.look_later(token, now + 1);
        state.take_input(token, leftover);
        // Readiness that came while the request was being answered has woken nobody.
        state.read_later(token);
        state.make_ready(token);
        // Neither has the order to drain.
        if self.draining() {
            self.restart(&mut state, vec![token]);
        }
        drop(state);
        self.reactor.nudge();
        token
    }

    /// Keeps the kernel's backlog small, so that control bytes are never seconds late.
    fn cap_backlog(&self, connection: &impl AsFd) {
        let serve = &self.appliance.config.serve;
        let socket = SockRef::from(connection);
        // Both only tune; a kernel that refuses leaves its own defaults.
        let _untuned = socket.set_send_buffer_size(serve.socket_send_buffer_bytes as usize);
        let _untuned = socket.set_tcp_notsent_lowat(serve.not_sent_low_water_bytes as u32);
    }

    /// Takes the cursor to the next segment, building its frames if need be.
    pub(super) fn fetch(self: &Rc<Self>, state: &mut State, reader: Reader) {
        let Reader { token, reading: id } = reader;
        let Some(reading) = state.reading_mut(token, id) else {
            return;
        };
        let group = reading.group;
        let Some(mut cursor) = reading.cursor.take() else {
            return;
        };
        // It stands between two frames: the others need not wait for it.
        state.step_aside(token, id);
        let Some(group) = state.groups.get(group) else {
            return;
        };
        let feed = group.feed.feed().clone();
        // It may hold what keeps the cursor's encoding from being given up, and the group may end meanwhile.
        let protocol = group.protocol.clone();
        let shard = self.clone();
        let fetching = async move {
            let moved = feed.next_segment(&mut cursor).await;
            shard.resume_at(reader, cursor, moved);
            drop(protocol);
        };
        self.spawn(fetching);
    }

    fn resume_at(&self, reader: Reader, cursor: Cursor, moved: Result<(), CursorError>) {
        let Reader { token, reading: id } = reader;
        let mut state = self.state.borrow_mut();
        let Some(reading) = state.reading_mut(token, id) else {
            return;
        };
        reading.cursor = Some(cursor);
        let group = reading.group;
        state.rejoin_line(token, id);
        match moved {
            Ok(()) => state.make_ready(token),
            Err(error) => {
                let deleted = state.groups.get(group).is_some_and(|group| group.feed.is_deleted());
                state.end_reading(reader, farewell_for(&error, deleted));
            }
        }
        drop(state);
        self.reactor.nudge();
    }

    /// Brings the cursor's next range into memory on the blocking pool.
    ///
    /// The reading keeps its place in the line: it may stand within a frame.
    pub(super) fn populate(self: &Rc<Self>, state: &mut State, reader: Reader) {
        let Reader { token, reading: id } = reader;
        let bytes_max = state.send_bytes_max;
        let Some(reading) = state.reading_mut(token, id) else {
            return;
        };
        let Some(cursor) = &reading.cursor else {
            return;
        };
        reading.populating = true;
        let job = cursor.populate_job(bytes_max * POPULATE_RANGES);
        let shard = self.clone();
        let populating = async move {
            glommio::executor().spawn_blocking(move || job.run()).await;
            let mut state = shard.state.borrow_mut();
            if let Some(reading) = state.reading_mut(token, id) {
                reading.populating = false;
                reading.populated = true;
            }
            state.make_ready(token);
            drop(state);
            shard.reactor.nudge();
        };
        self.spawn(populating);
    }
}

/// Why a stream ends whose next segment could not be had.
fn farewell_for(error: &CursorError, deleted: bool) -> Farewell {
    match error {
        _ if deleted => Farewell::Deleted,
        CursorError::Gone { .. } => Farewell::LeftWindow,
        error => {
            tracing::error!(%error, "a stream ends because its next segment cannot be read");
            Farewell::Damaged
        }
    }
}

/// Ranges brought into memory at once: read-ahead for a reader that goes through an old segment.
const POPULATE_RANGES: usize = 16;
