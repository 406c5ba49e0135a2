//! The reading side of a connection: heads and bodies, each with its limit and its deadline.
//!
//! Owns the bytes that have come and are not used up. An idle connection holds no buffer. Never answers. Tested by
//! `server/tests/http/`.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Poll, ready},
    time::Instant,
};

use futures_lite::{AsyncRead, AsyncWriteExt, future};
use tailwater_wire::http1::{BodyDecoder, BodyError, BodyKind, CONTINUE, Head, HeadError, HeadLimits, parse_head};

use crate::{
    config::Limits,
    shard::{breathe, socket::Socket},
};

/// Bytes taken from a socket in one read.
const READ_BYTES: usize = 64 * 1024;

/// Bytes of a body that are taken before others get a turn, however fast the peer sends.
const UNPAUSED_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// Where bytes land first; one per shard, so that waiting for bytes holds no memory.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// Why a request could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboundError {
    /// The head is malformed or over a limit.
    #[error("{0}")]
    Head(#[from] HeadError),
    /// The body is malformed or over a limit.
    #[error("{0}")]
    Body(#[from] BodyError),
    /// The head took longer than it may.
    #[error("The request head was not complete within {timeout_ms} ms (limits.header_timeout_ms).")]
    HeadTimeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// No byte of the body came for too long.
    #[error("No byte of the request body came for {timeout_ms} ms (limits.idle_timeout_ms).")]
    BodyTimeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// The body took longer than it may.
    #[error("The request body was not complete within {timeout_ms} ms (limits.body_timeout_ms).")]
    BodyTooSlow {
        /// The limit.
        timeout_ms: u64,
    },
    /// The peer ended in the middle of a request.
    #[error("The connection ended in the middle of the request.")]
    Truncated,
    /// The socket failed.
    #[error("The connection failed: {0}")]
    Io(io::Error),
}

impl InboundError {
    /// The status to answer with, if there may be somebody to read it.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Head(error) => Some(error.status()),
            Self::Body(error) => Some(error.status()),
            Self::HeadTimeout { .. } | Self::BodyTimeout { .. } | Self::BodyTooSlow { .. } => Some(408),
            Self::Truncated => Some(400),
            Self::Io(_) => None,
        }
    }

    /// The error's name in JSON answers.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Head(error) => error.code(),
            Self::Body(error) => error.code(),
            Self::HeadTimeout { .. } | Self::BodyTimeout { .. } | Self::BodyTooSlow { .. } => "RequestTimeout",
            Self::Truncated | Self::Io(_) => "BadRequest",
        }
    }
}

/// A connection's incoming bytes.
pub(crate) struct Inbound {
    socket: Socket,
    pending: Vec<u8>,
    limits: HeadLimits,
    head_timeout_ms: u64,
    idle_timeout_ms: u64,
    body_timeout_ms: u64,
    body: Option<BodyKind>,
    expects_continue: bool,
}

