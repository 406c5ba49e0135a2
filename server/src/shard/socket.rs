//! The socket a request task reads from and writes to.
//!
//! Owns one connected descriptor while its requests are parsed and answered, and its single deadline. Never buffers:
//! waiting for bytes holds no memory. When a request turns into a stream the descriptor leaves for the sweep
//! ([`Socket::release`]) and the task ends. Tested by `server/tests/`.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::IpAddr,
    os::fd::OwnedFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use futures_lite::{AsyncRead, AsyncWrite};
use rustix::{
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown},
};

use super::{Shard, Slot, slots::Token, timers::Tick};
use crate::limits::Admission;

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

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
    /// Neither side can send anything any more.
    hung_up: bool,
    /// Waits for a first or next request; may be closed without a word when the appliance drains.
    idle: bool,
}

impl TaskSlot {
    pub(crate) fn wake(&mut self, readable: bool, writable: bool, hung_up: bool) {
        self.hung_up |= hung_up;
        if readable {
            self.drained = false;
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        if writable && let Some(waker) = self.writer.take() {
            waker.wake();
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
        self.wake(true, true, false);
    }
}

/// A connected, non-blocking socket driven by the shard's readiness.
pub(crate) struct Socket {
    shard: Rc<Shard>,
    token: Token,
    descriptor: Option<OwnedFd>,
    admission: Option<Admission>,
}

impl Socket {
    pub(crate) fn new(shard: Rc<Shard>, descriptor: OwnedFd, admission: Admission) -> io::Result<Self> {
        let token = shard.state.borrow_mut().slots.insert_with(|_| Slot::Task(TaskSlot::default()));
        let socket = Self { shard, token, descriptor: Some(descriptor), admission: Some(admission) };
        socket.shard.reactor.watch_socket(socket.fd(), token)?;
        Ok(socket)
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

    /// What the shard knows the connection by.
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Reads what is there; `None` while nothing is, 0 at the end.
    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        match retry_on_intr(|| rustix::net::recv(self.fd(), &mut *buf, RecvFlags::DONTWAIT)) {
            Ok((count, _)) => Ok(Some(count)),
            Err(Errno::AGAIN) => {
                self.with_slot(|task| task.drained = true);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as much as the kernel takes now.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::net::send(self.fd(), bytes, SEND_FLAGS) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Ready when a read may find something.
    pub(crate) fn poll_readable(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.with_slot(|task| task.drained) == Some(true) {
            return self.wait(|task| task.reader = Some(cx.waker().clone()));
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when neither side can send anything any more.
    pub(crate) fn poll_hung_up(&self, cx: &Context<'_>) -> Poll<()> {
        let hung_up = self.with_slot(|task| {
            task.reader = Some(cx.waker().clone());
            task.hung_up
        });
        if hung_up == Some(false) { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Fails when the deadline comes, and never ends before.
    pub(crate) async fn expired<T>(&self) -> io::Result<T> {
        poll_fn(|cx| self.wait(|task| task.reader = Some(cx.waker().clone()))).await
    }

    /// Reads; waits while there is nothing.
    pub(crate) fn poll_receive(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_readable(cx))?;
        match self.try_read(buf) {
            Ok(Some(count)) => Poll::Ready(Ok(count)),
            Ok(None) => self.wait(|task| task.reader = Some(cx.waker().clone())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Writes; waits while the kernel takes nothing.
    pub(crate) fn poll_send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.taken(rustix::net::send(self.fd(), bytes, SEND_FLAGS), cx)
    }

    /// Nothing more will be written.
    pub(crate) fn shut_down(&self) -> io::Result<()> {
        rustix::net::shutdown(self.fd(), Shutdown::Write).map_err(io::Error::from)
    }

    /// Keeps the kernel's backlog of a stream small; see [`Shard::cap_backlog`].
    pub(crate) fn cap_backlog(&self) {
        self.shard.cap_backlog(self.fd());
    }

    /// Gives the descriptor and its admission to the sweep, under the same token.
    pub(crate) fn release(mut self) -> (Token, OwnedFd, Admission) {
        let descriptor = self.descriptor.take();
        let admission = self.admission.take();
        (
            self.token,
            descriptor.expect("only `release` takes the descriptor, and it consumes the socket"),
            admission.expect("only `release` takes the admission, and it consumes the socket"),
        )
    }

    fn fd(&self) -> &OwnedFd {
        self.descriptor.as_ref().expect("only `release` takes the descriptor, and it consumes the socket")
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

    /// What a send has come to.
    fn taken(&self, sent: rustix::io::Result<usize>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        match sent {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(Errno::AGAIN | Errno::INTR) => self.wait(|task| task.writer = Some(cx.waker().clone())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
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
        self.poll_send(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut nothing = SendAncillaryBuffer::default();
        self.taken(rustix::net::sendmsg(self.fd(), bufs, &mut nothing, SEND_FLAGS), cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_down())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.descriptor.is_some() {
            self.shard.state.borrow_mut().slots.remove(self.token);
        }
    }
}
