//! The bytes of a connection, as the library reads them.
//!
//! Owns what comes before and between what the socket has: bytes that were read ahead, and the upgraded request as the frames
//! of stream 1, which stand behind the client's preface and its first frame. Turns for others on the shard, however fast
//! a peer sends. And that what is written goes out when the library has no more to write ([`Link::drive`]), not frame by frame.
//! Tested by `server/tests/fauna/http2.rs`.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_lite::{AsyncRead as _, AsyncWrite as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gather::Gather;
use crate::shard::{breathe, socket::Socket};

/// Bytes that are read before others get a turn.
const TURN_BYTES: usize = 256 << 10;
/// The client's preface and the head of its first frame.
const PREFACE_BYTES: usize = 24 + 9;

/// The frames of an upgraded request, and where they go.
enum Injection {
    None,
    /// Behind the preface and the first frame, whose beginning is this.
    Behind {
        begun: Vec<u8>,
        frames: Vec<u8>,
    },
    /// Now.
    Now {
        frames: Vec<u8>,
        read: usize,
    },
}

/// See the module.
pub(super) struct Transport {
    link: Rc<Link>,
    leftover: Vec<u8>,
    used: usize,
    injection: Injection,
    turn_bytes: usize,
    pause: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

/// What the library's side of a connection and its streams' share: the socket, and what is on its way there.
pub(super) struct Link {
    socket: RefCell<Socket>,
    gather: RefCell<Gather>,
    /// Bytes that are gathered before they are sent.
    send_bytes_max: usize,
    /// Since when the socket takes nothing of what is gathered.
    blocked_since: Cell<Option<Instant>>,
}

impl Link {
    pub(super) fn new(socket: Socket, send_bytes_max: usize) -> Rc<Self> {
        Rc::new(Self {
            socket: RefCell::new(socket),
            gather: RefCell::default(),
            send_bytes_max,
            blocked_since: Cell::default(),
        })
    }

    /// From now on reads wait as long as it takes.
    pub(super) fn clear_deadline(&self) {
        self.socket.borrow().clear_deadline();
    }

    /// A range that a stream is about to write: it will not be copied.
    pub(super) fn lend(&self, stream: u32, range: Bytes) {
        self.gather.borrow_mut().lend(stream, range);
    }

    /// The stream holds on to no range any more.
    pub(super) fn give_back(&self, stream: u32) {
        self.gather.borrow_mut().give_back(stream);
    }

    /// How long the socket has taken nothing, although there is something to send; `None` when it takes all.
    pub(super) fn blocked_for(&self) -> Option<Duration> {
        self.blocked_since.get().map(|since| since.elapsed())
    }

    /// Does something of the library's, and sends what it has written each time it stops. `None` when the peer is gone.
    pub(super) async fn drive<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        let mut doing = pin!(doing);
        poll_fn(|cx| {
            let done = doing.as_mut().poll(cx);
            match self.poll_send(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(None),
                _ => done.map(Some),
            }
        })
        .await
    }

    /// Sends everything that is gathered.
    fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (mut gather, mut socket) = (self.gather.borrow_mut(), self.socket.borrow_mut());
        while gather.len() > 0 {
            let sent = gather.with_slices(|slices| Pin::new(&mut *socket).poll_write_vectored(cx, slices));
            let Poll::Ready(sent) = sent else {
                self.blocked_since.set(self.blocked_since.get().or_else(|| Some(Instant::now())));
                return Poll::Pending;
            };
            let count = sent?;
            self.blocked_since.set(None);
            gather.advance(count);
            if gather.is_lent() {
                socket.count_sent(count);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Transport {
    pub(super) fn new(link: Rc<Link>, leftover: Vec<u8>, injected: Option<Vec<u8>>) -> Self {
        let injection = injected.map_or(Injection::None, |frames| Injection::Behind { begun: Vec::new(), frames });
        Self { link, leftover, used: 0, injection, turn_bytes: 0, pause: None }
    }

    /// Bytes that were read ahead, or of the socket.
    fn poll_source(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let left = &self.leftover[self.used..];
        if left.is_empty() {
            self.leftover = Vec::new();
            self.used = 0;
            return Pin::new(&mut *self.link.socket.borrow_mut()).poll_read(cx, buf);
        }
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.used += count;
        Poll::Ready(Ok(count))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.injection {
            Injection::None => self.poll_source(cx, buf),
            Injection::Now { frames, read } => {
                let left = &frames[*read..];
                let count = left.len().min(buf.len());
                buf[..count].copy_from_slice(&left[..count]);
                *read += count;
                if *read == frames.len() {
                    self.injection = Injection::None;
                }
                Poll::Ready(Ok(count))
            }
            Injection::Behind { begun, .. } => {
                let left = bytes_before_injection(begun).min(buf.len());
                let count = ready!(self.poll_source(cx, &mut buf[..left]))?;
                if let Injection::Behind { begun, frames } = &mut self.injection {
                    begun.extend_from_slice(&buf[..count]);
                    if bytes_before_injection(begun) == 0 {
                        self.injection = Injection::Now { frames: std::mem::take(frames), read: 0 };
                    }
                }
                Poll::Ready(Ok(count))
            }
        }
    }
}

/// How many bytes are still to be read of what begins so, up to the end of the first frame or of its head.
fn bytes_before_injection(begun: &[u8]) -> usize {
    let Some(head) = begun.get(PREFACE_BYTES - 9..PREFACE_BYTES) else { return PREFACE_BYTES - begun.len() };
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    (PREFACE_BYTES + length).saturating_sub(begun.len())
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.turn_bytes >= TURN_BYTES {
            let pause = self.pause.get_or_insert_with(|| Box::pin(breathe()));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            self.turn_bytes = 0;
        }
        let Poll::Ready(read) = self.poll_next(cx, buf.initialize_unfilled()) else {
            // Waiting for the peer is a turn for everybody else.
            self.turn_bytes = 0;
            return Poll::Pending;
        };
        let count = read?;
        self.turn_bytes += count;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_full = self.link.gather.borrow().len() >= self.link.send_bytes_max;
        if is_full {
            ready!(self.link.poll_send(cx))?;
        }
        let mut gather = self.link.gather.borrow_mut();
        bufs.iter().for_each(|buf| gather.push(buf));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The library asks for this after each frame. What is gathered goes when it has no more of them.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.link.poll_send(cx))?;
        Pin::new(&mut *self.link.socket.borrow_mut()).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_injected_frames() {
        let mut begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        assert_eq!((bytes_before_injection(b""), bytes_before_injection(&begun)), (33, 9));
        begun.extend([0, 1, 2, 4, 0, 0, 0, 0, 0]);
        assert_eq!(bytes_before_injection(&begun), 258);
        begun.extend([0; 258]);
        assert_eq!(bytes_before_injection(&begun), 0);
    }
}