impl Inbound {
    pub(crate) fn new(socket: Socket, limits: &Limits) -> Self {
        Self {
            socket,
            pending: Vec::new(),
            limits: HeadLimits { bytes_max: limits.header_bytes_max as usize, ..HeadLimits::default() },
            head_timeout_ms: limits.header_timeout_ms,
            idle_timeout_ms: limits.idle_timeout_ms,
            body_timeout_ms: limits.body_timeout_ms,
            body: None,
            expects_continue: false,
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }

    pub(crate) fn idle_timeout_ms(&self) -> u64 {
        self.idle_timeout_ms
    }

    /// The socket, and the bytes that came behind the last request.
    pub(crate) fn into_parts(self) -> (Socket, Vec<u8>) {
        (self.socket, self.pending)
    }

    /// The next request's head; `None` when the peer has no further request.
    pub(crate) async fn read_head(&mut self) -> Result<Option<Head>, InboundError> {
        if self.pending.is_empty() {
            self.pending = Vec::new();
            self.socket.set_deadline_ms(self.idle_timeout_ms);
            self.socket.set_idle(true);
            let begun = self.fill().await;
            self.socket.set_idle(false);
            if !matches!(begun, Ok(1..)) {
                return Ok(None);
            }
        }
        self.socket.set_deadline_ms(self.head_timeout_ms);
        loop {
            if let Some((head, used)) = parse_head(&self.pending, &self.limits)? {
                self.pending.drain(..used);
                self.socket.clear_deadline();
                self.body = Some(head.body_kind());
                self.expects_continue = head.expects_continue();
                return Ok(Some(head));
            }
            match self.fill().await {
                Ok(0) => return Err(InboundError::Truncated),
                Ok(_) => {}
                Err(error) => return Err(self.head_error(error)),
            }
        }
    }

    /// The whole body of the current request. Empty when it was read before.
    pub(crate) async fn read_body(&mut self, bytes_max: u64) -> Result<Vec<u8>, InboundError> {
        let mut body = Vec::new();
        let Some(kind) = self.body.take() else {
            return Ok(body);
        };
        let mut decoder = BodyDecoder::new(kind, bytes_max)?;
        let mut unpaused_bytes = 0;
        let began = Instant::now();
        if let BodyKind::Length(length) = kind {
            body.reserve(length.min(bytes_max) as usize);
        }
        loop {
            let mut input = self.pending.as_slice();
            let done = decoder.decode(&mut input, &mut body)?;
            let used = self.pending.len() - input.len();
            self.pending.drain(..used);
            if done {
                self.socket.clear_deadline();
                return Ok(body);
            }
            self.wait_for_body(began).await?;
            unpaused_bytes += self.pending.len();
            if unpaused_bytes > UNPAUSED_BYTES_MAX {
                unpaused_bytes = 0;
                breathe().await;
            }
        }
    }

    /// Whether what is not used up begins so.
    pub(crate) fn begins_with(&self, bytes: &[u8]) -> bool {
        self.pending.starts_with(bytes)
    }

    /// Reads and drops what is left of the body; false when that is more than it is worth.
    pub(crate) async fn skip_body(&mut self, bytes_max: u64) -> bool {
        match self.body {
            None | Some(BodyKind::None) => true,
            // A peer that waits for permission has sent nothing and will not.
            Some(_) if self.expects_continue => false,
            Some(_) => self.read_body(bytes_max).await.is_ok(),
        }
    }

    /// Waits until the peer has ended the connection. What comes instead is kept for the next request, up to a limit.
    pub(crate) async fn gone(&mut self) {
        while self.pending.len() < READ_BYTES {
            if !matches!(self.fill().await, Ok(1..)) {
                return;
            }
        }
        future::pending().await
    }

    /// Reads and drops everything until the peer ends or the deadline comes.
    pub(crate) async fn discard(&mut self) {
        while matches!(self.fill().await, Ok(1..)) {
            self.pending.clear();
        }
    }

    async fn wait_for_body(&mut self, began: Instant) -> Result<(), InboundError> {
        let left_ms = self.body_timeout_ms.saturating_sub(began.elapsed().as_millis() as u64);
        self.socket.set_deadline_ms(self.idle_timeout_ms.min(left_ms));
        if std::mem::take(&mut self.expects_continue) {
            let sent = self.socket.write_all(CONTINUE).await;
            sent.map_err(InboundError::Io)?;
        }
        match self.fill().await {
            Ok(0) => Err(InboundError::Truncated),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut && left_ms < self.idle_timeout_ms => {
                Err(InboundError::BodyTooSlow { timeout_ms: self.body_timeout_ms })
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(InboundError::BodyTimeout { timeout_ms: self.idle_timeout_ms })
            }
            Err(error) => Err(InboundError::Io(error)),
        }
    }

    /// Waits for bytes and appends them to what is pending; 0 at the end.
    async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| {
            LANDING.with_borrow_mut(|landing| {
                let socket = Pin::new(&mut self.socket);
                let count = ready!(socket.poll_read(cx, landing))?;
                self.pending.extend_from_slice(&landing[..count]);
                Poll::Ready(Ok(count))
            })
        })
        .await
    }

    fn head_error(&self, error: io::Error) -> InboundError {
        match error.kind() {
            io::ErrorKind::TimedOut => InboundError::HeadTimeout { timeout_ms: self.head_timeout_ms },
            _ => InboundError::Io(error),
        }
    }
}
