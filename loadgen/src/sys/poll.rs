//! Edge-triggered readiness: one `epoll` instance, tokens instead of pointers.

use std::{io, os::fd::AsFd, time::Duration};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
};

/// What a registered socket is watched for. Errors and hang-ups are always reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Readable and writable.
    Traffic,
    /// Only the peer's end of the stream: for connections that are never read.
    EndOnly,
}

/// One report about one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// What the socket was registered with.
    pub token: u64,
    /// Room in the send buffer, or the outcome of `connect`.
    pub writable: bool,
    /// The peer has closed its side, or the connection failed: read until the end.
    pub ended: bool,
}

/// One epoll instance with its event buffer.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poller {
    /// Creates the instance; at most `events_max` reports are taken per wait.
    pub fn new(events_max: usize) -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(events_max) })
    }

    /// Starts watching `socket`; it is forgotten when the last descriptor of it closes.
    pub fn add(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags(interest))?)
    }

    /// Changes what a watched socket is watched for.
    pub fn modify(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token), flags(interest))?)
    }

    /// Waits for at most `timeout`. An interrupted wait reports nothing.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<impl Iterator<Item = Ready> + '_> {
        self.events.clear();
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| ready(*event)))
    }
}

fn flags(interest: Interest) -> EventFlags {
    let base = EventFlags::ET | EventFlags::RDHUP;
    match interest {
        Interest::Traffic => base | EventFlags::IN | EventFlags::OUT,
        Interest::EndOnly => base,
    }
}

fn ready(event: Event) -> Ready {
    let flags = event.flags;
    Ready {
        token: event.data.u64(),
        writable: flags.contains(EventFlags::OUT),
        ended: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
    }
}
