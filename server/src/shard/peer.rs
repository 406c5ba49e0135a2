//! A dialect's view of a connection on which clients ask for things while streams run.
//!
//! Owns the tasks that answer requests, one at a time per connection and only while there are requests, and what they can
//! do: say something, begin a stream, end one. Whatever is said waits until what was said before is sent, so a client that
//! asks faster than it reads is read more slowly, and costs no memory. Never understands a request. Tested by
//! `server/tests/streamr/`.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

pub(crate) use super::reading::ReadingId;
use super::{
    Shard, Slot, State,
    protocol::{Farewell, ReadingStart},
    reading::Reading,
    slots::Token,
    subscriber::{Phase, Subscriber},
};

/// The most that is said at once; pongs find room beside it.
pub(crate) const SAY_BYTES_MAX: usize = 256 * 1024;

/// The connection is gone or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// One connection, as those who answer its requests see it.
#[derive(Clone)]
pub(crate) struct Peer {
    shard: Rc<Shard>,
    token: Token,
}

impl Peer {
    pub(crate) fn shard(&self) -> &Rc<Shard> {
        &self.shard
    }

    /// Sends whole messages at the next frame boundary, once everything said before is sent.
    pub(crate) async fn say(&self, bytes: &[u8]) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.say_with(|out| out.extend_from_slice(bytes)).await
    }

    /// The same of what `write` appends, which is something, to where it is sent from. It must not use the shard.
    pub(crate) async fn say_with(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Gone> {
        self.said().await?;
        let mut state = self.shard.state.borrow_mut();
        let subscriber = state.talking(self.token).ok_or(Gone)?;
        write(subscriber.control.get_or_insert_default().end());
        state.make_ready(self.token);
        drop(state);
        self.shard.reactor.nudge();
        Ok(())
    }

    /// Waits until everything said so far is sent.
    pub(crate) async fn said(&self) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_said(cx)).await
    }

    fn poll_said(&self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut state = self.shard.state.borrow_mut();
        let Some(subscriber) = state.talking(self.token) else {
            return Poll::Ready(Err(Gone));
        };
        if subscriber.control.is_none() {
            return Poll::Ready(Ok(()));
        }
        match subscriber.readings.session_mut() {
            Some(session) => {
                session.unsaid = Some(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(Err(Gone)),
        }
    }

    /// Says something ahead of a stream and begins the stream, so that nothing comes between. See that everything is
    /// [said](Self::said) before: this does not wait.
    pub(crate) fn begin(&self, first: &[u8], start: ReadingStart) -> Result<ReadingId, Gone> {
        let shard = &self.shard;
        let mut state = shard.state.borrow_mut();
        state.talking(self.token).ok_or(Gone)?.queue(first, usize::MAX);
        let group = state.groups.join(&start.feed, start.encoding, &start.protocol);
        start.feed.join(shard.index);
        let reading = Reading::new(group, start.cursor, None);
        let added = match state.talking(self.token).and_then(|subscriber| subscriber.readings.session_mut()) {
            Some(session) => ReadingId::OfMany(session.add(reading)),
            None => return Err(Gone),
        };
        state.make_ready(self.token);
        // What was said to everybody while the cursor was made has not reached this reading.
        if start.feed.is_deleted() || !start.feed.is_bound(start.protocol.binding()) {
            state.end_reading(super::Reader { token: self.token, reading: added }, Farewell::Deleted);
        }
        drop(state);
        shard.reactor.nudge();
        Ok(added)
    }

    /// Whether a stream that was begun goes on.
    pub(crate) fn is_streaming(&self, id: ReadingId) -> bool {
        let mut state = self.shard.state.borrow_mut();
        let reading = state.talking(self.token).and_then(|subscriber| subscriber.readings.get_mut(id));
        reading.is_some_and(|reading| !reading.leaving)
    }

    /// Ends a stream at the next frame boundary; nothing of it comes behind what is said next.
    pub(crate) fn end(&self, id: ReadingId) {
        let mut state = self.shard.state.borrow_mut();
        let Some(subscriber) = state.talking(self.token) else {
            return;
        };
        if let Some(reading) = subscriber.readings.get_mut(id) {
            reading.leaving = true;
            subscriber.readings.join_line(id);
        }
        state.make_ready(self.token);
        drop(state);
        self.shard.reactor.nudge();
    }
}

impl State {
    /// The connection, as long as it has not begun to end.
    fn talking(&mut self, token: Token) -> Option<&mut Subscriber> {
        match self.slots.get_mut(token) {
            Some(Slot::Subscriber(subscriber)) if subscriber.phase == Phase::Streaming => Some(subscriber),
            _ => None,
        }
    }
}

impl Shard {
    /// Begins to answer connections that have asked for something.
    pub(super) fn answer_requests(self: &Rc<Self>) {
        let asked = std::mem::take(&mut self.state.borrow_mut().asked);
        for (token, requests) in asked {
            if requests.begin() {
                let peer = Peer { shard: self.clone(), token };
                self.spawn(async move {
                    while let Some(taken) = requests.take() {
                        // It may not have been read to the end while so much was waiting.
                        peer.shard.state.borrow_mut().read_later(token);
                        peer.shard.reactor.nudge();
                        requests.conversation.clone().answer(peer.clone(), taken).await;
                    }
                });
            }
        }
    }
}
