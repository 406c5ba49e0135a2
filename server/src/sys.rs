//! The only unsafe code of the server: borrowing the executor's readiness poll for a descriptor that is no socket, asking
//! whether there is io_uring, and telling the processor what will be read soon.
//!
//! glommio offers no "wait until this descriptor is readable"; the read future of its streams is exactly that poll, so a
//! duplicate of the descriptor is wrapped in one. Never reads or writes through it.
//! Tested by every end-to-end test in `server/tests/`: without it no connection is ever served.

use std::{
    io,
    os::fd::{AsFd, FromRawFd, IntoRawFd},
    pin::Pin,
    task::{Context, Poll},
};

use futures_lite::AsyncRead;
use glommio::net::TcpStream;

/// One io_uring poll for readability of a descriptor. Good for one answer; make a new one to wait again.
pub(crate) struct ReadablePoll {
    stream: TcpStream,
}

impl ReadablePoll {
    /// Submits the poll on a duplicate of `descriptor`. Must be called on an executor's thread.
    ///
    /// # Errors
    /// The error of `dup` when the process has no descriptor left.
    pub(crate) fn new(descriptor: impl AsFd) -> io::Result<Self> {
        let duplicate = rustix::io::fcntl_dupfd_cloexec(descriptor, 0)?;
        // SAFETY: the descriptor was just made by `dup`, nobody else knows it, and the stream closes it when dropped.
        let stream = unsafe { TcpStream::from_raw_fd(duplicate.into_raw_fd()) };
        Ok(Self { stream })
    }

    /// Ready once the descriptor has become readable.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The stream polls first and receives afterwards. On a descriptor that is no socket the receive fails, and that
        // failure is the message: the poll has completed.
        Pin::new(&mut self.stream).poll_read(cx, &mut [0]).map(|_not_a_socket| ())
    }
}

/// Makes an io_uring of one entry and lets it go.
pub(crate) fn probe_io_uring() -> io::Result<()> {
    use rustix::io_uring::{io_uring_params, io_uring_setup};
    let mut params = io_uring_params::default();
    // SAFETY: the parameters are all zeros, which asks for nothing that refers to memory; the returned descriptor is
    // owned and closed at once.
    let ring = unsafe { io_uring_setup(1, &mut params) };
    ring.map(drop).map_err(io::Error::from)
}

/// Has the processor fetch a value into its caches. Does nothing where that is not known how to be done.
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of::<T>()).step_by(CACHE_LINE_BYTES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing as far as the program can tell, and cannot fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast::<i8>().wrapping_add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _nothing = value;
}

#[cfg(target_arch = "x86_64")]
const CACHE_LINE_BYTES: usize = 64;
