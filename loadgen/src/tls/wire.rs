//! What an engine's connection reads from and writes to: a bare socket, or a session over one.
//!
//! Non-blocking either way, and always in the caller's room: of a connection with TLS only a record that has come in part, and
//! records that the socket has not taken, are kept. Tested in `tests/tls.rs`.

use std::{
    fmt, io,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{client::TlsClient, explain::Fault, session::Session};
use crate::sys::socket::{self, Transfer};

/// Bytes received at once before there are keys: a certificate and what belongs to it.
const HANDSHAKE_READ_BYTES: usize = 8 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(OwnedFd),
    Tls(Box<Tls>),
}

/// What receiving came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing now: readiness will be reported.
    WouldBlock,
    /// Something, if only a part of a record.
    Some {
        /// No new readiness is reported for what there is still.
        more: bool,
    },
    /// The end of the stream.
    End,
}

/// A session over a socket.
pub(crate) struct Tls {
    socket: OwnedFd,
    client: Arc<TlsClient>,
    session: Session,
    begun: Option<Instant>,
    /// The last bytes that were received, for whoever drains a connection.
    pub tail: Vec<u8>,
}

impl Wire {
    /// A socket that is connecting, with TLS where there is a client for it.
    pub fn new(socket: OwnedFd, client: Option<&Arc<TlsClient>>) -> io::Result<Self> {
        Ok(match client {
            None => Self::Plain(socket),
            Some(client) => Self::Tls(Box::new(Tls {
                socket,
                client: Arc::clone(client),
                session: Session::new(client).map_err(io::Error::other)?,
                begun: None,
                tail: Vec::new(),
            })),
        })
    }

    /// What readiness is asked of.
    pub fn socket(&self) -> &OwnedFd {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }

    /// Receives at most `bytes_max` bytes of the socket's into `room`, and gives what they mean to `data`.
    pub fn receive(
        &mut self,
        room: &mut [u8],
        bytes_max: usize,
        data: &mut dyn FnMut(&[u8]),
    ) -> Result<Received, Fault> {
        match self {
            Self::Plain(socket) => {
                let bytes_max = bytes_max.min(room.len());
                Ok(match socket::receive(&*socket, &mut room[..bytes_max])? {
                    Transfer::WouldBlock => Received::WouldBlock,
                    Transfer::Moved(0) => Received::End,
                    Transfer::Moved(count) => {
                        data(&room[..count]);
                        Received::Some { more: true }
                    }
                })
            }
            Self::Tls(tls) => tls.receive(room, bytes_max, data),
        }
    }

    /// Sends what fits of `bytes`. What has been taken may be on its way still: see [`Wire::is_sending`].
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Transfer> {
        match self {
            Self::Plain(socket) => socket::send(&*socket, bytes),
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    /// Sends on what the socket has not taken.
    pub fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.push().map(drop),
        }
    }

    /// Whether something was taken that the socket has not.
    pub fn is_sending(&self) -> bool {
        matches!(self, Self::Tls(tls) if !tls.session.to_send().is_empty())
    }

    /// Says that nothing more will be sent, where that is said.
    pub fn say_end(&mut self) {
        if let Self::Tls(tls) = self
            && tls.session.close().is_ok()
        {
            // Nobody waits for what the socket does not take now.
            let _is_gone = tls.push();
        }
    }
}

impl Tls {
    /// Agrees with the peer on keys, as far as that goes now; how long that has taken when it is done.
    pub fn shake(&mut self, room: &mut [u8]) -> Result<Option<Duration>, Fault> {
        let begun = match self.begun {
            Some(begun) => begun,
            None => {
                self.session.begin()?;
                *self.begun.insert(Instant::now())
            }
        };
        loop {
            self.push()?;
            if self.session.is_open() {
                return Ok(Some(begun.elapsed()));
            }
            // Nothing but the handshake comes before it is over.
            let received = self.receive(room, HANDSHAKE_READ_BYTES, &mut |_| {});
            match received {
                Ok(Received::WouldBlock) => return Ok(None),
                Ok(Received::Some { .. }) => {}
                Ok(Received::End) => return Err(Fault::Cut { is_mid_record: false }),
                Err(fault) => {
                    // What was wrong, for the server's log.
                    let _is_gone = self.push();
                    return Err(fault);
                }
            }
        }
    }

    /// Whether both sides have keys.
    pub fn is_open(&self) -> bool {
        self.session.is_open()
    }

    /// What was agreed on.
    pub fn state(&self) -> &rustls::CommonState {
        self.session.state()
    }

    /// Whom it belongs to.
    pub fn client(&self) -> &TlsClient {
        &self.client
    }

    /// As [`Wire::receive`].
    pub fn receive(
        &mut self,
        room: &mut [u8],
        bytes_max: usize,
        data: &mut dyn FnMut(&[u8]),
    ) -> Result<Received, Fault> {
        let session = &mut self.session;
        if session.is_ended() {
            return Ok(Received::End);
        }
        let held = session.lay_out(room);
        let end = room.len().min(held.saturating_add(bytes_max));
        let count = match socket::receive(&self.socket, &mut room[held..end])? {
            Transfer::WouldBlock => return Ok(Received::WouldBlock),
            Transfer::Moved(0) => return Err(Fault::Cut { is_mid_record: session.is_mid_record() }),
            Transfer::Moved(count) => count,
        };
        session.take(&mut room[..held + count], data)?;
        // A short read emptied the socket: the next byte is a new edge. An end that was said is none.
        Ok(Received::Some { more: held + count == end || session.is_ended() })
    }

    /// Sends what fits of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Transfer> {
        if !self.push()? {
            return Ok(Transfer::WouldBlock);
        }
        let count = self.session.seal(bytes).map_err(io::Error::other)?;
        self.push()?;
        Ok(Transfer::Moved(count))
    }

    /// Whether everything has gone.
    fn push(&mut self) -> io::Result<bool> {
        while !self.session.to_send().is_empty() {
            match socket::send(&self.socket, self.session.to_send())? {
                Transfer::Moved(count) => self.session.were_sent(count),
                Transfer::WouldBlock => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("socket", &self.socket).field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
