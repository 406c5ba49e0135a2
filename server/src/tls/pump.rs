//! Carrying bytes between a TLS connection and the pair of sockets behind it.
//!
//! Owns both directions of one connection, in one task: what is read from the pair is sealed and sent, what comes is opened and
//! written to the pair. Each waits until what it has read has gone, so that whoever reads slowly is felt by whoever writes. An
//! end of either side becomes one of the other. All connections of a shard read into the same buffers; what one keeps is what
//! the kernel did not take of its last records. Never knows what it carries. Tested by `server/tests/tls/`.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use futures_lite::future;

use super::session::{SEAL_BYTES_MAX, Session, SessionError};
use crate::shard::{Shard, breathe, slots::Token, socket::Socket};

/// Bytes that are sealed and sent in one turn: four records.
const TURN_BYTES: usize = 64 << 10;

/// How long the peer may take to end its side after everything is sent; whoever was served may have less patience.
const LINGER_MS: u64 = 3_000;

/// Where bytes land, and where they are sealed; one of each per shard.
struct Room {
    data: Box<[u8]>,
    sealed: Box<[u8]>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        data: vec![0; TURN_BYTES].into_boxed_slice(),
        sealed: vec![0; TURN_BYTES + SEAL_BYTES_MAX].into_boxed_slice(),
    });
}

/// What was sealed and not taken by the kernel yet.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

/// See the module.
pub(super) struct Pump {
    shard: Rc<Shard>,
    session: RefCell<Session>,
    /// The connection to the peer.
    outer: Socket,
    /// Our end of the pair.
    inner: Socket,
    /// Names the other end.
    served: Token,
    unsent: RefCell<Unsent>,
    is_capped: Cell<bool>,
    is_hurried: Cell<bool>,
}

/// What a turn has come to.
enum Carried {
    Some,
    /// Nobody will write to the other end of the pair any more.
    End,
}

impl Pump {
    pub(super) fn new(shard: Rc<Shard>, session: Session, outer: Socket, inner: Socket, served: Token) -> Self {
        Self {
            shard,
            session: RefCell::new(session),
            outer,
            inner,
            served,
            unsent: RefCell::default(),
            is_capped: Cell::default(),
            is_hurried: Cell::default(),
        }
    }

    /// Carries bytes until nobody is left to be served or one side is broken. `data` has come already.
    pub(super) async fn run(self, data: Vec<u8>) {
        let _counted = self.shard.stats().tls_agreed();
        // Whatever has gone wrong is an end: each side sees the other's socket closed.
        let _over = future::try_zip(self.inward(data), self.outward()).await;
    }

    /// From the pair to the peer.
    async fn outward(&self) -> io::Result<()> {
        loop {
            poll_fn(|cx| self.inner.poll_readable(cx)).await?;
            self.shard.stream_turn().await;
            let carried = self.seal_and_send()?;
            self.sent().await?;
            if let Carried::End = carried {
                break;
            }
        }
        self.session.borrow_mut().close().map_err(broken)?;
        self.queue_said();
        self.sent().await?;
        self.outer.shut_down()?;
        self.outer.set_deadline_ms(LINGER_MS);
        // Whoever was served waits for the peer's own end as long as is proper.
        let alone = async {
            poll_fn(|cx| self.inner.poll_hung_up(cx)).await;
            Err(io::ErrorKind::NotConnected.into())
        };
        future::or(alone, self.outer.expired()).await
    }

    /// Seals what is there, as much as one turn may carry.
    fn seal_and_send(&self) -> io::Result<Carried> {
        if !self.is_capped.get() && self.shard.is_streaming(self.served) {
            self.is_capped.set(true);
            self.outer.cap_backlog();
        }
        ROOM.with_borrow_mut(|Room { data, sealed }| {
            let mut count = 0;
            let mut carried = Carried::Some;
            while count < data.len() {
                match self.inner.try_read(&mut data[count..])? {
                    Some(0) => {
                        carried = Carried::End;
                        break;
                    }
                    Some(more) => count += more,
                    None => break,
                }
            }
            if count > 0 {
                let length = self.session.borrow_mut().seal(&data[..count], sealed).map_err(broken)?;
                self.send(&sealed[..length])?;
            }
            Ok(carried)
        })
    }

    /// Sends records behind those that wait, and keeps what the kernel does not take.
    fn send(&self, records: &[u8]) -> io::Result<()> {
        let mut unsent = self.unsent.borrow_mut();
        let count = if unsent.bytes.is_empty() { self.outer.try_write(records)? } else { 0 };
        unsent.bytes.extend_from_slice(&records[count..]);
        Ok(())
    }

    /// Puts what the library has to say behind what waits. Its order is that of sealing.
    fn queue_said(&self) {
        let said = self.session.borrow_mut().take_said();
        self.unsent.borrow_mut().bytes.extend_from_slice(&said);
    }

    /// Waits until the kernel has taken everything.
    async fn sent(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut unsent = self.unsent.borrow_mut();
        while unsent.sent < unsent.bytes.len() {
            self.hurry(cx);
            let count = ready!(self.outer.poll_send(cx, &unsent.bytes[unsent.sent..]))?;
            unsent.sent += count;
            self.is_hurried.set(false);
        }
        *unsent = Unsent::default();
        Poll::Ready(Ok(()))
    }

    /// Once the other end of the pair is gone, nobody else minds how long the peer takes for the rest.
    fn hurry(&self, cx: &Context<'_>) {
        if self.inner.poll_hung_up(cx).is_ready() && !self.is_hurried.replace(true) {
            let patience_ms = self.shard.appliance.config.limits.idle_timeout_ms;
            self.outer.set_deadline_ms(if self.shard.draining() { LINGER_MS } else { patience_ms });
        }
    }

    /// From the peer to the pair.
    async fn inward(&self, mut data: Vec<u8>) -> io::Result<()> {
        let mut is_wanted = true;
        loop {
            if is_wanted {
                is_wanted = self.write(&data).await;
            }
            data = Vec::new();
            if self.session.borrow().is_ended() {
                break;
            }
            match poll_fn(|cx| self.poll_open(cx, &mut data)).await? {
                0 => break,
                TURN_BYTES => breathe().await,
                _ => {}
            }
            if !self.unsent.borrow().bytes.is_empty() {
                // An answer to the peer's own records: it is read on when it reads.
                self.sent().await?;
            }
        }
        // Of an end that is gone already nobody needs to be told.
        let _gone = self.inner.shut_down();
        Ok(())
    }

    /// Writes to the pair; false when there is nobody at the other end.
    async fn write(&self, data: &[u8]) -> bool {
        let mut rest = data;
        while !rest.is_empty() {
            match poll_fn(|cx| self.inner.poll_send(cx, rest)).await {
                Ok(count) => rest = &rest[count..],
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads from the peer and opens what came; how many bytes that were.
    fn poll_open(&self, cx: &mut Context<'_>, data: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        ROOM.with_borrow_mut(|Room { data: landing, .. }| {
            let count = ready!(self.outer.poll_receive(cx, landing))?;
            let opened = self.session.borrow_mut().open(&landing[..count], data);
            self.queue_said();
            if let Err(error) = opened {
                // The alert goes out if there is room for it now: this is the end.
                let _unsent = self.poll_sent(cx);
                return Poll::Ready(Err(broken(error)));
            }
            Poll::Ready(Ok(count))
        })
    }
}

fn broken(error: SessionError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
