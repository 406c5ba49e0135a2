//! A connection that is being opened: connect, send the request, read the answer's head (or the whole of a refusal).

use std::time::Instant;

use crate::{
    decode::{
        chunked::BodyDecoder,
        http_head::{ResponseHead, refusal_name},
    },
    subscribe::{connection::Shared, handshake},
    sys::{
        poll::Ready,
        socket::{self, Transfer},
    },
    target::Scheme,
    tls::{Fault, Received, Wire},
};

/// Bytes read at once while opening: a head, and little of the stream behind it.
const READ_BYTES: usize = 2048;

/// Most of a refusal's body that is looked at for the error's name.
const REFUSAL_BYTES_MAX: usize = 16 << 10;

/// A connection before its stream begins.
#[derive(Debug)]
pub(crate) struct Opening {
    pub wire: Wire,
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
    pub fn new(wire: Wire, deadline: Instant, scheme: Scheme, key: String, request: Vec<u8>) -> Self {
        Self {
            wire,
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
    pub fn advance(&mut self, ready: Ready, shared: &mut Shared) -> Progress {
        if !self.is_connected {
            if !ready.writable && !ready.ended {
                return Progress::Waiting;
            }
            if let Err(error) = socket::connect_outcome(self.wire.socket()) {
                return Progress::Failed(format!("connect: {}", error.kind()));
            }
            self.is_connected = true;
        }
        if let Some(progress) = self.shake(shared) {
            return progress;
        }
        let pushed = self.wire.push();
        while pushed.is_ok() && self.request_sent < self.request.len() {
            match self.wire.send(&self.request[self.request_sent..]) {
                Ok(Transfer::Moved(bytes)) => self.request_sent += bytes,
                Ok(Transfer::WouldBlock) => break,
                Err(error) => return Progress::Failed(format!("send: {}", error.kind())),
            }
        }
        match self.scheme {
            // Nothing is known of what is answered.
            Scheme::Frames | Scheme::Tcp if self.request_sent == self.request.len() => Progress::Granted,
            Scheme::Frames | Scheme::Tcp => Progress::Waiting,
            Scheme::Http | Scheme::WebSocket => self.read(&mut shared.scratch),
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

    /// That it should have been open by now, as it is reported.
    pub fn overdue(&self) -> String {
        match &self.wire {
            Wire::Tls(tls) if self.is_connected && !tls.is_open() => tls.client().explain_timeout(),
            _ => "timed out".into(),
        }
    }

    /// Agrees on keys where there are any; `None` when that is done.
    fn shake(&mut self, shared: &mut Shared) -> Option<Progress> {
        let Wire::Tls(tls) = &mut self.wire else {
            return None;
        };
        if tls.is_open() {
            return None;
        }
        match tls.shake(&mut shared.scratch) {
            Ok(Some(took)) => {
                shared.handshakes.count(tls.state(), took);
                None
            }
            Ok(None) => Some(Progress::Waiting),
            Err(fault) => Some(Progress::Failed(tls.client().explain_handshake(&fault))),
        }
    }

    fn read(&mut self, room: &mut [u8]) -> Progress {
        loop {
            let mut bytes = Vec::new();
            let received = self.wire.receive(room, READ_BYTES, &mut |piece| bytes.extend_from_slice(piece));
            let mut progress = if bytes.is_empty() { Progress::Waiting } else { self.take(&bytes) };
            if progress == Progress::Waiting {
                progress = match (received, &self.refusal) {
                    (Ok(Received::Some { .. }), _) => continue,
                    (Ok(Received::WouldBlock), _) => return Progress::Waiting,
                    (Ok(Received::End) | Err(Fault::Cut { .. }), None) => {
                        Progress::Failed("closed without an answer".into())
                    }
                    (Ok(Received::End) | Err(Fault::Cut { .. }), Some((head, _, body))) => {
                        Progress::Failed(refused(head, body))
                    }
                    (Err(Fault::Io(error)), _) => Progress::Failed(format!("receive: {}", error.kind())),
                    (Err(Fault::Tls(error)), _) => Progress::Failed(format!("receive: TLS: {error}")),
                };
            }
            return progress;
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
