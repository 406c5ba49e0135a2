//! What a subscriber sends us while it streams: pings to answer, a close to acknowledge, data to skip, or the end.
//!
//! Owns the reading side of streaming sockets. All subscribers of a shard read into one scratch buffer; none keeps one.
//! Never panics on a peer's bytes: a violation ends that stream with the protocol's own code. Tested by
//! `server/tests/websocket/`.

use tailwater_wire::websocket::{Message, frame};

use super::{
    Shard, Slot, State, peer::SAY_BYTES_MAX, protocol::Transport, slots::Token, subscriber::Phase, sweep::protocol_of,
};

/// Bytes taken from one socket in one call.
const SCRATCH_BYTES: usize = 4 * 1024;

/// Calls per readiness, so that a flood from one peer cannot hold up a sweep; the rest waits for the next turn.
const CALLS_MAX: usize = 4;

/// What reading a socket came to.
enum Input {
    Drained,
    /// There may be more.
    More,
    Gone,
}

impl Shard {
    /// Takes pending readiness from the kernel: wakes tasks, unblocks and reads subscribers, accepts.
    pub(super) fn take_readiness(self: &std::rc::Rc<Self>) -> std::io::Result<()> {
        let mut listeners = Vec::new();
        let mut state = self.state.borrow_mut();
        self.reactor.collect(|ready| match state.slots.get_mut(ready.token) {
            Some(Slot::Listener(_)) => listeners.push(ready.token),
            Some(Slot::Task(task)) => task.wake(ready.readable, ready.writable),
            Some(Slot::Subscriber(_)) => {
                if ready.writable {
                    state.unblock(ready.token);
                }
                if ready.readable {
                    state.read_input(ready.token);
                }
            }
            None => {}
        })?;
        for token in std::mem::take(&mut state.unread) {
            if let Some(Slot::Subscriber(subscriber)) = state.slots.get_mut(token) {
                subscriber.unread = false;
                state.read_input(token);
            }
        }
        drop(state);
        self.answer_requests();
        for token in listeners {
            self.accept(token);
        }
        Ok(())
    }
}

impl State {
    fn unblock(&mut self, token: Token) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            // What has failed is found by the next send.
            if matches!(subscriber.connection.flush(), Ok(false)) {
                return;
            }
            subscriber.blocked = false;
            let is_ending = subscriber.phase == Phase::Ending;
            if subscriber.readings.has_work() || subscriber.control.is_some() || is_ending {
                self.make_ready(token);
            }
        }
    }

    /// Reads what a subscriber has sent, within limits.
    pub(super) fn read_input(&mut self, token: Token) {
        for _ in 0..CALLS_MAX {
            match self.read_once(token) {
                Input::Drained => return,
                Input::More => {}
                Input::Gone => {
                    drop(self.remove(token));
                    return;
                }
            }
        }
        self.read_later(token);
    }

    /// Has the subscriber's input read in the next round.
    pub(super) fn read_later(&mut self, token: Token) {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token)
            && !subscriber.unread
        {
            subscriber.unread = true;
            self.unread.push(token);
        }
    }

    fn read_once(&mut self, token: Token) -> Input {
        let mut scratch = [0; SCRATCH_BYTES];
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return Input::Drained;
        };
        if subscriber.readings.session_mut().is_some_and(|session| session.requests.is_full()) {
            // It is read on once what it has asked for is under way.
            return Input::Drained;
        }
        match subscriber.connection.recv(&mut scratch) {
            Ok(Some(0)) => Input::Gone,
            Ok(Some(count)) => {
                self.take_input(token, &scratch[..count]);
                // Even after a short read: the peer's end may have come in the same readiness as its last bytes.
                Input::More
            }
            Ok(None) => Input::Drained,
            Err(_) => Input::Gone,
        }
    }

    /// Acts on bytes from a subscriber.
    pub(super) fn take_input(&mut self, token: Token, bytes: &[u8]) {
        let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
            return;
        };
        let transport = protocol_of(&self.groups, subscriber).map(|protocol| protocol.transport());
        if subscriber.phase != Phase::Streaming || transport != Some(Transport::WebSocket) {
            return;
        }
        let mut rest = bytes;
        loop {
            let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) else {
                return;
            };
            match subscriber.decoder.decode(&mut rest) {
                Ok(None) => return,
                Ok(Some(message)) => {
                    if self.take_message(token, message) {
                        return;
                    }
                }
                Err(error) => {
                    let mut farewell = Vec::new();
                    frame::close(&mut farewell, error.close_code(), &error.to_string());
                    self.end_with(token, &farewell);
                    return;
                }
            }
        }
    }

    /// Acts on one message. True when the stream ends with it.
    fn take_message(&mut self, token: Token, message: Message) -> bool {
        match message {
            Message::Ping(payload) => {
                let mut pong = Vec::with_capacity(payload.len() + 2);
                frame::pong(&mut pong, &payload);
                self.queue_control(token, &pong);
                false
            }
            Message::Close { code, .. } => {
                let mut farewell = Vec::new();
                match code {
                    Some(code) => frame::close(&mut farewell, code, ""),
                    None => frame::close_empty(&mut farewell),
                }
                self.end_with(token, &farewell);
                true
            }
            Message::Text(text) => self.take_request(token, text),
            Message::Binary(bytes) => self.take_request(token, String::from_utf8_lossy(&bytes).into_owned()),
            // Nobody has asked for it.
            Message::Pong(_) => false,
        }
    }

    /// Files a request where there is somebody to answer it; elsewhere data means nothing. Never ends the stream.
    fn take_request(&mut self, token: Token, request: String) -> bool {
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token)
            && let Some(session) = subscriber.readings.session_mut()
        {
            session.requests.ask(request);
            self.asked.push((token, session.requests.clone()));
        }
        false
    }

    /// Queues control bytes. Beyond the queue's limit they are dropped: a peer that asks faster than it reads gets
    /// fewer answers.
    fn queue_control(&mut self, token: Token, bytes: &[u8]) {
        let bytes_max = self.control_bytes_max;
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(token) {
            // Answers to requests wait in the same queue and must not take the place of pongs.
            let said_max = subscriber.readings.session_mut().map_or(0, |_| SAY_BYTES_MAX);
            subscriber.queue(bytes, bytes_max + said_max);
            self.make_ready(token);
        }
    }
}
