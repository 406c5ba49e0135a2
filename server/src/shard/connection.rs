//! A connection as bytes in and bytes out, whether they are sealed on their way or not.
//!
//! Owns the descriptor, and what stands between it and its bytes where the peer speaks TLS ([`Sealed`]). Never waits: what
//! cannot be done now is said, and the socket's readiness tells when to come back. Tested by `server/tests/`.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::Shutdown;

use super::transfer::{self, Taken};
use crate::tls::Sealed;

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
            None => transfer::recv(self.descriptor.as_fd(), buf),
            Some(sealed) => sealed.recv(self.descriptor.as_fd(), buf),
        }
    }

    /// Sends what the kernel takes now. Over TLS that may be less than it has room for.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Taken> {
        match &mut self.sealed {
            None => transfer::send(self.descriptor.as_fd(), bytes),
            Some(sealed) => sealed.send(self.descriptor.as_fd(), bytes),
        }
    }

    /// Sends several pieces in one call.
    pub(crate) fn send_slices(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Taken> {
        match &mut self.sealed {
            None => transfer::send_slices(self.descriptor.as_fd(), slices),
            Some(sealed) => sealed.send_slices(self.descriptor.as_fd(), slices),
        }
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
    /// Over TLS the peer is told of the end, if that can be said now.
    fn drop(&mut self) {
        if let Some(sealed) = &mut self.sealed {
            let _told = sealed.end(self.descriptor.as_fd());
        }
    }
}
