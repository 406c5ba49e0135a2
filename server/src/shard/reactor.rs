//! Readiness of all sockets of a shard: one edge-triggered epoll set, itself awaited through io_uring.
//!
//! Owns the epoll descriptor and the shard's sleep. Never touches a socket's data. An idle subscriber costs this room
//! nothing in the process's memory: the kernel keeps the registration. Tested by `server/tests/`.

use std::{
    cell::{Cell, RefCell},
    io,
    os::fd::{AsFd, OwnedFd},
    task::{Context, Poll, Waker},
};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::slots::Token;
use crate::sys::ReadablePoll;

/// Readiness events taken from the kernel in one call.
const EVENTS_PER_CALL: usize = 1024;

/// What became possible on one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) token: Token,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// The epoll set of one shard and the place where the shard sleeps.
pub(crate) struct Reactor {
    epoll: OwnedFd,
    events: RefCell<Vec<Event>>,
    sleep: RefCell<Option<ReadablePoll>>,
    nudged: Cell<bool>,
    sleeper: RefCell<Option<Waker>>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: RefCell::new(Vec::with_capacity(EVENTS_PER_CALL)),
            sleep: RefCell::new(None),
            nudged: Cell::new(false),
            sleeper: RefCell::new(None),
        })
    }

    /// Watches a connected socket for both directions, once per edge.
    pub(crate) fn watch_socket(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, socket, EventData::new_u64(token.pack()), flags)?;
        Ok(())
    }

    /// Watches a listening socket; level-triggered, because a shard may leave connections in the backlog.
    pub(crate) fn watch_listener(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(token.pack()), EventFlags::IN)?;
        Ok(())
    }

    /// Stops watching a descriptor that stays open.
    pub(crate) fn forget(&self, socket: impl AsFd) -> io::Result<()> {
        epoll::delete(&self.epoll, socket)?;
        Ok(())
    }

    /// Hands every pending readiness to `each`, without waiting.
    pub(crate) fn collect(&self, mut each: impl FnMut(Readiness)) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        loop {
            events.clear();
            let none = rustix::event::Timespec::default();
            let spare = rustix::buffer::spare_capacity(&mut events);
            let count = epoll::wait(&self.epoll, spare, Some(&none))?;
            for event in events.iter() {
                each(readiness(event));
            }
            if count < EVENTS_PER_CALL {
                return Ok(());
            }
        }
    }

    /// Ends the shard's sleep from its own thread: there is something to do that is no socket's readiness.
    pub(crate) fn nudge(&self) {
        self.nudged.set(true);
        if let Some(waker) = self.sleeper.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Ready when a socket is ready or somebody called [`Reactor::nudge`].
    pub(crate) fn poll_awake(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.nudged.replace(false) {
            return Poll::Ready(Ok(()));
        }
        let mut sleep = self.sleep.borrow_mut();
        let poll = match &mut *sleep {
            Some(poll) => poll,
            empty => empty.insert(ReadablePoll::new(&self.epoll)?),
        };
        if poll.poll(cx).is_ready() {
            *sleep = None;
            return Poll::Ready(Ok(()));
        }
        *self.sleeper.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn readiness(event: &Event) -> Readiness {
    let flags = event.flags;
    let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
    Readiness {
        token: Token::unpack(event.data.u64()),
        readable: broken || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
        writable: broken || flags.contains(EventFlags::OUT),
    }
}
