//! A connection that is being opened: connect, send the request, read the answer's head (or the whole of a refusal).

use std::time::Instant;

use rustix::fd::OwnedFd;

use crate::{
    decode::{
        chunked::BodyDecoder,
        http_head::{ResponseHead, refusal_name},
    },
    subscribe::handshake,
    sys::{
        poll::Ready,
        socket::{self, Transfer},
    },
    target::Scheme,
};

/// Bytes read at once while opening: a head, and little of the stream behind it.
const READ_BYTES: usize = 2048;

/// Most of a refusal's body that is looked at for the error's name.
const REFUSAL_BYTES_MAX: usize = 16 << 10;

/// A connection before its stream begins.
#[derive(Debug)]
pub(crate) struct Opening {
    pub socket: OwnedFd,
    pub deadline: Instant,
    pub scheme: Scheme,
    key: String,
    request: Vec<u8>,
    request_sent: usize,
    is_connected: bool,
    answer: Vec<u8>,
    refusal: Option<(ResponseHead, BodyDecoder, Vec<u8>)>,
}

/// How far opening has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Readiness is awaited.
    Waiting,
    /// The stream begins; the answer's head and the bytes behind it are in [`Opening::granted`].
    Granted,
    /// It will not; the reason as it is reported.
    Failed(String),
}

impl Opening {
    pub fn new(socket: OwnedFd, deadline: Instant, scheme: Scheme, key: String, request: Vec<u8>) -> Self {
        Self {
            socket,
            deadline,
            scheme,
            key,
            request,
            request_sent: 0,
            is_connected: false,
            answer: Vec::new(),
            refusal: None,
        }
    }

    /// Does what the socket is ready for.
    pub fn advance(&mut self, ready: Ready) -> Progress {
        if !self.is_connected {
            if !ready.writable && !ready.ended {
                return Progress::Waiting;
            }
            if let Err(error) = socket::connect_outcome(&self.socket) {
                return Progress::Failed(format!("connect: {}", error.kind()));
            }
            self.is_connected = true;
        }
        if self.request_sent < self.request.len() {
            match socket::send(&self.socket, &self.request[self.request_sent..]) {
                Ok(Transfer::Moved(bytes)) => self.request_sent += bytes,
                Ok(Transfer::WouldBlock) => {}
                Err(error) => return Progress::Failed(format!("send: {}", error.kind())),
            }
        }
        match self.scheme {
            // Nothing is known of what is answered.
            Scheme::Frames | Scheme::Tcp if self.request_sent == self.request.len() => Progress::Granted,
            Scheme::Frames | Scheme::Tcp => Progress::Waiting,
            Scheme::Http | Scheme::WebSocket => self.read(),
        }
    }

    /// The parsed head, and the beginning of the stream that came with it.
    pub fn granted(&self) -> (ResponseHead, &[u8]) {
        match ResponseHead::parse(&self.answer) {
            Ok(Some(head)) => {
                let stream = &self.answer[head.bytes..];
                (head, stream)
            }
            _ => (ResponseHead::default(), &[]),
        }
    }

    fn read(&mut self) -> Progress {
        loop {
            let mut buffer = [0; READ_BYTES];
            let bytes = match socket::receive(&self.socket, &mut buffer) {
                Ok(Transfer::Moved(bytes)) => bytes,
                Ok(Transfer::WouldBlock) => return Progress::Waiting,
                Err(error) => return Progress::Failed(format!("receive: {}", error.kind())),
            };
            let progress = match (bytes, &self.refusal) {
                (0, None) => Progress::Failed("closed without an answer".into()),
                (0, Some((head, _, body))) => Progress::Failed(refused(head, body)),
                _ => self.take(&buffer[..bytes]),
            };
            if progress != Progress::Waiting {
                return progress;
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Progress {
        if self.refusal.is_some() {
            return self.take_refusal(bytes);
        }
        self.answer.extend_from_slice(bytes);
        let head = match ResponseHead::parse(&self.answer) {
            Ok(Some(head)) => head,
            Ok(None) => return Progress::Waiting,
            Err(error) => return Progress::Failed(error.to_string()),
        };
        match handshake::is_granted(self.scheme, &head, &self.key) {
            Ok(true) => Progress::Granted,
            Ok(false) => {
                let begun = self.answer.split_off(head.bytes);
                let decoder = head.body();
                self.refusal = Some((head, decoder, Vec::new()));
                self.take_refusal(&begun)
            }
            Err(error) => Progress::Failed(error.to_string()),
        }
    }

    fn take_refusal(&mut self, bytes: &[u8]) -> Progress {
        let Some((head, decoder, body)) = &mut self.refusal else {
            return Progress::Waiting;
        };
        let fed = decoder.feed(bytes, &mut |piece| {
            body.extend_from_slice(piece);
            Ok(())
        });
        if fed.is_err() || decoder.is_done() || body.len() > REFUSAL_BYTES_MAX {
            return Progress::Failed(refused(head, body));
        }
        Progress::Waiting
    }
}

fn refused(head: &ResponseHead, body: &[u8]) -> String {
    format!("HTTP {}", refusal_name(head.status, body))
}
