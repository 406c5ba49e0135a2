//! Non-blocking sockets: connect, receive, discard, send.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsFd,
};

use rustix::{
    fd::OwnedFd,
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendFlags, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};

/// Most bytes one [`Discard::take`] removes: more than a receive buffer holds by default.
const DISCARD_BYTES_MAX: usize = 32 << 20;

/// The outcome of a non-blocking transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// This many bytes; 0 when reading means the end of the stream.
    Moved(usize),
    /// Nothing now: readiness will be reported.
    WouldBlock,
}

/// Starts connecting; completion is reported as writability.
pub(crate) fn connect(
    peer: SocketAddr,
    source: Option<Ipv4Addr>,
    receive_buffer_bytes: Option<usize>,
) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    if let Some(bytes) = receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    match socket.connect(&peer.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// The outcome of a `connect` that was reported ready.
pub(crate) fn connect_outcome(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::socket_error(socket)??)
}

/// Receives into `buffer`.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Transfer> {
    let socket = socket.as_fd();
    transfer(retry_on_intr(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::empty()).map(|(_, bytes)| bytes)))
}

/// Sends what fits of `bytes`.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<Transfer> {
    let socket = socket.as_fd();
    transfer(retry_on_intr(|| rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)))
}

/// Bytes that can be received right now.
pub(crate) fn available(socket: impl AsFd) -> io::Result<usize> {
    Ok(usize::try_from(rustix::io::ioctl_fionread(socket)?).unwrap_or(usize::MAX))
}

fn transfer(result: rustix::io::Result<usize>) -> io::Result<Transfer> {
    match result {
        Ok(bytes) => Ok(Transfer::Moved(bytes)),
        Err(Errno::WOULDBLOCK) => Ok(Transfer::WouldBlock),
        Err(error) => Err(error.into()),
    }
}

/// Removes received bytes without copying them: `recv` with `MSG_TRUNC`, for which the kernel never touches the buffer.
///
/// The buffer is address space only; its length is what bounds one call.
pub(crate) struct Discard {
    untouched: Vec<u8>,
}

impl Discard {
    /// Reserves the address space.
    pub fn new() -> Self {
        Self { untouched: vec![0; DISCARD_BYTES_MAX] }
    }

    /// Discards up to `bytes_max` bytes that are there.
    pub fn take_at_most(&mut self, socket: impl AsFd, bytes_max: usize) -> io::Result<Transfer> {
        let bytes_max = bytes_max.min(self.untouched.len());
        let (socket, target) = (socket.as_fd(), &mut self.untouched[..bytes_max]);
        transfer(retry_on_intr(|| rustix::net::recv(socket, &mut *target, RecvFlags::TRUNC).map(|(_, bytes)| bytes)))
    }

    /// Discards what is there; the flag says that a single call did not suffice.
    pub fn take(&mut self, socket: impl AsFd) -> io::Result<(Transfer, bool)> {
        let moved = self.take_at_most(socket, DISCARD_BYTES_MAX)?;
        Ok((moved, moved == Transfer::Moved(DISCARD_BYTES_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn discarding_counts_without_touching_the_buffer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiver, _) = listener.accept().unwrap();
        sender.write_all(&[0xff; 1000]).unwrap();
        drop(sender);

        let mut discard = Discard::new();
        let mut rest = [0u8; 3000];
        assert_eq!(discard.take_at_most(&receiver, 990).unwrap(), Transfer::Moved(990));
        assert_eq!(available(&receiver).unwrap(), 10);
        assert_eq!(receive(&receiver, &mut rest).unwrap(), Transfer::Moved(10));
        assert_eq!(rest[..10], [0xff; 10]);
        assert_eq!(discard.take(&receiver).unwrap(), (Transfer::Moved(0), false));
        assert!(discard.untouched[..4096].iter().all(|b| *b == 0));
    }
}
