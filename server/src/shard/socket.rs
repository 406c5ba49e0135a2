//! The socket a request task reads from and writes to.
//!
//! Owns one connection while its requests are parsed and answered, and its single deadline. Never buffers:
//! waiting for bytes holds no memory. When a request turns into a stream the connection leaves for the sweep
//! ([`Socket::release`]) and the task ends. Tested by `server/tests/`.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    net::IpAddr,
    os::fd::OwnedFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures_lite::{AsyncRead, AsyncWrite};

use super::{Shard, Slot, connection::Connection, slots::Token, timers::Tick, transfer::Taken};
use crate::{limits::Admission, tls::Sealed};

/// What the shard keeps of a task's socket: whom to wake, and when to stop waiting.
#[derive(Default)]
pub(crate) struct TaskSlot {
    reader: Option<Waker>,
    writer: Option<Waker>,
    deadline: Option<Tick>,
    /// The earliest of its entries in the wheel. Those behind it are left-overs.
    filed: Option<Tick>,
    timed_out: bool,
    /// The last read found nothing, and nothing has come since: another need not try.
    drained: bool,
    /// The connection, while it has taken something that is not sent yet: the task may wait for something else.
    unsent: Option<Rc<RefCell<Connection>>>,
    /// Waits for a first or next request; may be closed without a word when the appliance drains.
    idle: bool,
}

impl TaskSlot {
    pub(crate) fn wake(&mut self, readable: bool, writable: bool) {
        if readable {
            self.drained = false;
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        if writable {
            // What has failed is found by the task's next read or write.
            self.unsent.take_if(|connection| !matches!(connection.borrow_mut().flush(), Ok(false)));
            self.writer.take().into_iter().for_each(Waker::wake);
        }
    }

    /// The wheel reached an entry of this socket. Returns the tick at which it wants to be looked at again.
    pub(crate) fn due(&mut self, now: Tick) -> Option<Tick> {
        if self.filed.is_none_or(|filed| filed > now) {
            return None;
        }
        self.filed = self.deadline.filter(|deadline| *deadline > now);
        if self.filed.is_none() && self.deadline.is_some() {
            self.expire();
        }
        self.filed
    }

    /// The appliance drains: whoever only waits for a request stops waiting.
    pub(crate) fn drain(&mut self) {
        if self.idle {
            self.expire();
        }
    }

    fn expire(&mut self) {
        self.timed_out = true;
        self.wake(true, true);
    }
}

/// A connected, non-blocking socket driven by the shard's readiness.
pub(crate) struct Socket {
    shard: Rc<Shard>,
    token: Token,
    connection: Option<Rc<RefCell<Connection>>>,
    admission: Option<Admission>,
}

impl Socket {
    pub(crate) fn new(shard: Rc<Shard>, descriptor: OwnedFd, admission: Admission) -> io::Result<Self> {
        let token = shard.state.borrow_mut().slots.insert_with(|_| Slot::Task(TaskSlot::default()));
        let watched = shard.reactor.watch_socket(&descriptor, token);
        let connection = Rc::new(RefCell::new(Connection::new(descriptor)));
        let socket = Self { shard, token, connection: Some(connection), admission: Some(admission) };
        watched.map(|()| socket)
    }

    /// From now on its bytes are sealed. Some may have come and been opened already.
    pub(crate) fn secure(&self, sealed: Sealed) {
        self.connection().borrow_mut().secure(sealed);
        self.with_slot(|task| task.drained = false);
    }

    /// The peer's address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.admission().peer()
    }

    /// The place this connection takes among those the limits allow.
    pub(crate) fn admission(&self) -> &Admission {
        self.admission.as_ref().expect("only `release` takes the admission, and it consumes the socket")
    }

    /// Every read and write after `delay_ms` from now fails with [`io::ErrorKind::TimedOut`]. Replaces an earlier deadline.
    pub(crate) fn set_deadline_ms(&self, delay_ms: u64) {
        let mut state = self.shard.state.borrow_mut();
        let state = &mut *state;
        let due = state.wheel.after_ms(delay_ms);
        if let Some(Slot::Task(task)) = state.slots.get_mut(self.token) {
            task.deadline = Some(due);
            task.timed_out = false;
            if task.filed.is_none_or(|filed| filed > due) {
                task.filed = Some(due);
                state.wheel.file(self.token, due);
            }
        }
    }

    /// From now on reads and writes wait as long as it takes: an answer is being made.
    pub(crate) fn clear_deadline(&self) {
        self.with_slot(|task| task.deadline = None);
    }

