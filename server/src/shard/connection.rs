//! A connection as bytes in and bytes out, whether they are sealed on their way or not.
//!
//! Owns the descriptor, and what stands between it and its bytes where the peer speaks TLS ([`Sealed`]). Never waits: what
//! cannot be done now is said, and the socket's readiness tells when to come back. Tested by `server/tests/`.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown},
};

use crate::tls::Sealed;

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// What a send has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that need not be sent again.
    pub(crate) bytes: usize,
    /// Nothing more is taken until the socket is writable.
    pub(crate) is_full: bool,
}

/// See the module.
pub(crate) struct Connection {
    descriptor: OwnedFd,
    sealed: Option<Box<Sealed>>,
}

impl Connection {
    /// A connection without TLS.
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor, sealed: None }
    }

    /// From now on its bytes are sealed.
    pub(crate) fn secure(&mut self, sealed: Sealed) {
        self.sealed = Some(Box::new(sealed));
    }

    /// Reads what is there; `None` while nothing is, 0 at the end.
    pub(crate) fn recv(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        match &mut self.sealed {
            None => recv(self.descriptor.as_fd(), buf),
            Some(sealed) => sealed.recv(self.descriptor.as_fd(), buf),
        }
    }

    /// Sends what the kernel takes now. Over TLS that may be less than it has room for.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Taken> {
        match &mut self.sealed {
            None => send(self.descriptor.as_fd(), bytes).map(|count| taken(count, bytes.len())),
            Some(sealed) => sealed.send(self.descriptor.as_fd(), bytes),
        }
    }

    /// Sends several pieces in one call.
    pub(crate) fn send_slices(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Taken> {
        if let Some(sealed) = &mut self.sealed {
            return sealed.send_slices(self.descriptor.as_fd(), slices);
        }
        let mut nothing = SendAncillaryBuffer::default();
        let count = sent(rustix::net::sendmsg(&self.descriptor, slices, &mut nothing, SEND_FLAGS))?;
        Ok(taken(count, slices.iter().map(|slice| slice.len()).sum()))
    }

    /// Sends what was taken and not sent yet; whether nothing is left of it.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match &mut self.sealed {
            None => Ok(true),
            Some(sealed) => sealed.flush(self.descriptor.as_fd()),
        }
    }

    /// Whether something was taken and not sent yet.
    pub(crate) fn has_unsent(&self) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.has_unsent())
    }

    /// Nothing more will be sent. Whether the peer has been told; if not, it is to be called again.
    pub(crate) fn end(&mut self) -> io::Result<bool> {
        if let Some(sealed) = &mut self.sealed
            && !sealed.end(self.descriptor.as_fd())?
        {
            return Ok(false);
        }
        rustix::net::shutdown(&self.descriptor, Shutdown::Write)?;
        Ok(true)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Connection {
    /// Over TLS the peer is told that this is the end and nothing was cut off on the way, if that can be said now.
    fn drop(&mut self) {
        if let Some(sealed) = &mut self.sealed {
            let _told = sealed.end(self.descriptor.as_fd());
        }
    }
}

fn taken(bytes: usize, offered: usize) -> Taken {
    Taken { bytes, is_full: bytes < offered }
}

/// Reads what a socket has; `None` while that is nothing, 0 at the end.
pub(crate) fn recv(socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Option<usize>> {
    match retry_on_intr(|| rustix::net::recv(socket, &mut *buf, RecvFlags::DONTWAIT)) {
        Ok((count, _)) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sends as much as the kernel takes now.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    sent(rustix::net::send(socket, bytes, SEND_FLAGS))
}

fn sent(result: rustix::io::Result<usize>) -> io::Result<usize> {
    match result {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
