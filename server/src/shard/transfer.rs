//! Bytes between memory and a socket: one call to the kernel each, and none of them waits.
//!
//! Owns what the kernel's answers mean. Knows no connection and nothing of what the bytes are. Tested by `server/tests/`.

use std::{
    io::{self, IoSlice},
    os::fd::BorrowedFd,
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendAncillaryBuffer, SendFlags},
};

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// What a send has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that need not be sent again.
    pub(crate) bytes: usize,
    /// Nothing more is taken until the socket is writable.
    pub(crate) is_full: bool,
}

/// Reads what there is; `None` while that is nothing, 0 at the end.
pub(crate) fn recv(socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Option<usize>> {
    match retry_on_intr(|| rustix::net::recv(socket, &mut *buf, RecvFlags::DONTWAIT)) {
        Ok((count, _)) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sends as much as the kernel takes now.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Taken> {
    taken(rustix::net::send(socket, bytes, SEND_FLAGS), bytes.len())
}

/// The same of several pieces.
pub(crate) fn send_slices(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<Taken> {
    let mut nothing = SendAncillaryBuffer::default();
    let sent = rustix::net::sendmsg(socket, slices, &mut nothing, SEND_FLAGS);
    taken(sent, slices.iter().map(|slice| slice.len()).sum())
}

fn taken(sent: rustix::io::Result<usize>, offered: usize) -> io::Result<Taken> {
    match sent {
        Ok(bytes) => Ok(Taken { bytes, is_full: bytes < offered }),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Taken { bytes: 0, is_full: true }),
        Err(error) => Err(error.into()),
    }
}