    /// Whether the connection only waits for a request.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.with_slot(|task| task.idle = idle);
    }

    /// Fails when the deadline comes, and never ends before.
    pub(crate) async fn expired<T>(&self) -> io::Result<T> {
        poll_fn(|cx| self.wait(|task| task.reader = Some(cx.waker().clone()))).await
    }

    /// Reads; waits while there is nothing.
    fn poll_receive(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.with_slot(|task| task.drained) != Some(true) {
            let received = self.with_connection(|connection| connection.recv(buf))?;
            if let Some(count) = received {
                return Poll::Ready(Ok(count));
            }
            self.with_slot(|task| task.drained = true);
        }
        self.wait(|task| task.reader = Some(cx.waker().clone()))
    }

    /// Gives the connection and its admission to the sweep, under the same token.
    pub(crate) fn release(mut self) -> (Token, Connection, Admission) {
        self.with_slot(|task| task.unsent = None);
        let connection = self.connection.take().and_then(Rc::into_inner).map(RefCell::into_inner);
        let admission = self.admission.take();
        (
            self.token,
            connection.expect("only `release` takes the connection, of which only the slot has another handle"),
            admission.expect("only `release` takes the admission, and it consumes the socket"),
        )
    }

    /// Does something with the connection. What it has taken and not sent then goes when the socket is writable, whatever the
    /// task waits for.
    fn with_connection<T>(&self, act: impl FnOnce(&mut Connection) -> T) -> T {
        let connection = self.connection();
        let acted = act(&mut connection.borrow_mut());
        if connection.borrow().has_unsent() {
            self.with_slot(|task| task.unsent = Some(connection.clone()));
        }
        acted
    }

    fn connection(&self) -> &Rc<RefCell<Connection>> {
        self.connection.as_ref().expect("only `release` takes the connection, and it consumes the socket")
    }

    fn with_slot<T>(&self, act: impl FnOnce(&mut TaskSlot) -> T) -> Option<T> {
        match self.shard.state.borrow_mut().slots.get_mut(self.token) {
            Some(Slot::Task(task)) => Some(act(task)),
            _ => None,
        }
    }

    /// Counts a send of events.
    pub(crate) fn count_sent(&self, bytes: usize) {
        self.shard.count_sent(bytes);
    }

    /// Sends; waits while nothing is taken.
    fn poll_taken(
        &self,
        cx: &Context<'_>,
        send: impl FnOnce(&mut Connection) -> io::Result<Taken>,
    ) -> Poll<io::Result<usize>> {
        match self.with_connection(send)? {
            Taken { bytes: 0, is_full: true } => self.wait(|task| task.writer = Some(cx.waker().clone())),
            Taken { bytes, .. } => Poll::Ready(Ok(bytes)),
        }
    }

    /// Waits until something that is tried again is done.
    fn poll_done(&self, cx: &Context<'_>, is_done: bool) -> Poll<io::Result<()>> {
        if is_done {
            return Poll::Ready(Ok(()));
        }
        self.wait(|task| task.writer = Some(cx.waker().clone()))
    }

    /// Files the waker, or says that waiting is over.
    fn wait<T>(&self, file: impl FnOnce(&mut TaskSlot)) -> Poll<io::Result<T>> {
        let timed_out = self.with_slot(|task| {
            file(task);
            task.timed_out
        });
        match timed_out {
            Some(false) => Poll::Pending,
            _ => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_receive(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_taken(cx, |connection| connection.send(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_taken(cx, |connection| connection.send_slices(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_done = self.with_connection(Connection::flush)?;
        self.poll_done(cx, is_done)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_done = self.with_connection(Connection::end)?;
        self.poll_done(cx, is_done)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.shard.state.borrow_mut().slots.remove(self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::sealed::tests::secured;

    /// A task that has written its answer waits for the next request, or for news: it does not come back for what is left of its last send.
    #[test]
    fn what_was_taken_goes_whatever_the_task_waits_for() {
        let (mut connection, mut peer) = secured();
        let (data, mut sent) = (vec![7; 4_000_000], 0);
        while !connection.has_unsent() {
            sent += connection.send(&data[sent..]).unwrap().bytes;
        }
        let connection = Rc::new(RefCell::new(connection));
        let mut task = TaskSlot { unsent: Some(connection.clone()), ..TaskSlot::default() };
        let mut read = peer.read().len();
        assert!(read < sent);
        task.wake(true, false);
        assert!(peer.read().is_empty(), "it is not writable");
        while task.unsent.is_some() {
            task.wake(false, true);
            read += peer.read().len();
        }
        assert_eq!((read, connection.borrow().has_unsent()), (sent, false));
    }
}
